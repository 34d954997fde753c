// Run alone, and under mpiexec with several ranks that share a GPU. A rank that fails leaves the
// others waiting until the test's time is over.
#include <cuda_runtime_api.h>
#include <doctest/doctest.h>
#include <mpi.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <ranklog/ranklog.hpp>
#include <ranklog/run_reader.hpp>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr int n_steps = 150;
constexpr std::size_t n_values = 5000;

template <class T>
class OnDevice {
 public:
  explicit OnDevice(std::size_t n) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data_), n * sizeof(T)) == cudaSuccess);
  }
  ~OnDevice() { (void)cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  void copy_from(const std::vector<T>& values) {
    REQUIRE(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice) ==
            cudaSuccess);
  }
  [[nodiscard]] const T* data() const { return data_; }

 private:
  T* data_ = nullptr;
};

struct Inputs {
  std::vector<float> loss;
  std::vector<std::int64_t> tokens;
};

// What a rank logs at a step; some ranks have a NaN now and then.
Inputs inputs_of(int rank, int step) {
  std::mt19937 random(static_cast<unsigned>(1000 * rank + step));
  std::normal_distribution<float> normal(static_cast<float>(rank), 1);
  Inputs inputs{std::vector<float>(n_values), {step, rank, std::int64_t{1} << 60}};
  for (auto& value : inputs.loss) value = normal(random);
  if (step % 50 == 7 && rank % 2 == 1) inputs.loss[11] = std::nanf("");
  return inputs;
}

std::string record(const std::string& project_dir, bool is_on_device) {
  ranklog::Accelerator accelerator({.log_with = {"hdf5"}, .project_dir = project_dir});
  REQUIRE(accelerator.select_device() >= 0);
  accelerator.init_trackers("gpu", std::nullopt, {.run_name = is_on_device ? "device" : "host"});
  OnDevice<float> loss(n_values);
  OnDevice<std::int64_t> tokens(3);
  for (int step = 0; step < n_steps; ++step) {
    const Inputs inputs = inputs_of(accelerator.process_index(), step);
    if (is_on_device) {
      loss.copy_from(inputs.loss);  // behind the statistics of the step before: one stream
      tokens.copy_from(inputs.tokens);
      accelerator.log({{"loss", ranklog::device(loss.data(), n_values)},
                       {"tokens", ranklog::sum(ranklog::device(tokens.data(), 3))},
                       {"rate", 0.5 * step}},
                      step);
    } else {
      accelerator.log({{"loss", std::span<const float>(inputs.loss)},
                       {"tokens", ranklog::sum(std::span<const std::int64_t>(inputs.tokens))},
                       {"rate", 0.5 * step}},
                      step);
    }
  }
  accelerator.end_training();
  return accelerator.run_directory();
}

void check_same(double a, double b) {
  if (std::isnan(a) && std::isnan(b)) return;
  CHECK(a == doctest::Approx(b).epsilon(1e-12));
}

void check_same(const ranklog::Series& device, const ranklog::Series& host) {
  REQUIRE(device.step == host.step);
  CHECK(device.count == host.count);
  CHECK(device.nan_count == host.nan_count);
  CHECK(device.first_nan_rank == host.first_nan_rank);
  CHECK(device.min == host.min);
  CHECK(device.max == host.max);
  CHECK(device.min_rank == host.min_rank);
  CHECK(device.max_rank == host.max_rank);
  CHECK(device.integers == host.integers);
  for (std::size_t row = 0; row < device.step.size(); ++row) {
    check_same(device.value[row], host.value[row]);
    check_same(device.std[row], host.std[row]);
  }
}

}  // namespace

TEST_CASE("ranks that share a GPU leave the run file that host memory leaves") {
  const ranklog::Accelerator ranks;  // starts MPI
  int number = static_cast<int>(::getpid());
  MPI_Bcast(&number, 1, MPI_INT, 0, MPI_COMM_WORLD);
  const auto directory =
      std::filesystem::temp_directory_path() / ("ranklog-gpu-" + std::to_string(number));
  const std::string on_device = record(directory, true);
  const std::string on_host = record(directory, false);
  if (!ranks.is_main_process()) return;
  const ranklog::RunReader device(on_device), host(on_host);
  REQUIRE(device.series().size() == 3);
  for (const char* key : {"loss", "tokens", "rate"}) {
    CAPTURE(key);
    check_same(device.read(key), host.read(key));
  }
  std::filesystem::remove_all(directory);
}
