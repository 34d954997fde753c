// What a Communicator stands on: MPI, or threads of one process.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ranklog/communicator.hpp"

namespace ranklog {

class PostedMessage::Impl {
 public:
  virtual ~Impl() = default;
  [[nodiscard]] virtual bool is_taken() = 0;
  virtual void abandon() = 0;
  [[nodiscard]] virtual Bytes reclaim() = 0;
};

class Inbox::Impl {
 public:
  virtual ~Impl() = default;
  [[nodiscard]] virtual const Bytes* next() = 0;
};

namespace comm {

// Semantics as documented at Communicator's members of the same name.
class Backend {
 public:
  using Op = Communicator::Op;
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;
  [[nodiscard]] virtual int world_rank() const noexcept = 0;
  [[nodiscard]] virtual std::unique_ptr<Backend> duplicate() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Backend> split(int color) const = 0;
  [[nodiscard]] virtual std::unique_ptr<Backend> split_by_node() const = 0;
  virtual void barrier() const = 0;
  virtual void broadcast(std::span<std::byte> data, int root) const = 0;
  virtual void all_reduce(std::span<double> data, Op op) const = 0;
  virtual void all_reduce(std::span<std::int64_t> data, Op op) const = 0;
  [[nodiscard]] virtual std::vector<Bytes> gather(std::span<const std::byte> data,
                                                  int root) const = 0;
  [[nodiscard]] virtual std::vector<Bytes> all_gather(std::span<const std::byte> data) const = 0;
  // Collective, waiting. Part r of `send` becomes part rank() of rank r's `receive`.
  virtual void all_to_all(const void* send, void* receive, std::size_t n_bytes_each) const = 0;
  // Collective, waiting. Every rank gets part r of rank r's `data`.
  virtual void all_gather_in_place(void* data, std::size_t n_bytes_each) const = 0;
  // True if the two calls above say that they take device addresses; whether that is so is for the
  // caller to test.
  [[nodiscard]] virtual bool takes_device_memory() const = 0;
  // `used` is null, or was made by a backend of this kind and is taken.
  [[nodiscard]] virtual std::unique_ptr<PostedMessage::Impl> post(
      int destination, int tag, Bytes payload, std::unique_ptr<PostedMessage::Impl> used) const = 0;
  [[nodiscard]] virtual std::unique_ptr<Inbox::Impl> inbox(int source, int tag) const = 0;
  [[nodiscard]] virtual std::optional<Bytes> try_receive(int source, int tag) const = 0;
  [[nodiscard]] virtual std::optional<Communicator::Received> try_receive_any(int tag) const = 0;
  [[noreturn]] virtual void abort() const = 0;
  [[nodiscard]] virtual std::string library_version() const = 0;
};

}  // namespace comm
}  // namespace ranklog
