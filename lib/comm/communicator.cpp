#include "ranklog/communicator.hpp"

#include <cstdlib>
#include <thread>

#include "comm/backend.hpp"
#include "comm/mpi_environment.hpp"

namespace ranklog {

PostedMessage::PostedMessage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostedMessage::PostedMessage() noexcept = default;
PostedMessage::PostedMessage(PostedMessage&&) noexcept = default;
PostedMessage& PostedMessage::operator=(PostedMessage&&) noexcept = default;
PostedMessage::~PostedMessage() {
  while (!is_taken()) std::this_thread::yield();
}
bool PostedMessage::is_taken() { return !impl_ || impl_->is_taken(); }
void PostedMessage::abandon() {
  if (impl_) impl_->abandon();
  impl_.reset();
}
Bytes PostedMessage::reclaim() { return impl_ ? impl_->reclaim() : Bytes{}; }

Inbox::Inbox(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Inbox::~Inbox() = default;
Inbox::Inbox(Inbox&&) noexcept = default;
Inbox& Inbox::operator=(Inbox&&) noexcept = default;
const Bytes* Inbox::next() { return impl_->next(); }

Communicator::Communicator() noexcept = default;
Communicator::Communicator(std::unique_ptr<comm::Backend> backend) noexcept
    : backend_(std::move(backend)) {}
Communicator::~Communicator() = default;
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;

Communicator Communicator::world() { return Communicator(comm::make_world_backend()); }

int Communicator::rank() const noexcept { return backend_->rank(); }
int Communicator::size() const noexcept { return backend_->size(); }
int Communicator::world_rank() const noexcept { return backend_->world_rank(); }

Communicator Communicator::duplicate() const { return Communicator(backend_->duplicate()); }
Communicator Communicator::split(int color) const { return Communicator(backend_->split(color)); }
Communicator Communicator::split_by_node() const { return Communicator(backend_->split_by_node()); }

void Communicator::barrier() const { backend_->barrier(); }
void Communicator::broadcast(std::span<std::byte> data, int root) const {
  backend_->broadcast(data, root);
}

Bytes Communicator::broadcast(Bytes data, int root) const {
  std::int64_t n_bytes = static_cast<std::int64_t>(data.size());
  broadcast(std::as_writable_bytes(std::span(&n_bytes, 1)), root);
  data.resize(static_cast<std::size_t>(n_bytes));
  broadcast(std::span<std::byte>(data), root);
  return data;
}

void Communicator::all_reduce(std::span<double> data, Op op) const {
  backend_->all_reduce(data, op);
}
void Communicator::all_reduce(std::span<std::int64_t> data, Op op) const {
  backend_->all_reduce(data, op);
}

std::vector<Bytes> Communicator::gather(std::span<const std::byte> data, int root) const {
  return backend_->gather(data, root);
}

std::vector<Bytes> Communicator::all_gather(std::span<const std::byte> data) const {
  return backend_->all_gather(data);
}

PostedMessage Communicator::post(int destination, int tag, Bytes payload,
                                 PostedMessage used) const {
  return PostedMessage(backend_->post(destination, tag, std::move(payload), std::move(used.impl_)));
}
Inbox Communicator::inbox(int source, int tag) const { return Inbox(backend_->inbox(source, tag)); }
std::optional<Bytes> Communicator::try_receive(int source, int tag) const {
  return backend_->try_receive(source, tag);
}
std::optional<Communicator::Received> Communicator::try_receive_any(int tag) const {
  return backend_->try_receive_any(tag);
}
void Communicator::abort() const {
  backend_->abort();
  std::abort();  // for compilers that do not see that a virtual function does not return
}
std::string Communicator::library_version() const { return backend_->library_version(); }

}  // namespace ranklog
