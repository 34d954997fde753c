// One run, one job: who gets the lock, and what the other is told.
#include "accelerator/run_lock.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "ranklog/error.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "support/tracker_records.hpp"

using ranklog::ErrorCode;
using ranklog::RunLock;
using ranklog::RunOwner;
using ranklog::test_support::contents_of;
using ranklog::test_support::error_of;
using ranklog::test_support::ScratchDirectory;

namespace {

RunOwner owner_with_job(const std::string& host, const std::string& job) {
  RunOwner owner = ranklog::this_process();
  owner.host = host;
  owner.job = job;
  return owner;
}

int no_locks(int) { return ENOLCK; }

// What a job meets that finds `left` in a folder of a file system without locks.
ranklog::test_support::Thrown take_without_locks(const RunOwner& left) {
  ScratchDirectory scratch;
  std::ofstream(scratch.path() / "run.lock") << to_text(left);
  return error_of([&] { RunLock(scratch.path(), no_locks); });
}

}  // namespace

TEST_CASE("the second job at a run is told host, process and job of the first") {
  ScratchDirectory scratch;
  RunLock first(scratch.path());
  CHECK_FALSE(first.previous());
  first.write(owner_with_job("node17", "slurm-4242"));
  const auto thrown = error_of([&] { RunLock second(scratch.path()); });
  CHECK(thrown.code == ErrorCode::run_in_use);
  CHECK(thrown.text.find("node17 (slurm-4242)") != std::string::npos);
  CHECK(thrown.text.find(std::to_string(getpid())) != std::string::npos);
}

TEST_CASE("a run that ended is free, and says who had it") {
  ScratchDirectory scratch;
  RunOwner owner = ranklog::this_process();
  owner.run_id = "0123456789abcdef";
  owner.attempt = 2;
  {
    RunLock lock(scratch.path());
    lock.write(owner);
  }
  const RunLock again(scratch.path());
  REQUIRE(again.previous());
  CHECK(again.previous()->run_id == owner.run_id);
  CHECK(again.previous()->attempt == 2);
  CHECK(again.previous()->has_ended);
}

TEST_CASE("a job that was killed does not keep its run") {
  ScratchDirectory scratch;
  const pid_t child = fork();
  if (child == 0) {
    RunLock lock(scratch.path());
    lock.write(ranklog::this_process());
    _exit(0);  // as SIGKILL would: nothing is tidied up
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  const RunLock lock(scratch.path());
  REQUIRE(lock.previous());
  CHECK(lock.previous()->pid == child);
  CHECK_FALSE(lock.previous()->has_ended);
}

TEST_CASE("a run that never began leaves no lock behind") {
  ScratchDirectory scratch;
  RunLock lock(scratch.path());
  lock.write(ranklog::this_process());
  lock.discard();
  CHECK_FALSE(std::filesystem::exists(scratch.path() / "run.lock"));
}

TEST_CASE("without file locks the owner's process decides on its own host") {
  RunOwner alive = ranklog::this_process();
  CHECK(take_without_locks(alive).code == ErrorCode::run_in_use);
  RunOwner other_start = alive;  // the number was given to another process since
  other_start.process_start -= 1;
  CHECK(take_without_locks(other_start).code == ErrorCode::none);
  RunOwner ended = alive;
  ended.has_ended = true;
  CHECK(take_without_locks(ended).code == ErrorCode::none);
}

TEST_CASE("without file locks an owner on another host is taken for alive, with advice") {
  const auto thrown = take_without_locks(owner_with_job("elsewhere", ""));
  CHECK(thrown.code == ErrorCode::run_in_use);
  CHECK(thrown.text.find("remove run.lock") != std::string::npos);
}

TEST_CASE("a lock file of nonsense is no owner") {
  using ranklog::parse_owner;
  CHECK_FALSE(parse_owner(""));
  CHECK_FALSE(parse_owner("host=\npid=5\n"));
  CHECK_FALSE(parse_owner("host=a\npid=-5\n"));
  CHECK_FALSE(parse_owner("host=a\npid=5\nattempt=-1\n"));
  CHECK_FALSE(parse_owner(std::string(100000, '=')));
  const auto owner = parse_owner("host=a\npid=5\nunknown=1\n=\nstate=ended");
  REQUIRE(owner);
  CHECK(owner->has_ended);
}

TEST_CASE("what stands in the lock file is read back") {
  RunOwner owner = owner_with_job("a\nb", "slurm-1-restart2");
  owner.run_id = "00ff";
  owner.attempt = 7;
  const auto back = ranklog::parse_owner(to_text(owner));
  REQUIRE(back);
  CHECK(back->run_id == owner.run_id);
  CHECK(back->attempt == 7);
  CHECK(back->pid == owner.pid);
  CHECK(back->process_start == owner.process_start);
  CHECK(back->job == owner.job);
  CHECK(back->since == owner.since);
  CHECK(back->host == "a\\x0ab");
}
