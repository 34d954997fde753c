// Who recorded the run: root attributes, configuration, attempts and ranks.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "reader/columns.hpp"
#include "reader/objects.hpp"
#include "reader/validate.hpp"

namespace ranklog::reader {
namespace {

using h5::checked;

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_run_id(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Only the form: 2026-11-23T10:00:00...Z or with an offset.
bool is_time(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !is_digit : text[i] != form[i]) return false;
  }
  return text.back() == 'Z' || text.find_first_of("+-", form.size()) != text.npos;
}

void check_text(hid_t object, const std::string& path, const char* name, DefectList& defects,
                bool (*is_right)(std::string_view), const char* what) {
  defects.guard(path, [&] {
    const std::string text = read_text_attribute(object, name);
    if (!is_valid_utf8(text)) {
      throw Damage(fmt::format("the attribute '{}' is not valid UTF-8", name));
    }
    if (is_right != nullptr && !is_right(text)) {
      throw Damage(fmt::format("the attribute '{}' is not {}", name, what));
    }
  });
}

void check_root(OpenRun& run, DefectList& defects) {
  const hid_t root = run.file();
  for (const char* const name : {"project", "run_name", "ranklog_version"}) {
    check_text(
        root, "/", name, defects, [](std::string_view text) { return !text.empty(); }, "a name");
  }
  check_text(root, "/", "run_id", defects, is_run_id, "16 hexadecimal digits");
  check_text(root, "/", "created", defects, is_time, "a time in ISO 8601 with its zone");
  check_text(
      root, "/", "status", defects,
      [](std::string_view text) {
        return is_one_of(text, {"running", "completed", "failed"});
      },
      "running, completed or failed");
  defects.guard("/", [&] {
    if (!(read_real_attribute(root, "created_time") >= 0)) {
      throw Damage("the attribute 'created_time' is no time");
    }
  });
  defects.guard("/", [&] {
    if (read_integer_attribute(root, "n_ranks") < 1) {
      throw Damage("the attribute 'n_ranks' is less than 1");
    }
  });
}

void check_attempts(OpenRun& run, DefectList& defects) {
  defects.guard("/run", [&] {
    std::int32_t before = -1;
    for (const std::int32_t number : attempt_numbers(run.file())) {
      const std::string path = fmt::format("/run/{}", number);
      const h5::Group group = run.open(path.c_str());
      defects.guard(path, [&] {
        for (const std::string& name : attribute_names(group.get())) {
          (void)read_attribute(group.get(), name);
        }
      });
      if (before >= 0) {
        defects.guard(path, [&] {
          if (read_integer_attribute(group.get(), "from_step") < 0) {
            throw Damage("the attribute 'from_step' is negative");
          }
        });
      }
      before = number;
    }
  });
}

void check_ranks(OpenRun& run, DefectList& defects) {
  defects.guard(h5::ranks_group, [&] {
    const h5::Group group = run.open(h5::ranks_group);
    const RowDataset scale(group.get(), "rank");
    const std::size_t n = scale.n_rows();
    const auto ranks = scale.small_integers({0, n, 1});
    for (std::size_t i = 0; i < n; ++i) {
      if (ranks[i] != static_cast<std::int32_t>(i)) {
        throw Damage("the dataset 'rank' is not 0, 1, 2, ...");
      }
    }
    if (static_cast<std::int64_t>(n) < read_integer_attribute(run.file(), "n_ranks")) {
      throw Damage(fmt::format("the dataset 'rank' has {} rows, fewer than the run has ranks", n));
    }
    if (!has_dataset(group.get(), "host")) return;
    for (const char* const name : {"world_rank", "node_rank", "pid", "host", "device"}) {
      const RowDataset column(group.get(), name);
      const bool is_text = is_one_of(name, {"host", "device"});
      if (column.n_rows() != n) {
        throw Damage(fmt::format("the dataset '{}' has {} rows where 'rank' has {}", name,
                                 column.n_rows(), n));
      }
      if (is_text) {
        (void)column.texts({0, n, 1});
      } else {
        (void)column.integers({0, n, 1});
      }
    }
  });
}

struct BrokenLinks {
  std::vector<std::string> names;
};

herr_t add_broken_link(hid_t group, const char* name, const H5L_info_t* info, void* data) noexcept {
  try {
    auto& links = *static_cast<BrokenLinks*>(data);
    bool leads_somewhere = info->type == H5L_TYPE_HARD;
    if (leads_somewhere) {
      const h5::Object object(H5Oopen(group, name, H5P_DEFAULT));
      leads_somewhere = static_cast<bool>(object);
    } else if (info->type == H5L_TYPE_SOFT) {
      leads_somewhere = H5Oexists_by_name(group, name, H5P_DEFAULT) > 0;
    }
    if (!leads_somewhere) links.names.emplace_back(name);
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

void check_links_at(OpenRun& run, const std::string& path, std::size_t depth, DefectList& defects) {
  constexpr std::size_t max_depth = 128;
  if (depth > max_depth) return;  // find_series says so
  BrokenLinks broken;
  const h5::Group group = run.open(path.c_str());
  hsize_t position = 0;
  checked(H5Literate(group.get(), H5_INDEX_NAME, H5_ITER_INC, &position, add_broken_link, &broken),
          "list", path);
  for (const std::string& name : broken.names) {
    defects.add(path + '/' + name, "the link leads nowhere");
  }
  if (!broken.names.empty()) return;
  for (const std::string& name : group_names(group.get(), h5::is_dataset_name)) {
    check_links_at(run, path + '/' + name, depth + 1, defects);
  }
}

}  // namespace

std::int64_t count_ranks(OpenRun& run) {
  try {
    const h5::Group group = run.open(h5::ranks_group);
    return static_cast<std::int64_t>(RowDataset(group.get(), "rank").n_rows());
  } catch (const std::runtime_error&) {  // check_identity says why
    return 0;
  }
}

void check_links(OpenRun& run, const std::string& group, DefectList& defects) {
  defects.guard(group, [&] { check_links_at(run, group, 0, defects); });
}

void check_identity(OpenRun& run, DefectList& defects) {
  check_root(run, defects);
  defects.guard(h5::config_group, [&] {
    if (has_link(run.file(), h5::config_group + 1)) {
      (void)read_config(run.open(h5::config_group).get());
    }
  });
  check_attempts(run, defects);
  check_ranks(run, defects);
}

}  // namespace ranklog::reader
