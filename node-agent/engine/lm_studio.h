// LM Studio's own interfaces: /api/v0 (since 0.3.6) and /api/v1 (since 0.4.0). Both time themselves
// and give a rate of generation; how they count its first token they do not say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/engine/answer.h"
#include "node-agent/engine/openai.h"

namespace capacity::engine {

// Bodies of POST /api/v0/chat/completions and POST /api/v1/chat.
std::string LmStudioV0Request(const Question& question);
std::string LmStudioV1Request(const Question& question);

// The answer of either; the version is told by its fields.
absl::StatusOr<Answer> ParseLmStudioAnswer(std::string_view text);

struct LmStudioModel {
  ListedModel listed;
  bool loaded = false;
  std::string runtime;  // "gguf", "mlx": which engine runs it
};
// GET /api/v0/models or /api/v1/models, language models only.
absl::StatusOr<std::vector<LmStudioModel>> ParseLmStudioModels(std::string_view text);

}  // namespace capacity::engine
