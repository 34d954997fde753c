// Decides in which group each metric lives: the key's own path, unless another metric's datasets
// are in the way. The rule is in docs/format.md, "Where a key is".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace ranklog::trackers::hdf5 {

class GroupTree {
 public:
  // The path of the group for `key`, without a leading `/`. Every call gives another group.
  // Complexity: O(length of the key * log(keys)).
  [[nodiscard]] std::string place(std::string_view key);

  // Marks the group of a metric that is there already.
  void take(std::string_view path);

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
    bool is_metric = false;
  };
  [[nodiscard]] static bool can_hold_metric(const Node& node);

  Node root_;
};

}  // namespace ranklog::trackers::hdf5
