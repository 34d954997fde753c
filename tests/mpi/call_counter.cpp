#include "mpi/call_counter.hpp"

#include <mpi.h>

#include <cstdlib>
#include <new>

namespace ranklog::mpi_test {
namespace {

thread_local CallCounts counts;

}  // namespace

CallCounts calls_so_far() noexcept { return counts; }

CallCounts operator-(const CallCounts& a, const CallCounts& b) noexcept {
  return {a.allocations - b.allocations, a.sends - b.sends,   a.bytes_sent - b.bytes_sent,
          a.receives - b.receives,       a.probes - b.probes, a.tests - b.tests,
          a.waiting - b.waiting};
}

}  // namespace ranklog::mpi_test

using ranklog::mpi_test::counts;

// The array and nothrow forms of new call this one.
void* operator new(std::size_t n_bytes) {
  ++counts.allocations;
  void* memory = std::malloc(n_bytes == 0 ? 1 : n_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

extern "C" {

int MPI_Issend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
               MPI_Request* request) {
  ++counts.sends;
  counts.bytes_sent += n;
  return PMPI_Issend(data, n, type, to, tag, comm, request);
}
int MPI_Improbe(int from, int tag, MPI_Comm comm, int* flag, MPI_Message* message,
                MPI_Status* status) {
  ++counts.probes;
  return PMPI_Improbe(from, tag, comm, flag, message, status);
}
int MPI_Imrecv(void* data, int n, MPI_Datatype type, MPI_Message* message, MPI_Request* request) {
  ++counts.receives;
  return PMPI_Imrecv(data, n, type, message, request);
}
int MPI_Test(MPI_Request* request, int* flag, MPI_Status* status) {
  ++counts.tests;
  return PMPI_Test(request, flag, status);
}
int MPI_Mrecv(void* data, int n, MPI_Datatype type, MPI_Message* message, MPI_Status* status) {
  ++counts.waiting;
  return PMPI_Mrecv(data, n, type, message, status);
}
int MPI_Wait(MPI_Request* request, MPI_Status* status) {
  ++counts.waiting;
  return PMPI_Wait(request, status);
}
int MPI_Barrier(MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Barrier(comm);
}
int MPI_Bcast(void* data, int n, MPI_Datatype type, int root, MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Bcast(data, n, type, root, comm);
}
int MPI_Allreduce(const void* in, void* out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Allreduce(in, out, n, type, op, comm);
}
int MPI_Gatherv(const void* in, int n, MPI_Datatype type, void* out, const int* n_out,
                const int* offsets, MPI_Datatype type_out, int root, MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Gatherv(in, n, type, out, n_out, offsets, type_out, root, comm);
}
int MPI_Allgather(const void* in, int n, MPI_Datatype type, void* out, int n_out,
                  MPI_Datatype type_out, MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Allgather(in, n, type, out, n_out, type_out, comm);
}
int MPI_Allgatherv(const void* in, int n, MPI_Datatype type, void* out, const int* n_out,
                   const int* offsets, MPI_Datatype type_out, MPI_Comm comm) {
  ++counts.waiting;
  return PMPI_Allgatherv(in, n, type, out, n_out, offsets, type_out, comm);
}

}  // extern "C"
