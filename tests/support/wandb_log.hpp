// The records of a .wandb file, for tests of the wandb tracker.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trackers/wandb/transaction_log.hpp"
#include "wandb_record.pb.h"

namespace ranklog::test_support {

// Fails at bytes behind the last whole record, and at a record that is no protobuf.
[[nodiscard]] inline std::vector<wandb_proto::Record> wandb_records(
    const std::filesystem::path& path) {
  std::vector<wandb_proto::Record> records;
  trackers::wandb::LogScanner scanner(path);
  std::string payload;
  while (scanner.next(payload)) REQUIRE(records.emplace_back().ParseFromString(payload));
  REQUIRE(scanner.end() == std::filesystem::file_size(path));
  return records;
}

// The only log below `directory`.
[[nodiscard]] inline std::filesystem::path wandb_log_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.path().extension() == ".wandb") found.push_back(entry.path());
  }
  REQUIRE(found.size() == 1);
  return found.front();
}

using WandbRow = std::map<std::string, std::string>;  // values as JSON

[[nodiscard]] inline WandbRow wandb_row(const wandb_proto::History& history) {
  WandbRow row;
  for (const auto& item : history.item()) CHECK(row.emplace(item.key(), item.value_json()).second);
  return row;
}

[[nodiscard]] inline std::vector<WandbRow> wandb_rows(const std::filesystem::path& path) {
  std::vector<WandbRow> rows;
  for (const auto& record : wandb_records(path)) {
    if (record.has_history()) rows.push_back(wandb_row(record.history()));
  }
  return rows;
}

}  // namespace ranklog::test_support
