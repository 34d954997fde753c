// Files that are not what they claim: a typed error, no crash, no allocation beyond the file.
#include <doctest/doctest.h>
#include <hdf5.h>
#include <sys/stat.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "hdf5/library.hpp"
#include "ranklog/error.hpp"
#include "ranklog/run_reader.hpp"
#include "unit/hdf5_support.hpp"

using namespace ranklog;                // NOLINT: a test file
using namespace ranklog::test_support;  // NOLINT
namespace fs = std::filesystem;

namespace {

// A finished run with one number and one text, opened for damage by `change`.
struct Changed {
  explicit Changed(const std::function<void(hid_t)>& change) {
    run.tracker.store_init_configuration({{"a", {{"b", 1}}}});
    for (int step = 0; step < 10; ++step) {
      run.log(step, {run.make.real("loss", step), run.make.text("note", "hello")});
    }
    run.finish();
    const h5::File file(H5Fopen(run.file().c_str(), H5F_ACC_RDWR, h5::unlocked_access().get()));
    REQUIRE(file);
    change(file.get());
  }
  Run run;
};

void set_rows(hid_t file, const char* name, hsize_t n_rows) {
  const h5::Dataset dataset(H5Dopen2(file, name, H5P_DEFAULT));
  REQUIRE(H5Dset_extent(dataset.get(), &n_rows) >= 0);
}

void set_integer(hid_t file, const char* object, const char* name, std::int64_t value) {
  const h5::Attribute attribute(H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT));
  REQUIRE(H5Awrite(attribute.get(), H5T_NATIVE_INT64, &value) >= 0);
}

void read_all(const fs::path& path) {
  const RunReader reader(path);
  (void)reader.info();
  (void)reader.config();
  (void)reader.provenance();
  for (const SeriesInfo& info : reader.series()) (void)reader.read(info.key);
}

}  // namespace

TEST_CASE("a file that is missing is the system's error") {
  CHECK_THROWS_WITH_AS(RunReader("/nonexistent/run.h5"), doctest::Contains("No such file"),
                       IoError);
}

TEST_CASE("a directory without a run, a pipe and a text file are no run files") {
  ScratchDirectory directory;
  CHECK_THROWS_AS(RunReader(directory.path()), IoError);
  REQUIRE(mkfifo((directory.path() / "run.h5").c_str(), 0600) == 0);
  CHECK_THROWS_AS(RunReader(directory.path()), FileFormatError);
  const fs::path text = directory.path() / "text.h5";
  std::ofstream(text) << "hello";
  CHECK_THROWS_AS(RunReader{text}, FileFormatError);
  std::ofstream(text, std::ios::trunc).flush();
  CHECK_THROWS_AS(RunReader{text}, FileFormatError);
}

TEST_CASE("somebody else's HDF5 file is no run file") {
  ScratchDirectory directory;
  const fs::path path = directory.path() / "other.h5";
  h5::File(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT)).close();
  CHECK_THROWS_WITH_AS(RunReader{path}, doctest::Contains("not one of ranklog's"), FileFormatError);
}

TEST_CASE("a newer format is refused by its number") {
  const Changed changed([](hid_t file) { set_integer(file, "/", "ranklog_format", 2); });
  CHECK_THROWS_WITH_AS(RunReader{changed.run.file()}, doctest::Contains("its format is 2"),
                       FileFormatError);
}

TEST_CASE("a dataset that claims 2^50 rows is refused before memory is taken for them") {
  for (const char* const name : {"/metrics/loss/step", "/metrics/loss/value", "/text/note/value"}) {
    CAPTURE(name);
    const Changed changed([&](hid_t file) { set_rows(file, name, hsize_t{1} << 50); });
    CHECK_THROWS_WITH_AS(read_all(changed.run.file()), doctest::Contains("claims"),
                         FileFormatError);
  }
}

TEST_CASE("columns of different lengths are refused") {
  const Changed changed([](hid_t file) { set_rows(file, "/metrics/loss/max", 4); });
  CHECK_THROWS_WITH_AS(read_all(changed.run.file()), doctest::Contains("'max' has 4 rows"),
                       FileFormatError);
}

TEST_CASE("a missing dataset or attribute is named") {
  const Changed dataset([](hid_t file) { H5Ldelete(file, "/metrics/loss/count", H5P_DEFAULT); });
  CHECK_THROWS_WITH_AS(read_all(dataset.run.file()), doctest::Contains("'count' is missing"),
                       FileFormatError);
  const Changed attribute(
      [](hid_t file) { H5Adelete_by_name(file, "/metrics/loss", "kind", H5P_DEFAULT); });
  CHECK_THROWS_WITH_AS(read_all(attribute.run.file()), doctest::Contains("'kind' is missing"),
                       FileFormatError);
}

TEST_CASE("a dataset of another class is refused") {
  const Changed changed([](hid_t file) {
    H5Ldelete(file, "/metrics/loss/value", H5P_DEFAULT);
    H5Lcreate_hard(file, "/text/note/value", file, "/metrics/loss/value", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK_THROWS_WITH_AS(read_all(changed.run.file()),
                       doctest::Contains("does not hold real numbers"), FileFormatError);
}

TEST_CASE("groups that contain themselves end in an error, not in a loop") {
  const Changed metrics([](hid_t file) {
    H5Lcreate_hard(file, "/metrics", file, "/metrics/again", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK_THROWS_AS((void)RunReader(metrics.run.file()).series(), FileFormatError);
  const Changed config([](hid_t file) {
    H5Lcreate_hard(file, "/config", file, "/config/a/again", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK_THROWS_AS((void)RunReader(config.run.file()).config(), FileFormatError);
}

TEST_CASE("links that lead out of the file are not followed") {
  const Changed changed([](hid_t file) {
    H5Lcreate_external("/etc/passwd", "/", file, "/metrics/outside", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/metrics/loss", file, "/metrics/alias", H5P_DEFAULT, H5P_DEFAULT);
  });
  CHECK(RunReader(changed.run.file()).series().size() == 2);
}

TEST_CASE("a file that ends early is damaged, wherever it ends") {
  Changed whole([](hid_t) {});
  const auto n_bytes = fs::file_size(whole.run.file());
  for (int part = 0; part < 40; ++part) {
    const fs::path cut = whole.run.directory.path() / "cut.h5";
    fs::copy_file(whole.run.file(), cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, n_bytes * static_cast<std::uintmax_t>(part) / 40);
    CHECK_THROWS_AS(read_all(cut), FileFormatError);
  }
}

TEST_CASE("find_runs finds runs in any depth, sorted, and refuses a missing directory") {
  ScratchDirectory directory;
  for (const char* const name : {"b/two", "a/one"}) {
    fs::create_directories(directory.path() / name);
    trackers::Hdf5Tracker tracker;
    tracker.start(context_in(directory.path() / name));
  }
  const auto runs = find_runs(directory.path());
  REQUIRE(runs.size() == 2);
  CHECK(runs[0] == directory.path() / "a/one/run.h5");
  CHECK(runs[1] == directory.path() / "b/two/run.h5");
  CHECK(find_runs(runs[0]) == std::vector<fs::path>{runs[0]});
  CHECK_THROWS_AS((void)find_runs(directory.path() / "none"), DirectoryError);
}
