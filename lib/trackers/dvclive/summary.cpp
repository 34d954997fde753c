#include "trackers/dvclive/summary.hpp"

#include <fmt/format.h>

#include <deque>
#include <map>

#include "core/text.hpp"

namespace ranklog::trackers::dvclive {
namespace {

struct Node {
  std::string json;                         // of a metric of this very name
  std::map<std::string, Node*> children{};  // of names below it
};

// A key has at most 250 bytes, which bounds the depth of this recursion.
void append_node(std::string& out, const Node& node, std::size_t n_indent) {
  if (node.children.empty()) {
    out += node.json;
    return;
  }
  const std::string indent(n_indent + 4, ' ');
  std::string separator = "\n";
  out += '{';
  const auto begin_member = [&](std::string_view name) {
    out += std::exchange(separator, ",\n") + indent + json_quote(name) + ": ";
  };
  if (!node.json.empty()) {
    begin_member("");
    out += node.json;
  }
  for (const auto& [name, child] : node.children) {
    begin_member(name);
    append_node(out, *child, n_indent + 4);
  }
  out += '\n' + std::string(n_indent, ' ') + '}';
}

std::size_t count_digits(std::string_view text) {
  const auto end = text.find_first_not_of("0123456789");
  return end == text.npos ? text.size() : end;
}

// RFC 8259, section 6.
bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t n_whole = count_digits(text);
  if (n_whole == 0 || (n_whole > 1 && text.front() == '0')) return false;
  text.remove_prefix(n_whole);
  if (text.starts_with('.')) {
    const std::size_t n_fraction = count_digits(text.substr(1));
    if (n_fraction == 0) return false;
    text.remove_prefix(1 + n_fraction);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && count_digits(text) == text.size();
  }
  return text.empty();
}

}  // namespace

std::string json_of_field(std::string_view text) {
  return is_json_number(text) ? std::string(text) : json_quote(text);
}

std::string summary_json(const std::vector<LastValue>& values, std::optional<std::int64_t> step) {
  std::deque<Node> nodes(1);
  for (const auto& value : values) {
    Node* node = &nodes.front();
    for (const auto& part : value.path) {
      auto& child = node->children[part];
      if (child == nullptr) child = &nodes.emplace_back();
      node = child;
    }
    node->json = value.json;
  }
  Node step_node{fmt::format("{}", step.value_or(0)), {}};
  if (step) nodes.front().children["step"] = &step_node;
  if (nodes.front().children.empty()) return "{}\n";
  std::string out;
  append_node(out, nodes.front(), 0);
  return out + '\n';
}

}  // namespace ranklog::trackers::dvclive
