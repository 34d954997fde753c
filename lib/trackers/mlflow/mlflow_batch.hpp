// Collects metrics and tags until there are as many as one request may carry.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ranklog::trackers::mlflow {

// Limits of a log-batch request: 1000 metrics, 100 params, 100 tags, 1000 of all, 1 MB
// (mlflow/utils/validation.py). We stay below them, so that there is room for the rest.
class Batch {
 public:
  static constexpr std::size_t max_metrics = 900;
  static constexpr std::size_t max_tags = 100;
  static constexpr std::size_t max_bytes = 900'000;

  // `quoted_key` is JSON. NaN and infinities become strings, as in the JSON of protobuf.
  void add_metric(std::string_view quoted_key, double value, std::int64_t timestamp_ms,
                  std::int64_t step);
  // A later value of the same key takes the place of an earlier one.
  void set_tag(const std::string& key, std::string_view value);

  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] bool has_content() const noexcept { return n_metrics_ > 0 || !tags_.empty(); }
  [[nodiscard]] std::string request(const std::string& run_id) const;
  void clear();

 private:
  std::string metrics_;
  std::size_t n_metrics_ = 0;
  std::map<std::string, std::string> tags_;
  std::size_t n_tag_bytes_ = 0;
};

}  // namespace ranklog::trackers::mlflow
