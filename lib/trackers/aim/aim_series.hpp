// One sequence of an Aim run: a name in a context, with the points that wait to be sent
// (aim/sdk/tracker.py).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "trackers/aim/aim_frame.hpp"

namespace ranklog::trackers::aim {

// The server's resources of one run.
struct Handlers {
  std::string meta;
  std::string points;
  std::string properties;
};

// Aim's names of types.
inline constexpr std::string_view integer_type = "int";
inline constexpr std::string_view real_type = "float";
inline constexpr std::string_view number_type = "number";  // whole and others mixed
inline constexpr std::string_view text_type = "aim.text";
inline constexpr std::string_view image_type = "aim.image";
inline constexpr std::string_view images_type = "list(aim.image)";
inline constexpr std::string_view histogram_type = "aim.distribution";
[[nodiscard]] bool is_number_type(std::string_view type) noexcept;

struct Point {
  std::int64_t step = 0;
  double time = 0;
  std::optional<std::int64_t> epoch = {};
  std::variant<std::int64_t, double, Frame::Write> value = 0.0;
  std::size_t n_bytes = 0;    // of an object, about
  std::int64_t n_images = 0;  // of type images_type
};

// What the server has of a sequence.
struct SeriesState {
  std::string type;
  std::int64_t next_step = std::numeric_limits<std::int64_t>::min();
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  std::int64_t most_images = 0;
  bool is_declared = false;
  bool is_type_declared = false;
};

class Series {
 public:
  Series(std::string run, std::int64_t context, std::string name)
      : run_(std::move(run)), context_(context), name_(std::move(name)) {}

  // The server has the sequence already.
  void resume(SeriesState stored);
  // Empty before the first point.
  [[nodiscard]] const std::string& type() const noexcept { return state_.type; }
  // False: points of this type do not fit to those that the sequence has.
  [[nodiscard]] bool add(std::string_view type, Point point);
  [[nodiscard]] bool has_pending() const noexcept { return n_written_ < pending_.size(); }
  // Writes points until there are none, or the frame has Frame::wanted_bytes; at least one.
  void write(Frame& frame, const Handlers& handlers);
  // All that was written has arrived.
  void confirm() { confirmed_ = state_; }
  // What was written and not confirmed did not arrive; drops the points that wait, too.
  void forget();

  [[nodiscard]] Path info_path() const { return info(std::nullopt); }

 private:
  [[nodiscard]] bool is_metric() const noexcept { return is_number_type(state_.type); }
  [[nodiscard]] Path info(std::optional<std::string> leaf) const;
  [[nodiscard]] Path column(const char* name) const;
  void declare(Frame& frame, const Handlers& handlers);
  void declare_type(Frame& frame, const Handlers& handlers) const;
  void write_columns(Frame& frame, const Handlers& handlers, std::size_t n);
  void write_info(Frame& frame, const Handlers& handlers, std::size_t n);

  std::string run_;
  std::int64_t context_;
  std::string name_;
  SeriesState state_;  // once all that was written has arrived
  SeriesState confirmed_;
  std::vector<Point> pending_;
  std::size_t n_written_ = 0;  // of `pending_`
};

}  // namespace ranklog::trackers::aim
