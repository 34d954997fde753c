#include "ranklog/run_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "core/text.hpp"
#include "hdf5/committed_file.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "reader/columns.hpp"
#include "reader/metric_index.hpp"
#include "reader/objects.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;
using h5::checked;

std::string shown(const fs::path& path) { return escape_unprintable(path.string()); }

fs::path find_file(const fs::path& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown) ? path / h5::run_file_name : path;
}

// Tells a file that the system refuses from one that HDF5 does not understand.
void check_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw FileFormatError(
        fmt::format("{} is not a run file: it is not a regular file", shown(path)));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    throw IoError(
        fmt::format("cannot open the run file {}: {}", shown(path), std::strerror(errno)));
  }
  ::close(descriptor);
}

// How often a run that is being written is opened before an error in it is believed.
constexpr int max_attempts = 8;

}  // namespace

struct RunReader::Impl {
  // Runs `body`; what goes wrong in it becomes a FileFormatError that names the file.
  template <class Body>
  auto guarded(Body body) const {
    const h5::QuietErrors quiet;
    try {
      return body();
    } catch (const h5::CallFailed& failure) {
      reject(failure.what());
    } catch (const reader::Damage& damage) {
      reject(damage.what());
    } catch (const InvalidKeyError& error) {
      reject(error.what());
    }
  }

  [[noreturn]] void reject(const std::string& cause) const {
    throw FileFormatError(
        fmt::format("cannot read {} as a run file: {}", shown(path), escape_unprintable(cause)));
  }

  explicit Impl(fs::path run_file) : path(std::move(run_file)) {
    check_readable(path);
    for (int attempt = 1; !try_to_open(attempt == max_attempts); ++attempt) {
    }
  }

  // False if a writer changed the file meanwhile and this is not the last attempt.
  bool try_to_open(bool is_last) {
    try {
      committed = std::make_unique<h5::CommittedFile>(path);
    } catch (const std::system_error& error) {
      throw IoError(
          fmt::format("cannot read the journal of {}: {}", shown(path), error.code().message()));
    }
    try {
      guarded([&] {
        const h5::PropertyList access = committed->access();
        file = h5::File(
            checked(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), "open", "the file"));
        check_format();
      });
    } catch (const FileFormatError&) {
      file.close();
      if (is_last || committed->is_current()) throw;
      return false;
    }
    return true;
  }

  void check_format() const {
    if (checked(H5Aexists(file.get(), "ranklog_format"), "look for", "ranklog_format") == 0) {
      throw reader::Damage("it is an HDF5 file, but not one of ranklog's");
    }
    const std::int64_t format = reader::read_integer_attribute(file.get(), "ranklog_format");
    if (format == run_file_format) return;
    throw reader::Damage(
        fmt::format("its format is {}, and this version knows up to {}; use a "
                    "newer version of ranklog",
                    format, run_file_format));
  }

  const std::vector<reader::FoundSeries>& index() {
    if (!found) found = guarded([&] { return reader::find_series(file.get()); });
    return *found;
  }

  [[nodiscard]] h5::Group open(const char* group) const {
    return h5::Group(checked(H5Gopen2(file.get(), group, H5P_DEFAULT), "open group", group));
  }

  // The newest row of all metrics: its time, and the highest step.
  void find_end(RunInfo& info, double created) {
    std::set<hobj_ref_t> seen;  // most metrics share these datasets
    for (const reader::FoundSeries& one : index()) {
      const h5::Group group = open(one.path.c_str());
      const h5::Dataset shared(
          checked(H5Dopen2(group.get(), "step", H5P_DEFAULT), "open dataset", "step"));
      if (!seen.insert(reader::address_of(shared.get())).second) continue;
      const reader::RowDataset step(group.get(), "step"), time(group.get(), "time");
      const std::size_t n = std::min(step.n_rows(), time.n_rows());
      if (n == 0) continue;
      const std::int64_t last = step.integer_at(n - 1);
      info.last_step = std::max(info.last_step.value_or(last), last);
      info.duration_s = std::max(info.duration_s, time.real_at(n - 1) - created);
    }
  }

  fs::path path;
  std::unique_ptr<h5::CommittedFile> committed;  // outlives `file`
  h5::File file;
  std::optional<std::vector<reader::FoundSeries>> found;
};

RunReader::RunReader(const fs::path& path) : impl_(std::make_unique<Impl>(find_file(path))) {}
RunReader::~RunReader() = default;
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader& RunReader::operator=(RunReader&&) noexcept = default;

const fs::path& RunReader::path() const noexcept { return impl_->path; }

RunInfo RunReader::info() const {
  return impl_->guarded([&] {
    const hid_t root = impl_->file.get();
    RunInfo info;
    info.project = reader::read_text_attribute(root, "project");
    info.run_name = reader::read_text_attribute(root, "run_name");
    info.run_id = reader::read_text_attribute(root, "run_id");
    info.status = reader::read_text_attribute(root, "status");
    info.created = reader::read_text_attribute(root, "created");
    info.library_version = reader::read_text_attribute(root, "ranklog_version");
    info.n_ranks = reader::read_integer_attribute(root, "n_ranks");
    impl_->find_end(info, reader::read_real_attribute(root, "created_time"));
    return info;
  });
}

Config RunReader::config() const {
  return impl_->guarded([&] {
    if (!reader::has_link(impl_->file.get(), h5::config_group + 1)) return Config();
    return reader::read_config(impl_->open(h5::config_group).get());
  });
}

Provenance RunReader::provenance() const {
  return impl_->guarded([&] {
    Provenance provenance;
    const h5::Group run = impl_->open(h5::run_group);
    for (const std::string& name : reader::attribute_names(run.get())) {
      provenance.facts.set(name, reader::read_attribute(run.get(), name));
    }
    const h5::Group group = impl_->open(h5::ranks_group);
    if (!reader::has_dataset(group.get(), "host")) return provenance;
    const std::size_t n = reader::RowDataset(group.get(), "host").n_rows();
    const auto column = [&](const char* name) {
      reader::RowDataset dataset(group.get(), name);
      if (dataset.n_rows() != n) throw reader::Damage("the columns of /ranks differ in length");
      return dataset;
    };
    const auto world_rank = column("world_rank").small_integers(n);
    const auto node_rank = column("node_rank").small_integers(n);
    const auto host = column("host").texts(n);
    const auto pid = column("pid").integers(n);
    const auto device = column("device").texts(n);
    for (std::size_t i = 0; i < n; ++i) {
      provenance.ranks.push_back({world_rank[i], node_rank[i], host[i], pid[i], device[i]});
    }
    return provenance;
  });
}

std::vector<SeriesInfo> RunReader::series() const {
  std::vector<SeriesInfo> list;
  for (const reader::FoundSeries& one : impl_->index()) list.push_back(one.info);
  return list;
}

Series RunReader::read(std::string_view key) const {
  for (const reader::FoundSeries& one : impl_->index()) {
    if (one.info.key != key) continue;
    return impl_->guarded([&] { return reader::read_series(impl_->file.get(), one); });
  }
  throw UsageError(fmt::format("the run {} has no metric '{}'; series() lists them",
                               shown(impl_->path), escape_unprintable(key)));
}

}  // namespace ranklog
