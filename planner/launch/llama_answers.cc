#include "planner/launch/llama_answers.h"

#include <cstdint>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "planner/launch/answers_json.h"

namespace capacity::launch {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostTokens = 1'000'000'000;  // in a context
constexpr std::int64_t kMostSlots = 65'536;

std::optional<int> Narrowed(std::optional<std::int64_t> count) {
  if (!count) return std::nullopt;
  return static_cast<int>(*count);
}

}  // namespace

absl::StatusOr<LlamaProps> ReadLlamaProps(std::string_view text) {
  const absl::StatusOr<json> whole = ParseAnswer(text, "the answer of /props");
  if (!whole.ok()) return whole.status();
  const json& settings = Member(*whole, "default_generation_settings");
  if (!settings.is_object()) {
    return absl::InvalidArgumentError("the answer of /props is none of llama-server");
  }
  LlamaProps props;
  constexpr std::size_t kLongestPath = 4096;  // bytes
  props.model_path = TextAt(*whole, "model_path", kLongestPath);
  props.alias = TextAt(*whole, "model_alias");
  props.quant = TextAt(*whole, "model_ftype");
  props.build = TextAt(*whole, "build_info");
  props.slots = Narrowed(CountAt(*whole, "total_slots", kMostSlots));
  props.context_tokens = Narrowed(CountAt(settings, "n_ctx", kMostTokens));
  return props;
}

absl::StatusOr<std::vector<LlamaSlot>> ReadLlamaSlots(std::string_view text) {
  const absl::StatusOr<json> whole = ParseAnswer(text, "the answer of /slots");
  if (!whole.ok()) return whole.status();
  if (!whole->is_array() || whole->size() > static_cast<std::size_t>(kMostSlots)) {
    return absl::InvalidArgumentError("the answer of /slots is no list of slots");
  }
  std::vector<LlamaSlot> slots;
  for (const json& entry : *whole) {
    const json& busy = Member(entry, "is_processing");
    slots.push_back({Narrowed(CountAt(entry, "id", kMostSlots)).value_or(0),
                     Narrowed(CountAt(entry, "n_ctx", kMostTokens)).value_or(0),
                     busy.is_boolean() && busy.get<bool>()});
  }
  return slots;
}

}  // namespace capacity::launch
