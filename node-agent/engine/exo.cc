#include "node-agent/engine/exo.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"
#include "node-agent/probe/lenient_json.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kMostInstances = 1'000;
constexpr std::size_t kMostNodes = 10'000;

// {"MlxRingInstance": {...}} -> its only member; null when it is none such.
struct Tagged {
  std::string tag;
  const json* value = nullptr;
};
Tagged Untag(const json& object) {
  if (!object.is_object() || object.size() != 1) return {};
  return {object.begin().key(), &object.begin().value()};
}

// Shards in either shape: {"runnerToShard": {id: shard}, "nodeToRunner": {node: id}}, or
// {"shards": [[node, runner, shard], ...]}.
struct Shards {
  std::vector<std::string> nodes;
  std::vector<const json*> shards;
};
Shards ShardsOf(const json& assignments) {
  Shards found;
  const json& by_node = probe::At(assignments, "nodeToRunner");
  if (by_node.is_object()) {
    for (const auto& [node, runner] : by_node.items()) found.nodes.push_back(probe::Clean(node));
  }
  const json& by_runner = probe::At(assignments, "runnerToShard");
  if (by_runner.is_object()) {
    for (const auto& [runner, shard] : by_runner.items()) found.shards.push_back(&shard);
  }
  const json& list = probe::At(assignments, "shards");
  if (list.is_array()) {
    for (const json& entry : list) {
      if (!entry.is_array() || entry.size() != 3 || !entry[0].is_string()) continue;
      found.nodes.push_back(probe::Clean(entry[0].get_ref<const std::string&>()));
      found.shards.push_back(&entry[2]);
    }
  }
  if (found.nodes.size() > kMostNodes) found.nodes.resize(kMostNodes);
  std::sort(found.nodes.begin(), found.nodes.end());
  return found;
}

std::string StrategyOf(const Shards& shards) {
  if (shards.nodes.size() == 1) return "single";
  std::set<std::string> kinds;
  for (const json* shard : shards.shards) kinds.insert(Untag(*shard).tag);
  if (kinds == std::set<std::string>{"TensorShardMetadata"}) return "tensor";
  if (kinds == std::set<std::string>{"PipelineShardMetadata"}) return "pipeline";
  return "";
}

std::optional<std::uint64_t> BytesOf(const Shards& shards) {
  for (const json* shard : shards.shards) {
    const Tagged tagged = Untag(*shard);
    if (tagged.value == nullptr) continue;
    absl::Status ignored;
    const Fields card(probe::At(*tagged.value, "modelCard"), "", ignored);
    if (const auto bytes = card.Inner("storageSize").Count("inBytes", kMostBytes)) return bytes;
  }
  return std::nullopt;
}

}  // namespace

std::string ExoBenchRequest(const Question& question) {
  const json request = {
      {"model", question.model},
      {"messages", json::array({{{"role", "user"}, {"content", question.prompt}}})},
      {"max_tokens", question.generate},
      {"temperature", 0},
      {"stream", false},
      {"use_prefix_cache", false}};
  return request.dump(-1, ' ', true, json::error_handler_t::replace);
}

absl::StatusOr<Answer> ParseExoBench(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the answer");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const Fields fields(*whole, "", problem);
  if (problem.ok() && !fields.Has("generation_stats")) {
    return absl::InvalidArgumentError(
        "generation_stats is missing: this is no answer of /bench/chat/completions");
  }
  const Fields stats = fields.Inner("generation_stats");
  Answer answer;
  answer.model = fields.Text("model");
  answer.prompt_tokens = stats.NeededCount("prompt_tokens", kMostTokens);
  answer.generated_tokens = stats.NeededCount("generation_tokens", kMostTokens);
  answer.prefill_per_second = stats.NeededPositive("prompt_tps", kMostTokensPerSecond);
  answer.decode_per_second = stats.NeededPositive("generation_tps", kMostTokensPerSecond);
  const std::string cache = stats.Text("prefix_cache_hit");
  if (!cache.empty() && cache != "none") {
    answer.not_comparable.push_back(absl::StrCat("the prompt was cached (", cache, ")"));
  }
  answer.power_watts = fields.Inner("power_usage").Number("total_avg_sys_power_watts", kMostWatts);
  const json& choices = fields.Raw("choices");
  if (choices.is_array() && !choices.empty()) {
    answer.finish = Fields(choices.front(), "choices[0]", problem).Text("finish_reason", 32);
  }
  if (!problem.ok()) return problem;
  return answer;
}

absl::StatusOr<ExoState> ParseExoState(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the state");
  if (!whole.ok()) return whole.status();
  const json& instances = probe::At(*whole, "instances");
  const json& topology = probe::At(*whole, "topology");
  if (!instances.is_object() || !topology.is_object()) {
    return absl::InvalidArgumentError("no state of EXO: it has no instances and no topology");
  }
  ExoState state;
  const json& nodes = probe::At(topology, "nodes");
  if (nodes.is_array() && nodes.size() <= kMostNodes) {
    for (const json& node : nodes) {
      if (node.is_string()) state.nodes.push_back(probe::Clean(node.get_ref<const std::string&>()));
    }
  }
  std::sort(state.nodes.begin(), state.nodes.end());
  for (const auto& [id, wrapped] : instances.items()) {
    if (state.instances.size() >= kMostInstances) break;
    const Tagged tagged = Untag(wrapped);
    if (tagged.value == nullptr) continue;
    const json& assignments = probe::At(*tagged.value, "shardAssignments");
    const std::string model = probe::Clean(probe::TextAt(assignments, "modelId"), 256);
    if (model.empty()) continue;
    const Shards shards = ShardsOf(assignments);
    state.instances.push_back({.model = model,
                               .strategy = StrategyOf(shards),
                               .nodes = shards.nodes,
                               .bytes = BytesOf(shards)});
  }
  std::stable_sort(state.instances.begin(), state.instances.end(),
                   [](const ExoInstance& a, const ExoInstance& b) { return a.model < b.model; });
  return state;
}

}  // namespace capacity::engine
