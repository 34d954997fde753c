#include <fmt/format.h>

#include "ranklog/run_recovery.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/display_text.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/run_access.hpp"

namespace ranklog::tool {
namespace {

std::string sentence_of(const RunRecovery& recovery) {
  switch (recovery.action) {
    case RunRecovery::Action::completed:
      return fmt::format("the flush in which the job was killed is complete now ({} bytes changed)",
                         recovery.n_bytes);
    case RunRecovery::Action::cleaned:
      return "was in order; the journal beside it was not needed and is removed";
    case RunRecovery::Action::none:
      break;
  }
  return "is in order; there was nothing to do";
}

const char* name_of(RunRecovery::Action action) {
  switch (action) {
    case RunRecovery::Action::completed:
      return "completed";
    case RunRecovery::Action::cleaned:
      return "cleaned";
    case RunRecovery::Action::none:
      break;
  }
  return "none";
}

}  // namespace

CommandResult run_recover(const RecoverOptions& options) {
  const RunRecovery recovery = recover_run(find_run_file(options.run));
  CommandResult result;
  if (options.json) {
    result.output = to_text({{"schema", json_schema},
                             {"path", recovery.file.string()},
                             {"action", name_of(recovery.action)},
                             {"bytes_changed", recovery.n_bytes}});
  } else {
    result.output =
        fmt::format("{}: {}\n", printable(recovery.file.string(), options.layout.charset),
                    sentence_of(recovery));
  }
  return result;
}

}  // namespace ranklog::tool
