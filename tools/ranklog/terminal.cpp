#include "tools/ranklog/terminal.hpp"

#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "ranklog/error.hpp"

namespace ranklog::tool {
namespace {

constexpr std::size_t default_width = 80;
constexpr std::size_t least_width = 40;
constexpr std::size_t greatest_width = 1000;

std::size_t width_of_terminal() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

std::size_t width_of_environment() {
  const char* text = std::getenv("COLUMNS");
  if (text == nullptr) return 0;
  std::size_t width = 0;
  const auto result = std::from_chars(text, text + std::strlen(text), width);
  return result.ec == std::errc{} && *result.ptr == '\0' ? width : 0;
}

}  // namespace

void use_locale_of_user() { (void)std::setlocale(LC_CTYPE, ""); }

Charset charset_of_locale() {
  const std::string_view codeset = nl_langinfo(CODESET);
  return codeset == "UTF-8" ? Charset::utf8 : Charset::ascii;
}

std::size_t output_width() {
  std::size_t width = width_of_terminal();
  if (width == 0) width = width_of_environment();
  if (width == 0) width = default_width;
  return std::clamp(width, least_width, greatest_width);
}

bool write_output(std::string_view text) {
  (void)std::signal(SIGPIPE, SIG_IGN);  // so that write() says EPIPE instead of ending the program
  while (!text.empty()) {
    const ssize_t n_bytes = write(STDOUT_FILENO, text.data(), text.size());
    if (n_bytes < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) return false;
      throw IoError(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(n_bytes));
  }
  return true;
}

}  // namespace ranklog::tool
