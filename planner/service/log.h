// What the server says of itself while it runs: one line an event, on stderr.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace capacity::service {

enum class LogFormat { kText, kJson };

// For the whole process; before the first thread starts.
void SetLogFormat(LogFormat format);

using LogField = std::pair<std::string_view, std::string>;

// "2026-11-22T19:00:00.123Z info enrolled name=studio": or the same as one JSON object. Whatever
// the fields contain stays on one line.
void LogInfo(std::string_view event, std::initializer_list<LogField> fields = {});
void LogWarning(std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace capacity::service
