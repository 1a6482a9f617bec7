// Ollama's own interface (docs/api.md): counters in nanoseconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/engine/answer.h"
#include "node-agent/engine/openai.h"

namespace capacity::engine {

// Body of POST /api/generate.
std::string OllamaRequest(const Question& question);

// Puts an answer together from the lines of its stream.
class OllamaStream {
 public:
  // Errors as ChatStream's.
  absl::Status Take(std::string_view line, double now_ms);
  bool complete() const { return complete_; }
  bool over() const { return complete_; }
  const Answer& answer() const { return answer_; }
  Answer& answer() { return answer_; }

 private:
  Answer answer_;
  bool complete_ = false;
};

// The last object of /api/generate or /api/chat, streamed or not. A prompt that a cache answered
// has no prompt_eval_count: that is marked.
absl::StatusOr<Answer> ParseOllamaAnswer(std::string_view text);

struct OllamaModel {
  ListedModel listed;
  // Of `listed.bytes`, what an accelerator holds ("size_vram"); absent of what is not loaded.
  std::optional<std::uint64_t> accelerated_bytes;
};
// GET /api/ps (what is loaded) and GET /api/tags (what is there).
absl::StatusOr<std::vector<OllamaModel>> ParseOllamaModels(std::string_view text);

}  // namespace capacity::engine
