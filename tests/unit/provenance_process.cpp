#include <doctest/doctest.h>
#include <unistd.h>

#include <ctime>
#include <string>

#include "core/text.hpp"
#include "provenance/mpi_library.hpp"
#include "provenance/process_facts.hpp"
#include "provenance/small_file.hpp"
#include "support/fake_environment.hpp"
#include "support/scratch_directory.hpp"

using ranklog::Config;
using ranklog::to_text;
using ranklog::provenance::add_process_facts;
using ranklog::provenance::cluster_of_host;
using ranklog::provenance::find_login_name;
using ranklog::provenance::parse_mpi_library;
using ranklog::provenance::read_small_file;
using Fake = ranklog::test_support::FakeEnvironment;

namespace {

Config facts_in(const Fake& environment) {
  Config facts;
  add_process_facts(environment, facts);
  return facts;
}

std::string fact(const Config& facts, const char* name) {
  const auto* value = facts.find(name);
  return value == nullptr ? "(none)" : to_text(*value);
}

}  // namespace

TEST_CASE("the process is described under Adiak's names") {
  const Config facts = facts_in(Fake{{"USER", "ada"}, {"SLURM_CLUSTER_NAME", "lake"}});
  CHECK(fact(facts, "user") == "ada");
  CHECK(fact(facts, "uid") == std::to_string(::geteuid()));
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  CHECK(fact(facts, "executablepath") == program);
  CHECK(fact(facts, "executable") == program.filename());
  CHECK(fact(facts, "cmdline").find(program.filename()) != std::string::npos);
  CHECK(fact(facts, "workdir") == std::filesystem::current_path());
  CHECK(fact(facts, "hostname") != "(none)");
  CHECK(fact(facts, "clustername") == "lake");
  for (const char* name : {"compiler", "ranklog_version", "fmt_version", "glibc_version"})
    CHECK(fact(facts, name) != "(none)");
}

TEST_CASE("the launch date lies shortly before now, in ISO 8601") {
  const auto now = static_cast<double>(std::time(nullptr));
  const std::string date = fact(facts_in(Fake{}), "launchdate");
  CHECK(date <= ranklog::iso8601_utc(now + 2));
  CHECK(date >= ranklog::iso8601_utc(now - 3600));
}

TEST_CASE("without USER and HOME the user comes from LOGNAME or the password file") {
  CHECK(fact(facts_in(Fake{{"LOGNAME", "grace"}}), "user") == "grace");
  CHECK(fact(facts_in(Fake{{"USER", ""}, {"LOGNAME", "grace"}}), "user") == "grace");
  const auto passwd = read_small_file("/etc/passwd", 1 << 20);
  const auto name = find_login_name(passwd.value_or(""), ::geteuid());
  CHECK(fact(facts_in(Fake{}), "user") == name.value_or("(none)"));
}

TEST_CASE("a user is found by number in the password file, also in a torn one") {
  const std::string passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\n::\nada:x:1000:100:A:/:/\n";
  CHECK(find_login_name(passwd, 0) == "root");
  CHECK(find_login_name(passwd, 1000) == "ada");
  CHECK_FALSE(find_login_name(passwd, 100).has_value());
  CHECK_FALSE(find_login_name("", 0).has_value());
  CHECK(find_login_name("ada:x:1000", 1000) == "ada");
}

TEST_CASE("a variable with unprintable bytes is escaped") {
  const std::string user = fact(facts_in(Fake{{"USER", "a\x1b[2J\xff"}}), "user");
  CHECK(user.find('\x1b') == std::string::npos);
  CHECK(ranklog::is_valid_utf8(user));
}

TEST_CASE("the cluster is the host without its number") {
  CHECK(cluster_of_host("lassen12") == "lassen");
  CHECK(cluster_of_host("nid000123.hpc.example") == "nid");
  CHECK(cluster_of_host("node-7") == "node");
  CHECK(cluster_of_host("laptop") == "laptop");
  CHECK(cluster_of_host("1234") == "1234");
  CHECK(cluster_of_host("").empty());
}

TEST_CASE("vendor and version of the MPI library are read from its text") {
  const auto check = [](const char* text, const char* vendor, const char* version) {
    CAPTURE(text);
    CHECK(parse_mpi_library(text).vendor == vendor);
    CHECK(parse_mpi_library(text).version == version);
  };
  check("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4", "Open MPI", "4.1.4");
  check("Open MPI v5.0.0rc9, package: x", "Open MPI", "5.0.0rc9");
  check("MPICH Version:      4.0.2 MPICH Release date: Thu Apr", "MPICH", "4.0.2");
  check("MVAPICH2 Version      :   2.3.7", "MVAPICH2", "2.3.7");
  check("MPI VERSION    : CRAY MPICH version 8.1.25.17", "CRAY MPICH", "8.1.25.17");
  check("Intel(R) MPI Library 2021.9 for Linux* OS", "Intel(R) MPI", "2021.9");
  check("in-process ranks", "", "");
  check("Open MPI", "Open MPI", "");
}

TEST_CASE("a file is read up to a limit, and nothing that is no regular file is read") {
  const ranklog::test_support::ScratchDirectory scratch;
  scratch.write("large", std::string(200000, 'x'));
  CHECK(read_small_file(scratch.path() / "large", 100000).value_or("").size() == 100000);
  CHECK(read_small_file(scratch.path() / "large", 300000).value_or("").size() == 200000);
  CHECK_FALSE(read_small_file(scratch.path(), 10).has_value());
  CHECK_FALSE(read_small_file(scratch.path() / "missing", 10).has_value());
  CHECK_FALSE(read_small_file("/dev/zero", 10).has_value());
}
