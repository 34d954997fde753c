// Keeps a write to a closed connection from ending the job with SIGPIPE.
#pragma once

#include <csignal>

namespace ranklog::http {

// Blocks SIGPIPE on this thread and takes back one that was raised meanwhile. libcurl is told to
// leave signals alone, because its own way changes the whole process's handler
// (curl.se/libcurl/c/CURLOPT_NOSIGNAL.html); OpenSSL writes without MSG_NOSIGNAL.
class SigpipeGuard {
 public:
  SigpipeGuard() noexcept;
  ~SigpipeGuard();
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

 private:
  sigset_t before_;
  bool was_pending_;
};

}  // namespace ranklog::http
