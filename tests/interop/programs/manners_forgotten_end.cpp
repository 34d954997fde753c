// Forgets end_training: interop_manners_forgotten_end WHO, where WHO is "host" (the host calls
// MPI_Init and MPI_Finalize while the Accelerator lives), "ours" (ranklog initialises MPI and the
// Accelerator is never destroyed) or "conflict" (as host, and the ranks disagree on a type).
// Prints a line when the tracker is finished, and a last one when the program ends.
#include <fmt/format.h>
#include <mpi.h>
#include <ranklog/ranklog.hpp>

#include <cstdio>
#include <memory>
#include <string>

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
  const std::string who = argc == 2 ? argv[1] : "";
  if (who != "host" && who != "ours" && who != "conflict") return 2;
  if (who != "ours") MPI_Init(&argc, &argv);
  // On purpose without an owner: the end of main must not end the run.
  auto* accelerator =
      new ranklog::Accelerator({.log_with = std::make_shared<PrintingTracker>()});  // NOLINT
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
