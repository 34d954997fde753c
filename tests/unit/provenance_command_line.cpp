#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "provenance/command_line.hpp"
#include "provenance/environment.hpp"

using ranklog::provenance::join_arguments;
using ranklog::provenance::max_fact_bytes;
using ranklog::provenance::redact_secrets;
using ranklog::provenance::split_arguments;

namespace {

std::string redacted(const std::vector<std::string>& arguments) {
  return join_arguments(redact_secrets(arguments));
}

}  // namespace

TEST_CASE("an ordinary command line is kept word for word") {
  CHECK(redacted({"./train", "--learning-rate=0.1", "-n", "4", "data/set.h5", "mode=fast"}) ==
        "./train --learning-rate=0.1 -n 4 data/set.h5 mode=fast");
}

TEST_CASE("the value after an equals sign of a secret name is hidden") {
  CHECK(redacted({"a", "--token=abc"}) == "a --token=***");
  CHECK(redacted({"a", "--api-key=abc"}) == "a --api-key=***");
  CHECK(redacted({"a", "--apiKey=abc"}) == "a --apiKey=***");
  CHECK(redacted({"a", "--APIKEY=abc"}) == "a --APIKEY=***");
  CHECK(redacted({"a", "WANDB_API_KEY=abc"}) == "a WANDB_API_KEY=***");
  CHECK(redacted({"a", "tracker.password=abc"}) == "a tracker.password=***");
  CHECK(redacted({"a", "--client_secret=abc"}) == "a --client_secret=***");
  CHECK(redacted({"a", "--credentials=abc"}) == "a --credentials=***");
  CHECK(redacted({"a", "--authtoken=abc"}) == "a --authtoken=***");
  CHECK(redacted({"a", "--db-pass=abc"}) == "a --db-pass=***");
}

TEST_CASE("the argument after a secret option is hidden") {
  CHECK(redacted({"a", "--api-key", "X", "b"}) == "a --api-key *** b");
  CHECK(redacted({"a", "--password", "hunter2"}) == "a --password ***");
  CHECK(redacted({"a", "--password", "-hunter2"}) == "a --password ***");
  CHECK(redacted({"a", "--token=", "abc"}) == "a --token=*** ***");
}

TEST_CASE("an option that follows a secret switch is not taken for its value") {
  CHECK(redacted({"a", "--use-auth", "--lr", "0.1"}) == "a --use-auth --lr 0.1");
}

TEST_CASE("counts of tokens are not secrets, lists of tokens are") {
  CHECK(redacted({"a", "--max-tokens=4096", "--max-tokens", "1e6"}) ==
        "a --max-tokens=4096 --max-tokens 1e6");
  CHECK(redacted({"a", "--tokenizer=bert", "--author=me"}) == "a --tokenizer=bert --author=me");
  CHECK(redacted({"a", "--api-tokens=abc,def"}) == "a --api-tokens=***");
}

TEST_CASE("secrets inside of an argument are hidden") {
  CHECK(redacted({"a", "https://me:pw@host/x?y=1"}) == "a 'https://***@host/x?y=1'");
  CHECK(redacted({"a", "--uri=https://me:p@w@host"}) == "a --uri=https://***@host");
  CHECK(redacted({"a", "https://host/?token=abc&x=1"}).find("abc") == std::string::npos);
  CHECK(redacted({"a", "-H", "Authorization: Bearer abc"}).find("abc") == std::string::npos);
  CHECK(redacted({"a", R"({"api_key": "abc"})"}).find("abc") == std::string::npos);
  CHECK(redacted({"sh", "-c", "run --password hunter2"}).find("hunter2") == std::string::npos);
}

TEST_CASE("access tokens are known by their prefix, whatever the option is called") {
  CHECK(redacted({"a", "--login=hf_abcdefghijklmnopqrstuvwxyz"}) == "a --login=***");
  CHECK(redacted({"a", "ghp_0123456789abcdefghij"}) == "a ***");
  CHECK(redacted({"a", "hf_model"}) == "a hf_model");
}

TEST_CASE("arguments are quoted so that a shell reads them back") {
  CHECK(join_arguments({"a b", "", "it's", "$HOME", "x=1"}) == R"('a b' '' 'it'\''s' '$HOME' x=1)");
}

TEST_CASE("a hostile command line stays printable and bounded") {
  const std::string line = join_arguments({"a\x1b[2J", "b\xff", std::string(100000, 'x')});
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.find('\xff') == std::string::npos);
  CHECK(line.size() <= max_fact_bytes + 3);
}

TEST_CASE("arguments are split at NUL, also when the last NUL was cut off") {
  using std::string_literals::operator""s;
  CHECK(split_arguments("a\0b c\0"s) == std::vector<std::string>{"a", "b c"});
  CHECK(split_arguments("a\0\0b"s) == std::vector<std::string>{"a", "", "b"});
  CHECK(split_arguments("").empty());
}
