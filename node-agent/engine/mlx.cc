#include "node-agent/engine/mlx.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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

// "1,071" -> 1071; nullopt of what is no number from end to end, and of "30,5".
std::optional<double> Grouped(std::string_view text) {
  constexpr std::size_t kGroup = 3;
  text = probe::Trim(text);
  const std::string_view whole = text.substr(0, text.find('.'));
  const std::vector<std::string_view> groups = probe::Split(whole, ',');
  for (std::size_t i = 0; i < groups.size() && groups.size() > 1; ++i) {
    const std::size_t length = groups[i].size();
    if (i == 0 ? length == 0 || length > kGroup : length != kGroup) return std::nullopt;
  }
  double number = 0;
  const std::string plain = absl::StrReplaceAll({text.data(), text.size()}, {{",", ""}});
  if (!absl::SimpleAtod(plain, &number) || !std::isfinite(number)) return std::nullopt;
  return number;
}

// "Prompt: 71 tokens, 194.970 tokens-per-sec"
bool ReadTail(std::string_view line, std::optional<std::uint32_t>& tokens,
              std::vector<double>& rates) {
  constexpr std::string_view kBetween = " tokens,";
  const std::size_t colon = line.find(':');
  const std::size_t between = line.find(kBetween);
  if (between == std::string_view::npos || between < colon) return false;
  const std::size_t rate_at = between + kBetween.size();
  const auto count = Grouped(line.substr(colon + 1, between - colon - 1));
  const auto rate = Grouped(line.substr(rate_at, line.find("tokens-per-sec") - rate_at));
  if (!IsCount(count) || !IsSpeed(rate)) return false;
  tokens = static_cast<std::uint32_t>(*count);
  rates = {*rate};
  return true;
}

// One run of either tool, as far as it was read.
struct Run {
  SpeedMeasurement measured;
  Trials trials;
};

// Whether the line begins a run, with what was read of the one before it.
bool Begins(std::string_view line, const Run& last) {
  if (probe::StartsWith(line, "Timing with ")) return true;
  return probe::StartsWith(line, "Prompt:") && probe::Contains(line, "tokens-per-sec") &&
         !last.trials.prefill.empty();
}

// False when the line belongs to a result and makes no sense.
bool ReadLine(std::string_view line, Run& run) {
  if (probe::StartsWith(line, "Timing with ")) {
    run.measured.source = "mlx_lm.benchmark";
    return ReadShape(line, run.measured);
  }
  if (probe::StartsWith(line, "Trial ")) return ReadTrial(line, run.trials);
  if (!probe::Contains(line, "tokens-per-sec")) return true;
  if (probe::StartsWith(line, "Prompt:")) {
    run.measured.source = "mlx_lm.generate";
    return ReadTail(line, run.measured.prompt_tokens, run.trials.prefill);
  }
  if (!probe::StartsWith(line, "Generation:")) return true;
  // A second one without a prompt before it belongs to no run.
  return run.trials.decode.empty() &&
         ReadTail(line, run.measured.generated_tokens, run.trials.decode);
}

bool IsWhole(const Run& run) {
  return !run.trials.decode.empty() && !run.trials.prefill.empty() && !run.measured.source.empty();
}

SpeedMeasurement Summarised(Run run) {
  SpeedMeasurement measured = std::move(run.measured);
  measured.engine = "mlx";
  measured.repeats = static_cast<std::uint32_t>(run.trials.decode.size());
  measured.prefill = RateOver(run.trials.prefill);
  measured.decode = RateOver(run.trials.decode);
  if (measured.generated_tokens.value_or(0) < kFewestTokens) {
    measured.not_comparable.push_back(
        absl::StrCat("the answer has only ", measured.generated_tokens.value_or(0), " tokens"));
  }
  return measured;
}

}  // namespace

absl::StatusOr<std::vector<SpeedMeasurement>> ParseMlx(std::string_view text) {
  std::vector<Run> runs(1);
  for (const std::string_view raw : probe::Lines(text)) {
    const std::string_view line = probe::Trim(raw);
    if (Begins(line, runs.back())) {
      if (!IsWhole(runs.back())) runs.pop_back();  // a run that was ended before it had a result
      runs.emplace_back();
    }
    if (!ReadLine(line, runs.back())) return Wrong(line);
  }
  std::vector<SpeedMeasurement> measured;
  for (Run& run : runs) {
    if (IsWhole(run)) measured.push_back(Summarised(std::move(run)));
  }
  if (measured.empty()) {
    return absl::InvalidArgumentError(
        "mlx_lm: no result of mlx_lm.generate (\"Generation: ... tokens-per-sec\") or "
        "mlx_lm.benchmark (\"Trial 1: ...\") in it");
  }
  return measured;
}

}  // namespace capacity::engine
