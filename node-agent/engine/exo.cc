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

// How well an address tells a machine from others; 0: not at all. 169.254.0.0/16 and fe80::/10 are
// made up by each side of a cable.
int Usefulness(const std::string& address) {
  if (address.empty() || address == "0.0.0.0" || address == "::1" || address == "::" ||
      probe::StartsWith(address, "127.")) {
    return 0;
  }
  const bool made_up =
      probe::StartsWith(address, "169.254.") || probe::StartsWith(probe::Lower(address), "fe80:");
  if (made_up) return 1;
  return address.find(':') == std::string::npos ? 3 : 2;
}

// "/ip4/192.168.1.7/tcp/52415" -> "192.168.1.7"; "/dns/spark.local/tcp/1" -> "spark.local".
std::string HostIn(const std::string& multiaddress) {
  const std::vector<std::string_view> parts = probe::Split(multiaddress, '/');
  return parts.size() > 2 ? probe::Clean(parts[2], 256) : "";
}

// Keeps the more useful of two.
void Prefer(const std::string& address, std::string& best) {
  if (Usefulness(address) > Usefulness(best)) best = address;
}

// {source: {sink: [{"sinkMultiaddr": {"address": "/ip4/..."}}]}}: where nodes were reached. An
// address of a bridge inside of a machine, which many have, never is.
void ReadReached(const json& connections, std::map<std::string, std::string>& best) {
  if (!connections.is_object()) return;
  for (const auto& [source, sinks] : connections.items()) {
    if (!sinks.is_object()) continue;
    for (const auto& [sink, edges] : sinks.items()) {
      if (!edges.is_array()) continue;
      for (const json& edge : edges) {
        Prefer(HostIn(probe::TextAt(probe::At(edge, "sinkMultiaddr"), "address")), best[sink]);
      }
    }
  }
}

// {node: {"interfaces": [{"ipAddress": "192.168.1.7"}]}}
std::string InterfaceOf(const json& network) {
  const json& interfaces = probe::At(network, "interfaces");
  std::string best;
  if (!interfaces.is_array()) return best;
  for (const json& one : interfaces) Prefer(probe::Clean(probe::TextAt(one, "ipAddress")), best);
  return best;
}

std::map<std::string, std::string> NamesIn(const json& state,
                                           const std::vector<std::string>& nodes) {
  std::map<std::string, std::string> reached;
  ReadReached(probe::At(probe::At(state, "topology"), "connections"), reached);
  std::map<std::string, std::string> names;
  for (const std::string& node : nodes) {
    std::string best = reached[node];
    if (Usefulness(best) < 2)
      Prefer(InterfaceOf(probe::At(probe::At(state, "nodeNetwork"), node)), best);
    const std::string name = probe::Clean(
        probe::TextAt(probe::At(probe::At(state, "nodeIdentities"), node), "friendlyName"));
    if (Usefulness(best) < 2 && !name.empty() && name != "Unknown") best = name;
    if (!best.empty()) names[node] = best;
  }
  return names;
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
  std::vector<std::string> named = state.nodes;
  for (const ExoInstance& instance : state.instances) {
    named.insert(named.end(), instance.nodes.begin(), instance.nodes.end());
  }
  state.names = NamesIn(*whole, named);
  std::stable_sort(state.instances.begin(), state.instances.end(),
                   [](const ExoInstance& a, const ExoInstance& b) { return a.model < b.model; });
  return state;
}

}  // namespace capacity::engine
