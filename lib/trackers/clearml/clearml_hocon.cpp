#include <algorithm>
#include <optional>

#include "trackers/clearml/clearml_settings.hpp"

namespace ranklog::trackers::clearml {
namespace {

// Reads a file once, from the front. Never fails: what it does not know it passes over.
class HoconReader {
 public:
  explicit HoconReader(std::string_view text) : text_(text) {}

  std::map<std::string, std::string, std::less<>> read() {
    while (skip_blank()) {
      if (take('}')) {
        close_block();
        continue;
      }
      if (take('{') || take(',')) continue;  // braces around the whole file
      read_entry();
    }
    return std::move(values_);
  }

 private:
  static constexpr std::size_t max_blocks = 16;

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char wanted) {
    if (peek() != wanted || at_end()) return false;
    ++at_;
    return true;
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
  [[nodiscard]] bool at_comment() const { return peek() == '#' || text_.substr(at_, 2) == "//"; }

  // Passes over blanks, line ends and comments; false at the end.
  bool skip_blank() {
    while (!at_end()) {
      if (at_comment()) {
        skip_line();
      } else if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        ++at_;
      } else {
        return true;
      }
    }
    return false;
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\r') ++at_;
  }

  // A quoted text, without its quotes.
  std::string quoted() {
    const char quote = text_[at_++];
    std::string result;
    while (!at_end() && peek() != quote && peek() != '\n') {
      if (peek() == '\\' && at_ + 1 < text_.size()) ++at_;
      result += text_[at_++];
    }
    take(quote);
    return result;
  }
  [[nodiscard]] bool at_quote() const { return peek() == '"' || peek() == '\''; }

  std::string bare(std::string_view ends) {
    const auto begin = at_;
    while (!at_end() && ends.find(peek()) == std::string_view::npos && !at_comment_in_value()) {
      ++at_;
    }
    return support::trimmed(text_.substr(begin, at_ - begin));
  }
  // "//" belongs to an address; a comment stands behind a blank.
  [[nodiscard]] bool at_comment_in_value() const {
    const bool is_after_blank = at_ > 0 && (text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t');
    return is_after_blank && at_comment();
  }

  void read_entry() {
    const auto begin = at_;
    const std::string name = at_quote() ? quoted() : bare(":={}\n");
    skip_spaces();
    if (take(':') || take('=')) skip_spaces();
    if (take('{')) {
      open_block(name);
    } else if (!at_end() && peek() != '\n' && peek() != '}') {
      read_value(name);
    }
    if (at_ == begin) ++at_;
  }

  void read_value(const std::string& name) {
    if (peek() == '[') {
      skip_list();
      return;
    }
    const std::string value = at_quote() ? quoted() : bare(",}\n");
    if (value.find("${") == std::string::npos && blocks_.size() <= max_blocks) {
      values_[prefix_ + name] = value;
    }
  }

  void skip_list() {
    std::size_t depth = 0;
    while (!at_end()) {
      if (at_quote()) {
        static_cast<void>(quoted());
        continue;
      }
      if (peek() == '[') ++depth;
      const bool is_end = peek() == ']' && --depth == 0;
      ++at_;
      if (is_end) return;
    }
  }

  void open_block(const std::string& name) {
    blocks_.push_back(prefix_.size());
    if (blocks_.size() <= max_blocks) prefix_ += name + '.';
  }
  void close_block() {
    if (blocks_.empty()) return;
    prefix_.resize(blocks_.back());
    blocks_.pop_back();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string prefix_;
  std::vector<std::size_t> blocks_;  // length of the prefix in front of each
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace

std::map<std::string, std::string, std::less<>> parse_hocon(std::string_view text) {
  return HoconReader(text).read();
}

}  // namespace ranklog::trackers::clearml
