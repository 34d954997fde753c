// What is wrong with a run file, by docs/format.md. One function for each part of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "reader/objects.hpp"
#include "reader/open_run.hpp"

namespace ranklog::reader {

class DefectList {
 public:
  void add(std::string object, std::string what) {
    defects_.push_back({std::move(object), std::move(what)});
  }
  // Runs `check`; what it finds unreadable becomes a defect of `object`.
  template <class Check>
  void guard(const std::string& object, Check check) {
    try {
      check();
    } catch (const Damage& damage) {
      add(object, damage.what());
    } catch (const h5::CallFailed& failure) {
      add(object, failure.what());
    } catch (const InvalidKeyError& error) {
      add(object, error.what());
    }
  }
  [[nodiscard]] const std::vector<Defect>& all() const noexcept { return defects_; }
  void clear() noexcept { defects_.clear(); }

 private:
  std::vector<Defect> defects_;
};

// Root attributes, /config, /run and /ranks.
void check_identity(OpenRun& run, DefectList& defects);
// One metric or text and all its rows. `n_ranks`: rows of /ranks/rank.
void check_series(OpenRun& run, const FoundSeries& found, std::int64_t n_ranks,
                  DefectList& defects);
// Links below `group` that lead nowhere, or out of the file.
void check_links(OpenRun& run, const std::string& group, DefectList& defects);
void check_summary(OpenRun& run, DefectList& defects);
// Rows of /ranks/rank; 0 if it cannot be read.
[[nodiscard]] std::int64_t count_ranks(OpenRun& run);

}  // namespace ranklog::reader
