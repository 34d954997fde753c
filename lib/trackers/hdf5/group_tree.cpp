#include "trackers/hdf5/group_tree.hpp"

#include <algorithm>

#include "hdf5/layout.hpp"

namespace ranklog::trackers::hdf5 {

bool GroupTree::can_hold_metric(const Node& node) {
  if (node.is_metric) return false;
  return std::none_of(h5::dataset_names.begin(), h5::dataset_names.end(),
                      [&](std::string_view name) { return node.children.contains(name); });
}

std::string GroupTree::place(std::string_view key) {
  Node* node = &root_;
  std::string path;
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t end = std::min(key.find('/', begin), key.size());
    const bool is_last = end == key.size();
    std::string name(key.substr(begin, end - begin));
    const auto is_taken = [&] {
      if (node->is_metric && h5::is_dataset_name(name)) return true;
      const auto child = node->children.find(name);
      return is_last && child != node->children.end() && !can_hold_metric(*child->second);
    };
    while (is_taken()) name += '_';
    auto& child = node->children[name];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
    path += (path.empty() ? "" : "/") + name;
    begin = end + 1;
  }
  node->is_metric = true;
  return path;
}

void GroupTree::take(std::string_view path) {
  Node* node = &root_;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    auto& child = node->children[std::string(path.substr(begin, end - begin))];
    if (!child) child = std::make_unique<Node>();
    node = child.get();
    begin = end + 1;
  }
  node->is_metric = true;
}

}  // namespace ranklog::trackers::hdf5
