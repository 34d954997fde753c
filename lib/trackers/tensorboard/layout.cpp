#include "trackers/tensorboard/layout.hpp"

#include <algorithm>

#include "trackers/tensorboard/event_messages.hpp"

namespace ranklog::trackers {
namespace {

namespace proto = tensorboard_proto;

std::string_view category_of(std::string_view key) {
  const auto end = key.find('/');
  return end == key.npos ? std::string_view("values") : key.substr(0, end);
}

}  // namespace

void RangeLayout::add(std::string_view key) {
  const auto place = std::lower_bound(keys_.begin(), keys_.end(), key);
  if (place != keys_.end() && *place == key) return;
  keys_.emplace(place, key);
  has_news_ = true;
}

Event RangeLayout::event(double time) {
  has_news_ = false;
  proto::Layout layout;
  std::vector<std::string> sorted = keys_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return category_of(a) < category_of(b); });
  proto::Layout::Category* category = nullptr;
  for (const auto& key : sorted) {
    if (category == nullptr || category->title() != category_of(key)) {
      category = layout.add_category();
      category->set_title(std::string(category_of(key)));
    }
    auto& chart = *category->add_chart();
    chart.set_title(key);
    auto& series = *chart.mutable_margin()->add_series();
    series.set_value(key);
    series.set_lower(key + "_min");
    series.set_upper(key + "_max");
  }
  Event event;
  begin_event(event, 0, time);
  auto& value = *event.mutable_summary()->add_value();
  value.set_tag("custom_scalars__config__");
  value.mutable_metadata()->mutable_plugin_data()->set_plugin_name("custom_scalars");
  value.mutable_metadata()->set_data_class(proto::DATA_CLASS_TENSOR);
  value.mutable_tensor()->set_dtype(proto::DT_STRING);
  value.mutable_tensor()->mutable_tensor_shape();
  layout.SerializeToString(value.mutable_tensor()->add_string_val());
  return event;
}

}  // namespace ranklog::trackers
