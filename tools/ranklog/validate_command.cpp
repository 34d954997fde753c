// `ranklog validate`: says what is wrong with run files.
#include <fmt/format.h>

#include <set>
#include <string>

#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/json_text.hpp"
#include "tools/ranklog/run_access.hpp"

namespace ranklog::tool {
namespace {

struct Checked {
  std::string path;
  std::vector<Defect> defects;
};

Json json_of(const Checked& run) {
  Json defects = Json::array();
  for (const Defect& defect : run.defects) {
    defects.push_back({{"object", defect.object}, {"what", defect.what}});
  }
  return {{"path", run.path}, {"is_valid", run.defects.empty()}, {"defects", defects}};
}

std::string text_of(const Checked& run, Charset charset) {
  const std::string path = printable(run.path, charset);
  if (run.defects.empty()) return fmt::format("{}: valid\n", path);
  std::string out;
  for (const Defect& defect : run.defects) {
    out += fmt::format("{}: {}: {}\n", path, printable(defect.object, charset),
                       printable(reason_of(defect.what, run.path), charset));
  }
  return out;
}

}  // namespace

CommandResult run_validate(const ValidateOptions& options) {
  CommandResult result;
  Json list = Json::array();
  std::size_t n_defective = 0;
  for (const std::string& run : options.runs) {
    const auto file = find_run_file(run);
    const Checked checked{file.string(), validate_run(file)};
    if (!checked.defects.empty()) ++n_defective;
    if (options.json) {
      list.push_back(json_of(checked));
    } else {
      result.output += text_of(checked, options.layout.charset);
    }
  }
  if (options.json) result.output = to_text(Json{{"schema", json_schema}, {"runs", list}});
  if (n_defective > 0) {
    result.exit_code = exit_unreadable;
    result.errors.push_back(
        fmt::format("{} of {} runs have defects", n_defective, options.runs.size()));
  }
  return result;
}

}  // namespace ranklog::tool
