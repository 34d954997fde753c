// Ranks as threads of one process: one mailbox per receiver, collectives built on messages.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>

#include "comm/backend.hpp"
#include "ranklog/error.hpp"
#include "ranklog/testing.hpp"

namespace ranklog::comm {
namespace {

struct Message {
  Bytes payload;
  std::shared_ptr<bool> is_taken;  // guarded by Job::mutex
};

// What the threads of one run_ranks share.
struct Job {
  std::mutex mutex;
  std::condition_variable changed;
  // Mailboxes by {group, receiver, source, tag}; a group is one communicator.
  std::map<std::tuple<int, int, int, int>, std::deque<Message>> mailboxes;
  int n_groups = 1;
  bool is_broken = false;            // a rank threw: nobody may wait for it
  std::exception_ptr first_failure;  // those that follow are consequences of it

  // With the lock held.
  void break_off(std::exception_ptr failure) {
    if (!is_broken) first_failure = std::move(failure);
    is_broken = true;
    changed.notify_all();
  }
};

class ThreadPosted final : public PostedMessage::Impl {
 public:
  ThreadPosted(std::shared_ptr<Job> job, std::shared_ptr<bool> is_taken)
      : job_(std::move(job)), is_taken_(std::move(is_taken)) {}
  [[nodiscard]] bool is_taken() override {
    const std::lock_guard lock(job_->mutex);
    return *is_taken_ || job_->is_broken;
  }
  void abandon() override {}
  [[nodiscard]] Bytes reclaim() override { return {}; }

 private:
  std::shared_ptr<Job> job_;
  std::shared_ptr<bool> is_taken_;
};

// Internal tags are negative, so they never meet a caller's.
constexpr int tag_up = -1;
constexpr int tag_down = -2;

class ThreadInbox final : public Inbox::Impl {
 public:
  ThreadInbox(const Backend& backend, int source, int tag)
      : backend_(backend), source_(source), tag_(tag) {}
  [[nodiscard]] const Bytes* next() override {
    auto payload = backend_.try_receive(source_, tag_);
    if (!payload) return nullptr;
    payload_ = std::move(*payload);
    return &payload_;
  }

 private:
  const Backend& backend_;
  int source_;
  int tag_;
  Bytes payload_;
};

class ThreadBackend final : public Backend {
 public:
  ThreadBackend(std::shared_ptr<Job> job, int group, int rank, std::vector<int> world_ranks)
      : job_(std::move(job)), group_(group), rank_(rank), world_ranks_(std::move(world_ranks)) {}

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return static_cast<int>(world_ranks_.size()); }
  [[nodiscard]] int world_rank() const noexcept override {
    return world_ranks_[static_cast<std::size_t>(rank_)];
  }

  [[nodiscard]] std::unique_ptr<Backend> duplicate() const override { return split(0); }

  [[nodiscard]] std::unique_ptr<Backend> split(int color) const override {
    std::vector<std::int64_t> colors(world_ranks_.size(), 0);
    colors[static_cast<std::size_t>(rank_)] = color;
    all_reduce(std::span(colors), Op::sum);
    std::int64_t first_group = 0;
    if (rank_ == 0) {
      const std::lock_guard lock(job_->mutex);
      first_group = job_->n_groups;
      job_->n_groups += size();
    }
    broadcast(std::as_writable_bytes(std::span(&first_group, 1)), 0);
    // The lowest rank of a color gives its group a number of its own.
    std::vector<int> members;
    int lowest = -1;
    int new_rank = 0;
    for (int r = 0; r < size(); ++r) {
      if (colors[static_cast<std::size_t>(r)] != color) continue;
      if (lowest < 0) lowest = r;
      if (r == rank_) new_rank = static_cast<int>(members.size());
      members.push_back(world_ranks_[static_cast<std::size_t>(r)]);
    }
    return std::make_unique<ThreadBackend>(job_, static_cast<int>(first_group) + lowest, new_rank,
                                           std::move(members));
  }
  [[nodiscard]] std::unique_ptr<Backend> split_by_node() const override { return duplicate(); }

  void barrier() const override {
    std::int64_t nothing = 0;
    all_reduce(std::span(&nothing, 1), Op::sum);
  }

  void broadcast(std::span<std::byte> data, int root) const override {
    if (rank_ == root) {
      for (int r = 0; r < size(); ++r) {
        if (r != root) send(r, tag_down, Bytes(data.begin(), data.end()));
      }
    } else {
      copy_exactly(receive(root, tag_down), data);
    }
  }

  void all_reduce(std::span<double> data, Op op) const override { all_reduce_typed(data, op); }
  void all_reduce(std::span<std::int64_t> data, Op op) const override {
    all_reduce_typed(data, op);
  }

  [[nodiscard]] std::vector<Bytes> gather(std::span<const std::byte> data,
                                          int root) const override {
    Bytes own(data.begin(), data.end());
    if (rank_ != root) {
      send(root, tag_up, std::move(own));
      return {};
    }
    std::vector<Bytes> parts(world_ranks_.size());
    for (int r = 0; r < size(); ++r) {
      parts[static_cast<std::size_t>(r)] = r == rank_ ? std::move(own) : receive(r, tag_up);
    }
    return parts;
  }

  [[nodiscard]] std::vector<Bytes> all_gather(std::span<const std::byte> data) const override {
    for (int r = 0; r < size(); ++r) {
      if (r != rank_) send(r, tag_up, Bytes(data.begin(), data.end()));
    }
    std::vector<Bytes> parts(world_ranks_.size());
    for (int r = 0; r < size(); ++r) {
      parts[static_cast<std::size_t>(r)] =
          r == rank_ ? Bytes(data.begin(), data.end()) : receive(r, tag_up);
    }
    return parts;
  }
  void all_to_all(const void* send_data, void* receive_data,
                  std::size_t n_bytes_each) const override {
    const auto* from = static_cast<const std::byte*>(send_data);
    auto* to = static_cast<std::byte*>(receive_data);
    const auto part = [&](int r) { return static_cast<std::size_t>(r) * n_bytes_each; };
    for (int r = 0; r < size(); ++r) send(r, tag_up, {from + part(r), from + part(r + 1)});
    for (int r = 0; r < size(); ++r) {
      copy_exactly(receive(r, tag_up), {to + part(r), n_bytes_each});
    }
  }
  void all_gather_in_place(void* data, std::size_t n_bytes_each) const override {
    auto* bytes = static_cast<std::byte*>(data);
    const std::size_t own = static_cast<std::size_t>(rank_) * n_bytes_each;
    const Bytes mine(bytes + own, bytes + own + n_bytes_each);
    for (int r = 0; r < size(); ++r) {
      if (r != rank_) send(r, tag_up, mine);
    }
    for (int r = 0; r < size(); ++r) {
      if (r == rank_) continue;
      copy_exactly(receive(r, tag_up),
                   {bytes + static_cast<std::size_t>(r) * n_bytes_each, n_bytes_each});
    }
  }
  // What tests call device memory is memory of this process.
  [[nodiscard]] bool takes_device_memory() const override { return true; }

  [[nodiscard]] std::unique_ptr<PostedMessage::Impl> post(
      int destination, int tag, Bytes payload,
      std::unique_ptr<PostedMessage::Impl> used) const override {
    used.reset();
    return std::make_unique<ThreadPosted>(job_, send(destination, tag, std::move(payload)));
  }

  [[nodiscard]] std::unique_ptr<Inbox::Impl> inbox(int source, int tag) const override {
    return std::make_unique<ThreadInbox>(*this, source, tag);
  }
  [[nodiscard]] std::optional<Bytes> try_receive(int source, int tag) const override {
    const std::lock_guard lock(job_->mutex);
    return take(source, tag);
  }

  [[nodiscard]] std::optional<Communicator::Received> try_receive_any(int tag) const override {
    const std::lock_guard lock(job_->mutex);
    for (int source = 0; source < size(); ++source) {
      if (auto payload = take(source, tag)) return Communicator::Received{source, *payload};
    }
    return std::nullopt;
  }

  [[noreturn]] void abort() const override {
    const CommunicationError error("the job was aborted by rank " + std::to_string(rank_));
    {
      const std::lock_guard lock(job_->mutex);
      job_->break_off(std::make_exception_ptr(error));
    }
    throw error;
  }

  [[nodiscard]] std::string library_version() const override { return "in-process ranks"; }

 private:
  std::shared_ptr<bool> send(int destination, int tag, Bytes payload) const {
    auto is_taken = std::make_shared<bool>(false);
    {
      const std::lock_guard lock(job_->mutex);
      job_->mailboxes[{group_, destination, rank_, tag}].push_back({std::move(payload), is_taken});
    }
    job_->changed.notify_all();
    return is_taken;
  }

  // With the lock held.
  std::optional<Bytes> take(int source, int tag) const {
    const auto found = job_->mailboxes.find({group_, rank_, source, tag});
    if (found == job_->mailboxes.end() || found->second.empty()) {
      if (job_->is_broken) throw CommunicationError("another in-process rank failed");
      return std::nullopt;
    }
    Message message = std::move(found->second.front());
    found->second.pop_front();
    *message.is_taken = true;
    return std::move(message.payload);
  }

  [[nodiscard]] Bytes receive(int source, int tag) const {
    std::unique_lock lock(job_->mutex);
    while (true) {
      if (auto payload = take(source, tag)) return std::move(*payload);
      job_->changed.wait(lock);
    }
  }

  static void copy_exactly(const Bytes& from, std::span<std::byte> to) {
    if (from.size() != to.size()) {
      throw CommunicationError("in-process ranks passed different lengths to one collective");
    }
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
  }

  template <class T>
  void all_reduce_typed(std::span<T> data, Op op) const {
    const auto parts = gather(std::as_bytes(data), 0);
    std::vector<T> other(data.size());
    for (std::size_t r = 1; r < parts.size(); ++r) {
      copy_exactly(parts[r], std::as_writable_bytes(std::span(other)));
      for (std::size_t i = 0; i < data.size(); ++i) {
        if (op == Op::sum) data[i] += other[i];
        if (op == Op::min) data[i] = std::min(data[i], other[i]);
        if (op == Op::max) data[i] = std::max(data[i], other[i]);
      }
    }
    broadcast(std::as_writable_bytes(data), 0);
  }

  std::shared_ptr<Job> job_;
  int group_;
  int rank_;
  std::vector<int> world_ranks_;
};

}  // namespace
}  // namespace ranklog::comm

namespace ranklog::testing {

void run_ranks(int n_ranks, const std::function<void(Communicator)>& body) {
  auto job = std::make_shared<comm::Job>();
  std::vector<int> world_ranks(static_cast<std::size_t>(n_ranks));
  for (int r = 0; r < n_ranks; ++r) world_ranks[static_cast<std::size_t>(r)] = r;
  std::vector<std::thread> threads;
  for (int r = 0; r < n_ranks; ++r) {
    threads.emplace_back([&, r] {
      try {
        body(Communicator(std::make_unique<comm::ThreadBackend>(job, 0, r, world_ranks)));
      } catch (...) {
        const std::lock_guard lock(job->mutex);
        job->break_off(std::current_exception());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (job->first_failure) std::rethrow_exception(job->first_failure);
}

}  // namespace ranklog::testing
