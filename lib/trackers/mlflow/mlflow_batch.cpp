#include "trackers/mlflow/mlflow_batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/text.hpp"
#include "trackers/mlflow/mlflow_service.hpp"

namespace ranklog::trackers::mlflow {

void Batch::add_metric(std::string_view quoted_key, double value, std::int64_t timestamp_ms,
                       std::int64_t step) {
  auto out = std::back_inserter(metrics_);
  fmt::format_to(out, "{}{{\"key\":{},\"value\":", n_metrics_ == 0 ? "" : ",", quoted_key);
  if (std::isfinite(value)) {
    fmt::format_to(out, "{}", value);
  } else {
    fmt::format_to(out, "\"{}\"", format_real(value));
  }
  fmt::format_to(out, ",\"timestamp\":{},\"step\":{}}}", timestamp_ms, step);
  ++n_metrics_;
}

void Batch::set_tag(const std::string& key, std::string_view value) {
  const auto [held, is_new] = tags_.try_emplace(key);
  if (is_new) n_tag_bytes_ += key.size();
  n_tag_bytes_ -= held->second.size();
  held->second = cut_text(value, max_tag_bytes);
  n_tag_bytes_ += held->second.size();
}

bool Batch::is_full() const noexcept {
  return n_metrics_ >= max_metrics || tags_.size() >= max_tags ||
         metrics_.size() + n_tag_bytes_ >= max_bytes;
}

std::string Batch::request(const std::string& run_id) const {
  return fmt::format("{{\"run_id\":{},\"metrics\":[{}],\"tags\":{}}}", json_quote(run_id), metrics_,
                     tags_json(tags_));
}

void Batch::clear() {
  metrics_.clear();
  n_metrics_ = 0;
  tags_.clear();
  n_tag_bytes_ = 0;
}

}  // namespace ranklog::trackers::mlflow
