#include "trackers/aim/aim_series.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "trackers/aim/aim_hash.hpp"

namespace ranklog::trackers::aim {
namespace {

std::string_view sequence_type(std::string_view type) noexcept {
  if (is_number_type(type)) return "metric";
  if (type == text_type) return "texts";
  return type == histogram_type ? "distributions" : "images";
}

void write_value(const Point& point, TreeWriter& writer) {
  if (const auto* whole = std::get_if<std::int64_t>(&point.value)) {
    writer.integer(*whole);
  } else if (const auto* real = std::get_if<double>(&point.value)) {
    writer.real(*real);
  } else {
    std::get<Frame::Write>(point.value)(writer);
  }
}

double number_of(const Point& point) noexcept {
  const auto* whole = std::get_if<std::int64_t>(&point.value);
  return whole != nullptr ? static_cast<double>(*whole) : *std::get_if<double>(&point.value);
}

}  // namespace

bool is_number_type(std::string_view type) noexcept {
  return type == integer_type || type == real_type || type == number_type || type == "float64";
}

void Series::resume(SeriesState stored) {
  state_ = std::move(stored);
  state_.is_declared = state_.is_type_declared = true;
  confirm();
}

bool Series::add(std::string_view type, Point point) {
  if (state_.type.empty()) {
    state_.type = type;
  } else if (is_number_type(state_.type) && is_number_type(type)) {
    if (type != state_.type && state_.type != number_type) {
      state_.type = number_type;
      state_.is_type_declared = false;
    }
  } else if (type != state_.type) {
    return false;
  }
  pending_.push_back(std::move(point));
  return true;
}

void Series::forget() {
  pending_.clear();
  n_written_ = 0;
  state_ = confirmed_;
}

Path Series::info(std::optional<std::string> leaf) const {
  Path path{"meta", "chunks", run_, "traces", context_, name_};
  if (leaf) path.emplace_back(std::move(*leaf));
  return path;
}

// Numbers are kept by the hash of their step, objects by the step itself.
Path Series::column(const char* name) const {
  if (is_metric()) return {"seqs", "v2", "chunks", run_, context_, name_, name};
  return {"seqs", "chunks", run_, context_, name_, name};
}

void Series::declare_type(Frame& frame, const Handlers& handlers) const {
  frame.set(handlers.meta, {"meta", "traces_types", state_.type, context_, name_}, 1);
  frame.set(handlers.meta,
            {"meta", "chunks", run_, "typed_traces", std::string(sequence_type(state_.type)),
             context_, name_},
            1);
  frame.set(handlers.meta, info("dtype"), state_.type);
}

void Series::declare(Frame& frame, const Handlers& handlers) {
  const Point& first = pending_[n_written_];
  for (const char* name : {"step", "val", "epoch", "time"}) {
    if (is_metric() || name != std::string_view("step")) {
      frame.make_array(handlers.points, column(name));
    }
  }
  frame.set(handlers.meta, info("version"), is_metric() ? 2 : 1);
  frame.set(handlers.meta, info("first_step"), first.step);
  // Aim's own client also keeps a copy of the first and the last object there, which nothing reads.
  if (is_metric()) {
    frame.set(handlers.meta, info("first"),
              [&](TreeWriter& writer) { write_value(first, writer); });
  }
}

void Series::write(Frame& frame, const Handlers& handlers) {
  constexpr std::size_t point_bytes = 850;  // of four columns in one update each
  std::size_t n = 0;
  std::size_t n_bytes = frame.bytes().size();
  while (n_written_ + n < pending_.size() && (n == 0 || n_bytes < Frame::wanted_bytes)) {
    n_bytes += point_bytes + pending_[n_written_ + n].n_bytes;
    ++n;
  }
  if (n == 0) return;
  write_columns(frame, handlers, n);
  if (!std::exchange(state_.is_declared, true)) declare(frame, handlers);
  if (!std::exchange(state_.is_type_declared, true)) declare_type(frame, handlers);
  write_info(frame, handlers, n);
  n_written_ += n;
  if (has_pending()) return;
  pending_.clear();
  n_written_ = 0;
}

// All columns in one frame: a reader lays them side by side.
void Series::write_columns(Frame& frame, const Handlers& handlers, std::size_t n) {
  const auto at = [&](std::size_t i) -> const Point& { return pending_[n_written_ + i]; };
  std::vector<std::int64_t> keys(n);
  for (std::size_t i = 0; i < n; ++i) {
    keys[i] = is_metric() ? hash_of(at(i).step) : at(i).step;
  }
  const auto update = [&](const char* name, const auto& write) {
    frame.update(
        handlers.points, column(name), n, [&](std::size_t i) -> Key { return keys[i]; },
        [&](std::size_t i, TreeWriter& writer) { write(at(i), writer); });
  };
  // The values first: see Frame::wanted_bytes.
  update("val", write_value);
  update("epoch", [](const Point& point, TreeWriter& writer) {
    point.epoch ? writer.integer(*point.epoch) : writer.null();
  });
  update("time", [](const Point& point, TreeWriter& writer) { writer.real(point.time); });
  if (is_metric()) {
    update("step", [](const Point& point, TreeWriter& writer) { writer.integer(point.step); });
  }
}

void Series::write_info(Frame& frame, const Handlers& handlers, std::size_t n) {
  const Point* last = nullptr;
  const Point* least = nullptr;
  const Point* greatest = nullptr;
  const std::int64_t n_images_before = state_.most_images;
  for (std::size_t i = n_written_; i < n_written_ + n; ++i) {
    const Point& point = pending_[i];
    state_.most_images = std::max(state_.most_images, point.n_images);
    if (point.step >= state_.next_step) {
      state_.next_step =
          point.step < std::numeric_limits<std::int64_t>::max() ? point.step + 1 : point.step;
      last = &point;
    }
    if (!is_metric()) continue;
    const double number = number_of(point);
    if (number > state_.max) {
      greatest = &point;
      state_.max = number;
    }
    if (number < state_.min) {
      least = &point;
      state_.min = number;
    }
  }
  std::vector<std::pair<std::string, Frame::Write>> leaves;
  const auto add = [&](const char* name, const Point* point) {
    if (point == nullptr || !is_metric()) return;
    leaves.emplace_back(name, [point](TreeWriter& writer) { write_value(*point, writer); });
  };
  add("last", last);
  add("max", greatest);
  add("min", least);
  if (last != nullptr) {
    leaves.emplace_back("last_step", [last](TreeWriter& writer) { writer.integer(last->step); });
  }
  if (state_.most_images > n_images_before) {
    leaves.emplace_back("record_max_length",
                        [this](TreeWriter& writer) { writer.integer(state_.most_images); });
  }
  frame.update(
      handlers.meta, info(std::nullopt), leaves.size(),
      [&](std::size_t i) -> Key { return leaves[i].first; },
      [&](std::size_t i, TreeWriter& writer) { leaves[i].second(writer); });
}

}  // namespace ranklog::trackers::aim
