#include "provenance/command_line.hpp"

#include <algorithm>
#include <array>

#include "core/text.hpp"
#include "provenance/environment.hpp"

namespace ranklog::provenance {
namespace {

constexpr std::string_view mask = "***";

enum class Secrecy { open, secret_unless_number, secret };

// ASCII only: the answer must not depend on the locale of the job.
bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// "--wandb_apiKey" -> {"wandb", "api", "key"}.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  char previous = '-';
  for (const char c : name) {
    const bool is_letter = is_upper(c) || is_lower(c);
    const bool follows_letter = is_upper(previous) || is_lower(previous);
    if (is_letter) {
      if (!follows_letter || (is_lower(previous) && is_upper(c))) words.emplace_back();
      words.back() += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    previous = c;
  }
  return words;
}

Secrecy secrecy_of(std::string_view name) {
  constexpr std::array inside = {"secret", "passw",  "passphrase", "credential", "authorization",
                                 "bearer", "apikey", "accesskey",  "privatekey"};
  std::string joined;
  bool is_doubtful = false;
  for (const std::string& word : words_of(name)) {
    if (word.ends_with("token") || word == "key" || word == "pwd" || word == "auth")
      return Secrecy::secret;
    // "--max-tokens 4096" and "--pass 2" are ordinary in training codes.
    if (word.ends_with("tokens") || word == "pass" || word == "keys") is_doubtful = true;
    joined += word;
  }
  const auto is_inside = [&](const char* part) { return joined.find(part) != joined.npos; };
  if (std::any_of(inside.begin(), inside.end(), is_inside)) return Secrecy::secret;
  return is_doubtful ? Secrecy::secret_unless_number : Secrecy::open;
}

bool is_number(std::string_view text) noexcept {
  constexpr std::string_view allowed = "0123456789.+-eE_";
  return !text.empty() && text.find_first_not_of(allowed) == text.npos &&
         std::any_of(text.begin(), text.end(), is_digit);
}

bool hides(Secrecy secrecy, std::string_view value) noexcept {
  return secrecy == Secrecy::secret ||
         (secrecy == Secrecy::secret_unless_number && !is_number(value));
}

// "https://user:password@host" -> "https://***@host".
std::string hide_user_of_urls(std::string text) {
  std::size_t begin = 0;
  while ((begin = text.find("://", begin)) != std::string::npos) {
    begin += 3;
    const std::size_t end = std::min(text.find_first_of("/?# ", begin), text.size());
    // A password may hold an '@' itself: the last one counts.
    const std::size_t at = text.substr(0, end).rfind('@');
    if (at == std::string::npos || at < begin) continue;
    text.replace(begin, at - begin, mask);
  }
  return text;
}

// Prefixes that vendors give to their access tokens, so that scanners find them.
std::string hide_known_tokens(std::string text) {
  constexpr std::array prefixes = {"hf_", "ghp_",  "gho_",  "ghs_", "github_pat_", "glpat-",
                                   "sk-", "xoxb-", "xoxp-", "AKIA", "eyJ"};
  constexpr std::size_t min_token_bytes = 20;
  const auto is_part = [](char c) {
    return is_upper(c) || is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
  };
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    while (end < text.size() && is_part(text[end])) ++end;
    const auto word = std::string_view(text).substr(begin, end - begin);
    const auto starts = [&](const char* prefix) { return word.starts_with(prefix); };
    if (word.size() >= min_token_bytes && std::any_of(prefixes.begin(), prefixes.end(), starts)) {
      text.replace(begin, word.size(), mask);
      end = begin + mask.size();
    }
    begin = end + 1;
  }
  return text;
}

// Hides the rest of one argument behind the first name in it that hints at a secret. `next` says
// what the argument after this one is.
std::string redact_argument(std::string argument, Secrecy& next) {
  next = Secrecy::open;
  argument = hide_known_tokens(hide_user_of_urls(std::move(argument)));
  std::size_t name_begin = 0;
  for (std::size_t i = 0; i < argument.size(); ++i) {
    const char c = argument[i];
    const bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (c != '=' && c != ':' && !is_space) continue;
    const auto name = std::string_view(argument).substr(name_begin, i - name_begin);
    name_begin = i + 1;
    if (is_space && !name.starts_with('-')) continue;
    const Secrecy secrecy = secrecy_of(name);
    const auto value = std::string_view(argument).substr(i + 1);
    if (!hides(secrecy, value)) continue;
    if (value.empty()) next = secrecy;
    return argument.substr(0, i + 1) + std::string(mask);
  }
  const auto rest = std::string_view(argument).substr(name_begin);
  if (rest.starts_with('-')) next = secrecy_of(rest);
  return argument;
}

// The mask needs none: it should read as what it is.
bool needs_quotes(std::string_view argument) noexcept {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./";
  if (argument.empty()) return true;
  while (!argument.empty()) {
    const bool is_mask = argument.starts_with(mask);
    if (!is_mask && plain.find(argument.front()) == plain.npos) return true;
    argument.remove_prefix(is_mask ? mask.size() : 1);
  }
  return false;
}

std::string quote(const std::string& argument) {
  if (!needs_quotes(argument)) return argument;
  std::string quoted = "'";
  for (const char c : argument) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

}  // namespace

std::vector<std::string> redact_secrets(std::vector<std::string> arguments) {
  Secrecy next = Secrecy::open;
  for (std::string& argument : arguments) {
    const bool is_value = !argument.starts_with("--");
    if (is_value && hides(next, argument)) {
      argument = mask;
      next = Secrecy::open;
    } else {
      argument = redact_argument(std::move(argument), next);
    }
  }
  return arguments;
}

std::string join_arguments(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    line += quote(argument);
    if (line.size() > max_fact_bytes) break;
  }
  return escape_unprintable(line, max_fact_bytes);
}

std::vector<std::string> split_arguments(std::string_view nul_separated) {
  std::vector<std::string> arguments;
  while (!nul_separated.empty()) {
    const std::size_t end = std::min(nul_separated.find('\0'), nul_separated.size());
    arguments.emplace_back(nul_separated.substr(0, end));
    nul_separated.remove_prefix(std::min(end + 1, nul_separated.size()));
  }
  return arguments;
}

}  // namespace ranklog::provenance
