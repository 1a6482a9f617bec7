// What llama-server says of itself: GET /props, /slots and /health (llama.cpp b11669).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace capacity::launch {

struct LlamaProps {
  std::string model_path;
  std::string alias;                  // of the API
  std::string quant;                  // model_ftype: "Q8_0"; empty: not said
  std::string build;                  // "b11669-Debian"
  std::optional<int> slots;           // simultaneous streams
  std::optional<int> context_tokens;  // of one slot
};
// InvalidArgument when it is no such answer.
absl::StatusOr<LlamaProps> ReadLlamaProps(std::string_view text);

struct LlamaSlot {
  int id = 0;
  int context_tokens = 0;
  bool busy = false;
};
absl::StatusOr<std::vector<LlamaSlot>> ReadLlamaSlots(std::string_view text);

}  // namespace capacity::launch
