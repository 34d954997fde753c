#include "http/error.hpp"

namespace ranklog::http {

bool Error::is_transient() const noexcept {
  if (fault_ == Fault::unreachable) return true;
  if (is_doubtful()) return true;
  const int status = refusal_.status;
  return fault_ == Fault::refused &&
         (status == 408 || status == 429 || (status >= 502 && status <= 504));
}

bool Error::is_doubtful() const noexcept {
  return fault_ == Fault::bad_answer || (fault_ == Fault::refused && refusal_.status == 500);
}

}  // namespace ranklog::http
