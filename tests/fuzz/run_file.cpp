// Run files that somebody changed: the input is a list of changes to a run of two attempts. HDF5's
// own decoders are not the target, so the file stays one that HDF5 can read.
#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "hdf5/journal.hpp"
#include "hdf5/library.hpp"
#include "input.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "support/scratch_directory.hpp"
#include "trackers/hdf5/hdf5_tracker.hpp"
#include "unit/hdf5_support.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ranklog;                // NOLINT: a test
using namespace ranklog::test_support;  // NOLINT
using ranklog::fuzz::Input;

constexpr std::array objects{"/",
                             "/config",
                             "/config/a",
                             "/config/list%list",
                             "/run",
                             "/run/0",
                             "/run/0/abandoned",
                             "/run/0/abandoned/1",
                             "/run/0/abandoned/1/metrics/loss",
                             "/run/1",
                             "/ranks",
                             "/ranks/rank",
                             "/ranks/host",
                             "/ranks/pid",
                             "/metrics",
                             "/metrics/loss",
                             "/metrics/loss/step",
                             "/metrics/loss/time",
                             "/metrics/loss/value",
                             "/metrics/loss/count",
                             "/metrics/loss/min_rank",
                             "/metrics/each",
                             "/metrics/each/per_rank",
                             "/metrics/each/per_rank_count",
                             "/metrics/each/rank",
                             "/text",
                             "/text/note",
                             "/text/note/value",
                             "/summary",
                             "/summary/key",
                             "/summary/count"};
constexpr std::array names{"key",  "kind",    "reduction", "unit",  "dtype",     "index",
                           "nan",  "status",  "n_ranks",   "value", "step",      "per_rank",
                           "rank", "element", "0",         "1",     "from_step", "ranklog_format",
                           "loss", "%list",   "2",         "run_id"};

struct Base {
  Base() {
    for (std::int32_t attempt = 0; attempt < 2; ++attempt) {
      TrackerContext context = context_in(directory.path(), 2);
      context.attempt = attempt;
      context.is_resumed = attempt > 0;
      context.from_step = attempt * 10;
      auto provenance = std::make_shared<Provenance>();
      provenance->facts.set("user", "me");
      provenance->ranks = {{0, 0, "a", 1, "cpu"}, {1, 1, "b", 2, "cpu"}};
      context.provenance = provenance;
      trackers::Hdf5Tracker tracker;
      RecordMaker make;
      tracker.start(context);
      tracker.store_init_configuration(
          {{"a", {{"b", 1}}}, {"list", ConfigValue::List{1, "two"}}, {"c", 2.5}});
      for (std::int64_t step = attempt * 10; step < 20; ++step) {
        const auto x = static_cast<double>(step);
        tracker.log(RecordMaker::record(
                        step, {make.real("loss", x), make.text("note", "hello"),
                               make.gathered("each", {{0, {x, x}, {}, {}}, {1, {x}, {}, {}}})}),
                    {});
      }
      tracker.finish({});
    }
    bytes = read_file(directory.path() / "run.h5");
  }
  static std::vector<char> read_file(const fs::path& path) {
    std::vector<char> content(fs::file_size(path));
    const int file = open(path.c_str(), O_RDONLY);
    if (read(file, content.data(), content.size()) < 0) std::abort();
    close(file);
    return content;
  }
  ScratchDirectory directory;
  std::vector<char> bytes;
};

h5::Type type_for(Input& input) {
  switch (input.choose(7)) {
    case 0:
      return h5::Type(H5Tcopy(H5T_STD_I64LE));
    case 1:
      return h5::Type(H5Tcopy(H5T_IEEE_F32BE));
    case 2:
      return h5::utf8_type();
    case 3: {
      h5::Type fixed(H5Tcopy(H5T_C_S1));
      H5Tset_size(fixed.get(), 1 + input.choose(40));
      return fixed;
    }
    case 4:
      return h5::boolean_type();
    case 5:
      return h5::Type(H5Tvlen_create(H5T_STD_I32LE));
    default:
      return h5::Type(H5Tcopy(H5T_STD_U8LE));
  }
}

h5::Space space_for(Input& input) {
  std::array<hsize_t, 3> extents{input.choose(40), input.choose(4), input.choose(4)};
  const std::size_t kind = input.choose(5);
  if (kind == 0) return h5::Space(H5Screate(H5S_NULL));
  if (kind == 1) return h5::Space(H5Screate(H5S_SCALAR));
  return h5::Space(H5Screate_simple(static_cast<int>(kind) - 1, extents.data(), nullptr));
}

void write_attribute(hid_t object, const char* name, Input& input) {
  (void)H5Adelete(object, name);
  const h5::Type type = type_for(input);
  const h5::Space space = space_for(input);
  const h5::Attribute attribute(
      H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute) return;
  const hssize_t n = H5Sget_simple_extent_npoints(space.get());
  if (n <= 0 || H5Tget_class(type.get()) == H5T_VLEN) return;
  std::string text = input.text();
  if (H5Tis_variable_str(type.get()) > 0) {
    const std::vector<const char*> pointers(static_cast<std::size_t>(n), text.c_str());
    (void)H5Awrite(attribute.get(), type.get(), pointers.data());
    return;
  }
  text.resize(static_cast<std::size_t>(n) * H5Tget_size(type.get()));
  (void)H5Awrite(attribute.get(), type.get(), text.data());
}

void write_cells(hid_t dataset, Input& input) {
  const h5::Space space(H5Dget_space(dataset));
  const h5::Type type(H5Dget_type(dataset));
  std::array<hsize_t, H5S_MAX_RANK> extents{};
  const int n_dimensions = H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  if (n_dimensions < 1 || extents[0] == 0 || H5Tis_variable_str(type.get()) > 0) return;
  std::vector<hsize_t> start(static_cast<std::size_t>(n_dimensions)), one(start.size(), 1);
  for (std::size_t i = 0; i < start.size(); ++i) {
    if (extents[i] == 0) return;
    start[i] = input.take<std::uint8_t>() % extents[i];
  }
  (void)H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, one.data(),
                            nullptr);
  const h5::Space memory(H5Screate(H5S_SCALAR));
  const auto cell = input.take<std::array<char, 16>>();
  (void)H5Dwrite(dataset, type.get(), memory.get(), space.get(), H5P_DEFAULT, cell.data());
}

void change_once(hid_t file, Input& input) {
  const char* const path = objects[input.choose(objects.size())];
  const std::size_t what = input.choose(9);
  const char* const name = names[input.choose(names.size())];
  if (what == 0) {
    (void)H5Ldelete(file, path, H5P_DEFAULT);
    return;
  }
  const h5::Object object(H5Oopen(file, path, H5P_DEFAULT));
  if (!object) return;
  const bool is_dataset = H5Iget_type(object.get()) == H5I_DATASET;
  if (what == 1) {
    write_attribute(object.get(), name, input);
  } else if (what == 2) {
    (void)H5Adelete(object.get(), name);
  } else if (what == 3 && is_dataset) {
    std::array<hsize_t, 3> extents{input.take<std::uint64_t>() >> input.choose(64), input.choose(5),
                                   input.choose(5)};
    (void)H5Dset_extent(object.get(), extents.data());
  } else if (what == 4 && is_dataset) {
    write_cells(object.get(), input);
  } else if (what == 5 && !is_dataset) {
    const char* const target = objects[input.choose(objects.size())];
    (void)H5Lcreate_hard(file, target, object.get(), name, H5P_DEFAULT, H5P_DEFAULT);
  } else if (what == 6 && !is_dataset) {
    (void)H5Lcreate_soft(objects[input.choose(objects.size())], object.get(), name, H5P_DEFAULT,
                         H5P_DEFAULT);
  } else if (what == 7 && !is_dataset) {
    const h5::Type type = type_for(input);
    const h5::Space space = space_for(input);
    (void)H5Ldelete(object.get(), name, H5P_DEFAULT);
    const h5::Dataset made(H5Dcreate2(object.get(), name, type.get(), space.get(), H5P_DEFAULT,
                                      H5P_DEFAULT, H5P_DEFAULT));
  } else if (what == 8 && !is_dataset) {
    const std::string odd = input.text();
    const h5::Group made(
        H5Gcreate2(object.get(), odd.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    (void)H5Oset_comment(made.get(), input.text().c_str());
  }
}

void read_all(const fs::path& path) {
  const RunReader run(path);
  (void)run.info();
  (void)run.config();
  (void)run.provenance();
  (void)run.attempts();
  (void)run.summary();
  for (const SeriesInfo& info : run.series()) {
    (void)run.read(info.key);
    (void)run.read(info.key, {.rows = {.first = 3, .stride = 4}, .steps = StepRange{5, 12}});
  }
  for (const AbandonedSeries& one : run.abandoned()) (void)run.read_abandoned(one);
}

void resume(const fs::path& directory) {
  TrackerContext context = context_in(directory, 3);
  context.attempt = 2;
  context.is_resumed = true;
  context.from_step = 15;
  trackers::Hdf5Tracker tracker;
  (void)tracker.next_step(directory);
  tracker.start(context);
  RecordMaker make;
  tracker.log(RecordMaker::record(15, {make.real("loss", 1), make.real("new", 2)}), {});
  tracker.finish({});
}

template <class Body>
void allow_errors(Body body) {
  try {
    body();
  } catch (const Error&) {  // what a caller can expect; anything else ends the fuzzer
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t n_bytes) {
  static const Base base;
  const fs::path path = base.directory.path() / "run.h5";
  {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write(file, base.bytes.data(), base.bytes.size()) < 0) std::abort();
    close(file);
  }
  {
    const h5::QuietErrors quiet;
    const h5::File file(H5Fopen(path.c_str(), H5F_ACC_RDWR, h5::unlocked_access().get()));
    if (!file) std::abort();
    Input input(data, n_bytes);
    for (int i = 0; i < 8 && !input.is_empty(); ++i) change_once(file.get(), input);
  }
  allow_errors([&] { read_all(path); });
  allow_errors([&] { (void)validate_run(path); });
  allow_errors([&] { resume(path.parent_path()); });
  // With a journal beside it, what cannot be read is taken for a file that a job writes.
  std::error_code ignored;
  fs::remove(h5::journal_path(path), ignored);
  allow_errors([&] { (void)validate_run(path); });
  return 0;
}
