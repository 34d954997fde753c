#include "trackers/wandb/earlier_log.hpp"

#include <fmt/format.h>

#include <system_error>

#include "ranklog/error.hpp"
#include "trackers/wandb/run_directory.hpp"
#include "trackers/wandb/transaction_log.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

namespace fs = std::filesystem;

bool is_log_of(const fs::path& file, const std::string& id) {
  if (!id.empty()) return file.filename() == fmt::format("run-{}.wandb", id);
  return file.extension() == ".wandb" && file.filename().string().starts_with("run-");
}

}  // namespace

std::optional<fs::path> find_log(const fs::path& directory, const std::string& id) {
  std::optional<fs::path> newest;
  std::error_code error;
  for (const auto& run : fs::directory_iterator(wandb_directory(directory), error)) {
    if (!run.path().filename().string().starts_with("offline-run-")) continue;
    for (const auto& file : fs::directory_iterator(run.path(), error)) {
      if (!is_log_of(file.path(), id)) continue;
      // Their names begin with the time at which the runs began.
      if (!newest || newest->parent_path() < run.path()) newest = file.path();
    }
  }
  return newest;
}

bool is_synced(const fs::path& log) {
  std::error_code error;
  for (const char* const suffix : {".synced", ".syncstate"}) {
    if (fs::exists(fs::path(log) += suffix, error)) return true;
  }
  return false;
}

Kept read_log(const fs::path& log, std::int64_t from_step,
              const std::function<void(const wandb_proto::History&)>& take_row) {
  std::optional<LogScanner> scanner;
  try {
    scanner.emplace(log);
  } catch (const FileFormatError&) {
    return {};
  }
  Kept kept{scanner->end(), 0};
  bool has_run = false;
  std::string payload;
  wandb_proto::Record record;
  while (scanner->next(payload) && record.ParseFromString(payload)) {
    if (record.has_exit()) break;
    if (record.has_history()) {
      if (record.history().step().num() >= from_step) break;
      take_row(record.history());
    }
    has_run = has_run || record.has_run();
    kept = {scanner->end(), kept.n_records + 1};
  }
  return has_run ? kept : Kept{};
}

}  // namespace ranklog::trackers::wandb
