#include "trackers/tensorboard/event_messages.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "core/text.hpp"
#include "ranklog/version.hpp"
#include "trackers/support/run_output.hpp"

namespace ranklog::trackers {
namespace {

namespace proto = tensorboard_proto;

bool is_exact_in_double(std::int64_t number) {
  constexpr std::int64_t limit = std::int64_t{1} << 53;
  return number >= -limit && number <= limit;
}

proto::HParamValue hparam_value(const ConfigValue& value) {
  proto::HParamValue out;
  if (const auto* flag = value.get_if<bool>()) {
    out.set_bool_value(*flag);
  } else if (const auto* whole = value.get_if<std::int64_t>();
             whole && is_exact_in_double(*whole)) {
    out.set_number_value(static_cast<double>(*whole));
  } else if (const auto* real = value.get_if<double>(); real && std::isfinite(*real)) {
    out.set_number_value(*real);
  } else {
    out.set_string_value(decodable(to_text(value)));
  }
  return out;
}

Event hparams_plugin_event(std::string_view tag, const proto::HParamsPluginData& data,
                           double time) {
  Event event;
  begin_event(event, 0, time);
  auto& value = *event.mutable_summary()->add_value();
  value.set_tag(std::string(tag));
  auto& metadata = *value.mutable_metadata();
  metadata.mutable_plugin_data()->set_plugin_name("hparams");
  data.SerializeToString(metadata.mutable_plugin_data()->mutable_content());
  metadata.set_data_class(proto::DATA_CLASS_TENSOR);
  // The data is in the metadata; the readers want a tensor beside it.
  value.mutable_tensor()->set_dtype(proto::DT_FLOAT);
  value.mutable_tensor()->mutable_tensor_shape();
  value.mutable_tensor()->add_float_val(0);
  return event;
}

}  // namespace

std::string decodable(std::string_view text) {
  return is_valid_utf8(text) ? std::string(text) : escape_unprintable(text, text.size() * 4);
}

Event file_version_event(double time) {
  Event event;
  event.set_wall_time(time);
  event.set_file_version("brain.Event:2");
  event.mutable_source_metadata()->set_writer(fmt::format("ranklog {}", version));
  return event;
}

Event session_start_event(double time, std::int64_t step) {
  Event event;
  event.set_step(step);
  event.set_wall_time(time);
  event.mutable_session_log()->set_status(proto::SessionLog::START);
  return event;
}

void begin_event(Event& event, std::int64_t step, double time) {
  event.Clear();
  event.set_wall_time(std::isfinite(time) ? time : support::now_s());
  event.set_step(step);
}

void add_text(Event& event, std::string_view tag, std::string_view text) {
  auto& entry = *event.mutable_summary()->add_value();
  entry.set_tag(decodable(tag));
  entry.mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  entry.mutable_metadata()->set_data_class(proto::DATA_CLASS_TENSOR);
  auto& tensor = *entry.mutable_tensor();
  tensor.set_dtype(proto::DT_STRING);
  tensor.mutable_tensor_shape();
  tensor.add_string_val(decodable(text));
}

Event hparams_event(const Config& config, double time) {
  proto::HParamsPluginData data;
  auto& start = *data.mutable_session_start_info();
  for (const auto& [path, value] : flatten(config)) {
    auto& entry = *start.add_hparams();
    entry.set_key(decodable(path));
    *entry.mutable_value() = hparam_value(value);
  }
  start.set_start_time_secs(time);
  return hparams_plugin_event("_hparams_/session_start_info", data, time);
}

Event session_end_event(RunStatus status, double time) {
  proto::HParamsPluginData data;
  auto& end = *data.mutable_session_end_info();
  end.set_status(status == RunStatus::completed ? proto::STATUS_SUCCESS
                 : status == RunStatus::failed  ? proto::STATUS_FAILURE
                                                : proto::STATUS_RUNNING);
  end.set_end_time_secs(time);
  return hparams_plugin_event("_hparams_/session_end_info", data, time);
}

}  // namespace ranklog::trackers
