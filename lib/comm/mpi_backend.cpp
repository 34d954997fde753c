#include "comm/mpi_backend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <utility>
#include <vector>

#include "comm/mpi_environment.hpp"
#include "ranklog/error.hpp"
#include "ranklog/mpi.hpp"

#if defined(OPEN_MPI)
#include <mpi-ext.h>
#endif

namespace ranklog::comm {
namespace {

void check(int code, const char* operation, int rank) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int n_chars = 0;
  MPI_Error_string(code, text, &n_chars);
  throw CommunicationError(fmt::format("{} failed on rank {}: {}", operation, rank,
                                       std::string_view(text, static_cast<std::size_t>(n_chars))));
}

// MPI counts are int; a longer message is an error that says so, not a truncation.
int to_count(std::size_t n, const char* operation) {
  if (n > static_cast<std::size_t>(INT_MAX)) {
    throw CommunicationError(
        fmt::format("{} of {} bytes: MPI takes at most 2 GiB in one message", operation, n));
  }
  return static_cast<int>(n);
}

// Never freed: MPI may still use it.
void keep_forever(Bytes payload) {
  static auto& orphans = *new std::vector<Bytes>();
  orphans.push_back(std::move(payload));
}

MPI_Op to_mpi(Backend::Op op) {
  switch (op) {
    case Backend::Op::min:
      return MPI_MIN;
    case Backend::Op::max:
      return MPI_MAX;
    default:
      return MPI_SUM;
  }
}

bool says_cuda_aware() {
#if defined(OMPI_HAVE_MPI_EXT_CUDA) && OMPI_HAVE_MPI_EXT_CUDA
  return MPIX_Query_cuda_support() == 1;
#elif defined(MPIX_GPU_SUPPORT_CUDA)
  int is_supported = 0;
  return MPIX_GPU_query_support(MPIX_GPU_SUPPORT_CUDA, &is_supported) == MPI_SUCCESS &&
         is_supported != 0;
#else
  return false;
#endif
}

// A synchronous-mode send: complete when the receiver has begun to take it, which bounds what
// can pile up inside MPI.
class MpiPosted final : public PostedMessage::Impl {
 public:
  void start(MPI_Comm mpi_comm, int rank, int destination, int tag, Bytes payload) {
    payload_ = std::move(payload);
    check(MPI_Issend(payload_.data(), to_count(payload_.size(), "MPI_Issend"), MPI_BYTE,
                     destination, tag, mpi_comm, &request_),
          "MPI_Issend", rank);
  }
  [[nodiscard]] bool is_taken() override {
    // After MPI_Finalize nothing can be asked any more; the receiver has gone too.
    if (request_ == MPI_REQUEST_NULL || !is_mpi_usable()) return true;
    int is_done = 0;
    MPI_Test(&request_, &is_done, MPI_STATUS_IGNORE);
    return is_done != 0;
  }
  void abandon() override {
    if (is_taken()) return;
    MPI_Request_free(&request_);
    keep_forever(std::move(payload_));
  }
  [[nodiscard]] Bytes reclaim() override { return std::exchange(payload_, {}); }

 private:
  Bytes payload_;
  MPI_Request request_ = MPI_REQUEST_NULL;
};

// A matched receive that is never waited for: a long message needs the sender's help to arrive,
// and the sender helps only while it is inside MPI.
class MpiInbox final : public Inbox::Impl {
 public:
  MpiInbox(MPI_Comm mpi_comm, int rank, int source, int tag)
      : comm_(mpi_comm), rank_(rank), source_(source), tag_(tag) {}
  ~MpiInbox() override {
    if (request_ == MPI_REQUEST_NULL || !is_mpi_usable()) return;
    int is_done = 0;
    MPI_Test(&request_, &is_done, MPI_STATUS_IGNORE);
    if (is_done != 0) return;
    // The sender may never finish: MPI may write into the payload as long as the process lives.
    MPI_Request_free(&request_);
    keep_forever(std::move(payload_));
  }
  [[nodiscard]] const Bytes* next() override {
    if (request_ == MPI_REQUEST_NULL && !begin()) return nullptr;
    int is_done = 0;
    check(MPI_Test(&request_, &is_done, MPI_STATUS_IGNORE), "MPI_Test", rank_);
    return is_done != 0 ? &payload_ : nullptr;
  }

 private:
  bool begin() {
    int has_arrived = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    check(MPI_Improbe(source_, tag_, comm_, &has_arrived, &message, &status), "MPI_Improbe", rank_);
    if (has_arrived == 0) return false;
    int n_bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &n_bytes);
    payload_.resize(static_cast<std::size_t>(n_bytes));
    check(MPI_Imrecv(payload_.data(), n_bytes, MPI_BYTE, &message, &request_), "MPI_Imrecv", rank_);
    return true;
  }

  MPI_Comm comm_;
  int rank_;
  int source_;
  int tag_;
  Bytes payload_;
  MPI_Request request_ = MPI_REQUEST_NULL;
};

class MpiBackend final : public Backend {
 public:
  // Takes ownership of `owned`.
  explicit MpiBackend(MPI_Comm owned) : comm_(owned) {
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank_);
  }
  ~MpiBackend() override {
    if (is_mpi_usable()) MPI_Comm_free(&comm_);
  }

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return size_; }
  [[nodiscard]] int world_rank() const noexcept override { return world_rank_; }

  [[nodiscard]] std::unique_ptr<Backend> duplicate() const override {
    return make_mpi_backend(comm_);
  }
  [[nodiscard]] std::unique_ptr<Backend> split(int color) const override {
    MPI_Comm part = MPI_COMM_NULL;
    check(MPI_Comm_split(comm_, color, rank_, &part), "MPI_Comm_split", rank_);
    return std::make_unique<MpiBackend>(part);
  }
  [[nodiscard]] std::unique_ptr<Backend> split_by_node() const override {
    MPI_Comm node = MPI_COMM_NULL;
    check(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
          "MPI_Comm_split_type", rank_);
    return std::make_unique<MpiBackend>(node);
  }

  void barrier() const override { check(MPI_Barrier(comm_), "MPI_Barrier", rank_); }
  void broadcast(std::span<std::byte> data, int root) const override {
    check(MPI_Bcast(data.data(), to_count(data.size(), "MPI_Bcast"), MPI_BYTE, root, comm_),
          "MPI_Bcast", rank_);
  }
  void all_reduce(std::span<double> data, Op op) const override {
    all_reduce_typed(data.data(), data.size(), MPI_DOUBLE, op);
  }
  void all_reduce(std::span<std::int64_t> data, Op op) const override {
    all_reduce_typed(data.data(), data.size(), MPI_INT64_T, op);
  }

  [[nodiscard]] std::vector<Bytes> gather(std::span<const std::byte> data,
                                          int root) const override {
    const int n_bytes = to_count(data.size(), "MPI_Gatherv");
    std::vector<int> counts(rank_ == root ? static_cast<std::size_t>(size_) : 0);
    check(MPI_Gather(&n_bytes, 1, MPI_INT, counts.data(), 1, MPI_INT, root, comm_), "MPI_Gather",
          rank_);
    std::vector<int> offsets(counts.size());
    std::size_t total = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      offsets[i] = to_count(total, "MPI_Gatherv");
      total += static_cast<std::size_t>(counts[i]);
    }
    Bytes joined(total);
    check(MPI_Gatherv(data.data(), n_bytes, MPI_BYTE, joined.data(), counts.data(), offsets.data(),
                      MPI_BYTE, root, comm_),
          "MPI_Gatherv", rank_);
    return split(joined, counts, offsets);
  }

  // Lengths first and in full, so that what is too long for MPI is an error on all ranks.
  [[nodiscard]] std::vector<Bytes> all_gather(std::span<const std::byte> data) const override {
    const auto n_bytes = static_cast<std::int64_t>(data.size());
    std::vector<std::int64_t> lengths(static_cast<std::size_t>(size_));
    check(MPI_Allgather(&n_bytes, 1, MPI_INT64_T, lengths.data(), 1, MPI_INT64_T, comm_),
          "MPI_Allgather", rank_);
    std::vector<int> counts, offsets;
    std::size_t total = 0;
    for (const auto length : lengths) {
      counts.push_back(to_count(static_cast<std::size_t>(length), "MPI_Allgatherv"));
      offsets.push_back(to_count(total, "MPI_Allgatherv"));
      total += static_cast<std::size_t>(length);
    }
    Bytes joined(total);
    check(MPI_Allgatherv(data.data(), counts[static_cast<std::size_t>(rank_)], MPI_BYTE,
                         joined.data(), counts.data(), offsets.data(), MPI_BYTE, comm_),
          "MPI_Allgatherv", rank_);
    return split(joined, counts, offsets);
  }

  void all_to_all(const void* send, void* receive, std::size_t n_bytes_each) const override {
    const int n = to_count(n_bytes_each, "MPI_Alltoall");
    check(MPI_Alltoall(send, n, MPI_BYTE, receive, n, MPI_BYTE, comm_), "MPI_Alltoall", rank_);
  }
  void all_gather_in_place(void* data, std::size_t n_bytes_each) const override {
    const int n = to_count(n_bytes_each, "MPI_Allgather");
    check(MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, n, MPI_BYTE, comm_),
          "MPI_Allgather", rank_);
  }
  [[nodiscard]] bool takes_device_memory() const override { return says_cuda_aware(); }

  [[nodiscard]] std::unique_ptr<PostedMessage::Impl> post(
      int destination, int tag, Bytes payload,
      std::unique_ptr<PostedMessage::Impl> used) const override {
    auto message = std::unique_ptr<MpiPosted>(static_cast<MpiPosted*>(used.release()));
    if (!message) message = std::make_unique<MpiPosted>();
    message->start(comm_, rank_, destination, tag, std::move(payload));
    return message;
  }
  [[nodiscard]] std::unique_ptr<Inbox::Impl> inbox(int source, int tag) const override {
    return std::make_unique<MpiInbox>(comm_, rank_, source, tag);
  }

  [[nodiscard]] std::optional<Bytes> try_receive(int source, int tag) const override {
    auto received = receive_matching(source, tag);
    if (!received) return std::nullopt;
    return std::move(received->payload);
  }
  [[nodiscard]] std::optional<Communicator::Received> try_receive_any(int tag) const override {
    return receive_matching(MPI_ANY_SOURCE, tag);
  }

  [[noreturn]] void abort() const override {
    MPI_Abort(comm_, EXIT_FAILURE);
    std::abort();  // MPI_Abort does not return, but is not declared so
  }

  [[nodiscard]] std::string library_version() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int n_chars = 0;
    MPI_Get_library_version(text, &n_chars);
    std::string version(text, static_cast<std::size_t>(n_chars));
    std::replace(version.begin(), version.end(), '\n', ' ');
    while (!version.empty() && (version.back() == ' ' || version.back() == '\0'))
      version.pop_back();
    return version;
  }

 private:
  [[nodiscard]] std::optional<Communicator::Received> receive_matching(int source, int tag) const {
    int has_arrived = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    check(MPI_Improbe(source, tag, comm_, &has_arrived, &message, &status), "MPI_Improbe", rank_);
    if (has_arrived == 0) return std::nullopt;
    int n_bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &n_bytes);
    Communicator::Received received{status.MPI_SOURCE, Bytes(static_cast<std::size_t>(n_bytes))};
    check(MPI_Mrecv(received.payload.data(), n_bytes, MPI_BYTE, &message, &status), "MPI_Mrecv",
          rank_);
    return received;
  }
  [[nodiscard]] static std::vector<Bytes> split(const Bytes& joined, std::span<const int> counts,
                                                std::span<const int> offsets) {
    std::vector<Bytes> parts(counts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i].assign(joined.begin() + offsets[i], joined.begin() + offsets[i] + counts[i]);
    }
    return parts;
  }

  void all_reduce_typed(void* data, std::size_t n, MPI_Datatype type, Op op) const {
    check(MPI_Allreduce(MPI_IN_PLACE, data, to_count(n, "MPI_Allreduce"), type, to_mpi(op), comm_),
          "MPI_Allreduce", rank_);
  }

  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
  int world_rank_ = 0;
};

}  // namespace

std::unique_ptr<Backend> make_mpi_backend(MPI_Comm mpi_comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(mpi_comm, &copy), "MPI_Comm_dup", 0);
  return std::make_unique<MpiBackend>(copy);
}

}  // namespace ranklog::comm

namespace ranklog {

Communicator communicator_from(MPI_Comm mpi_comm) {
  if (mpi_comm == MPI_COMM_NULL) {
    throw UsageError(
        "communicator_from(MPI_COMM_NULL): this process is not part of the "
        "communicator; call it only on ranks that are");
  }
  return Communicator(comm::make_mpi_backend(mpi_comm));
}

}  // namespace ranklog
