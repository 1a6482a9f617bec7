#include "node-agent/engine/lm_studio.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"

namespace capacity::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kMostModels = 10'000;

std::string Dump(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

void SetFirstToken(std::optional<double> seconds, Answer& answer) {
  if (!seconds) return;
  answer.first_token_ms = *seconds * 1000;
}

// Whether a draft model was at work, also where none of its guesses was right: they cost time. In
// "stats" since 0.3.10, in "usage" of some builds.
bool WasDrafted(const Fields& fields) {
  return !fields.Text("draft_model").empty() ||
         fields.Count("total_draft_tokens_count", kMostTokens).value_or(0) > 0 ||
         fields.Count("accepted_draft_tokens_count", kMostTokens).value_or(0) > 0;
}

absl::StatusOr<Answer> FromV0(const Fields& fields, absl::Status& problem) {
  Answer answer;
  answer.model = fields.Text("model");
  const Fields usage = fields.Inner("usage");
  answer.prompt_tokens = usage.Count("prompt_tokens", kMostTokens);
  answer.generated_tokens = usage.Count("completion_tokens", kMostTokens);
  const Fields stats = fields.Inner("stats");
  answer.decode_per_second = stats.NeededPositive("tokens_per_second", kMostTokensPerSecond);
  SetFirstToken(stats.Positive("time_to_first_token", kMostMilliseconds / 1000), answer);
  answer.finish = stats.Text("stop_reason", 32);
  const Fields runtime = fields.Inner("runtime");
  answer.engine_version = runtime.Text("name");
  const std::string version = runtime.Text("version");
  if (!version.empty()) absl::StrAppend(&answer.engine_version, " ", version);
  answer.speculative = WasDrafted(stats) || WasDrafted(usage);
  if (!problem.ok()) return problem;
  return answer;
}

absl::StatusOr<Answer> FromV1(const Fields& fields, absl::Status& problem) {
  Answer answer;
  answer.model = fields.Text("model_instance_id");
  const Fields stats = fields.Inner("stats");
  answer.prompt_tokens = stats.Count("input_tokens", kMostTokens);
  answer.generated_tokens = stats.Count("total_output_tokens", kMostTokens);
  answer.decode_per_second = stats.NeededPositive("tokens_per_second", kMostTokensPerSecond);
  SetFirstToken(stats.Positive("time_to_first_token_seconds", kMostMilliseconds / 1000), answer);
  answer.speculative = WasDrafted(stats);
  if (stats.Has("model_load_time_seconds")) {
    answer.not_comparable.emplace_back("the model was loaded meanwhile");
  }
  if (!problem.ok()) return problem;
  return answer;
}

LmStudioModel ModelOf(const Fields& fields) {
  LmStudioModel model;
  if (fields.Has("key")) {  // v1
    model.listed.id = fields.Text("key", 256);
    model.listed.quant_name = fields.Inner("quantization").Text("name");
    model.listed.bytes = fields.Count("size_bytes", kMostBytes);
    model.runtime = fields.Text("format");
    const json& loaded = fields.Raw("loaded_instances");
    model.loaded = loaded.is_array() && !loaded.empty();
    return model;
  }
  model.listed.id = fields.Text("id", 256);
  model.listed.quant_name = fields.Text("quantization");
  model.runtime = fields.Text("compatibility_type");
  model.loaded = fields.Text("state") == "loaded";
  return model;
}

}  // namespace

std::string LmStudioV0Request(const Question& question) {
  return Dump({{"model", question.model},
               {"messages", json::array({{{"role", "user"}, {"content", question.prompt}}})},
               {"max_tokens", question.generate},
               {"temperature", 0},
               {"stream", false}});
}

std::string LmStudioV1Request(const Question& question) {
  return Dump({{"model", question.model},
               {"input", question.prompt},
               {"max_output_tokens", question.generate},
               {"temperature", 0},
               {"store", false},
               {"stream", false}});
}

absl::StatusOr<Answer> ParseLmStudioAnswer(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the answer");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const Fields fields(*whole, "", problem);
  if (!problem.ok()) return problem;
  if (!fields.Has("stats")) {
    return absl::InvalidArgumentError("stats is missing: this is no answer of LM Studio's own API");
  }
  return fields.Has("model_instance_id") ? FromV1(fields, problem) : FromV0(fields, problem);
}

absl::StatusOr<std::vector<LmStudioModel>> ParseLmStudioModels(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "the list of models");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const Fields fields(*whole, "", problem);
  const bool v1 = fields.Has("models");
  const json& list = fields.Raw(v1 ? "models" : "data");
  if (!list.is_array() || list.size() > kMostModels) {
    return absl::InvalidArgumentError("the list of models has no list \"data\" or \"models\"");
  }
  std::vector<LmStudioModel> models;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Fields one(list[i], absl::StrCat(v1 ? "models[" : "data[", i, "]"), problem);
    const std::string type = one.Text("type");
    if (type != "llm" && type != "vlm") continue;
    LmStudioModel model = ModelOf(one);
    if (model.listed.id.empty()) one.Complain(v1 ? "key" : "id", "is missing");
    models.push_back(std::move(model));
  }
  if (!problem.ok()) return problem;
  return models;
}

}  // namespace capacity::engine
