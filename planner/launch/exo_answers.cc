#include "planner/launch/exo_answers.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "planner/launch/answers_json.h"

namespace capacity::launch {
namespace {

using nlohmann::json;

constexpr std::size_t kMostNodes = 1'000;
constexpr std::size_t kMostInstances = 1'000;
constexpr std::size_t kMostPreviews = 10'000;
constexpr std::size_t kMostAddresses = 64;  // of one node
constexpr std::int64_t kMostLayers = 100'000;

// ---------------------------------------------------------------- instances

ExoShard ReadShard(const std::string& node, const std::string& runner, const json& shard) {
  return {.node = node,
          .runner = runner,
          .rank = static_cast<int>(CountAt(shard, "deviceRank", kMostNodes).value_or(0)),
          .first = static_cast<int>(CountAt(shard, "startLayer", kMostLayers).value_or(0)),
          .end = static_cast<int>(CountAt(shard, "endLayer", kMostLayers).value_or(0))};
}

// "Pipeline" of "PipelineShardMetadata".
std::string ShardingOf(const std::string& tag) {
  constexpr std::string_view kEnd = "ShardMetadata";
  if (!absl::EndsWith(tag, "ShardMetadata")) return "";
  return tag.substr(0, tag.size() - kEnd.size());
}

// {"MlxRingInstance": {"instanceId", "shardAssignments": {"modelId", "runnerToShard",
// "nodeToRunner"}, ...}}
std::optional<ExoInstance> ReadInstance(const json& wrapped) {
  const Tagged tagged = Untag(wrapped);
  if (tagged.value == nullptr) return std::nullopt;
  ExoInstance instance;
  instance.id = TextAt(*tagged.value, "instanceId");
  if (absl::EndsWith(tagged.tag, "Instance")) {
    instance.choice.meta = tagged.tag.substr(0, tagged.tag.size() - std::string("Instance").size());
  }
  const json& assignments = Member(*tagged.value, "shardAssignments");
  instance.model = TextAt(assignments, "modelId");
  if (instance.id.empty() || instance.model.empty()) return std::nullopt;
  const json& runner_of = Member(assignments, "nodeToRunner");
  const json& shard_of = Member(assignments, "runnerToShard");
  if (!runner_of.is_object() || !shard_of.is_object()) return std::nullopt;
  std::set<std::string> shardings;
  for (const auto& [node, runner] : runner_of.items()) {
    if (instance.shards.size() >= kMostNodes || !runner.is_string()) continue;
    const std::string& id = runner.get_ref<const std::string&>();
    const Tagged shard = Untag(Member(shard_of, id));
    if (shard.value == nullptr) continue;
    shardings.insert(ShardingOf(shard.tag));
    instance.layers =
        static_cast<int>(CountAt(*shard.value, "nLayers", kMostLayers).value_or(instance.layers));
    instance.shards.push_back(ReadShard(Clean(node), Clean(id), *shard.value));
  }
  if (shardings.size() == 1) instance.choice.sharding = *shardings.begin();
  std::stable_sort(instance.shards.begin(), instance.shards.end(),
                   [](const ExoShard& a, const ExoShard& b) { return a.rank < b.rank; });
  return instance;
}

// ---------------------------------------------------------------- nodes and runners

std::vector<std::string> AddressesOf(const json& network) {
  std::vector<std::string> addresses;
  const json& interfaces = Member(network, "interfaces");
  if (!interfaces.is_array()) return addresses;
  for (const json& interface : interfaces) {
    if (addresses.size() >= kMostAddresses) break;
    std::string address = TextAt(interface, "ipAddress");
    if (!address.empty()) addresses.push_back(std::move(address));
  }
  return addresses;
}

ExoRunner ReadRunner(const json& wrapped) {
  const Tagged tagged = Untag(wrapped);
  ExoRunner runner;
  runner.status = tagged.tag;
  if (tagged.value == nullptr) return runner;
  runner.error = TextAt(*tagged.value, "errorMessage");
  runner.layers_loaded =
      static_cast<int>(CountAt(*tagged.value, "layersLoaded", kMostLayers).value_or(0));
  runner.layers = static_cast<int>(CountAt(*tagged.value, "totalLayers", kMostLayers).value_or(0));
  return runner;
}

std::string Folded(std::string_view name) {
  std::string folded;
  for (const unsigned char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    folded += static_cast<char>(std::tolower(c));
  }
  if (absl::EndsWith(folded, ".local")) folded.resize(folded.size() - std::string(".local").size());
  return folded;
}

std::string WhatExoHas(const ExoState& state) {
  constexpr std::size_t kShown = 16;
  std::vector<std::string> known;
  for (const ExoNode& node : state.nodes) {
    if (known.size() >= kShown) {
      known.push_back("...");
      break;
    }
    known.push_back(absl::StrCat(node.name.empty() ? "a node without a name" : node.name, " (",
                                 absl::StrJoin(node.addresses, ", "), ")"));
  }
  return known.empty() ? "EXO has no node" : "EXO has " + absl::StrJoin(known, "; ");
}

template <class Matches>
std::vector<std::string> IdsThat(const ExoState& state, Matches matches) {
  std::vector<std::string> ids;
  for (const ExoNode& node : state.nodes) {
    if (matches(node)) ids.push_back(node.id);
  }
  return ids;
}

}  // namespace

ExoChoice ExoChoiceFor(const LaunchPlan& plan) {
  return {plan.strategy == throughput::Strategy::kTensor ? "Tensor" : "Pipeline",
          plan.transport == catalog::Transport::kRdma ? "MlxJaccl" : "MlxRing"};
}

std::string PreviewsPath(const std::string& model, const std::vector<std::string>& node_ids) {
  std::string path = absl::StrCat("/instance/previews?model_id=", UrlQuoted(model));
  for (const std::string& id : node_ids) absl::StrAppend(&path, "&node_ids=", UrlQuoted(id));
  return path;
}

std::string PlaceRequest(const std::string& model, const ExoChoice& choice, std::size_t nodes) {
  const nlohmann::ordered_json body = {{"model_id", model},
                                       {"sharding", choice.sharding},
                                       {"instance_meta", choice.meta},
                                       {"min_nodes", nodes}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<ExoState> ReadExoState(std::string_view text) {
  const absl::StatusOr<json> whole = ParseAnswer(text, "the state");
  if (!whole.ok()) return whole.status();
  const json& instances = Member(*whole, "instances");
  const json& topology = Member(*whole, "topology");
  if (!instances.is_object() || !topology.is_object()) {
    return absl::InvalidArgumentError("the state is none of EXO: no instances and no topology");
  }
  ExoState state;
  const json& nodes = Member(topology, "nodes");
  std::set<std::string> ids;
  for (std::size_t i = 0; nodes.is_array() && i < nodes.size() && ids.size() < kMostNodes; ++i) {
    if (nodes[i].is_string()) ids.insert(nodes[i].get_ref<const std::string&>());
  }
  const json& identities = Member(*whole, "nodeIdentities");
  const json& networks = Member(*whole, "nodeNetwork");
  for (const std::string& id : ids) {
    std::string name = TextAt(Member(identities, id), "friendlyName");
    if (name == "Unknown") name.clear();  // EXO's word for "not told yet"
    state.nodes.push_back({Clean(id), std::move(name), AddressesOf(Member(networks, id))});
  }
  for (const auto& [id, wrapped] : instances.items()) {
    if (state.instances.size() >= kMostInstances) break;
    if (std::optional<ExoInstance> instance = ReadInstance(wrapped)) {
      state.instances.push_back(*std::move(instance));
    }
  }
  const json& runners = Member(*whole, "runners");
  if (runners.is_object()) {
    for (const auto& [id, wrapped] : runners.items()) {
      if (state.runners.size() >= kMostInstances * 2) break;
      state.runners[Clean(id)] = ReadRunner(wrapped);
    }
  }
  return state;
}

absl::StatusOr<std::vector<ExoPreview>> ReadExoPreviews(std::string_view text) {
  const absl::StatusOr<json> whole = ParseAnswer(text, "the answer of /instance/previews");
  if (!whole.ok()) return whole.status();
  const json& list = Member(*whole, "previews");
  if (!list.is_array()) {
    return absl::InvalidArgumentError("the answer of /instance/previews has no list of previews");
  }
  std::vector<ExoPreview> previews;
  for (const json& entry : list) {
    if (previews.size() >= kMostPreviews) break;
    ExoPreview preview;
    preview.choice = {TextAt(entry, "sharding"), TextAt(entry, "instance_meta")};
    preview.error = TextAt(entry, "error");
    const json& wrapped = Member(entry, "instance");
    if (std::optional<ExoInstance> instance = ReadInstance(wrapped)) {
      preview.instance = *std::move(instance);
      preview.json = wrapped.dump(-1, ' ', false, json::error_handler_t::replace);
    } else if (preview.error.empty()) {
      preview.error = "it has no instance that is understood";
    }
    previews.push_back(std::move(preview));
  }
  return previews;
}

absl::StatusOr<std::string> CreateRequest(const ExoPreview& preview,
                                          const std::map<std::string, int>& layers) {
  if (preview.json.empty()) return absl::FailedPreconditionError("the preview has no instance");
  const ExoInstance& instance = preview.instance;
  std::set<std::string> nodes;
  int sum = 0;
  for (const ExoShard& shard : instance.shards) {
    const auto own = layers.find(shard.node);
    if (own == layers.end() || !nodes.insert(shard.node).second) {
      return absl::FailedPreconditionError("EXO would place it on other nodes than the plan");
    }
    sum += own->second;
  }
  if (nodes.size() != layers.size()) {
    return absl::FailedPreconditionError(absl::StrCat("EXO would place it on ", nodes.size(),
                                                      " nodes, the plan has ", layers.size()));
  }
  json body = json::parse(preview.json, nullptr, false);
  if (body.is_discarded() || !body.is_object() || body.size() != 1) {
    return absl::FailedPreconditionError("the preview's instance is not understood");
  }
  if (preview.choice.sharding == "Pipeline" && sum != instance.layers) {
    return absl::FailedPreconditionError(
        absl::StrCat("EXO counts ", instance.layers, " layers in the model, the plan ", sum));
  }
  if (preview.choice.sharding == "Pipeline") {
    json& shards = body.begin().value()["shardAssignments"]["runnerToShard"];
    int first = 0;
    for (const ExoShard& shard : instance.shards) {
      const auto runner = shards.find(shard.runner);
      if (runner == shards.end() || runner->size() != 1) {
        return absl::FailedPreconditionError("the preview's shards are not understood");
      }
      json& metadata = runner->begin().value();
      metadata["startLayer"] = first;
      first += layers.at(shard.node);
      metadata["endLayer"] = first;
    }
  }
  return json{{"instance", std::move(body)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string ComplaintOf(std::string_view body) {
  const absl::StatusOr<json> whole = ParseAnswer(body, "the answer");
  if (whole.ok()) {
    for (const std::string& text :
         {TextAt(Member(*whole, "error"), "message"), TextAt(*whole, "error"),
          TextAt(*whole, "detail"), TextAt(*whole, "message")}) {
      if (!text.empty()) return text;
    }
  }
  return Clean(body);
}

absl::StatusOr<std::map<std::string, std::string>> ExoIdsOf(
    const std::vector<std::string>& nodes, const std::map<std::string, Address>& addresses,
    const ExoState& state) {
  std::map<std::string, std::string> ids;
  std::set<std::string> taken;
  for (const std::string& node : nodes) {
    std::vector<std::string> found;
    if (const auto named = addresses.find(node); named != addresses.end()) {
      found = IdsThat(state, [&](const ExoNode& one) {
        return std::count(one.addresses.begin(), one.addresses.end(), named->second.host) > 0;
      });
    }
    if (found.empty()) {
      found = IdsThat(state, [&](const ExoNode& one) {
        return !one.name.empty() && Folded(one.name) == Folded(node);
      });
    }
    if (found.size() != 1 || !taken.insert(found.front()).second) {
      return absl::FailedPreconditionError(absl::StrCat(
          found.empty() ? "EXO does not have " : "it is not clear which of EXO's nodes is ", node,
          ": none of its nodes, or several, have that name or the address of --address ", node,
          "=HOST. ", WhatExoHas(state)));
    }
    ids[node] = found.front();
  }
  return ids;
}

}  // namespace capacity::launch
