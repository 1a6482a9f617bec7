#include "node-agent/probe/finding.h"

#include <algorithm>

#include "node-agent/probe/text.h"

namespace capacity::probe {

void Finding::Unknown(std::string_view what_is, std::string_view why) {
  std::string unknown = std::string(what_is) + " unknown, because " + std::string(why);
  const auto& known = result_.unknowns;
  if (std::find(known.begin(), known.end(), unknown) == known.end()) {
    result_.unknowns.push_back(std::move(unknown));
  }
}

void Finding::Absent(std::string_view why) {
  absent_ = true;
  result_.unknowns.emplace_back(why);
}

agent::ProbeResult Finding::Finish() const {
  using Outcome = agent::ProbeResult::Outcome;
  agent::ProbeResult result = result_;
  if (found_) {
    result.outcome = result.unknowns.empty() ? Outcome::kOk : Outcome::kPartial;
  } else if (absent_ || missing_) {
    result.outcome = Outcome::kAbsent;
  } else {
    result.outcome = result.unknowns.empty() ? Outcome::kOk : Outcome::kFailed;
  }
  return result;
}

std::string ReadLine(host::Host& host, const std::string& path) {
  const std::optional<std::string> text = host.Read(path);
  return text ? Clean(std::string_view(*text).substr(0, text->find('\n'))) : "";
}

std::string WhyNotUnderstood(const std::vector<host::Output>& outputs, const host::Command& command,
                             Finding& finding) {
  const auto asked = [&command](const host::Output& output) {
    return std::all_of(command.arguments.begin() + 1, command.arguments.end(),
                       [&output](const std::string& argument) {
                         return argument[0] == '-' ||
                                std::find(output.arguments.begin(), output.arguments.end(),
                                          argument) != output.arguments.end();
                       });
  };
  // Of a capture, why another command failed tells nothing of this one.
  const auto found = std::find_if(outputs.begin(), outputs.end(), asked);
  const host::Output& first = found == outputs.end() ? outputs[0] : *found;
  if (first.how == host::Output::How::kAbsent) finding.Missing();
  if (found == outputs.end() && first.how != host::Output::How::kAbsent) {
    finding.Missing();
    return host::CommandLine(command.arguments) + " is not in the capture";
  }
  std::string why = host::WhyNot(first, command);
  if (!why.empty()) return why;
  why = "what " + std::string(host::ProgramName(command.arguments)) + " printed is not understood";
  if (first.truncated) why += " (it was cut off)";
  return why;
}

}  // namespace capacity::probe
