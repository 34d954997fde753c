#include "provenance/provenance.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <type_traits>
#include <unordered_set>

#include "comm/mpi_standard.hpp"
#include "core/text.hpp"
#include "provenance/environment.hpp"
#include "provenance/git.hpp"
#include "provenance/mpi_library.hpp"
#include "provenance/process_facts.hpp"
#include "provenance/scheduler.hpp"

namespace ranklog::provenance {
namespace {

// What a rank sends; its texts follow. All ranks run the same program, so the bytes agree.
struct Greeting {
  std::int64_t pid;
  std::int64_t gpu_memory_bytes;
  std::int32_t world_rank;
  std::int32_t node_rank;
  std::int32_t device;  // -1: none
  std::array<std::uint32_t, 5> n_bytes;
};
static_assert(std::is_trivially_copyable_v<Greeting>);

// The texts of a greeting, in their order.
std::array<std::string*, 5> texts_of(RankInfo& info) {
  return {&info.host, &info.gpu.name, &info.gpu.uuid, &info.gpu.driver_version,
          &info.gpu.runtime_version};
}

Bytes greet(const Communicator& comm, int node_rank, const std::optional<DeviceInUse>& device) {
  RankInfo info;
  info.host = host_name();
  if (device) info.gpu = device->gpu;
  Greeting greeting{::getpid(), info.gpu.memory_bytes,        comm.world_rank(),
                    node_rank,  device ? device->number : -1, {}};
  std::string joined;
  for (std::size_t i = 0; i < greeting.n_bytes.size(); ++i) {
    const std::string& text = *texts_of(info)[i];
    greeting.n_bytes[i] = static_cast<std::uint32_t>(text.size());
    joined += text;
  }
  Bytes message(sizeof greeting + joined.size());
  std::memcpy(message.data(), &greeting, sizeof greeting);
  std::memcpy(message.data() + sizeof greeting, joined.data(), joined.size());
  return message;
}

RankInfo read_greeting(const Bytes& message) {
  Greeting greeting{};
  std::memcpy(&greeting, message.data(), sizeof greeting);
  RankInfo info;
  info.pid = greeting.pid;
  info.world_rank = greeting.world_rank;
  info.node_rank = greeting.node_rank;
  info.gpu.memory_bytes = greeting.gpu_memory_bytes;
  const char* next = reinterpret_cast<const char*>(message.data()) + sizeof greeting;
  for (std::size_t i = 0; i < greeting.n_bytes.size(); ++i) {
    texts_of(info)[i]->assign(next, greeting.n_bytes[i]);
    next += greeting.n_bytes[i];
  }
  info.device = greeting.device < 0 ? "cpu" : "cuda:" + std::to_string(greeting.device);
  return info;
}

std::vector<std::string> hosts_in_rank_order(const std::vector<RankInfo>& ranks) {
  std::vector<std::string> hosts;
  std::unordered_set<std::string_view> seen;
  for (const RankInfo& info : ranks) {
    if (seen.insert(info.host).second) hosts.push_back(info.host);
  }
  return hosts;
}

// The full list is in the table of ranks. The fact has to fit into an HDF5 attribute, which the
// oldest file format limits to 64 KiB with everything around it.
void add_hosts(const std::vector<RankInfo>& ranks, Config& facts) {
  constexpr std::size_t max_list_bytes = 16384;
  constexpr std::size_t overhead_bytes = 16;
  auto hosts = hosts_in_rank_order(ranks);
  const auto n_hosts = static_cast<std::int64_t>(hosts.size());
  std::size_t n_bytes = 0;
  const auto is_over = [&](const std::string& host) {
    return (n_bytes += host.size() + overhead_bytes) > max_list_bytes;
  };
  hosts.erase(std::find_if(hosts.begin(), hosts.end(), is_over), hosts.end());
  facts.set("jobsize", static_cast<std::int64_t>(ranks.size()));
  facts.set("numhosts", n_hosts);
  facts.set("hostlist", hosts);
  const auto n_left_out = n_hosts - static_cast<std::int64_t>(hosts.size());
  if (n_left_out > 0) facts.set("hostlist_left_out", n_left_out);
}

void add_mpi(const Communicator& comm, Config& facts) {
  constexpr std::size_t max_library_bytes = 512;
  std::string library = comm.library_version();
  std::replace_if(
      library.begin(), library.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  const MpiLibrary parsed = parse_mpi_library(library);
  facts.set("mpi_library", escape_unprintable(library, max_library_bytes));
  if (!library.starts_with("in-process"))
    facts.set("mpi_version", ranklog::comm::mpi_standard_version());
  if (!parsed.vendor.empty()) facts.set("mpi_library_vendor", parsed.vendor);
  if (!parsed.version.empty()) facts.set("mpi_library_version", parsed.version);
}

void add_git_commit(Config& facts) {
  std::error_code error;
  const auto directory = std::filesystem::current_path(error);
  if (error) return;
  if (const auto commit = find_git_commit(directory)) facts.set("git_commit", *commit);
}

}  // namespace

Provenance collect(const Communicator& comm, std::string_view label, int node_rank,
                   const std::optional<DeviceInUse>& device) {
  const auto greetings = comm.gather(greet(comm, node_rank, device), 0);
  Provenance provenance;
  if (comm.rank() != 0) return provenance;
  for (const Bytes& message : greetings) provenance.ranks.push_back(read_greeting(message));
  Config& facts = provenance.facts;
  if (!label.empty()) facts.set("label", escape_unprintable(label));
  add_process_facts(&process_environment, facts);
  add_hosts(provenance.ranks, facts);
  add_mpi(comm, facts);
  add_scheduler_facts(&process_environment, facts);
  add_git_commit(facts);
  return provenance;
}

Provenance collect(const Communicator& comm, std::string_view label) {
  const int node_rank = comm.split_by_node().rank();
  return collect(comm, label, node_rank);
}

}  // namespace ranklog::provenance
