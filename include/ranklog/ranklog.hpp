// Everything that a program which logs needs. Programs that hold an MPI_Comm also include
// ranklog/mpi.hpp; programs that read runs include ranklog/run_reader.hpp.
#pragma once

#include "ranklog/accelerator.hpp"
#include "ranklog/error.hpp"
#include "ranklog/memory_tracker.hpp"
#include "ranklog/tracker.hpp"
#include "ranklog/value.hpp"
#include "ranklog/version.hpp"
