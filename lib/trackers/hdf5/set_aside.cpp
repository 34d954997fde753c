#include "trackers/hdf5/set_aside.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "hdf5/layout.hpp"
#include "hdf5/library.hpp"
#include "trackers/hdf5/dimension_scales.hpp"
#include "trackers/hdf5/output_file.hpp"
#include "trackers/hdf5/row_copy.hpp"
#include "trackers/hdf5/stored_metrics.hpp"

namespace ranklog::trackers::hdf5 {
namespace {

using h5::checked;

// Rows [first, first + n) of a metric, all recorded by one attempt.
struct Stretch {
  hsize_t first = 0;
  hsize_t n = 0;
  std::int32_t attempt = 0;
};

std::vector<std::int64_t> read_steps(hid_t file, const std::string& group, hsize_t n_rows) {
  const std::string path = group + "/step";
  const h5::Dataset step(checked(H5Dopen2(file, path.c_str(), H5P_DEFAULT), "open dataset", path));
  std::vector<std::int64_t> steps(n_rows);
  if (n_rows > 0) read_rows(step.get(), 0, n_rows, H5T_NATIVE_INT64, steps.data());
  return steps;
}

// The newest attempt that had begun at `step`: an older one has no row there any more.
std::int32_t attempt_of(std::int64_t step, const std::vector<AttemptStart>& attempts) {
  std::int32_t found = attempts.empty() ? 0 : attempts.front().attempt;
  for (const AttemptStart& one : attempts) {
    if (one.from_step <= step) found = one.attempt;
  }
  return found;
}

// What is moved, and what stands between it and is kept.
struct Plan {
  std::vector<Stretch> moved;
  std::vector<Stretch> kept;  // behind the first row that is moved
  hsize_t n_left = 0;
};

Plan make_plan(const std::vector<std::int64_t>& steps, const std::vector<AttemptStart>& attempts,
               std::int64_t from_step) {
  Plan plan;
  const auto extend = [](std::vector<Stretch>& list, hsize_t row, std::int32_t attempt) {
    const bool goes_on =
        !list.empty() && list.back().first + list.back().n == row && list.back().attempt == attempt;
    if (!goes_on) list.push_back({row, 0, attempt});
    ++list.back().n;
  };
  for (hsize_t row = 0; row < steps.size(); ++row) {
    if (steps[row] >= from_step) {
      extend(plan.moved, row, attempt_of(steps[row], attempts));
    } else {
      if (!plan.moved.empty()) extend(plan.kept, row, 0);
      ++plan.n_left;
    }
  }
  return plan;
}

// The copy of a metric's group for one attempt's rows, with all that describes it.
h5::Group make_copy_group(hid_t file, const StoredMetric& metric, const std::string& path) {
  const h5::Group from(
      checked(H5Gopen2(file, metric.path.c_str(), H5P_DEFAULT), "open group", metric.path));
  h5::Group group = make_group(file, path.substr(1));
  copy_attributes(from.get(), group.get());
  return group;
}

void move_to(hid_t file, const StoredMetric& metric, const Plan& plan, std::int32_t attempt,
             std::int32_t by) {
  const std::string path =
      fmt::format("/run/{}/{}/{}{}", attempt, h5::abandoned_name, by, metric.path);
  const h5::Group group = make_copy_group(file, metric, path);
  hsize_t n_rows = 0;
  for (const Stretch& one : plan.moved) n_rows += one.attempt == attempt ? one.n : 0;
  CopiedColumns copied(file, metric, group.get());
  for (const std::string& name : metric.columns) {
    const RowTarget target = copied.create(name, n_rows);
    hsize_t at = 0;
    for (const Stretch& one : plan.moved) {
      if (one.attempt != attempt) continue;
      target.copy(one.first, one.n, at);
      at += one.n;
    }
  }
  copied.attach_scales();
}

// The rows that stay move up, then the datasets end behind them.
void close_ranks(hid_t file, const StoredMetric& metric, const std::string& name,
                 const Plan& plan) {
  const std::string path = metric.path + '/' + name;
  const h5::Dataset dataset(
      checked(H5Dopen2(file, path.c_str(), H5P_DEFAULT), "open dataset", path));
  if (!plan.moved.empty()) {
    hsize_t at = plan.moved.front().first;
    for (const Stretch& one : plan.kept) {
      copy_rows(dataset.get(), one.first, one.n, dataset.get(), at);
      at += one.n;
    }
  }
  set_row_count(dataset.get(), plan.n_left);
}

}  // namespace

std::vector<AttemptStart> find_attempts(hid_t file) {
  std::vector<AttemptStart> attempts;
  for (const std::int32_t number : attempt_numbers(file)) {
    const std::string path = fmt::format("/run/{}", number);
    attempts.push_back(
        {number,
         read_integer(file, path, "from_step").value_or(std::numeric_limits<std::int64_t>::min())});
  }
  return attempts;
}

void set_rows_aside(hid_t file, const std::vector<AttemptStart>& attempts, AttemptStart by) {
  // Metrics share their steps and times, which are cut once, after all their users were copied.
  std::map<hobj_ref_t, std::vector<StoredMetric>> tables;
  for (StoredMetric& metric : find_metrics(file)) {
    tables[metric.step].push_back(std::move(metric));
  }
  for (const auto& [step, metrics] : tables) {
    hsize_t n_rows = metrics.front().n_rows;
    bool is_even = true;
    for (const StoredMetric& metric : metrics) {
      n_rows = std::min(n_rows, metric.n_rows);
      is_even = is_even && metric.is_even;
    }
    const Plan plan =
        make_plan(read_steps(file, metrics.front().path, n_rows), attempts, by.from_step);
    if (plan.moved.empty() && is_even) continue;
    std::vector<std::int32_t> owners;
    for (const Stretch& one : plan.moved) owners.push_back(one.attempt);
    std::sort(owners.begin(), owners.end());
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    for (const StoredMetric& metric : metrics) {
      for (const std::int32_t owner : owners) move_to(file, metric, plan, owner, by.attempt);
    }
    for (const StoredMetric& metric : metrics) {
      for (const std::string& name : metric.columns) {
        const bool is_shared = name == "step" || name == "time";
        if (!is_shared || &metric == &metrics.front()) close_ranks(file, metric, name, plan);
      }
    }
  }
}

}  // namespace ranklog::trackers::hdf5
