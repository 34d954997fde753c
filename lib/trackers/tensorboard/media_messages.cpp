#include "trackers/tensorboard/media_messages.hpp"

#include <fmt/format.h>

#include <string>

#include "trackers/support/image_file.hpp"

namespace ranklog::trackers {
namespace {

namespace proto = tensorboard_proto;

proto::Summary::Value& begin_value(Event& event, std::string_view tag, const char* plugin,
                                   proto::DataClass data_class) {
  auto& value = *event.mutable_summary()->add_value();
  value.set_tag(std::string(tag));
  value.mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
  value.mutable_metadata()->set_data_class(data_class);
  return value;
}

void set_shape(proto::Tensor& tensor, std::initializer_list<std::size_t> sizes) {
  for (const std::size_t size : sizes) {
    tensor.mutable_tensor_shape()->add_dim()->set_size(static_cast<std::int64_t>(size));
  }
}

}  // namespace

void add_images(Event& event, std::string_view tag, const std::vector<Image>& images) {
  if (images.empty()) return;
  std::vector<std::string> files;
  for (const auto& image : images) files.push_back(support::image_file(image));
  auto& value = begin_value(event, tag, "images", proto::DATA_CLASS_BLOB_SEQUENCE);
  auto& tensor = *value.mutable_tensor();
  tensor.set_dtype(proto::DT_STRING);
  set_shape(tensor, {2 + files.size()});
  tensor.add_string_val(fmt::format("{}", images.front().width()));
  tensor.add_string_val(fmt::format("{}", images.front().height()));
  for (auto& file : files) tensor.add_string_val(std::move(file));
}

void add_histogram(Event& event, std::string_view tag, const Histogram& histogram) {
  auto& value = begin_value(event, tag, "histograms", proto::DATA_CLASS_TENSOR);
  auto& tensor = *value.mutable_tensor();
  tensor.set_dtype(proto::DT_DOUBLE);
  const auto& edges = histogram.edges();
  const auto& counts = histogram.counts();
  set_shape(tensor, {counts.size(), 3});
  for (std::size_t i = 0; i < counts.size(); ++i) {
    tensor.add_double_val(edges[i]);
    tensor.add_double_val(edges[i + 1]);
    tensor.add_double_val(counts[i]);
  }
}

void add_table(Event& event, std::string_view tag, const Table& table) {
  auto& value = begin_value(event, tag, "text", proto::DATA_CLASS_TENSOR);
  auto& tensor = *value.mutable_tensor();
  tensor.set_dtype(proto::DT_STRING);
  set_shape(tensor, {table.rows().size() + 1, table.columns().size()});
  for (const auto& name : table.columns()) tensor.add_string_val(decodable(name));
  for (const auto& row : table.rows()) {
    for (const auto& cell : row) tensor.add_string_val(decodable(to_text(cell)));
  }
}

}  // namespace ranklog::trackers
