// TFRecord framing: length, checksum of the length, payload, checksum of the payload.
#pragma once

#include <string>
#include <string_view>

namespace ranklog::trackers {

// Replaces `frame` by the record that holds `payload`; keeps its memory.
void frame_record(std::string_view payload, std::string& frame);

}  // namespace ranklog::trackers
