// The command line as one string that can be pasted into a shell, without the secrets in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ranklog::provenance {

// Replaces by `***`: what follows a name that hints at a secret (`--api-key X`, `token=X`,
// `Authorization: X`), the user part of a URL, and text that begins like a known access token.
// Prefers to hide too much.
[[nodiscard]] std::vector<std::string> redact_secrets(std::vector<std::string> arguments);

// Arguments joined by spaces, quoted for a POSIX shell where needed; unprintable bytes escaped.
[[nodiscard]] std::string join_arguments(const std::vector<std::string>& arguments);

// The arguments in the format of /proc/self/cmdline, where each ends with a NUL.
[[nodiscard]] std::vector<std::string> split_arguments(std::string_view nul_separated);

}  // namespace ranklog::provenance
