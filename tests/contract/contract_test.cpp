// Helpers of contract_test.hpp.
#include "contract/contract_test.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "mpi/mpi_test.hpp"

namespace ranklog::contract {

void Journal::add(std::string entry) {
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::move(entry));
}

std::vector<std::string> Journal::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

int Journal::count(std::string_view entry) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count(entries_.begin(), entries_.end(), entry));
}

void RecordingTracker::note(const char* method) {
  if (traits_.journal) traits_.journal->add(traits_.name + "." + method);
  if (traits_.fails_in == method) throw std::runtime_error(std::string(method) + " was refused");
}

void RecordingTracker::start(const TrackerContext& context) {
  note("start");
  kept_.start(context);
}

void RecordingTracker::store_init_configuration(const Config& config) {
  note("config");
  kept_.store_init_configuration(config);
}

void RecordingTracker::log(const Record& record, const Config& options) {
  note("log");
  kept_.log(record, options);
}

void RecordingTracker::flush() { note("flush"); }

void RecordingTracker::finish(const RunOutcome& outcome) {
  note("finish");
  kept_.finish(outcome);
}

std::shared_ptr<RecordingTracker> recording(RecordingTraits traits) {
  return std::make_shared<RecordingTracker>(std::move(traits));
}

Failure failure_of(const std::function<void()>& call) {
  try {
    call();
    return {};
  } catch (const Error& error) {
    return {error.code(), error.what()};
  } catch (const std::exception& error) {
    return {ErrorCode::foreign, error.what()};
  }
}

bool is_same_on_all_ranks(const std::string& text) {
  int n_bytes = static_cast<int>(text.size());
  MPI_Bcast(&n_bytes, 1, MPI_INT, 0, MPI_COMM_WORLD);
  std::string of_rank_0 = text;
  of_rank_0.resize(static_cast<std::size_t>(n_bytes));
  MPI_Bcast(of_rank_0.data(), n_bytes, MPI_CHAR, 0, MPI_COMM_WORLD);
  return mpi_test::all_ranks(of_rank_0 == text);
}

namespace {

// Sends a stream of this process into a file, and back where it was.
class Redirection {
 public:
  Redirection(int descriptor, const std::filesystem::path& path)
      : descriptor_(descriptor), saved_(::dup(descriptor)) {
    const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
    std::fflush(nullptr);
    ::dup2(file, descriptor_);
    ::close(file);
  }
  ~Redirection() {
    std::fflush(nullptr);
    ::dup2(saved_, descriptor_);
    ::close(saved_);
  }
  Redirection(const Redirection&) = delete;
  Redirection& operator=(const Redirection&) = delete;

 private:
  int descriptor_;
  int saved_;
};

}  // namespace

std::string printed(int descriptor, const std::function<void()>& body) {
  const mpi_test::SharedDirectory shared("printed");
  const auto path = shared.path() / "stream";
  {
    const Redirection redirection(descriptor, path);
    body();
  }
  MPI_Barrier(MPI_COMM_WORLD);
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int n_occurrences(std::string_view text, std::string_view part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace ranklog::contract
