// Ranks as threads of one process, for tests of code that logs: no mpirun, works under
// sanitizers and debuggers.
#pragma once

#include <functional>

#include "ranklog/communicator.hpp"

namespace ranklog::testing {

// Runs `body` once per rank, each on its own thread, with communicators of `n_ranks` ranks, and
// returns when all have returned. The first exception in time is rethrown. When a body throws,
// ranks that wait for it in a collective throw CommunicationError instead of hanging.
void run_ranks(int n_ranks, const std::function<void(Communicator)>& body);

}  // namespace ranklog::testing
