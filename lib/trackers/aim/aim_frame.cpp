#include "trackers/aim/aim_frame.hpp"

namespace ranklog::trackers::aim {

void Frame::instruct(const std::string& resource, std::string_view method, const Write& arguments) {
  writer_.enter(n_++);
  writer_.array();
  writer_.enter(0);
  writer_.text(resource);
  writer_.leave();
  writer_.enter(1);
  writer_.text(method);
  writer_.leave();
  writer_.enter(2);
  writer_.array();
  arguments(writer_);
  writer_.leave();
  writer_.leave();
}

void Frame::set(const std::string& resource, const Path& path, const Write& write) {
  instruct(resource, "__setitem__", [&](TreeWriter& writer) {
    writer.enter(0);
    writer.path(path);
    writer.leave();
    writer.enter(1);
    write(writer);
    writer.leave();
  });
}

void Frame::set(const std::string& resource, const Path& path, const ConfigValue& value) {
  set(resource, path, [&](TreeWriter& writer) { writer.value(value); });
}

void Frame::make_array(const std::string& resource, const Path& path) {
  instruct(resource, "make_array", [&](TreeWriter& writer) {
    writer.enter(0);
    writer.path(path);
    writer.leave();
  });
}

void Frame::update(const std::string& resource, const Path& path, std::size_t n,
                   const std::function<Key(std::size_t)>& key,
                   const std::function<void(std::size_t, TreeWriter&)>& write) {
  if (n == 0) return;
  instruct(resource, "update", [&](TreeWriter& writer) {
    writer.enter(0);
    writer.path(path);
    writer.leave();
    writer.enter(1);
    writer.array();
    for (std::size_t i = 0; i < n; ++i) {
      writer.enter(static_cast<std::int64_t>(i));
      writer.array();
      writer.enter(0);
      const Key one = key(i);
      if (const auto* index = std::get_if<std::int64_t>(&one)) {
        writer.integer(*index);
      } else {
        writer.text(std::get<std::string>(one));
      }
      writer.leave();
      writer.enter(1);
      write(i, writer);
      writer.leave();
      writer.leave();
    }
    writer.leave();
  });
}

void Frame::set_attribute(const std::string& resource, std::string_view name,
                          std::string_view value) {
  instruct(resource, std::string(name) + ".setter", [&](TreeWriter& writer) {
    writer.enter(0);
    writer.text(value);
    writer.leave();
  });
}

}  // namespace ranklog::trackers::aim
