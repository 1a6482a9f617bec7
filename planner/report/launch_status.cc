#include "planner/report/launch_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "planner/report/json_values.h"

namespace capacity::report {
namespace {

using launch::Difference;
using launch::Record;
using launch::Share;
using launch::Standing;

Json SharesJson(const std::vector<Share>& shares) {
  Json out = Json::array();
  for (const Share& share : shares) {
    out.push_back(
        {{"node", share.node}, {"first_layer", share.first_layer}, {"layers", share.layers}});
  }
  return out;
}

Json PlanJsonOf(const Record& plan) {
  return {{"model", plan.model},
          {"quant", plan.quant},
          {"strategy", plan.strategy},
          {"context_tokens", plan.context_tokens},
          {"streams", plan.streams},
          {"shares", SharesJson(plan.shares)},
          {"applied_at", plan.applied_at.empty() ? Json(nullptr) : Json(plan.applied_at)}};
}

Json RunningJson(const Standing& standing) {
  return {
      {"model", standing.model},
      {"context_tokens", standing.context_tokens ? Json(*standing.context_tokens) : Json(nullptr)},
      {"streams", standing.streams ? Json(*standing.streams) : Json(nullptr)},
      {"busy_streams", standing.busy ? Json(*standing.busy) : Json(nullptr)},
      {"shares", SharesJson(standing.shares)}};
}

std::string SharesText(const std::vector<Share>& shares) {
  std::vector<std::string> parts;
  for (const Share& share : shares) parts.push_back(absl::StrCat(share.node, " ", share.layers));
  return absl::StrJoin(parts, ", ");
}

std::string Verdict(const Standing& standing, const Style& style) {
  if (!standing.plan) return style.Caution("not planned");
  if (standing.AsPlanned()) return style.Good("as planned");
  if (standing.state == Standing::State::kReady) return style.Caution("differs");
  return style.Caution(launch::Name(standing.state));
}

}  // namespace

std::string LaunchStatusJson(const std::vector<Standing>& standings) {
  Json list = Json::array();
  for (const Standing& standing : standings) {
    Json differences = Json::array();
    for (const Difference& difference : standing.differences) {
      differences.push_back({{"what", difference.what},
                             {"planned", difference.planned},
                             {"running", difference.running}});
    }
    list.push_back({{"engine", standing.engine},
                    {"url", standing.url},
                    {"state", launch::Name(standing.state)},
                    {"detail", standing.detail.empty() ? Json(nullptr) : Json(standing.detail)},
                    {"as_planned", standing.AsPlanned()},
                    {"plan", standing.plan ? PlanJsonOf(*standing.plan) : Json(nullptr)},
                    {"running", standing.model.empty() ? Json(nullptr) : RunningJson(standing)},
                    {"differences", differences}});
  }
  const bool agrees = std::all_of(standings.begin(), standings.end(),
                                  [](const Standing& one) { return one.AsPlanned(); });
  return Document("status", {{"agrees", agrees}, {"launches", list}});
}

std::string LaunchStatusText(const std::vector<Standing>& standings, const Style& style) {
  if (standings.empty()) {
    return "Nothing was launched from here, and nothing runs where you looked.\n";
  }
  std::string out;
  for (const Standing& standing : standings) {
    const std::string name = standing.plan            ? standing.plan->model
                             : standing.model.empty() ? std::string("something")
                                                      : standing.model;
    absl::StrAppend(&out, out.empty() ? "" : "\n");
    if (!standing.plan && standing.engine.empty()) {
      absl::StrAppend(&out, style.Bold(standing.url), ": no EXO and no llama-server answers\n");
    } else {
      absl::StrAppend(&out, style.Bold(name), " on ", standing.engine, " at ", standing.url, ": ",
                      Verdict(standing, style), "\n");
    }
    const auto line = [&](const std::string& text) {
      absl::StrAppend(&out, "  ", Wrap(text, style.width - 2, 4), "\n");
    };
    if (!standing.detail.empty()) line(standing.detail);
    if (!standing.shares.empty()) line(absl::StrCat("layers: ", SharesText(standing.shares)));
    if (standing.streams) {
      line(absl::StrCat(
          *standing.streams, *standing.streams == 1 ? " stream" : " streams",
          standing.context_tokens ? absl::StrCat(" of ", *standing.context_tokens, " tokens") : "",
          standing.busy ? absl::StrCat(", ", *standing.busy, " at work") : ""));
    }
    for (const Difference& difference : standing.differences) {
      line(absl::StrCat(difference.what, ": planned ", difference.planned, ", runs with ",
                        difference.running));
    }
    if (standing.plan && standing.plan->process != 0) {
      line(absl::StrCat("process ", standing.plan->process, ", log ", standing.plan->log));
    }
  }
  return out;
}

}  // namespace capacity::report
