// The instructions that an Aim server carries out in order, many of them in one message: a list of
// [resource, method, arguments] (aim/ext/transport/tracking.py).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "trackers/aim/aim_tree.hpp"

namespace ranklog::trackers::aim {

class Frame {
 public:
  // The server cuts pairs off the front of a message and copies the rest five times for each, so
  // that its work grows with the square of a message's size: 20 kB cost it 7 ms of copying where 1
  // MB would cost 20 s.
  static constexpr std::size_t wanted_bytes = 20'000;

  using Write = std::function<void(TreeWriter&)>;

  Frame() { writer_.array(); }

  // Sets what is at `path`; removes all that was there or below before.
  void set(const std::string& resource, const Path& path, const Write& write);
  void set(const std::string& resource, const Path& path, const ConfigValue& value);
  void make_array(const std::string& resource, const Path& path);
  // Sets the children `key(i)` of `path`, i from 0 to n - 1.
  void update(const std::string& resource, const Path& path, std::size_t n,
              const std::function<Key(std::size_t)>& key,
              const std::function<void(std::size_t, TreeWriter&)>& write);
  // An attribute of a resource that is no tree.
  void set_attribute(const std::string& resource, std::string_view name, std::string_view value);

  [[nodiscard]] bool empty() const noexcept { return n_ == 0; }
  [[nodiscard]] const std::string& bytes() const noexcept { return writer_.bytes(); }

 private:
  void instruct(const std::string& resource, std::string_view method, const Write& arguments);

  TreeWriter writer_;
  std::int64_t n_ = 0;
};

}  // namespace ranklog::trackers::aim
