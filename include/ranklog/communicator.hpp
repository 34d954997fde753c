// The ranks that log together: a handle over an MPI communicator or over threads of one process.
// This header does not need mpi.h; ranklog/mpi.hpp makes a Communicator from an MPI_Comm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ranklog {

using Bytes = std::vector<std::byte>;

namespace comm {
class Backend;
}

// An outgoing message that was posted with Communicator::post. Keeps the payload alive until the
// receiver has taken it; the destructor waits for that.
class PostedMessage {
 public:
  class Impl;
  PostedMessage() noexcept;  // a message that was taken, of no bytes
  explicit PostedMessage(std::unique_ptr<Impl> impl);
  ~PostedMessage();
  PostedMessage(PostedMessage&&) noexcept;
  PostedMessage& operator=(PostedMessage&&) noexcept;

  // True once the receiver has taken the message. Never waits.
  [[nodiscard]] bool is_taken();
  // Gives up on the receiver: the destructor will not wait. The payload is kept until the process
  // ends, because the receiver may take it after all.
  void abandon();
  // The payload of a message that was taken, for its memory; empty where it went with the message.
  [[nodiscard]] Bytes reclaim();

 private:
  friend class Communicator;
  std::unique_ptr<Impl> impl_;
};

// Takes the messages of one source and tag, one after the other. A message that has begun to arrive
// when the inbox goes is lost. Must not outlive its communicator.
class Inbox {
 public:
  class Impl;
  explicit Inbox(std::unique_ptr<Impl> impl);
  ~Inbox();
  Inbox(Inbox&&) noexcept;
  Inbox& operator=(Inbox&&) noexcept;

  // The next message, valid until the next call; null while none has arrived in full. Never waits:
  // a long message arrives in pieces, while both sides call MPI. Errors: CommunicationError.
  [[nodiscard]] const Bytes* next();

 private:
  std::unique_ptr<Impl> impl_;
};

// Move-only. Owns a duplicate of what it was made from, so its messages never meet the host's.
// `rank` and `size` are those of this communicator. Calls marked collective must be made by all
// its ranks in the same order. Thread safety: one thread at a time; MPI is called on that thread.
// Errors: CommunicationError naming the operation, the rank and MPI's own text.
class Communicator {
 public:
  enum class Op : std::uint8_t { sum, min, max };

  // An empty handle; only assignment, destruction and operator bool are allowed.
  Communicator() noexcept;
  explicit Communicator(std::unique_ptr<comm::Backend> backend) noexcept;
  ~Communicator();
  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;

  // All processes of the job. Initialises MPI (funneled) if nobody did; what ranklog initialised
  // it finalises at process exit. Collective on all processes of the job.
  [[nodiscard]] static Communicator world();

  explicit operator bool() const noexcept { return backend_ != nullptr; }
  [[nodiscard]] int rank() const noexcept;
  [[nodiscard]] int size() const noexcept;
  [[nodiscard]] int world_rank() const noexcept;

  // Collective. A communicator of the same ranks with its own message space.
  [[nodiscard]] Communicator duplicate() const;
  // Collective. Ranks of equal `color` together, ordered by rank.
  [[nodiscard]] Communicator split(int color) const;
  // Collective. Ranks that share memory, that is, a node.
  [[nodiscard]] Communicator split_by_node() const;

  // Collective, waiting.
  void barrier() const;
  // Collective, waiting. `data` has the same size on all ranks.
  void broadcast(std::span<std::byte> data, int root) const;
  // Collective, waiting. Every rank returns the root's bytes.
  [[nodiscard]] Bytes broadcast(Bytes data, int root) const;
  // Collective, waiting, element by element in place; same length on all ranks. Plain MPI
  // semantics: the caller keeps NaN away from min and max.
  void all_reduce(std::span<double> data, Op op) const;
  void all_reduce(std::span<std::int64_t> data, Op op) const;
  // Collective, waiting. Index = rank; empty on ranks other than `root`.
  [[nodiscard]] std::vector<Bytes> gather(std::span<const std::byte> data, int root) const;
  // Collective, waiting. Index = rank.
  [[nodiscard]] std::vector<Bytes> all_gather(std::span<const std::byte> data) const;

  // Starts sending; never waits. Messages between two ranks with one tag keep their order.
  // The memory of `used`, a message of this communicator that was taken, serves again.
  [[nodiscard]] PostedMessage post(int destination, int tag, Bytes payload,
                                   PostedMessage used = {}) const;
  // Do not mix with try_receive() of the same source and tag.
  [[nodiscard]] Inbox inbox(int source, int tag) const;
  // The next message of that source and tag if one has arrived. Never waits for one to arrive.
  [[nodiscard]] std::optional<Bytes> try_receive(int source, int tag) const;
  // The same from whichever rank.
  struct Received {
    int source = 0;
    Bytes payload;
  };
  [[nodiscard]] std::optional<Received> try_receive_any(int tag) const;

  // Ends the processes of this communicator at once, and with most MPI libraries the whole job,
  // with a failure that the scheduler sees. In-process ranks: throws CommunicationError, here and
  // on the ranks that wait for messages.
  [[noreturn]] void abort() const;

  // "Open MPI v4.1.4, ..." or "in-process ranks".
  [[nodiscard]] std::string library_version() const;
  [[nodiscard]] const comm::Backend& backend() const noexcept { return *backend_; }

 private:
  std::unique_ptr<comm::Backend> backend_;
};

}  // namespace ranklog
