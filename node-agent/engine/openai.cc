#include "node-agent/engine/openai.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"
#include "node-agent/probe/lenient_json.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kMostModels = 10'000;

// {"error": {"message": "..."}} or {"error": "..."}; "" when there is none.
std::string ErrorIn(const json& object) {
  const auto error = object.find("error");
  if (error == object.end() || error->is_null()) return "";
  absl::Status ignored;
  if (error->is_string()) return probe::Clean(error->get<std::string>(), 200);
  const std::string message = Fields(*error, "error", ignored).Text("message", 200);
  return message.empty() ? "it does not say which" : message;
}

// "" where it is no string, or not there.
std::string_view TextIn(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto text = object.find(key);
  return text != object.end() && text->is_string()
             ? std::string_view(text->get_ref<const std::string&>())
             : "";
}

// What one piece holds: text of the answer, of the thoughts before it, or of a tool's call, under
// the names that servers use; plain completions have no delta.
void TakePiece(const json& choice, double now_ms, Answer& answer) {
  const json& delta = probe::At(choice, "delta");
  for (const char* key : {"reasoning_content", "reasoning"}) {
    if (TextIn(delta, key).empty()) continue;
    answer.thoughts_shown = true;
    return AddPiece(TextIn(delta, key), now_ms, answer);
  }
  for (const std::string_view text : {TextIn(delta, "content"), TextIn(choice, "text")}) {
    if (!text.empty()) return AddPiece(text, now_ms, answer);
  }
  const json& calls = probe::At(delta, "tool_calls");
  if (calls.is_array() && !calls.empty()) AddPiece("call", now_ms, answer);
}

// llama-server's own clock (tools/server, since 2023). Its time of generation starts when the first
// token is there, whichever way a build divides it.
void ReadTimings(const Fields& timings, Answer& answer) {
  const auto cached = timings.Count("cache_n", kMostTokens);
  const auto prompt = timings.Count("prompt_n", kMostTokens);
  const auto prompt_ms = timings.Number("prompt_ms", kMostMilliseconds);
  const auto predicted = timings.Count("predicted_n", kMostTokens);
  const auto predicted_ms = timings.Number("predicted_ms", kMostMilliseconds);
  const auto drafted = timings.Count("draft_n", kMostTokens);
  if (cached) answer.cached_tokens = cached;
  if (prompt && !answer.prompt_tokens) answer.prompt_tokens = *prompt + cached.value_or(0);
  if (predicted && !answer.generated_tokens) answer.generated_tokens = predicted;
  if (prompt && *prompt > 0 && prompt_ms && *prompt_ms > 0) {
    answer.prefill_per_second = static_cast<double>(*prompt) / *prompt_ms * 1000;
  }
  if (predicted && *predicted > 1 && predicted_ms && *predicted_ms > 0) {
    answer.decode_per_second = static_cast<double>(*predicted - 1) / *predicted_ms * 1000;
  }
  for (const auto& rate : {answer.prefill_per_second, answer.decode_per_second}) {
    if (rate && *rate > kMostTokensPerSecond) {
      timings.Complain("prompt_ms", "and predicted_ms make an impossible speed");
    }
  }
  if (drafted.value_or(0) > 0) answer.speculative = true;
}

std::string FirstFinish(const Fields& choice) { return choice.Text("finish_reason", 32); }

}  // namespace

std::string ChatRequest(const Question& question) {
  json request = {{"model", question.model},
                  {"messages", json::array({{{"role", "user"}, {"content", question.prompt}}})},
                  {"max_tokens", question.generate},
                  {"temperature", 0},
                  {"stream", true},
                  {"stream_options", {{"include_usage", true}}}};
  if (question.may_ignore_end) request["ignore_eos"] = true;
  if (question.knows_cache_flag) request["cache_prompt"] = false;
  return request.dump(-1, ' ', true, json::error_handler_t::replace);
}

void ReadUsage(const json& object, const std::string& where, absl::Status& problem,
               Answer& answer) {
  const Fields fields(object, where, problem);
  if (fields.Has("usage")) {
    const Fields usage = fields.Inner("usage");
    if (const auto tokens = usage.Count("prompt_tokens", kMostTokens))
      answer.prompt_tokens = tokens;
    if (const auto tokens = usage.Count("completion_tokens", kMostTokens)) {
      answer.generated_tokens = tokens;
    }
    const Fields details = usage.Inner("prompt_tokens_details");
    if (const auto tokens = details.Count("cached_tokens", kMostTokens)) {
      answer.cached_tokens = tokens;
    }
    const Fields made = usage.Inner("completion_tokens_details");
    if (made.Count("accepted_prediction_tokens", kMostTokens).value_or(0) > 0) {
      answer.speculative = true;
    }
    if (const auto tokens = made.Count("reasoning_tokens", kMostTokens)) {
      answer.thought_tokens = tokens;
    }
  }
  if (fields.Has("timings")) ReadTimings(fields.Inner("timings"), answer);
}

absl::Status ChatStream::Take(std::string_view data, double now_ms) {
  const std::string_view trimmed = probe::Trim(data);
  if (trimmed == "[DONE]") {
    done_ = true;
    return absl::OkStatus();
  }
  const absl::StatusOr<json> chunk = ParseWholeJson(trimmed, "a piece of the stream");
  if (!chunk.ok()) return chunk.status();
  if (!chunk->is_object()) {
    return absl::InvalidArgumentError("a piece of the stream is no JSON object");
  }
  if (const std::string error = ErrorIn(*chunk); !error.empty()) {
    return absl::UnavailableError(absl::StrCat("the server reports an error: ", error));
  }
  absl::Status problem;
  const Fields fields(*chunk, "", problem);
  if (answer_.model.empty()) answer_.model = fields.Text("model");
  if (answer_.fingerprint.empty()) answer_.fingerprint = fields.Text("system_fingerprint");
  const json& choices = fields.Raw("choices");
  if (choices.is_array() && !choices.empty()) {
    const Fields choice(choices.front(), "choices[0]", problem);
    TakePiece(choices.front(), now_ms, answer_);
    if (const std::string finish = FirstFinish(choice); !finish.empty()) answer_.finish = finish;
  }
  ReadUsage(*chunk, "", problem, answer_);
  return problem;
}

absl::StatusOr<Answer> ParseChatAnswer(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the answer");
  if (!whole.ok()) return whole.status();
  if (!whole->is_object()) return absl::InvalidArgumentError("the answer is no JSON object");
  if (const std::string error = ErrorIn(*whole); !error.empty()) {
    return absl::UnavailableError(absl::StrCat("the server reports an error: ", error));
  }
  absl::Status problem;
  Answer answer;
  const Fields fields(*whole, "", problem);
  answer.model = fields.Text("model");
  const json& choices = fields.Raw("choices");
  if (choices.is_array() && !choices.empty()) {
    answer.finish = FirstFinish(Fields(choices.front(), "choices[0]", problem));
  }
  ReadUsage(*whole, "", problem, answer);
  if (!problem.ok()) return problem;
  return answer;
}

absl::StatusOr<std::vector<ListedModel>> ParseModelList(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the list of models");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const json& list = Fields(*whole, "", problem).Raw("data");
  if (!list.is_array() || list.size() > kMostModels) {
    return absl::InvalidArgumentError("the list of models has no list \"data\"");
  }
  std::vector<ListedModel> models;
  for (const json& value : list) {
    const Fields fields(value, absl::StrCat("data[", models.size(), "]"), problem);
    const Fields meta = fields.Inner("meta");
    models.push_back({.id = fields.Text("id", 256),
                      .owner = fields.Text("owned_by"),
                      .quant_name = meta.Text("ftype"),
                      .bytes = meta.Count("size", kMostBytes),
                      .parameters = meta.Count("n_params", kMostParameters)});
    if (models.back().id.empty()) fields.Complain("id", "is missing");
  }
  if (!problem.ok()) return problem;
  return models;
}

}  // namespace capacity::engine
