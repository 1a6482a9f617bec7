// What engines answer to `planner launch` and `planner status`, one reader an execution: the first
// byte chooses it, the rest is the answer. Whatever the bytes, a reader ends, and what it makes is
// printable and in its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"
#include "planner/launch/answers_json.h"
#include "planner/launch/compare.h"
#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"
#include "planner/launch/record.h"

namespace {

namespace launch = capacity::launch;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequirePrintable(const std::string& text, std::size_t longest = launch::kLongestText) {
  Require(text.size() <= longest);
  Require(launch::Clean(text, longest) == text);
}

void RequireInstance(const launch::ExoInstance& instance) {
  RequirePrintable(instance.id);
  RequirePrintable(instance.model);
  RequirePrintable(instance.choice.sharding);
  RequirePrintable(instance.choice.meta);
  Require(instance.layers >= 0);
  int rank = 0;
  for (const launch::ExoShard& shard : instance.shards) {
    RequirePrintable(shard.node);
    RequirePrintable(shard.runner);
    Require(shard.rank >= rank && shard.first >= 0 && shard.end >= 0);
    rank = shard.rank;
  }
}

void ReadState(std::string_view text) {
  const auto state = launch::ReadExoState(text);
  if (!state.ok()) return;
  std::vector<std::string> names = {"ultra-1"};
  for (const launch::ExoNode& node : state->nodes) {
    RequirePrintable(node.id);
    RequirePrintable(node.name);
    names.push_back(node.name);
    for (const std::string& address : node.addresses) RequirePrintable(address);
  }
  for (const launch::ExoInstance& instance : state->instances) {
    RequireInstance(instance);
    (void)launch::Progress(instance, *state);
  }
  for (const auto& [id, runner] : state->runners) {
    RequirePrintable(id);
    RequirePrintable(runner.status);
    RequirePrintable(runner.error);
  }
  (void)launch::ExoIdsOf(names, {{"ultra-1", {"10.0.0.1", 0}}}, *state);
  launch::Record plan;
  plan.engine = "exo";
  plan.source = state->instances.empty() ? "m" : state->instances.front().model;
  plan.shares = {{"ultra-1", 0, 1}};
  plan.engine_nodes = {state->nodes.empty() ? "n" : state->nodes.front().id};
  Require(!launch::CompareExo("http://x", {plan}, *state).empty());
}

void ReadPreviews(std::string_view text) {
  const auto previews = launch::ReadExoPreviews(text);
  if (!previews.ok()) return;
  for (const launch::ExoPreview& preview : *previews) {
    RequirePrintable(preview.error);
    RequireInstance(preview.instance);
    std::map<std::string, int> layers;
    for (const launch::ExoShard& shard : preview.instance.shards) layers[shard.node] = 1;
    if (!layers.empty()) {
      layers.begin()->second += preview.instance.layers - static_cast<int>(layers.size());
    }
    const auto request = launch::CreateRequest(preview, layers);
    // What is sent is JSON that reads as the same instance.
    if (request.ok()) Require(launch::ParseAnswer(*request, "it").ok());
  }
}

void ReadLlama(std::string_view text) {
  const auto props = launch::ReadLlamaProps(text);
  const auto slots = launch::ReadLlamaSlots(text);
  if (slots.ok()) {
    for (const launch::LlamaSlot& slot : *slots) Require(slot.id >= 0 && slot.context_tokens >= 0);
  }
  if (!props.ok()) return;
  RequirePrintable(props->model_path, 4096);
  RequirePrintable(props->alias);
  Require(props->slots.value_or(0) >= 0 && props->context_tokens.value_or(0) >= 0);
  launch::Record plan;
  plan.file = "/m.gguf";
  (void)launch::CompareLlama(plan, *props, slots.ok() ? &*slots : nullptr);
}

// What is read is written and read again as the same.
void ReadKept(std::string_view text) {
  const auto records = launch::ReadRecords(text);
  if (!records.ok()) return;
  const auto again = launch::ReadRecords(launch::RecordsJson(*records));
  Require(again.ok() && *again == *records);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      ReadState(text);
      break;
    case 1:
      ReadPreviews(text);
      break;
    case 2:
      ReadLlama(text);
      break;
    case 3:
      ReadKept(text);
      break;
    default:
      RequirePrintable(launch::ComplaintOf(text));
  }
  return 0;
}
