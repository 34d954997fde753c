#include "reduce/pulse.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.hpp"
#include "reduce/tree.hpp"
#include "reduce/wire.hpp"

namespace ranklog::reduce {
namespace {

constexpr std::uint32_t pulse_magic = 0x31504b52;   // "RKP1"
constexpr std::uint32_t notice_magic = 0x314e4b52;  // "RKN1"
constexpr std::size_t max_text_bytes = 160;

// Paths of source files are told apart by their end.
std::string_view end_of(std::string_view text) {
  return text.size() <= max_text_bytes ? text : text.substr(text.size() - max_text_bytes);
}

void put_position(WireWriter& out, const Sighting& sighting) {
  out.put(sighting.doing);
  out.put(static_cast<std::uint8_t>(sighting.has_step));
  out.put(sighting.step);
}

void get_position(WireReader& in, Sighting& sighting) {
  const auto doing = in.get<std::uint8_t>();
  if (doing > static_cast<std::uint8_t>(Sighting::Doing::delivering))
    in.reject("a code is unknown");
  sighting.doing = static_cast<Sighting::Doing>(doing);
  sighting.has_step = in.get<std::uint8_t>() != 0;
  sighting.step = in.get<std::int64_t>();
}

void put_if_changed(WireWriter& out, std::string_view text, std::string& told) {
  const auto now = end_of(text);
  out.put(static_cast<std::uint8_t>(now != told));
  if (now == told) return;
  out.put_text(now);
  told = now;
}

void get_if_changed(WireReader& in, std::string& text) {
  if (in.get<std::uint8_t>() != 0) text = in.get_text();
}

// What a reader of such a message calls it, and borrows.
std::string name_of_message(int sender) {
  return fmt::format("a message of the watchdog from rank {}", sender);
}

WireReader begin(const Bytes& bytes, std::uint32_t magic, std::string_view name) {
  WireReader in(bytes, name);
  if (in.get<std::uint32_t>() != magic) in.reject("it does not begin as one does");
  return in;
}

std::string_view name_of(Sighting::Doing doing) {
  switch (doing) {
    case Sighting::Doing::flush:
      return "flush()";
    case Sighting::Doing::end_training:
      return "end_training()";
    case Sighting::Doing::delivering:
      return "flush() or end_training(), waiting for its trackers";
    default:
      return "log()";
  }
}

std::string_view consequence_of(WatchdogPolicy policy) {
  switch (policy) {
    case WatchdogPolicy::carry_on:
      return "Going on without it.";
    case WatchdogPolicy::abort:
      return "Aborting the job.";
    default:
      return "Going on waiting.";
  }
}

std::string on_host(const Sighting& sighting) {
  return sighting.host.empty() ? std::string()
                               : fmt::format(" on {}", escape_unprintable(sighting.host));
}

std::string since(const Sighting& last) {
  return last.has_step ? fmt::format("after step {}", last.step)
                       : "from where it was last seen " + describe(last);
}

// "rank 3", "ranks 5 to 7" or nothing: whose rows go through `rank`.
std::string those_behind(int rank, int n_ranks) {
  const int last = end_of_subtree(rank, n_ranks) - 1;
  if (rank == 0 || last <= rank) return {};
  if (last == rank + 1) return fmt::format("rank {}", last);
  return fmt::format("ranks {} to {}", rank + 1, last);
}

}  // namespace

Bytes PulseWriter::write(const Pulse& pulse) {
  WireWriter out;
  out.put(pulse_magic);
  out.put(pulse.end);
  put_position(out, pulse.sighting);
  put_if_changed(out, pulse.sighting.host, told_host_);
  put_if_changed(out, pulse.sighting.call_site, told_call_site_);
  return out.take();
}

Pulse PulseReader::read(const Bytes& bytes, int sender) {
  const std::string name = name_of_message(sender);
  auto in = begin(bytes, pulse_magic, name);
  const auto end = in.get<std::uint8_t>();
  if (end > static_cast<std::uint8_t>(Pulse::End::is_cut_off)) in.reject("a code is unknown");
  get_position(in, last_);
  get_if_changed(in, last_.host);
  get_if_changed(in, last_.call_site);
  if (!in.is_at_end()) in.reject("it is longer than its contents");
  return {static_cast<Pulse::End>(end), last_};
}

Bytes write_notice(const Notice& notice) {
  WireWriter out;
  out.put(notice_magic);
  out.put(notice.finding.rank);
  out.put(static_cast<std::uint8_t>(notice.finding.is_back));
  out.put(notice.finding.silent_s);
  put_position(out, notice.last);
  out.put_text(end_of(notice.last.host));
  out.put_text(end_of(notice.last.call_site));
  return out.take();
}

Notice read_notice(const Bytes& bytes, int sender) {
  const std::string name = name_of_message(sender);
  auto in = begin(bytes, notice_magic, name);
  Notice notice;
  notice.finding.rank = in.get<std::int32_t>();
  notice.finding.is_back = in.get<std::uint8_t>() != 0;
  notice.finding.silent_s = in.get<double>();
  get_position(in, notice.last);
  notice.last.host = in.get_text();
  notice.last.call_site = in.get_text();
  if (!in.is_at_end()) in.reject("it is longer than its contents");
  return notice;
}

std::string describe(const Sighting& sighting) {
  if (sighting.doing == Sighting::Doing::nothing) return "before its first log()";
  const std::string at =
      sighting.call_site.empty() ? "" : " at " + escape_unprintable(sighting.call_site);
  if (sighting.doing == Sighting::Doing::log) {
    return sighting.has_step ? fmt::format("at step {}, in log(){}", sighting.step, at)
                             : fmt::format("in log(){}", at);
  }
  std::string text = fmt::format("in {}", name_of(sighting.doing));
  if (sighting.call_site.empty()) return text;
  text += sighting.has_step ? fmt::format(" after step {}, logged{}", sighting.step, at)
                            : fmt::format(" after log(){}", at);
  return text;
}

std::string describe(const Notice& notice, WatchdogPolicy policy, int n_ranks) {
  const Finding& finding = notice.finding;
  std::string text = fmt::format("rank {}{}", finding.rank, on_host(notice.last));
  if (finding.is_back) {
    return text +
           fmt::format(" is back after {:.0f} s, {}.", finding.silent_s, describe(notice.last));
  }
  text += fmt::format(
      " has made no call to ranklog for {:.0f} s while others wait for it; it was "
      "last seen {}. ",
      finding.silent_s, describe(notice.last));
  const auto behind = those_behind(finding.rank, n_ranks);
  if (!behind.empty()) text += fmt::format("What {} sent goes through it. ", behind);
  // Trackers have their own time limits.
  const bool is_delivering = notice.last.doing == Sighting::Doing::delivering;
  text += consequence_of(is_delivering ? WatchdogPolicy::wait : policy);
  return text;
}

std::vector<std::string> describe_gaps(const std::vector<Notice>& said, int n_ranks) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < said.size(); ++i) {
    const Notice& left = said[i];
    if (left.finding.is_back) continue;
    const auto back = std::find_if(
        said.begin() + static_cast<std::ptrdiff_t>(i), said.end(), [&](const Notice& later) {
          return later.finding.is_back && later.finding.rank == left.finding.rank;
        });
    std::string whom = fmt::format("rank {}{}", left.finding.rank, on_host(left.last));
    const auto behind = those_behind(left.finding.rank, n_ranks);
    if (!behind.empty()) whom += " and of " + behind;
    lines.push_back(fmt::format("rows may lack the values of {}, {}, {}", whom, since(left.last),
                                back == said.end() ? std::string("to the end")
                                                   : "until it came back " + describe(back->last)));
  }
  return lines;
}

}  // namespace ranklog::reduce
