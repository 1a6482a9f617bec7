// Streams in pieces, put together again: lines, and server-sent events made of lines.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace capacity::engine {

inline constexpr std::size_t kLongestLine = std::size_t{1} << 20;  // bytes; longer ones are refused

// Takes what is one line (without its end) or one event's data; a status other than OK ends the
// reading and is returned.
using TakeText = std::function<absl::Status(std::string_view)>;

// Splits at LF, CR and CRLF, wherever the pieces end.
class LineReader {
 public:
  // ResourceExhausted for a line over kLongestLine; nothing may be fed after an error.
  absl::Status Feed(std::string_view piece, const TakeText& take);
  // The last line when the stream ended without a line end.
  absl::Status End(const TakeText& take);

 private:
  std::string line_;
  bool after_cr_ = false;
};

// Server-sent events (HTML Living Standard, section 9.2.6): the data lines of an event joined by
// LF. Comments, event names, identifiers and retry times are passed over; an event that the stream
// does not end with an empty line is dropped, as the standard says.
class SseReader {
 public:
  // ResourceExhausted for a line or an event over kLongestLine.
  absl::Status Feed(std::string_view piece, const TakeText& take_data);

 private:
  absl::Status Line(std::string_view line, const TakeText& take_data);

  LineReader lines_;
  std::string data_;
  bool has_data_ = false;
  bool first_line_ = true;
};

}  // namespace capacity::engine
