// ranklog: the command-line tool. Parses the arguments, runs a command, prints what it returns.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>

#include "ranklog/error.hpp"
#include "ranklog/version.hpp"
#include "tools/ranklog/commands.hpp"
#include "tools/ranklog/table.hpp"
#include "tools/ranklog/terminal.hpp"

namespace {

using namespace ranklog::tool;  // NOLINT: this file is the tool

// Wrapped by hand at 79 columns: CLI11 prints footers as they are.
constexpr const char* examples = R"(Examples:
  ranklog ls                         runs below ./runs, else below .
  ranklog show runs/digits/baseline  header, metrics, worst ranks, trends
  ranklog show digits/baseline --metrics 'train/*' --wide
  ranklog sync runs/digits/baseline --to mlflow
  ranklog ls --json | jq -r '.runs[] | select(.status == "failed") | .path'

Exit codes: 0 all was read or delivered, 1 a run could not be, 2 wrong usage.)";

constexpr const char* show_notes =
    R"(WORST is the rank that held the largest value of its row (the smallest, for
metrics reduced by min) in most rows, on a tie the lowest such rank, with its
host and its share of the rows. Rows in which all ranks agree, or which one
rank alone logged, are not compared. Where more is better, as with accuracy,
it is the best rank.
MEAN is of the values over the steps, NaN left out. MIN and MAX are over all
ranks and steps. TREND is the value over the steps; a cross marks NaN.)";

constexpr const char* ls_notes =
    R"text("running? (quiet 3h)": the run was never marked as ended and its file last
changed 3 hours ago, so the job was probably killed.)text";

constexpr const char* recover_notes =
    R"(ranklog reads such a file as it is; this makes it readable for every other
program. Does no harm to a file that is in order, and may be repeated. Refused
while a job records to the run.)";

constexpr const char* sync_notes =
    R"(May be interrupted at any time and repeated: what was delivered is noted in
sync-NAME.state beside the run. With --option, what the job was given has to be
given again.)";

constexpr std::size_t help_column = 24;

struct Arguments {
  DoctorOptions doctor;
  LsOptions ls;
  ShowOptions show;
  RecoverOptions recover;
  SyncOptions sync;
  TailOptions tail;
  ValidateOptions validate;
  bool ascii = false;
  bool wide = false;
};

void add_layout_flags(CLI::App& command, Arguments& arguments) {
  command.add_flag("--wide", arguments.wide, "as wide as needed, nothing shortened");
  command.add_flag("--ascii", arguments.ascii,
                   "only ASCII; the default if the locale is not UTF-8");
}

CLI::App* add_ls(CLI::App& app, Arguments& arguments) {
  CLI::App* ls = app.add_subcommand("ls", "List the runs below a directory");
  ls->add_option("DIR", arguments.ls.directory, "directory; default: runs, else .");
  ls->add_flag("--json", arguments.ls.json, "one JSON document instead of a table");
  add_layout_flags(*ls, arguments);
  ls->footer(ls_notes);
  return ls;
}

CLI::App* add_show(CLI::App& app, Arguments& arguments) {
  CLI::App* show = app.add_subcommand("show", "Show one run and its metrics");
  show->add_option("RUN", arguments.show.run, "run directory or file, as given or below ./runs")
      ->required();
  show->add_option("--metrics", arguments.show.patterns,
                   "only matching keys, e.g. 'train/*'; may be repeated")
      ->type_name("PATTERN")
      ->expected(1)
      ->take_all();
  show->add_flag("--all", arguments.show.all, "all metrics, not only the first 40");
  show->add_flag("--no-config", arguments.show.no_config, "leave the configuration out");
  show->add_flag("--json", arguments.show.json, "one JSON document with all metrics");
  add_layout_flags(*show, arguments);
  show->footer(show_notes);
  return show;
}

CLI::App* add_recover(CLI::App& app, Arguments& arguments) {
  CLI::App* recover =
      app.add_subcommand("recover", "Put a run file in order whose job was killed in a flush");
  recover
      ->add_option("RUN", arguments.recover.run, "run directory or file, as given or below ./runs")
      ->required();
  recover->add_flag("--json", arguments.recover.json, "one JSON document instead of a sentence");
  recover->footer(recover_notes);
  return recover;
}

CLI::App* add_tail(CLI::App& app, Arguments& arguments) {
  CLI::App* tail = app.add_subcommand("tail", "Show the newest rows, also while a job writes them");
  tail->add_option("RUN", arguments.tail.run, "run directory or file, as given or below ./runs")
      ->required();
  tail->add_option("--key", arguments.tail.keys, "only this metric; may be repeated")
      ->type_name("KEY")
      ->expected(1)
      ->take_all();
  tail->add_option("-n,--rows", arguments.tail.n_rows, "rows of each metric to begin with (10)")
      ->check(CLI::NonNegativeNumber);
  tail->add_flag("-f,--follow", arguments.tail.follow, "go on until the run has ended");
  tail->add_option("--interval", arguments.tail.interval_s, "seconds between two looks (1)")
      ->type_name("S")
      ->check(CLI::Range(0.01, 1e6));
  tail->add_flag("--json", arguments.tail.json, "a JSON object for each step, one a line");
  add_layout_flags(*tail, arguments);
  return tail;
}

CLI::App* add_validate(CLI::App& app, Arguments& arguments) {
  CLI::App* validate = app.add_subcommand("validate", "Say what is wrong with run files");
  validate->add_option("RUN", arguments.validate.runs, "run directories or files")->required();
  validate->add_flag("--json", arguments.validate.json, "one JSON document");
  add_layout_flags(*validate, arguments);
  return validate;
}

CLI::App* add_sync(CLI::App& app, SyncOptions& options) {
  CLI::App* sync = app.add_subcommand("sync", "Deliver runs to a tracker, also while they go on");
  sync->add_option("RUN", options.runs, "run directories or files, as given or below ./runs")
      ->required();
  sync->add_option("--to", options.trackers, "tracker to deliver to; may be repeated")
      ->type_name("NAME")
      ->expected(1)
      ->take_all()
      ->required();
  sync->add_option("--option", options.tracker_options,
                   "option of the tracker; keys come from the environment")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  sync->add_flag("-f,--follow", options.follow, "go on until the run has ended");
  sync->add_option("--since", options.since, "pass over rows below this step, for good")
      ->type_name("STEP");
  sync->add_flag("-n,--dry-run", options.dry_run, "only say what would be delivered");
  sync->add_option("--into", options.into, "write files below DIR/<project>/<run> instead")
      ->type_name("DIR");
  sync->add_option("--rate", options.rows_per_s,
                   "rows a second at most; 0: no limit (servers 5000)")
      ->check(CLI::NonNegativeNumber);
  sync->add_option("--timeout", options.timeout_s, "seconds to wait for a server; 0: for ever (60)")
      ->check(CLI::NonNegativeNumber);
  sync->add_option("--interval", options.interval_s, "seconds between two looks (1)")
      ->type_name("S")
      ->check(CLI::Range(0.01, 1e6));
  sync->add_flag("--json", options.json, "one JSON document instead of sentences");
  sync->footer(sync_notes);
  return sync;
}

CLI::App* add_doctor(CLI::App& app, Arguments& arguments) {
  CLI::App* doctor = app.add_subcommand("doctor", "Say what can be done with this machine's GPUs");
  doctor->add_flag("--json", arguments.doctor.json, "one JSON document");
  return doctor;
}

// One line on stderr, whatever the text holds.
void report(std::string_view message) {
  fmt::print(stderr, "ranklog: {}\n", printable(message, charset_of_locale()));
}

int finish(const CommandResult& result) {
  (void)write_output(result.output);
  for (const std::string& error : result.errors) report(error);
  return result.exit_code;
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Reads the runs that the ranklog library recorded. Needs no MPI.", "ranklog");
  app.set_version_flag("--version", fmt::format("ranklog {}", ranklog::version));
  app.footer(examples);
  app.get_formatter()->column_width(help_column);
  app.require_subcommand(0, 1);
  const CLI::App* ls = add_ls(app, arguments);
  const CLI::App* recover = add_recover(app, arguments);
  add_show(app, arguments);
  const CLI::App* sync = add_sync(app, arguments.sync);
  const CLI::App* tail = add_tail(app, arguments);
  const CLI::App* validate = add_validate(app, arguments);
  const CLI::App* doctor = add_doctor(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help and --version
    std::ostringstream text;
    (void)app.exit(success, text, text);
    (void)write_output(text.str());
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    report(fmt::format("{} (see ranklog --help)", error.what()));
    return exit_usage;
  }
  if (app.get_subcommands().empty()) {
    report(
        "which command: doctor, ls, recover, show, sync, tail or validate? (see ranklog --help)");
    return exit_usage;
  }
  const Layout layout{arguments.wide ? any_width : output_width(),
                      arguments.ascii ? Charset::ascii : charset_of_locale()};
  arguments.ls.layout = layout;
  arguments.show.layout = layout;
  arguments.recover.layout = layout;
  arguments.doctor.layout = layout;
  if (doctor->parsed()) return finish(run_doctor(arguments.doctor));
  if (recover->parsed()) return finish(run_recover(arguments.recover));
  arguments.tail.layout = layout;
  arguments.validate.layout = layout;
  arguments.sync.layout = layout;
  if (sync->parsed()) return finish(run_sync(arguments.sync));
  if (tail->parsed()) return finish(run_tail(arguments.tail, write_output));
  if (validate->parsed()) return finish(run_validate(arguments.validate));
  return finish(ls->parsed() ? run_ls(arguments.ls) : run_show(arguments.show));
}

}  // namespace

int main(int argc, char** argv) {
  use_locale_of_user();
  try {
    return run(argc, argv);
  } catch (const ranklog::UsageError& error) {
    report(error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    report(error.what());
    return exit_unreadable;
  }
}
