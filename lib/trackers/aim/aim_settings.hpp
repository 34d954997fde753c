// Where an Aim run goes and under which names: options and environment.
#pragma once

#include <string>
#include <vector>

#include "http/client.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/support/variables.hpp"

namespace ranklog::trackers::aim {

struct Settings {
  http::ClientOptions client;
  std::string experiment;
  std::string run_name;
  std::string run_hash;  // not empty: the run to continue, else own_hash()
  std::string description;
  std::vector<std::string> tags;
  Config context;  // of every value
  support::Expansion expansion;
};

// Errors: UsageError naming the option or the variable.
[[nodiscard]] Settings read_settings(const TrackerContext& context,
                                     const support::Environment& environment);

// 24 hexadecimal digits, as Aim's own hashes; the same for each attempt at a run.
[[nodiscard]] std::string own_hash(const TrackerContext& context);

}  // namespace ranklog::trackers::aim
