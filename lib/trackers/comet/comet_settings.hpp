// Where a Comet experiment goes and under which names: options, environment, .comet.config.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "ranklog/tracker.hpp"
#include "trackers/support/scalar_names.hpp"
#include "trackers/support/variables.hpp"

namespace ranklog::trackers::comet {

struct Settings {
  bool is_online = false;
  http::ClientOptions client;  // of the server; without the key when offline
  std::string workspace;       // empty: that of the key's owner
  std::string project_name;
  std::string experiment_name;
  std::string experiment_key;  // not empty: the experiment to continue, or the key of an archive
  std::vector<std::string> tags;
  std::filesystem::path directory;  // of offline archives, and of what a resumed run must know
  double max_requests_per_s = 0;
  support::Expansion expansion;
  std::chrono::duration<double> flush_interval{1.0};
  std::vector<std::string> notes;  // to tell the user, one line each
};

// An option wins over a variable, which wins over ./.comet.config and then ~/.comet.config. Mode
// auto is online if there is a key and COMET_MODE is not OFFLINE.
// Errors: UsageError naming the option or the variable, never the key.
[[nodiscard]] Settings read_settings(const TrackerContext& context,
                                     const support::Environment& environment);

}  // namespace ranklog::trackers::comet
