// The files of earlier attempts that a resumed run reads: the transaction log of W&B and the tables
// of DVCLive, torn or made by somebody else. What is kept of them must read the same once more.
#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "input.hpp"
#include "ranklog/error.hpp"
#include "scratch.hpp"
#include "trackers/dvclive/summary.hpp"
#include "trackers/dvclive/tsv.hpp"
#include "trackers/wandb/earlier_log.hpp"
#include "trackers/wandb/history.hpp"
#include "trackers/wandb/run_log.hpp"
#include "trackers/wandb/transaction_log.hpp"
#include "wandb_record.pb.h"

namespace {

namespace fs = std::filesystem;
namespace wandb = ranklog::trackers::wandb;
namespace dvclive = ranklog::trackers::dvclive;
using ranklog::fuzz::Input;

void require(bool is_true) {
  if (!is_true) std::abort();
}

void add_record(Input& input, std::string& log) {
  ranklog::wandb_proto::Record record;
  std::string payload;
  switch (input.choose(4)) {
    case 0:
      record.mutable_run()->set_run_id("r");
      break;
    case 1: {
      auto& row = *record.mutable_history();
      row.mutable_step()->set_num(input.take<std::int64_t>());
      for (std::size_t i = input.choose(4); i > 0; --i) {
        auto& item = *row.add_item();
        item.set_key(input.choose(3) == 0 ? "_runtime" : "loss");
        item.set_value_json(input.choose(2) == 0 ? "1e999" : std::to_string(input.take<double>()));
      }
      break;
    }
    case 2:
      payload = input.text();
      break;
    default:
      record.mutable_exit();
  }
  if (payload.empty()) record.SerializeToString(&payload);
  wandb::append_chunks(payload, log.size(), log);
}

void read_wandb_log(Input& input) {
  const fs::path path = ranklog::fuzz::scratch() / "run-r.wandb";
  const auto from_step = input.take<std::int64_t>();
  const bool is_synced = input.choose(2) == 0;
  std::string bytes(wandb::log_header);
  for (std::size_t i = input.choose(6); i > 0; --i) add_record(input, bytes);
  bytes += input.rest();
  ranklog::fuzz::write_file(path, bytes);

  const auto kept = wandb::read_log(path, from_step, [](const auto&) {});
  require(kept.end <= bytes.size());
  if (kept.n_records == 0) return;
  wandb::RunLog log(path, std::chrono::duration<double>(3600.0), kept.end, kept.n_records);
  wandb::History history(log, 1.0e9);
  (void)wandb::read_log(path, from_step, [&](const auto& row) { history.take_written(row); });
  if (is_synced) history.refuse_written_steps();
  if (history.begin(std::nullopt, 1.0e9, wandb::History::Source::record)) history.set("loss", "1");
  history.write_all();
  history.write_summary();
  require(history.runtime() >= 0 && history.runtime() < INT_MAX);
  log.close();
  const auto again = wandb::read_log(path, LLONG_MAX, [](const auto&) {});
  require(again.end == fs::file_size(path) && again.n_records > kept.n_records);
}

void read_dvclive_table(Input& input) {
  const fs::path path = ranklog::fuzz::scratch() / "loss.tsv";
  const auto from_step = input.take<std::int64_t>();
  const bool has_header = input.choose(2) == 0;
  ranklog::fuzz::write_file(path, (has_header ? "step\tloss\n" : "") + input.rest());
  try {
    const auto last = dvclive::cut_tsv(path, "loss", from_step);
    require(last.has_value() == fs::exists(path));
    if (!last) return;
    (void)dvclive::json_of_field(*last);
    const auto n_bytes = fs::file_size(path);
    require(dvclive::cut_tsv(path, "loss", from_step) == last && fs::file_size(path) == n_bytes);
  } catch (const ranklog::FileFormatError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  Input input(data, n_bytes);
  if (input.choose(2) == 0) {
    read_wandb_log(input);
  } else {
    read_dvclive_table(input);
  }
  return 0;
}
