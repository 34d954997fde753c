// Facts about this process and its user, from /proc, the environment and the C library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "provenance/environment.hpp"
#include "ranklog/config.hpp"

namespace ranklog::provenance {

// As gethostname says; "unknown" if it says nothing.
[[nodiscard]] std::string host_name();

// The host name without the number at its end: "lassen12" -> "lassen", "nid000123.hpc.org" ->
// "nid". Adiak's rule.
[[nodiscard]] std::string cluster_of_host(std::string_view host);

// The login name of `uid` in a file in the format of passwd(5).
[[nodiscard]] std::optional<std::string> find_login_name(std::string_view passwd,
                                                         std::uint32_t uid);

// Adds user, uid, launchdate, executable, executablepath, workdir, cmdline, hostname,
// clustername, compiler, and the versions of the libraries below ranklog. What cannot be found is
// left out.
void add_process_facts(const Environment& environment, Config& facts);

}  // namespace ranklog::provenance
