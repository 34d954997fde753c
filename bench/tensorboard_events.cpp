// Bytes of TensorBoard events per second against the limit: write(2) of as many bytes, in blocks
// of the size that the writer uses, into the same folder. Both end in the page cache. Every rank
// does the same at the same time; the figures are those of rank 0. TMPDIR chooses the folder.
#include <fcntl.h>
#include <unistd.h>
#include <ranklog/tensorboard_writer.hpp>

#include <array>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/program.hpp"
#include "support/report.hpp"
#include "support/scratch.hpp"
#include "support/world.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ranklog::bench;

constexpr std::size_t n_tags = 20;
constexpr std::size_t block_bytes = std::size_t{1} << 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Written {
  double n_bytes = 0;
  double seconds = 0;
};

Written write_events(const fs::path& folder, int n_steps) {
  std::array<std::string, n_tags> tags;
  for (std::size_t i = 0; i < n_tags; ++i) tags[i] = "train/metric_" + std::to_string(i);
  ranklog::TensorBoardWriter writer(folder, std::chrono::duration<double>(3600.0));
  const auto start = std::chrono::steady_clock::now();
  for (int step = 0; step < n_steps; ++step) {
    for (const auto& tag : tags) writer.add_scalar(tag, 0.5 * step, step);
  }
  writer.flush();
  const double seconds = seconds_since(start);
  const auto n_bytes = static_cast<double>(fs::file_size(writer.path()));
  fs::remove(writer.path());
  return {n_bytes, seconds};
}

Written write_blocks(const fs::path& folder, double n_bytes) {
  const fs::path path = folder / "blocks";
  const std::vector<char> block(block_bytes, 'x');
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("cannot create " + path.string());
  double n_written = 0;
  const auto start = std::chrono::steady_clock::now();
  while (n_written < n_bytes) {
    const auto n = ::write(fd, block.data(), block.size());
    if (n <= 0) throw std::runtime_error("cannot write " + path.string());
    n_written += static_cast<double>(n);
  }
  const double seconds = seconds_since(start);
  ::close(fd);
  fs::remove(path);
  return {n_written, seconds};
}

int run(const Sizes& sizes) {
  const ScratchDirectory scratch;
  const fs::path folder = scratch.path() / std::to_string(World().rank);
  fs::create_directory(folder);
  std::vector<double> events;
  std::vector<double> blocks;
  std::vector<double> ratios;
  std::vector<double> scalars;
  bool is_correct = true;
  for (int repetition = 0; repetition <= sizes.n_repetitions; ++repetition) {
    const Written by_us = write_events(folder, sizes.n_steps);
    const Written limit = write_blocks(folder, by_us.n_bytes);
    const double n_scalars = static_cast<double>(n_tags) * sizes.n_steps;
    is_correct = is_correct && by_us.n_bytes > n_scalars * 40;  // framing, tag, time and value
    if (repetition == 0) continue;
    events.push_back(by_us.n_bytes / by_us.seconds / 1e6);
    blocks.push_back(limit.n_bytes / limit.seconds / 1e6);
    ratios.push_back(events.back() / blocks.back());
    scalars.push_back(by_us.seconds / n_scalars * 1e9);
  }
  Report report("tensorboard_events", sizes);
  report.add("events of one scalar", "MB/s", events);
  report.add("write of blocks of 1 MiB", "MB/s", blocks);
  report.add("events / write", "ratio", ratios);
  report.add("one scalar", "ns", scalars);
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "tensorboard_events", {}, run); }
