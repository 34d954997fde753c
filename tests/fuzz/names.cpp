// Names: how they are encoded in a file, where a key goes, and which are accepted.
#include <cstdlib>
#include <string>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "input.hpp"
#include "ranklog/error.hpp"
#include "ranklog/key.hpp"
#include "reader/open_run.hpp"
#include "trackers/hdf5/attributes.hpp"
#include "trackers/hdf5/group_tree.hpp"

namespace {

using ranklog::fuzz::Input;

void require(bool is_true) {
  if (!is_true) std::abort();
}

bool is_accepted(const std::string& key) {
  try {
    ranklog::validate_key(key);
    return true;
  } catch (const ranklog::InvalidKeyError&) {
    return false;
  }
}

void check_name(const std::string& name) {
  const std::string encoded = ranklog::h5::encode_group_name(name);
  require(encoded.find('/') == std::string::npos);
  require(ranklog::h5::decode_group_name(encoded) == name);
  (void)ranklog::h5::decode_group_name(name);
  (void)ranklog::reader::attempt_number(name);
  const std::string stored = ranklog::trackers::hdf5::storable(name);
  require(ranklog::is_valid_utf8(stored));
  require(stored.find('\0') == std::string::npos);
  require(ranklog::is_valid_utf8(ranklog::escape_unprintable(name)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  Input input(data, n_bytes);
  ranklog::trackers::hdf5::GroupTree tree;
  std::string places = "\n";
  while (!input.is_empty()) {
    const std::string name = input.text();
    check_name(name);
    if (!is_accepted(name)) continue;
    require(ranklog::is_valid_utf8(name));
    const std::string place = tree.place(name);
    const std::string line = "\n" + place + "\n";
    require(places.find(line) == std::string::npos);  // every key has a place of its own
    places += place + "\n";
  }
  return 0;
}
