#include "node-agent/engine/ollama.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using nlohmann::json;

constexpr double kNanosecondsPerSecond = 1e9;
constexpr double kMostNanoseconds = kMostMilliseconds * 1e6;
constexpr std::size_t kMostModels = 10'000;

std::optional<double> PerSecond(double tokens, std::optional<double> nanoseconds) {
  if (!(tokens > 0) || !nanoseconds || *nanoseconds <= 0) return std::nullopt;
  return tokens / *nanoseconds * kNanosecondsPerSecond;
}

// Generation is timed from the first token on (runner: startGenerationTime).
void ReadCounters(const Fields& fields, Answer& answer) {
  const auto prompt = fields.Count("prompt_eval_count", kMostTokens);
  const auto prompt_time = fields.Number("prompt_eval_duration", kMostNanoseconds);
  const auto generated = fields.Count("eval_count", kMostTokens);
  const auto generation_time = fields.Number("eval_duration", kMostNanoseconds);
  answer.prompt_tokens = prompt;
  answer.generated_tokens = generated;
  if (prompt) answer.prefill_per_second = PerSecond(static_cast<double>(*prompt), prompt_time);
  if (generated && *generated > 1) {
    answer.decode_per_second = PerSecond(static_cast<double>(*generated) - 1, generation_time);
  }
  for (const auto& rate : {answer.prefill_per_second, answer.decode_per_second}) {
    if (rate && *rate > kMostTokensPerSecond) {
      fields.Complain("eval_duration", "and prompt_eval_duration make an impossible speed");
    }
  }
  if (!prompt || *prompt == 0) {
    answer.not_comparable.emplace_back("the prompt was cached (no prompt_eval_count)");
  }
  answer.finish = fields.Text("done_reason", 32);
}

absl::Status ErrorOf(const Fields& fields) {
  const std::string error = fields.Text("error", 200);
  if (error.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the server reports an error: ", error));
}

void TakePiece(const Fields& fields, double now_ms, Answer& answer) {
  const Fields message = fields.Inner("message");
  for (const json* text : {&fields.Raw("response"), &fields.Raw("thinking"),
                           &message.Raw("content"), &message.Raw("thinking")}) {
    if (!text->is_string() || text->get_ref<const std::string&>().empty()) continue;
    return AddPiece(text->get_ref<const std::string&>(), now_ms, answer);
  }
}

// "7.2B", "137.13M"; nullopt when it is none.
std::optional<std::uint64_t> Parameters(const std::string& text) {
  const auto number = probe::ParseLeadingNumber(text);
  if (!number || *number <= 0 || text.empty()) return std::nullopt;
  static constexpr std::pair<char, double> kUnits[] = {
      {'K', 1e3}, {'M', 1e6}, {'B', 1e9}, {'T', 1e12}};
  for (const auto& [unit, times] : kUnits) {
    if (text.back() != unit || *number * times > kMostParameters) continue;
    return static_cast<std::uint64_t>(std::llround(*number * times));
  }
  return std::nullopt;
}

}  // namespace

std::string OllamaRequest(const Question& question) {
  const json request = {{"model", question.model},
                        {"prompt", question.prompt},
                        {"stream", true},
                        {"options", {{"num_predict", question.generate}, {"temperature", 0}}}};
  return request.dump(-1, ' ', true, json::error_handler_t::replace);
}

absl::Status OllamaStream::Take(std::string_view line, double now_ms) {
  if (probe::Trim(line).empty()) return absl::OkStatus();
  const absl::StatusOr<json> value = ParseWholeJson(line, "a line of the stream");
  if (!value.ok()) return value.status();
  absl::Status problem;
  const Fields fields(*value, "", problem);
  if (const absl::Status error = ErrorOf(fields); !error.ok()) return error;
  if (answer_.model.empty()) answer_.model = fields.Text("model");
  TakePiece(fields, now_ms, answer_);
  if (fields.Raw("done") == true) {
    complete_ = true;
    ReadCounters(fields, answer_);
  }
  return problem;
}

absl::StatusOr<Answer> ParseOllamaAnswer(std::string_view text) {
  absl::StatusOr<json> value = ParseWholeJson(text, "the answer");
  if (!value.ok()) {  // lines of a stream: the last one counts
    const std::vector<std::string_view> lines = probe::Lines(probe::Trim(text));
    if (lines.size() < 2) return value.status();
    value = ParseWholeJson(lines.back(), "the last line");
    if (!value.ok()) return value.status();
  }
  absl::Status problem;
  Answer answer;
  const Fields fields(*value, "", problem);
  if (const absl::Status error = ErrorOf(fields); !error.ok()) return error;
  answer.model = fields.Text("model");
  fields.NeededCount("eval_count", kMostTokens);
  fields.NeededPositive("eval_duration", kMostNanoseconds);
  ReadCounters(fields, answer);
  if (!problem.ok()) return problem;
  return answer;
}

absl::StatusOr<std::vector<OllamaModel>> ParseOllamaModels(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the list of models");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const json& list = Fields(*whole, "", problem).Raw("models");
  if (!list.is_array() || list.size() > kMostModels) {
    return absl::InvalidArgumentError("the list of models has no list \"models\"");
  }
  std::vector<OllamaModel> models;
  for (const json& value : list) {
    const Fields fields(value, absl::StrCat("models[", models.size(), "]"), problem);
    const Fields details = fields.Inner("details");
    OllamaModel model;
    model.listed = {.id = fields.Text("name", 256),
                    .owner = "ollama",
                    .quant_name = details.Text("quantization_level"),
                    .bytes = fields.Count("size", kMostBytes),
                    .parameters = Parameters(details.Text("parameter_size"))};
    model.accelerated_bytes = fields.Count("size_vram", kMostBytes);
    if (model.listed.id.empty()) fields.Complain("name", "is missing");
    models.push_back(std::move(model));
  }
  if (!problem.ok()) return problem;
  return models;
}

}  // namespace capacity::engine
