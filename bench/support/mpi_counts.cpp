// The counting functions of mpi_counts.hpp, in front of the calls that ranklog and its backends
// use.
#include "support/mpi_counts.hpp"

#include <mpi.h>

namespace {

ranklog::bench::MpiCounts counts;

std::int64_t bytes_of(int n, MPI_Datatype type) {
  int size = 0;
  PMPI_Type_size(type, &size);
  return std::int64_t{n} * size;
}

void count_message(int n, MPI_Datatype type) {
  ++counts.n_messages;
  counts.n_message_bytes += bytes_of(n, type);
}

void count_collective(int n, MPI_Datatype type) {
  ++counts.n_collectives;
  counts.n_collective_bytes += bytes_of(n, type);
}

}  // namespace

namespace ranklog::bench {
const MpiCounts& mpi_counts() noexcept { return counts; }
}  // namespace ranklog::bench

extern "C" {

int MPI_Send(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
  count_message(n, type);
  return PMPI_Send(data, n, type, to, tag, comm);
}
int MPI_Isend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request* request) {
  count_message(n, type);
  return PMPI_Isend(data, n, type, to, tag, comm, request);
}
int MPI_Issend(const void* data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
               MPI_Request* request) {
  count_message(n, type);
  return PMPI_Issend(data, n, type, to, tag, comm, request);
}
int MPI_Allreduce(const void* in, void* out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  count_collective(n, type);
  return PMPI_Allreduce(in, out, n, type, op, comm);
}
int MPI_Iallreduce(const void* in, void* out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request* request) {
  count_collective(n, type);
  return PMPI_Iallreduce(in, out, n, type, op, comm, request);
}
int MPI_Reduce(const void* in, void* out, int n, MPI_Datatype type, MPI_Op op, int root,
               MPI_Comm comm) {
  count_collective(n, type);
  return PMPI_Reduce(in, out, n, type, op, root, comm);
}
int MPI_Ireduce(const void* in, void* out, int n, MPI_Datatype type, MPI_Op op, int root,
                MPI_Comm comm, MPI_Request* request) {
  count_collective(n, type);
  return PMPI_Ireduce(in, out, n, type, op, root, comm, request);
}
int MPI_Bcast(void* data, int n, MPI_Datatype type, int root, MPI_Comm comm) {
  count_collective(n, type);
  return PMPI_Bcast(data, n, type, root, comm);
}
int MPI_Gather(const void* in, int n, MPI_Datatype type, void* out, int n_out,
               MPI_Datatype type_out, int root, MPI_Comm comm) {
  count_collective(n, type);
  return PMPI_Gather(in, n, type, out, n_out, type_out, root, comm);
}
int MPI_Gatherv(const void* in, int n, MPI_Datatype type, void* out, const int* n_out,
                const int* offsets, MPI_Datatype type_out, int root, MPI_Comm comm) {
  count_collective(n, type);
  return PMPI_Gatherv(in, n, type, out, n_out, offsets, type_out, root, comm);
}
}
