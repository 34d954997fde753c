// What the run file costs: the callers' time in log() with and without it at 10,000 steps a second,
// the rate of the writer against plain HDF5 block writes of the same numbers, and 64 hand-written
// MPI_Allreduce with 64 HDF5 appends a step.
#include <hdf5.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "support/logging.hpp"
#include "support/program.hpp"
#include "support/scratch.hpp"

namespace {

using namespace ranklog::bench;  // NOLINT: this file is a benchmark
using Clock = std::chrono::steady_clock;

constexpr std::size_t n_metrics = 64;
constexpr std::chrono::microseconds step_interval{100};
constexpr int hand_written_steps_divisor = 40;
// value, min, max, std, min_rank, max_rank, count and nan_count of a row.
constexpr double bytes_per_number = 4 * 8 + 2 * 4 + 2 * 8;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Time inside log() per step, at a step every 100 microseconds.
std::vector<double> time_paced(const Sizes& sizes, const std::string& project_dir,
                               bool& is_correct) {
  Logging logging(n_metrics, ranklog::Order::by_rank, project_dir);
  std::vector<double> ns_per_step;
  for (int repetition = 0; repetition <= sizes.n_repetitions; ++repetition) {
    MPI_Barrier(MPI_COMM_WORLD);
    double in_log_s = 0;
    auto next = Clock::now();
    for (int step = 0; step < sizes.n_steps; ++step) {
      next += step_interval;
      while (Clock::now() < next) {
      }
      const auto start = Clock::now();
      logging.log_one();
      in_log_s += seconds_since(start);
    }
    const double slowest = max_over_ranks(1e9 * in_log_s / sizes.n_steps);
    if (repetition > 0) ns_per_step.push_back(slowest);
  }
  is_correct = logging.finish() && is_correct;
  return ns_per_step;
}

// Bytes a second into the run file, as fast as it takes them; flushes are in the time.
double saturated_rate(const Sizes& sizes, const std::string& project_dir, bool& is_correct) {
  Logging logging(n_metrics, ranklog::Order::by_rank, project_dir);
  const int n_steps = sizes.n_steps * 10;
  const auto start = Clock::now();
  logging.log(n_steps);
  is_correct = logging.finish() && is_correct;
  const double seconds = max_over_ranks(seconds_since(start));
  return bytes_per_number * static_cast<double>(n_metrics) * n_steps / seconds;
}

// One chunked data set of doubles that grows.
class PlainDataset {
 public:
  PlainDataset(hid_t file, const std::string& name, hsize_t chunk) {
    const hsize_t none = 0;
    const hsize_t unlimited = H5S_UNLIMITED;
    const hid_t space = H5Screate_simple(1, &none, &unlimited);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk);
    id_ = H5Dcreate2(file, name.c_str(), H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation,
                     H5P_DEFAULT);
    H5Pclose(creation);
    H5Sclose(space);
  }
  PlainDataset(PlainDataset&& other) noexcept
      : id_(std::exchange(other.id_, hid_t{-1})), n_(other.n_) {}
  PlainDataset(const PlainDataset&) = delete;
  PlainDataset& operator=(const PlainDataset&) = delete;
  ~PlainDataset() {
    if (id_ >= 0) H5Dclose(id_);
  }

  [[nodiscard]] bool append(const double* values, hsize_t n) {
    const hsize_t total = n_ + n;
    bool is_good = H5Dset_extent(id_, &total) >= 0;
    const hid_t space = H5Dget_space(id_);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &n_, nullptr, &n, nullptr);
    const hid_t memory = H5Screate_simple(1, &n, nullptr);
    is_good = H5Dwrite(id_, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, values) >= 0 && is_good;
    H5Sclose(memory);
    H5Sclose(space);
    n_ = total;
    return is_good;
  }

 private:
  hid_t id_ = -1;
  hsize_t n_ = 0;
};

// Bytes a second of plain block writes: seven columns of doubles a metric, which is what a row of
// the run file holds, in the run file's blocks.
double block_write_rate(const Sizes& sizes, const std::filesystem::path& path, bool& is_correct) {
  constexpr int n_columns = 7;
  constexpr hsize_t rows_per_block = 1024;
  const auto n_blocks =
      std::max<hsize_t>(1, static_cast<hsize_t>(sizes.n_steps) * 10 / rows_per_block);
  double seconds = 1;
  if (World().rank == 0) {
    const auto start = Clock::now();
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    {
      std::vector<PlainDataset> datasets;
      for (std::size_t i = 0; i < n_metrics * n_columns; ++i) {
        datasets.emplace_back(file, std::to_string(i), rows_per_block);
      }
      const std::vector<double> block(rows_per_block, 1.5);
      for (hsize_t b = 0; b < n_blocks; ++b) {
        for (auto& dataset : datasets) {
          is_correct = dataset.append(block.data(), rows_per_block) && is_correct;
        }
      }
    }
    H5Fclose(file);
    seconds = seconds_since(start);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const auto n_bytes = static_cast<double>(n_metrics * n_columns * 8 * rows_per_block * n_blocks);
  return max_over_ranks(World().rank == 0 ? n_bytes / seconds : 0);
}

// Each metric by itself: one MPI_Allreduce and, on rank 0, one append.
std::vector<double> time_hand_written(Sizes sizes, const std::filesystem::path& path,
                                      bool& is_correct) {
  sizes.n_steps = std::max(1, sizes.n_steps / hand_written_steps_divisor);
  const int rank = World().rank;
  hid_t file = -1;
  std::vector<PlainDataset> datasets;
  if (rank == 0) {
    file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    for (std::size_t i = 0; i < n_metrics; ++i)
      datasets.emplace_back(file, std::to_string(i), 1024);
  }
  auto ns_per_step = time_steps(sizes, [&](int n_steps) {
    for (int step = 0; step < n_steps; ++step) {
      for (std::size_t i = 0; i < n_metrics; ++i) {
        const double mine = value_of(i, step, rank);
        double sum = 0;
        MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        if (rank == 0) is_correct = datasets[i].append(&sum, 1) && is_correct;
      }
    }
  });
  datasets.clear();
  if (rank == 0) H5Fclose(file);
  return ns_per_step;
}

int run(const Sizes& sizes) {
  bool is_correct = true;
  const ScratchDirectory scratch;
  const auto project = [&](const char* name) { return (scratch.path() / name).string(); };
  const auto without = time_paced(sizes, {}, is_correct);
  const auto with = time_paced(sizes, project("paced"), is_correct);
  const auto hand_written = time_hand_written(sizes, scratch.path() / "hand.h5", is_correct);
  const double saturated = saturated_rate(sizes, project("saturated"), is_correct);
  const double plain = block_write_rate(sizes, scratch.path() / "plain.h5", is_correct);

  Report report("hdf5_cost", sizes);
  report.add("time in log of 64 numbers, 10,000 steps/s", "ns/step", without);
  report.add("the same with the run file", "ns/step", with);
  report.add("with the run file / without", "ratio", median(with) / median(without));
  report.add("64 MPI_Allreduce and 64 HDF5 appends", "ns/step", hand_written);
  report.add("log with the run file / the hand-written", "ratio",
             median(with) / median(hand_written));
  report.add("run file at saturation", "MB/s", 1e-6 * saturated);
  report.add("plain HDF5 block writes", "MB/s", 1e-6 * plain);
  report.add("run file at saturation / block writes", "ratio", saturated / plain);
  return report.finish(is_correct);
}

}  // namespace

int main(int argc, char** argv) { return program(argc, argv, "hdf5_cost", {5, 4000}, run); }
