// TFRecord framing: length, checksum of the length, payload, checksum of the payload.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::trackers {

// Replaces `frame` by the record whose payload is `head` with `tail` behind it; keeps its memory.
void frame_record(std::string_view head, std::string_view tail, std::string& frame);

}  // namespace ranklog::trackers
