// How one probe goes, while it goes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

class Finding {
 public:
  explicit Finding(std::string name) { result_.name = std::move(name); }

  void Found() { found_ = true; }
  // "GPU cores are unknown, because system_profiler is not there".
  void Unknown(std::string_view what_is, std::string_view why);
  // A tool or file that was looked for does not exist here.
  void Missing() { missing_ = true; }
  // Looked for and not there, which is an answer: no unknown follows from it.
  void Absent(std::string_view why);

  agent::ProbeResult Finish() const;

 private:
  agent::ProbeResult result_;
  bool found_ = false;
  bool missing_ = false;
  bool absent_ = false;
};

// The first line of a file, as it may stand in a report; empty where there is no such file.
std::string ReadLine(host::Host& host, const std::string& path);

// Why none of `outputs` told what `command` was asked for, in words. Marks `finding` when nobody
// asked: the program is absent, or a capture holds other outputs of it only.
std::string WhyNotUnderstood(const std::vector<host::Output>& outputs, const host::Command& command,
                             Finding& finding);

// What the first output that `parse(const host::Output&)` understands says. Else nullopt with the
// reason in `why`. Marks `finding`.
template <class Parse>
auto FirstUnderstood(host::Host& host, const host::Command& command, const Parse& parse,
                     Finding& finding, std::string& why)
    -> decltype(parse(std::declval<const host::Output&>())) {
  const std::vector<host::Output> outputs = host.Run(command);
  for (const host::Output& output : outputs) {
    if (output.how != host::Output::How::kRan) continue;
    if (auto parsed = parse(output)) {
      finding.Found();
      return parsed;
    }
  }
  why = WhyNotUnderstood(outputs, command, finding);
  return std::nullopt;
}

}  // namespace capacity::probe
