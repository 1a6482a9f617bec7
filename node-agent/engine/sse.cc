#include "node-agent/engine/sse.h"

#include "absl/strings/str_cat.h"

namespace capacity::engine {
namespace {

absl::Status TooLong(const char* what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the server sent ", what, " of more than ", kLongestLine, " bytes; refused"));
}

}  // namespace

absl::Status LineReader::Feed(std::string_view piece, const TakeText& take) {
  while (!piece.empty()) {
    if (after_cr_ && piece.front() == '\n') piece.remove_prefix(1);
    after_cr_ = false;
    const std::size_t end = piece.find_first_of("\r\n");
    const std::string_view part = piece.substr(0, end);
    if (line_.size() + part.size() > kLongestLine) return TooLong("a line");
    line_ += part;
    if (end == std::string_view::npos) return absl::OkStatus();
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    const absl::Status taken = take(line_);
    line_.clear();
    if (!taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status LineReader::End(const TakeText& take) {
  if (line_.empty()) return absl::OkStatus();
  const std::string last = std::move(line_);
  line_.clear();
  return take(last);
}

absl::Status SseReader::Feed(std::string_view piece, const TakeText& take_data) {
  return lines_.Feed(piece, [&](std::string_view line) { return Line(line, take_data); });
}

absl::Status SseReader::Line(std::string_view line, const TakeText& take_data) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (first_line_ && line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    line.remove_prefix(kByteOrderMark.size());
  }
  first_line_ = false;
  if (line.empty()) {
    if (!has_data_) return absl::OkStatus();
    const std::string data = std::move(data_);
    data_.clear();
    has_data_ = false;
    return take_data(data);
  }
  const std::size_t colon = line.find(':');
  if (line.substr(0, colon) != "data") return absl::OkStatus();
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (data_.size() + value.size() + 1 > kLongestLine) return TooLong("an event");
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return absl::OkStatus();
}

}  // namespace capacity::engine
