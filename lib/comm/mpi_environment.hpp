// MPI's start and end: initialise only if nobody did, finalise only what we started, and let
// unfinished runs end inside the host's MPI_Finalize.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "comm/backend.hpp"

namespace ranklog::comm {

// A backend over a duplicate of MPI_COMM_WORLD; initialises MPI first if needed.
[[nodiscard]] std::unique_ptr<Backend> make_world_backend();

// True while MPI calls are allowed.
[[nodiscard]] bool is_mpi_usable() noexcept;

// Rank and size of MPI_COMM_WORLD; {0, 1} while MPI is not usable.
struct WorldPlace {
  int rank = 0;
  int size = 1;
};
[[nodiscard]] WorldPlace world_place() noexcept;

// Runs `callback` at the start of MPI_Finalize, through a delete callback on MPI_COMM_SELF
// (MPI 4.0, 11.2.4), last registered first; where ranklog initialised MPI, at process exit, before
// the exit handlers that were there already. Returns a token; forget_finalize_callback(token)
// takes it back. Does nothing and returns 0 while MPI is not usable.
[[nodiscard]] int call_before_finalize(std::function<void()> callback);
void forget_finalize_callback(int token) noexcept;

}  // namespace ranklog::comm
