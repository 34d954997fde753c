#include "ranklog/run_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "core/text.hpp"
#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "reader/columns.hpp"
#include "reader/metric_index.hpp"
#include "reader/objects.hpp"
#include "reader/open_run.hpp"
#include "reader/summary.hpp"

namespace ranklog {
namespace {

namespace fs = std::filesystem;
using h5::checked;

// What an attempt's group holds besides the facts of its provenance.
constexpr std::array<std::string_view, 4> attempt_attributes{"started", "from_step", "status",
                                                             "status_reason"};

Config read_facts(hid_t group) {
  Config facts;
  for (const std::string& name : reader::attribute_names(group)) {
    const bool is_ours = std::find(attempt_attributes.begin(), attempt_attributes.end(), name) !=
                         attempt_attributes.end();
    if (!is_ours) facts.set(name, reader::read_attribute(group, name));
  }
  return facts;
}

// The newest row of all metrics: its time, and the highest step.
void find_end(reader::OpenRun& run, RunInfo& info, double created) {
  std::set<hobj_ref_t> seen;  // most metrics share these datasets
  for (const reader::FoundSeries& one : run.index()) {
    const h5::Group group = run.open(one.path.c_str());
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

// Ranks that only an earlier attempt had are left out.
std::vector<RankInfo> read_ranks(hid_t group) {
  std::vector<RankInfo> ranks;
  if (!reader::has_dataset(group, "host")) return ranks;
  const std::size_t n = reader::RowDataset(group, "host").n_rows();
  const reader::Rows all{0, n, 1};
  const auto column = [&](const char* name) {
    reader::RowDataset dataset(group, name);
    if (dataset.n_rows() != n) throw reader::Damage("the columns of /ranks differ in length");
    return dataset;
  };
  const auto world_rank = column("world_rank").small_integers(all);
  const auto node_rank = column("node_rank").small_integers(all);
  const auto host = column("host").texts(all);
  const auto pid = column("pid").integers(all);
  const auto device = column("device").texts(all);
  const bool has_gpus = reader::has_dataset(group, "gpu_uuid");
  const auto texts_if = [&](const char* name) {
    return has_gpus ? column(name).texts(all) : std::vector<std::string>();
  };
  const auto gpu_name = texts_if("gpu_name");
  const auto gpu_uuid = texts_if("gpu_uuid");
  const auto cuda_driver = texts_if("cuda_driver");
  const auto cuda_runtime = texts_if("cuda_runtime");
  const auto gpu_memory =
      has_gpus ? column("gpu_memory").integers(all) : std::vector<std::int64_t>();
  for (std::size_t i = 0; i < n; ++i) {
    if (world_rank[i] < 0) continue;
    ranks.push_back({world_rank[i], node_rank[i], host[i], pid[i], device[i]});
    if (!has_gpus) continue;
    ranks.back().gpu = {gpu_name[i], gpu_uuid[i], gpu_memory[i], cuda_driver[i], cuda_runtime[i]};
  }
  return ranks;
}

AttemptInfo read_attempt(reader::OpenRun& run, std::int32_t number, bool is_newest) {
  const h5::Group group = run.open(fmt::format("/run/{}", number).c_str());
  const auto has = [&](const char* name) {
    return checked(H5Aexists(group.get(), name), "look for attribute", name) > 0;
  };
  AttemptInfo attempt;
  attempt.number = number;
  if (has("started")) attempt.started = reader::read_text_attribute(group.get(), "started");
  if (has("from_step")) {
    attempt.from_step = reader::read_integer_attribute(group.get(), "from_step");
  }
  attempt.status = is_newest || !has("status") ? reader::read_text_attribute(run.file(), "status")
                                               : reader::read_text_attribute(group.get(), "status");
  attempt.facts = read_facts(group.get());
  return attempt;
}

}  // namespace

struct RunReader::Impl {
  explicit Impl(fs::path run_file) : run(std::move(run_file)) {}

  // What `body` returns, called with the open run.
  template <class Body>
  auto read(Body body) {
    std::optional<decltype(body(run))> result;
    run.read([&] { result.emplace(body(run)); });
    return std::move(*result);
  }

  reader::OpenRun run;
};

RunReader::RunReader(const fs::path& path)
    : impl_(std::make_unique<Impl>(reader::run_file_of(path))) {}
RunReader::~RunReader() = default;
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader& RunReader::operator=(RunReader&&) noexcept = default;

const fs::path& RunReader::path() const noexcept { return impl_->run.path(); }

RunInfo RunReader::info() const {
  return impl_->read([](reader::OpenRun& run) {
    const hid_t root = run.file();
    RunInfo info;
    info.project = reader::read_text_attribute(root, "project");
    info.run_name = reader::read_text_attribute(root, "run_name");
    info.run_id = reader::read_text_attribute(root, "run_id");
    info.status = reader::read_text_attribute(root, "status");
    info.created = reader::read_text_attribute(root, "created");
    info.library_version = reader::read_text_attribute(root, "ranklog_version");
    info.n_ranks = reader::read_integer_attribute(root, "n_ranks");
    info.created_time = reader::read_real_attribute(root, "created_time");
    if (checked(H5Aexists(root, "status_reason"), "look for attribute", "status_reason") > 0) {
      info.status_reason = reader::read_text_attribute(root, "status_reason");
    }
    find_end(run, info, info.created_time);
    return info;
  });
}

Config RunReader::config() const {
  return impl_->read([](reader::OpenRun& run) {
    if (!reader::has_link(run.file(), h5::config_group + 1)) return Config();
    return reader::read_config(run.open(h5::config_group).get());
  });
}

Provenance RunReader::provenance() const {
  return impl_->read([](reader::OpenRun& run) {
    const std::int32_t newest = reader::attempt_numbers(run.file()).back();
    Provenance provenance;
    provenance.facts = read_facts(run.open(fmt::format("/run/{}", newest).c_str()).get());
    provenance.ranks = read_ranks(run.open(h5::ranks_group).get());
    return provenance;
  });
}

std::vector<SeriesInfo> RunReader::series() const {
  return impl_->read([](reader::OpenRun& run) {
    std::vector<SeriesInfo> list;
    for (const reader::FoundSeries& one : run.index()) list.push_back(one.info);
    return list;
  });
}

std::vector<SummaryInfo> RunReader::summary() const {
  return impl_->read([](reader::OpenRun& run) { return reader::read_summary(run); });
}

Series RunReader::read(std::string_view key) const { return read(key, {.columns = Columns::all}); }

Series RunReader::read(std::string_view key, const ReadOptions& options) const {
  return impl_->read([&](reader::OpenRun& run) {
    const auto& index = run.index();
    const auto found = std::find_if(index.begin(), index.end(),
                                    [&](const auto& one) { return one.info.key == key; });
    if (found == index.end()) {
      throw UsageError(fmt::format("the run {} has no metric '{}'; series() lists them",
                                   escape_unprintable(run.path().string()),
                                   escape_unprintable(key)));
    }
    return reader::read_series(run.file(), *found, options, run.lengths());
  });
}

std::vector<AttemptInfo> RunReader::attempts() const {
  return impl_->read([](reader::OpenRun& run) {
    std::vector<AttemptInfo> attempts;
    const auto numbers = reader::attempt_numbers(run.file());
    for (const std::int32_t number : numbers) {
      attempts.push_back(read_attempt(run, number, number == numbers.back()));
    }
    return attempts;
  });
}

std::vector<AbandonedSeries> RunReader::abandoned() const {
  return impl_->read([](reader::OpenRun& run) { return run.abandoned(); });
}

Series RunReader::read_abandoned(const AbandonedSeries& series, const ReadOptions& options) const {
  return impl_->read([&](reader::OpenRun& run) {
    return reader::read_series(run.file(), run.found_abandoned(series), options,
                               reader::Lengths::must_agree);
  });
}

}  // namespace ranklog
