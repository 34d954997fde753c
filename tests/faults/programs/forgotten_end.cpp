// Forgets end_training: faults_forgotten_end WHO [DIRECTORY], where WHO is "host" (the
// host calls MPI_Init and MPI_Finalize while the Accelerator lives), "ours" (ranklog initialises
// MPI and the Accelerator is never destroyed) or "conflict" (as host, and the ranks disagree on a
// type). Prints a line when the tracker is finished and one at the end of main. With a DIRECTORY
// there is an HDF5 file too.
#include <fmt/format.h>
#include <mpi.h>
#include <ranklog/ranklog.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace {

class PrintingTracker final : public ranklog::GeneralTracker {
 public:
  [[nodiscard]] std::string name() const override { return "printing"; }
  [[nodiscard]] bool requires_logging_directory() const override { return false; }
  void log(const ranklog::Record&, const ranklog::Config&) override { ++n_rows_; }
  void finish(const ranklog::RunOutcome& outcome) override {
    fmt::print("finished rows={} status={}\n", n_rows_, to_string(outcome.status));
    std::fflush(stdout);
  }

 private:
  int n_rows_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string who = argc >= 2 ? argv[1] : "";
  if (who != "host" && who != "ours" && who != "conflict") return 2;
  if (who != "ours") MPI_Init(&argc, &argv);
  // On purpose without an owner: the end of main must not end the run.
  ranklog::AcceleratorOptions options{.log_with = std::make_shared<PrintingTracker>()};
  if (argc == 3) {
    options.log_with = {std::make_shared<PrintingTracker>(), "hdf5"};
    options.project_dir = argv[2];
  }
  auto* accelerator = new ranklog::Accelerator(std::move(options));  // NOLINT
  accelerator->init_trackers("manners");
  const int rank = accelerator->process_index();
  for (int step = 0; step < 50; ++step) accelerator->log({{"a", 1.0}}, step);
  if (who == "conflict")
    accelerator->log({{"b", rank == 0 ? ranklog::Value(1) : ranklog::Value(1.0)}}, 50);
  if (who != "ours") {
    MPI_Finalize();
    delete accelerator;  // NOLINT: after MPI's end, where no message can be sent any more
  }
  if (rank == 0) fmt::print("end of main\n");
}
