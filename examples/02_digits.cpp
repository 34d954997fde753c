// Data-parallel training: a small network learns 8 x 8 images of handwritten digits. Each rank
// works on its share of every batch; the gradients are summed, so all ranks keep equal weights
// and the training curve does not depend on the number of ranks.
//   mpirun -n 4 02_digits --epochs 15 --project-dir runs
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <random>
#include <ranklog/ranklog.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/options.hpp"
#include "digits/dataset.hpp"
#include "digits/network.hpp"

namespace {

constexpr std::size_t batch_size = 32;
constexpr double learning_rate = 0.05;
constexpr double momentum = 0.9;
constexpr std::uint64_t seed = 1;

std::string default_data_file() {
  const char* file = std::getenv("RANKLOG_EXAMPLE_DATA");
  return file != nullptr ? file : RANKLOG_EXAMPLE_DATA_DIR "/digits.csv";
}

// Not every build of ranklog has every tracker.
std::vector<std::string> wanted_trackers() {
  std::vector<std::string> names{"hdf5"};
  const std::vector<std::string> available = ranklog::get_available_trackers();
  if (std::find(available.begin(), available.end(), "tensorboard") != available.end()) {
    names.emplace_back("tensorboard");
  }
  return names;
}

ranklog::Config hyper_parameters(int n_epochs, const digits::Dataset& dataset) {
  return {
      {"epochs", n_epochs},
      {"batch_size", batch_size},
      {"seed", seed},
      {"optimizer", {{"name", "sgd"}, {"learning_rate", learning_rate}, {"momentum", momentum}}},
      {"network",
       {{"layers", std::vector{digits::n_pixels, digits::n_hidden, digits::n_classes}},
        {"activation", "tanh"}}},
      {"data", {{"training", dataset.training.size()}, {"held_out", dataset.held_out.size()}}},
  };
}

void declare_metrics(ranklog::Accelerator& accelerator) {
  accelerator.define_metric("train/loss", {.long_name = "cross-entropy"});
  accelerator.define_metric("eval/loss", {.long_name = "cross-entropy, held-out images"});
  accelerator.define_metric("time/step_s", {.unit = "s", .long_name = "time of one step"});
}

// Fisher and Yates, by hand: std::shuffle may differ between standard libraries.
void shuffle(std::vector<std::size_t>& order, std::mt19937_64& random) {
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random() % (i + 1)]);
}

class Training {
 public:
  Training(ranklog::Accelerator& accelerator, const digits::Dataset& dataset)
      : accelerator_(accelerator),
        dataset_(dataset),
        rank_(static_cast<std::size_t>(accelerator.process_index())),
        n_ranks_(static_cast<std::size_t>(accelerator.num_processes())),
        random_(seed),
        network_(random_),
        order_(dataset.training.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  void run_epoch() {
    shuffle(order_, random_);  // the same seed, so the same order on every rank
    for (std::size_t first = 0; first < order_.size(); first += batch_size) {
      const std::size_t n = std::min(batch_size, order_.size() - first);
      train_on(std::span<const std::size_t>(order_).subspan(first, n));
    }
  }

  // Each rank looks at its share of the held-out images. The mean is weighted by how many those
  // are, so it is that of all images however unevenly they are spread.
  void log_evaluation() const {
    const digits::Score local = evaluate();
    const auto weight = static_cast<double>(local.n_images);
    accelerator_.log({{"eval/loss", ranklog::mean(local.loss(), weight)},
                      {"eval/accuracy", ranklog::mean(local.accuracy(), weight)}},
                     step_ - 1);  // beside the row of the epoch's last step
  }

  // Unlike log(), reduce() waits and gives every rank the result, to decide or to print.
  [[nodiscard]] double held_out_accuracy() const {
    const digits::Score local = evaluate();
    const std::vector<std::int64_t> counts =
        accelerator_.reduce(std::vector<std::int64_t>{local.n_correct, local.n_images});
    return static_cast<double>(counts[0]) / static_cast<double>(counts[1]);
  }

 private:
  void train_on(std::span<const std::size_t> batch) {
    const auto start = std::chrono::steady_clock::now();
    digits::Score local;
    std::vector<double> gradient = digits::Network::zero_gradient();
    for (std::size_t i = rank_; i < batch.size(); i += n_ranks_) {
      network_.learn(dataset_.training[batch[i]], local, gradient);
    }
    gradient = accelerator_.reduce(gradient, ranklog::Reduction::sum,
                                   1.0 / static_cast<double>(batch.size()));
    network_.step(gradient, learning_rate, momentum);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    log_step(local, digits::norm(gradient), elapsed.count());
  }

  void log_step(const digits::Score& local, double grad_norm, double step_s) {
    const auto weight = static_cast<double>(local.n_images);
    std::vector<ranklog::Item> row{
        {"train/loss", ranklog::mean(local.loss(), weight)},
        {"train/accuracy", ranklog::mean(local.accuracy(), weight)},
        {"samples", ranklog::sum(local.n_images)},  // an integer, and stays one
        {"grad_norm", ranklog::max(grad_norm)},     // min = max as long as the ranks agree
        {"time/step_s", step_s},                    // mean; the slowest rank stands beside it
    };
    // The last batch of an epoch has 3 images, so with more ranks some have none. Their weight is 0
    // above, which says the same as leaving the key out: the row's count is that of the ranks that
    // had images. Where there is no weight the key must be left out, or the 0/0 of those ranks
    // would be recorded as a NaN that they measured.
    if (local.n_images > 0) row.push_back({"loss_by_rank", ranklog::gather(local.loss())});
    accelerator_.log(row, step_++);
  }

  [[nodiscard]] digits::Score evaluate() const {
    digits::Score local;
    for (std::size_t i = rank_; i < dataset_.held_out.size(); i += n_ranks_) {
      network_.evaluate(dataset_.held_out[i], local);
    }
    return local;
  }

  ranklog::Accelerator& accelerator_;
  const digits::Dataset& dataset_;
  std::size_t rank_;
  std::size_t n_ranks_;
  std::mt19937_64 random_;
  digits::Network network_;
  std::vector<std::size_t> order_;
  std::int64_t step_ = 0;
};

void run(const example::Options& options) {
  const int n_epochs = options.number("--epochs", 15);
  const digits::Dataset dataset = digits::load(options.text("--data", default_data_file()));

  ranklog::Accelerator accelerator(
      {.log_with = wanted_trackers(), .project_dir = options.text("--project-dir", "runs")});
  declare_metrics(accelerator);
  accelerator.init_trackers("digits", hyper_parameters(n_epochs, dataset),
                            {.run_name = options.text("--run-name", "")});

  Training training(accelerator, dataset);
  for (int epoch = 0; epoch < n_epochs; ++epoch) {
    training.run_epoch();
    training.log_evaluation();
  }
  const double accuracy = training.held_out_accuracy();
  accelerator.end_training();
  accelerator.print("held-out accuracy: {:.4f}", accuracy);
  accelerator.print("run directory: {}", accelerator.run_directory());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argc, argv, {"--epochs", "--project-dir", "--run-name", "--data"}});
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "02_digits: {}\n", error.what());
    return 1;
  }
}
