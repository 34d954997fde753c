// The JSON report of report.hpp.
#include "support/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <ranklog/version.hpp>
#include <thread>

namespace ranklog::bench {

namespace {

constexpr int report_format = 1;

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

// Of the last minute: what else the machine does, and this program itself.
double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : -1;
}

// As scripts/bench found it.
std::string commit() {
  const char* text = std::getenv("RANKLOG_BENCH_COMMIT");
  return text == nullptr ? "unknown" : text;
}

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string_view all(text.data(), static_cast<std::size_t>(length));
  return std::string(all.substr(0, all.find('\n')));
}

int rank_in_world() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

int n_ranks_in_world() {
  int n_ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  return n_ranks;
}

}  // namespace

double max_over_ranks(double value) {
  double result = 0;
  MPI_Allreduce(&value, &result, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return result;
}

bool true_on_all_ranks(bool value) { return max_over_ranks(value ? 0.0 : 1.0) == 0.0; }

Report::Report(std::string_view program, const Sizes& sizes) {
  const unsigned n_cores = std::thread::hardware_concurrency();
  json_["format"] = report_format;
  json_["program"] = program;
  json_["context"] = {
      {"date", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
      {"host", host_name()},
      {"cpu", cpu_model()},
      {"n_cores", n_cores},
      {"load_average", load_average()},
      {"n_ranks", n_ranks_in_world()},
      {"is_oversubscribed", n_ranks_in_world() > static_cast<int>(n_cores)},
      {"mpi", mpi_library()},
      {"ranklog", ranklog::version},
      {"commit", commit()},
      {"compiler", __VERSION__},
      {"build_type", RANKLOG_BENCH_BUILD_TYPE},
      {"n_repetitions", sizes.n_repetitions},
      {"n_steps", sizes.n_steps},
  };
  json_["results"] = nlohmann::ordered_json::array();
}

void Report::add(std::string_view name, std::string_view unit, double value) {
  json_["results"].push_back({{"name", name}, {"unit", unit}, {"value", value}});
}

void Report::add(std::string_view name, std::string_view unit,
                 const std::vector<double>& repetitions) {
  add(name, unit, median(repetitions));
  json_["results"].back()["repetitions"] = repetitions;
}

int Report::finish(bool is_correct_here) {
  const bool is_correct = true_on_all_ranks(is_correct_here);
  json_["is_correct"] = is_correct;
  if (rank_in_world() == 0) {
    fmt::print("{}\n", json_.dump(2));
    if (!is_correct) fmt::print(stderr, "the results of the benchmark are wrong; see its checks\n");
  }
  return is_correct ? 0 : 1;
}

}  // namespace ranklog::bench
