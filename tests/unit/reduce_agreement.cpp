// All ranks leave a blocking call the same way.
#include "reduce/agreement.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"

using ranklog::Communicator;
using ranklog::DirectoryError;
using ranklog::Error;
using ranklog::ErrorCode;
using ranklog::ForeignError;
using ranklog::reduce::agree;
using ranklog::testing::run_ranks;

TEST_CASE("when no rank fails, all return") {
  run_ranks(5, [](const Communicator& comm) {
    int n_calls = 0;
    agree(comm, [&] { ++n_calls; });
    CHECK(n_calls == 1);
  });
}

TEST_CASE("one rank's error is thrown on all, with type and text") {
  for (const int failing : {0, 2, 4}) {
    std::vector<std::string> texts(5);
    run_ranks(5, [&](const Communicator& comm) {
      try {
        agree(comm, [&] {
          if (comm.rank() == failing) throw DirectoryError("cannot make '/x'");
        });
        FAIL("agree() returned");
      } catch (const DirectoryError& error) {
        texts[static_cast<std::size_t>(comm.rank())] = error.what();
      }
    });
    for (const auto& text : texts) CHECK(text == "cannot make '/x'");
  }
}

TEST_CASE("of several errors the lowest rank's is thrown everywhere") {
  run_ranks(6, [](const Communicator& comm) {
    ErrorCode code = ErrorCode::none;
    std::string text;
    try {
      agree(comm, [&] {
        if (comm.rank() >= 2) {
          throw_error(static_cast<ErrorCode>(comm.rank()), "rank " + std::to_string(comm.rank()));
        }
      });
    } catch (const Error& error) {
      code = error.code();
      text = error.what();
    }
    CHECK(code == static_cast<ErrorCode>(2));
    CHECK(text == "rank 2");
  });
}

TEST_CASE("an exception that is not ours stays itself where it was thrown and is told elsewhere") {
  run_ranks(3, [](const Communicator& comm) {
    const auto call = [&] {
      agree(comm, [&] {
        if (comm.rank() == 1) throw std::out_of_range("index 7");
      });
    };
    if (comm.rank() == 1) {
      CHECK_THROWS_WITH_AS(call(), "index 7", std::out_of_range);
    } else {
      CHECK_THROWS_WITH_AS(call(), "rank 1: index 7", ForeignError);
    }
  });
}

TEST_CASE("an object that is no exception is told too") {
  run_ranks(2, [](const Communicator& comm) {
    const auto call = [&] {
      agree(comm, [&] {
        if (comm.rank() == 0) throw 42;  // NOLINT: on purpose
      });
    };
    if (comm.rank() == 0) {
      CHECK_THROWS_AS(call(), int);
    } else {
      CHECK_THROWS_AS(call(), ForeignError);
    }
  });
}

TEST_CASE("an agreement that failed leaves the ranks in step for the next one") {
  run_ranks(4, [](const Communicator& comm) {
    for (int round = 0; round < 20; ++round) {
      bool has_thrown = false;
      try {
        agree(comm, [&] {
          if (round % 2 == 0 && comm.rank() == round % 4) throw DirectoryError("x");
        });
      } catch (const DirectoryError&) {
        has_thrown = true;
      }
      CHECK(has_thrown == (round % 2 == 0));
    }
  });
}
