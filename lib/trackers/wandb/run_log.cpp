#include "trackers/wandb/run_log.hpp"

#include <fmt/format.h>

#include <system_error>

#include "ranklog/error.hpp"
#include "trackers/wandb/transaction_log.hpp"
#include "wandb_record.pb.h"

namespace ranklog::trackers::wandb {
namespace {

const std::filesystem::path& cut(const std::filesystem::path& path, std::size_t n_bytes) {
  std::error_code error;
  std::filesystem::resize_file(path, n_bytes, error);
  if (!error) return path;
  throw IoError(fmt::format("cannot go on with '{}': {}", path.string(), error.message()));
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& path, std::chrono::duration<double> flush_interval)
    : file_(path, {.flush_interval = flush_interval}) {
  file_.append(log_header);
}

RunLog::RunLog(const std::filesystem::path& path, std::chrono::duration<double> flush_interval,
               std::size_t end, std::int64_t n_records)
    : file_(cut(path, end), {.flush_interval = flush_interval, .may_exist = true}),
      n_records_(n_records) {}

void RunLog::write(wandb_proto::Record& record) {
  const std::lock_guard lock(mutex_);
  record.set_num(n_records_ + 1);
  record.SerializeToString(&payload_);
  const std::size_t offset = file_.end();
  chunks_.clear();
  append_chunks(payload_, offset, chunks_);
  try {
    file_.append(chunks_);
  } catch (...) {
    if (file_.end() != offset) ++n_records_;  // taken, though it could not be written yet
    throw;
  }
  ++n_records_;
}

void RunLog::flush() {
  const std::lock_guard lock(mutex_);
  file_.flush();
}

void RunLog::close() {
  const std::lock_guard lock(mutex_);
  file_.close();
}

}  // namespace ranklog::trackers::wandb
