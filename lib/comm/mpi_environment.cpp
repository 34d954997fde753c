#include "comm/mpi_environment.hpp"

#include <mpi.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "comm/mpi_backend.hpp"
#include "ranklog/error.hpp"

namespace ranklog::comm {
namespace {

bool did_we_initialize = false;

void finalize_what_we_started() {
  if (is_mpi_usable()) MPI_Finalize();
}

void initialize_if_nobody_did() {
  int is_initialized = 0;
  MPI_Initialized(&is_initialized);
  if (is_initialized != 0) return;
  int provided = MPI_THREAD_SINGLE;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    throw CommunicationError("MPI_Init_thread failed; start the program with mpirun or srun");
  }
  did_we_initialize = true;
  std::atexit(finalize_what_we_started);
}

// Callbacks by token; the greatest token is the newest. Never destroyed: finalize_what_we_started
// runs after the destructors of statics that are younger than it.
struct Callbacks {
  std::mutex mutex;  // in-process ranks come and go on threads of their own
  std::map<int, std::function<void()>> by_token;
  int last_token = 0;
};
Callbacks& callbacks() {
  static auto& all = *new Callbacks();
  return all;
}

std::function<void()> take_newest_callback() {
  const std::lock_guard lock(callbacks().mutex);
  auto& by_token = callbacks().by_token;
  if (by_token.empty()) return {};
  const auto newest = std::prev(by_token.end());
  auto callback = std::move(newest->second);
  by_token.erase(newest);
  return callback;
}

void run_callbacks() {
  while (const auto callback = take_newest_callback()) callback();
}

int run_callbacks_in_finalize(MPI_Comm, int, void*, void*) {
  run_callbacks();
  return MPI_SUCCESS;
}

void run_callbacks_at_exit() {
  if (is_mpi_usable()) run_callbacks();
}

// Attributes of MPI_COMM_SELF are deleted first of all in MPI_Finalize.
void attach_to_finalize() {
  static bool is_attached = false;
  if (is_attached) return;
  int keyval = MPI_KEYVAL_INVALID;
  MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, run_callbacks_in_finalize, &keyval, nullptr);
  MPI_Comm_set_attr(MPI_COMM_SELF, keyval, nullptr);
  is_attached = true;
}

}  // namespace

bool is_mpi_usable() noexcept {
  int is_initialized = 0;
  int is_finalized = 0;
  MPI_Initialized(&is_initialized);
  MPI_Finalized(&is_finalized);
  return is_initialized != 0 && is_finalized == 0;
}

WorldPlace world_place() noexcept {
  WorldPlace place;
  if (is_mpi_usable()) {
    MPI_Comm_rank(MPI_COMM_WORLD, &place.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &place.size);
  }
  return place;
}

std::unique_ptr<Backend> make_world_backend() {
  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  if (is_finalized != 0) {
    throw UsageError("MPI was finalised already; create the Accelerator before MPI_Finalize");
  }
  initialize_if_nobody_did();
  return make_mpi_backend(MPI_COMM_WORLD);
}

int call_before_finalize(std::function<void()> callback) {
  if (!is_mpi_usable()) return 0;
  const std::lock_guard lock(callbacks().mutex);
  attach_to_finalize();
  // Our own MPI_Finalize comes late: what began to clean up by atexit since, as HDF5 does, has
  // already done so by then.
  if (did_we_initialize) std::atexit(run_callbacks_at_exit);
  callbacks().by_token.emplace(++callbacks().last_token, std::move(callback));
  return callbacks().last_token;
}

void forget_finalize_callback(int token) noexcept {
  const std::lock_guard lock(callbacks().mutex);
  callbacks().by_token.erase(token);
}

}  // namespace ranklog::comm
