// What ranklog has to say, as TensorBoard's messages. Text that is not UTF-8 is escaped, because
// a reader gives up on a file at the first message that it cannot decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ranklog/config.hpp"
#include "ranklog/tracker.hpp"
#include "tensorboard_event.pb.h"

namespace ranklog::trackers {

using tensorboard_proto::Event;

// The text, with what is not UTF-8 escaped.
[[nodiscard]] std::string decodable(std::string_view text);

// The first two events of every file.
[[nodiscard]] Event file_version_event(double time);
// `step`: TensorBoard's Python reader drops what earlier files hold at this step and later, from
// the second such event of a run on.
[[nodiscard]] Event session_start_event(double time, std::int64_t step);

// Empties `event` and sets its step and time. A time that is not finite, which would end the file
// for its readers, becomes the present.
void begin_event(Event& event, std::int64_t step, double time);
void add_text(Event& event, std::string_view tag, std::string_view text);

// The configuration for the HParams dashboard: its leaves by path. Lists and null become JSON
// text, and so do numbers that a double or the dashboard cannot hold. No Experiment message goes
// with it: TensorBoard would take the columns from the first run's, for all runs; without one it
// joins the parameters and scalars of all runs (tensorboard 2.21, hparams/backend_context.py).
[[nodiscard]] Event hparams_event(const Config& config, double time);
[[nodiscard]] Event session_end_event(RunStatus status, double time);

}  // namespace ranklog::trackers
