#include "provenance/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ranklog::provenance {
namespace {

class OpenFile {
 public:
  // Without O_NONBLOCK, opening a FIFO would wait for a writer.
  explicit OpenFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  [[nodiscard]] bool is_regular() const noexcept {
    struct stat status {};
    return descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  }
  [[nodiscard]] ssize_t read(char* data, std::size_t n_bytes) const noexcept {
    ssize_t n_read = 0;
    do {
      n_read = ::read(descriptor_, data, n_bytes);
    } while (n_read < 0 && errno == EINTR);
    return n_read;
  }

 private:
  int descriptor_;
};

}  // namespace

std::optional<std::string> read_small_file(const std::filesystem::path& path,
                                           std::size_t max_bytes) {
  const OpenFile file(path);
  if (!file.is_regular()) return std::nullopt;
  constexpr std::size_t block_bytes = 65536;
  std::string content;
  while (content.size() < max_bytes) {
    const std::size_t begin = content.size();
    const std::size_t wanted = std::min(block_bytes, max_bytes - begin);
    content.resize(begin + wanted);
    const ssize_t n_read = file.read(content.data() + begin, wanted);
    if (n_read < 0) return std::nullopt;
    content.resize(begin + static_cast<std::size_t>(n_read));
    if (n_read == 0) break;
  }
  return content;
}

}  // namespace ranklog::provenance
