// The chat completions of OpenAI's API, as llama-server, vLLM, LM Studio, EXO, mlx_lm.server and
// others stream them; with llama-server's `timings` where they are given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "node-agent/engine/answer.h"

namespace capacity::engine {

// What is asked of an engine: the same for every interface.
struct Question {
  std::string model;
  std::string prompt;
  std::uint64_t generate = 0;     // tokens at most
  bool may_ignore_end = false;    // the engine knows `ignore_eos`: answers get their full length
  bool knows_cache_flag = false;  // llama-server: `cache_prompt`
};

// The request's body.
std::string ChatRequest(const Question& question);

// Puts an answer together from the data of its events.
class ChatStream {
 public:
  // `now_ms` is when it arrived, by a steady clock. InvalidArgument names the field that makes no
  // sense; Unavailable when the server reports an error in the stream.
  absl::Status Take(std::string_view data, double now_ms);
  // True after "[DONE]" or a finish reason.
  bool complete() const { return done_ || !answer_.finish.empty(); }
  // True after "[DONE]": nothing comes after it, also where the server holds the connection.
  bool over() const { return done_; }
  const Answer& answer() const { return answer_; }
  Answer& answer() { return answer_; }

 private:
  Answer answer_;
  bool done_ = false;
};

// A whole answer that did not stream, for what its `usage` and `timings` say.
absl::StatusOr<Answer> ParseChatAnswer(std::string_view text);

// Reads `timings` and `usage` of one object of either kind into `answer`.
void ReadUsage(const nlohmann::json& object, const std::string& where, absl::Status& problem,
               Answer& answer);

// One entry of GET /v1/models.
struct ListedModel {
  std::string id;
  std::string owner;       // "vllm", "llamacpp"
  std::string quant_name;  // llama-server: "Q8_0"
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> parameters;
};
absl::StatusOr<std::vector<ListedModel>> ParseModelList(std::string_view text);

}  // namespace capacity::engine
