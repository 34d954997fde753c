// Small messages between neighbours in the tree, and about missing ranks: where a rank was when it
// was last heard.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ranklog/communicator.hpp"
#include "ranklog/watchdog.hpp"
#include "reduce/watchdog.hpp"

namespace ranklog::reduce {

// What a rank says of itself.
struct Sighting {
  // delivering: rank 0 waits for its trackers, so that the others may go on.
  enum class Doing : std::uint8_t { nothing, log, flush, end_training, delivering };
  Doing doing = Doing::nothing;  // the call that it makes, which is its last one
  bool has_step = false;
  std::int64_t step = 0;  // of its last log()
  std::string call_site;  // of its last log(), "train.cpp:88"; empty before the first
  std::string host;
};

struct Pulse {
  // Nothing else comes from the sender: it closes, goes on without the receiver, or was itself cut
  // off from rank 0 and with it the receiver.
  enum class End : std::uint8_t { none, closes, lets_go, is_cut_off };
  End end = End::none;
  Sighting sighting;
};

// One per direction of an edge: host and call site travel only when they have changed.
class PulseWriter {
 public:
  [[nodiscard]] Bytes write(const Pulse& pulse);

 private:
  std::string told_host_;
  std::string told_call_site_;
};

class PulseReader {
 public:
  // Errors: CommunicationError.
  [[nodiscard]] Pulse read(const Bytes& bytes, int sender);

 private:
  Sighting last_;
};

// A finding with what is known of the rank.
struct Notice {
  Finding finding;
  Sighting last;
};
[[nodiscard]] Bytes write_notice(const Notice& notice);
// Errors: CommunicationError.
[[nodiscard]] Notice read_notice(const Bytes& bytes, int sender);

// "step 412, in log() at train.cpp:88", or that it made no such call yet.
[[nodiscard]] std::string describe(const Sighting& sighting);
// The sentence that is printed. `n_ranks`: of the communicator.
[[nodiscard]] std::string describe(const Notice& notice, WatchdogPolicy policy, int n_ranks);

// Of what was said in the course of a run that carried on: a line for each rank on the rows that
// lack it.
[[nodiscard]] std::vector<std::string> describe_gaps(const std::vector<Notice>& said, int n_ranks);

}  // namespace ranklog::reduce
