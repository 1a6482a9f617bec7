#include "node-agent/engine/vllm_bench.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"

namespace capacity::engine {
namespace {

using agent::Rate;
using agent::SpeedMeasurement;
using nlohmann::json;

Rate Only(double rate) { return {rate, rate, rate}; }

void AddSingle(const Fields& fields, double input_tokens, SpeedMeasurement& measured) {
  const double first_ms = fields.NeededPositive("median_ttft_ms", kMostMilliseconds);
  const double token_ms = fields.NeededPositive("median_tpot_ms", kMostMilliseconds);
  if (first_ms > 0 && input_tokens > 0) measured.prefill = Only(input_tokens / first_ms * 1000);
  if (token_ms > 0) measured.decode = Only(1000 / token_ms);
  for (const char* field : {"median_ttft_ms", "median_tpot_ms"}) {
    const auto& rate =
        field == std::string_view("median_ttft_ms") ? measured.prefill : measured.decode;
    if (rate && rate->median > kMostTokensPerSecond)
      fields.Complain(field, "makes an impossible speed");
  }
}

}  // namespace

absl::StatusOr<SpeedMeasurement> ParseVllmBench(std::string_view text) {
  const absl::StatusOr<json> whole = ParseWholeJson(text, "vllm bench");
  if (!whole.ok()) return whole.status();
  absl::Status problem;
  const Fields fields(*whole, "", problem);
  SpeedMeasurement measured;
  measured.engine = "vllm";
  measured.source = "vllm-bench-serve";
  measured.model_name = fields.Text("model_id", 256);
  const auto completed = fields.NeededCount("completed", kMostTokens);
  const auto failed = fields.Count("failed", kMostTokens).value_or(0);
  const double input = static_cast<double>(fields.NeededCount("total_input_tokens", 1e12));
  const double output = static_cast<double>(fields.NeededCount("total_output_tokens", 1e12));
  const double aggregate = fields.NeededPositive("output_throughput", kMostTokensPerSecond);
  const auto at_once = fields.Count("max_concurrent_requests", 1e6);
  const auto limit = fields.Count("max_concurrency", 1e6);
  if (completed == 0) fields.Complain("completed", "is 0: no request was answered");
  if (!problem.ok()) return problem;

  const double requests = static_cast<double>(completed);
  measured.prompt_tokens = static_cast<std::uint32_t>(std::min(kMostTokens, input / requests));
  measured.generated_tokens = static_cast<std::uint32_t>(std::min(kMostTokens, output / requests));
  measured.repeats = static_cast<std::uint32_t>(completed);
  measured.time_to_first_token_ms = fields.Positive("median_ttft_ms", kMostMilliseconds);
  measured.inter_token_median_ms = fields.Positive("median_itl_ms", kMostMilliseconds);
  measured.inter_token_p95_ms = fields.Positive("p95_itl_ms", kMostMilliseconds);
  const std::uint64_t streams = limit.value_or(at_once.value_or(0));
  measured.streams = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, streams));
  if (streams == 1) {
    AddSingle(fields, input / requests, measured);
  } else {
    measured.decode = Only(aggregate);
    measured.not_comparable.emplace_back("prompts and answers ran in mixed batches");
  }
  // A number: requests came at their own times; "inf": as soon as one was answered.
  if (fields.Raw("request_rate").is_number() && streams != 1) {
    measured.not_comparable.emplace_back("requests came at a rate of their own");
  }
  // Written where the server's counters of drafts grew meanwhile.
  const bool drafted = fields.Number("spec_decode_num_drafts", 1e18).value_or(0) > 0 ||
                       fields.Number("spec_decode_draft_tokens", 1e18).value_or(0) > 0 ||
                       fields.Number("spec_decode_acceptance_length", 1e9).value_or(0) > 0;
  if (drafted)
    measured.not_comparable.emplace_back("tokens were guessed ahead (speculative decoding)");
  if (failed > 0) {
    measured.not_comparable.push_back(
        absl::StrCat(failed, " of ", failed + completed, " requests failed"));
  }
  if (measured.model_name.empty()) fields.Complain("model_id", "is missing");
  if (!problem.ok()) return problem;
  return measured;
}

}  // namespace capacity::engine
