#include "node-agent/engine/mlx.h"

#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/statistics.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using agent::SpeedMeasurement;
using probe::ParseLeadingNumber;

constexpr std::size_t kMostTrials = 10'000;
// Shorter answers time mostly their own beginning.
constexpr std::uint32_t kFewestTokens = 16;

absl::Status Wrong(std::string_view line) {
  return absl::InvalidArgumentError(
      absl::StrCat("mlx_lm: this line makes no sense: ", probe::Clean(line)));
}

bool IsSpeed(std::optional<double> value) {
  return value && *value > 0 && *value <= kMostTokensPerSecond;
}
bool IsCount(std::optional<double> value) {
  return value && *value >= 1 && *value <= kMostTokens && *value == std::floor(*value);
}

// What stands after "name=" on the line; nullopt when it is not there or no number.
std::optional<double> After(std::string_view line, std::string_view name) {
  const std::size_t at = line.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  return ParseLeadingNumber(line.substr(at + name.size()));
}

struct Trials {
  std::vector<double> prefill;
  std::vector<double> decode;
};

// "Timing with prompt_tokens=1024, generation_tokens=64, batch_size=1."
bool ReadShape(std::string_view line, SpeedMeasurement& measured) {
  const auto prompt = After(line, "prompt_tokens=");
  const auto generated = After(line, "generation_tokens=");
  const auto batch = After(line, "batch_size=");
  if (!IsCount(prompt) || !IsCount(generated) || (batch && !IsCount(batch))) return false;
  measured.prompt_tokens = static_cast<std::uint32_t>(*prompt);
  measured.generated_tokens = static_cast<std::uint32_t>(*generated);
  measured.streams = static_cast<std::uint32_t>(batch.value_or(1));
  return true;
}

// "Trial 1:  prompt_tps=351.905, generation_tps=38.757, peak_memory=3.502"
bool ReadTrial(std::string_view line, Trials& trials) {
  const auto prefill = After(line, "prompt_tps=");
  const auto decode = After(line, "generation_tps=");
  if (!IsSpeed(prefill) || !IsSpeed(decode) || trials.decode.size() >= kMostTrials) return false;
  trials.prefill.push_back(*prefill);
  trials.decode.push_back(*decode);
  return true;
}

// "Prompt: 71 tokens, 194.970 tokens-per-sec"
bool ReadTail(std::string_view line, std::optional<std::uint32_t>& tokens,
              std::vector<double>& rates) {
  const std::size_t colon = line.find(':');
  const std::size_t comma = line.find(',');
  if (comma == std::string_view::npos || comma < colon) return false;
  const auto count = ParseLeadingNumber(probe::Trim(line.substr(colon + 1)));
  const auto rate = ParseLeadingNumber(probe::Trim(line.substr(comma + 1)));
  if (!IsCount(count) || !IsSpeed(rate)) return false;
  tokens = static_cast<std::uint32_t>(*count);
  rates = {*rate};
  return true;
}

}  // namespace

absl::StatusOr<SpeedMeasurement> ParseMlx(std::string_view text) {
  SpeedMeasurement measured;
  measured.engine = "mlx";
  Trials trials;
  for (const std::string_view raw : probe::Lines(text)) {
    const std::string_view line = probe::Trim(raw);
    bool understood = true;
    if (probe::StartsWith(line, "Timing with ")) {
      measured.source = "mlx_lm.benchmark";
      understood = ReadShape(line, measured);
    } else if (probe::StartsWith(line, "Trial ")) {
      understood = ReadTrial(line, trials);
    } else if (probe::StartsWith(line, "Prompt:") && probe::Contains(line, "tokens-per-sec")) {
      measured.source = "mlx_lm.generate";
      understood = ReadTail(line, measured.prompt_tokens, trials.prefill);
    } else if (probe::StartsWith(line, "Generation:") && probe::Contains(line, "tokens-per-sec")) {
      understood = ReadTail(line, measured.generated_tokens, trials.decode);
    }
    if (!understood) return Wrong(line);
  }
  if (trials.decode.empty() || trials.prefill.empty() || measured.source.empty()) {
    return absl::InvalidArgumentError(
        "mlx_lm: no result of mlx_lm.generate (\"Generation: ... tokens-per-sec\") or "
        "mlx_lm.benchmark (\"Trial 1: ...\") in it");
  }
  measured.repeats = static_cast<std::uint32_t>(trials.decode.size());
  measured.prefill = RateOver(trials.prefill);
  measured.decode = RateOver(trials.decode);
  if (measured.generated_tokens.value_or(0) < kFewestTokens) {
    measured.not_comparable.push_back(
        absl::StrCat("the answer has only ", measured.generated_tokens.value_or(0), " tokens"));
  }
  return measured;
}

}  // namespace capacity::engine
