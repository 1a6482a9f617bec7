#include "planner/service/log.h"

#include <atomic>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace capacity::service {
namespace {

std::atomic<LogFormat> log_format{LogFormat::kText};

// The inside of a JSON string; text lines use it too, so that nothing forges a second line.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out;
}

void Log(const char* level, std::string_view event, std::initializer_list<LogField> fields) {
  const std::string time =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  const bool json = log_format == LogFormat::kJson;
  std::string line = json ? absl::StrCat("{\"time\":\"", time, "\",\"level\":\"", level,
                                         "\",\"event\":\"", Escaped(event), "\"")
                          : absl::StrCat(time, " ", level, " ", Escaped(event));
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, json ? ",\"" : " ", std::string(name), json ? "\":\"" : "=\"",
                    Escaped(value), "\"");
  }
  line += json ? "}\n" : "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of threads do not mix
}

}  // namespace

void SetLogFormat(LogFormat format) { log_format = format; }

void LogInfo(std::string_view event, std::initializer_list<LogField> fields) {
  Log("info", event, fields);
}

void LogWarning(std::string_view event, std::initializer_list<LogField> fields) {
  Log("warning", event, fields);
}

}  // namespace capacity::service
