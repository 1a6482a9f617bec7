#include "planner/report/launch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "planner/report/json_values.h"
#include "planner/report/placement_json.h"
#include "planner/report/text.h"

namespace capacity::report {
namespace {

using launch::Command;
using launch::LaunchPlan;
using launch::Request;
using launch::Share;
using launch::Step;
using launch::Wait;
using launch::WriteFile;

constexpr int kIndent = 4;

// ---------------------------------------------------------------- JSON

template <class T>
Json TextOrNull(const T& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

void AddAction(const WriteFile& file, Json& step) {
  step["kind"] = "file";
  step["path"] = file.path;
  step["content"] = file.content;
}
void AddAction(const Command& command, Json& step) {
  step["kind"] = "command";
  step["argv"] = command.argv;
  step["environment"] = command.environment;
  step["keeps_running"] = command.keeps_running;
  step["shell"] = launch::ShellLine(command);
}
void AddAction(const Request& request, Json& step) {
  step["kind"] = "request";
  step["method"] = request.method;
  step["url"] = request.url;
  step["body"] = TextOrNull(request.body);
  step["body_rule"] = TextOrNull(request.body_rule);
}
void AddAction(const Wait& wait, Json& step) {
  step["kind"] = "wait";
  step["url"] = wait.url;
  step["until"] = wait.until;
}

Json StepJson(const Step& step) {
  Json out = {{"node", TextOrNull(step.node)}, {"what", step.what}};
  std::visit([&](const auto& action) { AddAction(action, out); }, step.action);
  out["undo"] = TextOrNull(step.undo);
  return out;
}

Json AppliedJson(const Applied& applied) {
  return {{"running", applied.running},
          {"url", TextOrNull(applied.url)},
          {"problem", TextOrNull(applied.problem)},
          {"done", applied.done},
          {"undone", applied.undone},
          {"left", applied.left}};
}

// ---------------------------------------------------------------- text

std::string Bullet(const std::string& text, const Style& style) {
  return absl::StrCat("  ", Wrap(text, style.width - 2, kIndent), "\n");
}

std::string ActionText(const WriteFile& file, int) {
  std::string out = absl::StrCat("    write ", file.path, ":\n");
  for (const auto& line : absl::StrSplit(file.content, '\n')) {
    if (!line.empty()) absl::StrAppend(&out, "      ", line, "\n");
  }
  return out;
}
std::string ActionText(const Command& command, int width) {
  return absl::StrCat("    ", ShellLines(command, width, kIndent), "\n",
                      command.keeps_running ? "    (keeps running)\n" : "");
}
std::string ActionText(const Request& request, int width) {
  std::string out = absl::StrCat("    ", request.method, " ", request.url, "\n");
  const std::string& body = request.body.empty() ? request.body_rule : request.body;
  if (!body.empty()) absl::StrAppend(&out, "      ", Wrap(body, width - 6, 6), "\n");
  return out;
}
std::string ActionText(const Wait& wait, int width) {
  return absl::StrCat(
      "    ", Wrap(absl::StrCat("wait for ", wait.url, ": ", wait.until), width - kIndent, 6),
      "\n");
}

std::string StepText(int number, const Step& step, const Style& style) {
  std::string out = absl::StrCat(
      number, ". ", step.node.empty() ? "here" : absl::StrCat("on ", step.node), ": ", step.what);
  out = absl::StrCat(Wrap(out, style.width, kIndent), "\n");
  absl::StrAppend(
      &out,
      std::visit([&](const auto& action) { return ActionText(action, style.width); }, step.action));
  if (!step.undo.empty()) {
    absl::StrAppend(&out, "    ", Wrap("undo: " + step.undo, style.width - kIndent, 6), "\n");
  }
  return out;
}

std::string SplitText(const LaunchPlan& plan, const Style& style) {
  if (plan.shares.size() < 2) return "";
  Table table({{"node", Align::kLeft, true}, {"layers", Align::kRight}, {"which"}});
  for (const Share& share : plan.shares) {
    const bool all = plan.strategy == throughput::Strategy::kTensor;
    table.Add(
        {share.node, absl::StrCat(share.layers),
         all ? absl::StrCat("1/", plan.shares.size(), " of each")
             : absl::StrCat(share.first_layer, " to ", share.first_layer + share.layers - 1)});
  }
  return absl::StrCat("\n", style.Bold("SPLIT"), "\n", table.Render(style));
}

std::string List(const char* title, const std::vector<std::string>& lines, const Style& style) {
  if (lines.empty()) return "";
  std::string out = absl::StrCat("\n", style.Bold(title), "\n");
  for (const std::string& line : lines) absl::StrAppend(&out, Bullet(line, style));
  return out;
}

}  // namespace

std::string AppliedText(const Applied& applied) {
  std::string out = "\n";
  for (const std::string& done : applied.done) absl::StrAppend(&out, done, "\n");
  absl::StrAppend(&out, "It runs at ", applied.url, "\n");
  return out;
}

std::string ShellLines(const Command& command, int width, int indent) {
  std::vector<std::string> words;
  for (const auto& [name, value] : command.environment) {
    words.push_back(launch::ShellLine({{}, {{name, value}}, false}));
    words.back().pop_back();  // its space
  }
  for (const std::string& word : command.argv) {
    words.push_back(launch::ShellLine({{word}, {}, false}));
  }
  const std::string next = absl::StrCat(" \\\n", std::string(indent + 2, ' '));
  std::string out;
  int column = indent;
  for (std::size_t i = 0; i < words.size(); ++i) {
    // An option stays with its value.
    const bool pair = i + 1 < words.size() && words[i].front() == '-' &&
                      words[i + 1].front() != '-' && words[i] != "--";
    const std::string piece = pair ? absl::StrCat(words[i], " ", words[i + 1]) : words[i];
    if (pair) ++i;
    const int size = DisplayWidth(piece);
    if (!out.empty() && column + 1 + size > width - 2) {
      absl::StrAppend(&out, next, piece);
      column = indent + 2 + size;
    } else {
      absl::StrAppend(&out, out.empty() ? "" : " ", piece);
      column += size + 1;
    }
  }
  return out;
}

std::string LaunchJson(const fleet::Fleet& fleet, const placement::Placement& placement,
                       const placement::Load& load, const LaunchPlan& plan,
                       const Applied* applied) {
  Json shares = Json::array();
  for (const Share& share : plan.shares) {
    shares.push_back(
        {{"node", share.node}, {"first_layer", share.first_layer}, {"layers", share.layers}});
  }
  Json steps = Json::array();
  for (const Step& step : plan.steps) steps.push_back(StepJson(step));
  return Document("launch",
                  {{"placement", PlacementJson(fleet, placement)},
                   {"load",
                    {{"context_tokens", load.context_tokens},
                     {"prompt_tokens", load.prompt_tokens},
                     {"concurrency", load.concurrency},
                     {"kv_type", plan.kv_type}}},
                   {"model", plan.model},
                   {"quant", plan.quant},
                   {"engine", catalog::Name(plan.engine)},
                   {"strategy", throughput::Name(plan.strategy)},
                   {"file", TextOrNull(plan.file)},
                   {"source", TextOrNull(plan.source)},
                   {"head", TextOrNull(plan.head)},
                   {"url", absl::StrCat("http://", launch::ToString(plan.api))},
                   {"context_tokens", plan.context_tokens},
                   {"streams", plan.streams},
                   {"layers", plan.layers},
                   {"shares", shares},
                   {"steps", steps},
                   {"warnings", plan.warnings},
                   {"missing", plan.missing},
                   {"not_applied", TextOrNull(plan.not_applied)},
                   {"applied", applied != nullptr ? AppliedJson(*applied) : Json(nullptr)}});
}

std::string LaunchText(const fleet::Fleet& fleet, const placement::Placement& placement,
                       const placement::Load& load, const LaunchPlan& plan, const Style& style) {
  std::string out = PredictText(fleet, placement, load, nullptr, style);
  absl::StrAppend(&out, SplitText(plan, style), "\n", style.Bold("STEPS"), "\n");
  int number = 0;
  for (const Step& step : plan.steps) absl::StrAppend(&out, StepText(++number, step, style));
  std::vector<std::string> notes = plan.warnings;
  if (!plan.not_applied.empty()) notes.push_back(plan.not_applied);
  absl::StrAppend(&out, List("MISSING", plan.missing, style), List("NOTES", notes, style));
  return out;
}

}  // namespace capacity::report
