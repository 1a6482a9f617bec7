#include "node-agent/engine/server_metrics.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/statistics.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using agent::SpeedMeasurement;
using Names = std::vector<std::string_view>;

constexpr std::size_t kLongestMetrics = std::size_t{16} << 20;  // bytes
constexpr std::size_t kMostNames = 10'000;
constexpr std::size_t kMostSlots = 10'000;
constexpr double kLargest = 1e18;
// Prompt tokens below this share of all tokens in an interval do not disturb it.
constexpr double kMixedShare = 0.05;

// The value of label `name` in `{a="b",name="value"}`; quotes inside are escaped by backslashes.
std::string Label(std::string_view labels, std::string_view name) {
  const std::string key = absl::StrCat(std::string(name), "=\"");
  const std::size_t at = labels.find(key);
  if (at == std::string_view::npos) return "";
  std::string value;
  for (std::size_t i = at + key.size(); i < labels.size() && labels[i] != '"'; ++i) {
    if (labels[i] == '\\' && i + 1 < labels.size()) ++i;
    value += labels[i];
  }
  return probe::Clean(value, 256);
}

// Where the labels that start at `open` end: after the brace that stands in no quotes.
std::size_t EndOfLabels(std::string_view line, std::size_t open) {
  bool quoted = false;
  for (std::size_t i = open + 1; i < line.size(); ++i) {
    if (line[i] == '\\' && quoted) {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == '}' && !quoted) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

struct Sample {
  std::string_view name;
  std::string_view labels;
  std::string_view value;
};

std::optional<Sample> SampleOf(std::string_view line) {
  Sample sample;
  const std::size_t name_end = line.find_first_of("{ \t");
  if (name_end == std::string_view::npos || name_end == 0) return std::nullopt;
  sample.name = line.substr(0, name_end);
  std::size_t value_at = name_end;
  if (line[name_end] == '{') {
    value_at = EndOfLabels(line, name_end);
    if (value_at == std::string_view::npos) return std::nullopt;
    sample.labels = line.substr(name_end, value_at - name_end);
  }
  const std::vector<std::string_view> words = probe::Words(line.substr(value_at));
  if (words.empty()) return std::nullopt;
  sample.value = words.front();
  return sample;
}

bool IsNotANumber(std::string_view value) {
  const std::string lower = probe::Lower(value);
  return lower == "nan" || lower == "+inf" || lower == "inf" || lower == "-inf";
}

// By how much a counter grew; nullopt when it is not there.
std::optional<double> Growth(const Scrape& from, const Scrape& to, const Names& names) {
  const auto before = from.metrics.Find(names);
  const auto after = to.metrics.Find(names);
  if (!after) return std::nullopt;
  return *after - before.value_or(0);
}

absl::Status NotReset(const std::vector<Scrape>& scrapes, const std::vector<Names>& counters) {
  for (std::size_t i = 1; i < scrapes.size(); ++i) {
    for (const Names& names : counters) {
      if (Growth(scrapes[i - 1], scrapes[i], names).value_or(0) < 0) {
        return absl::FailedPreconditionError(absl::StrCat(
            std::string(names.front()), " went back: the server started again meanwhile"));
      }
    }
  }
  return absl::OkStatus();
}

void MarkSpeculation(const Scrape& from, const Scrape& to, const Names& drafted,
                     SpeedMeasurement& measured) {
  if (Growth(from, to, drafted).value_or(0) > 0) {
    measured.not_comparable.emplace_back("tokens were guessed ahead (speculative decoding)");
  }
}

const Names kVllmRunning = {"vllm:num_requests_running"};
const Names kVllmGenerated = {"vllm:generation_tokens_total", "vllm:generation_tokens"};
const Names kVllmPrompt = {"vllm:prompt_tokens_total", "vllm:prompt_tokens"};
const Names kVllmDrafted = {"vllm:spec_decode_num_draft_tokens_total",
                            "vllm:spec_decode_num_draft_tokens"};
const Names kVllmGapCount = {"vllm:inter_token_latency_seconds_count",
                             "vllm:time_per_output_token_seconds_count",
                             "vllm:request_time_per_output_token_seconds_count"};
const Names kVllmFirstCount = {"vllm:time_to_first_token_seconds_count"};
const Names kVllmPromptSum = {"vllm:request_prompt_tokens_sum"};
const Names kVllmPromptCount = {"vllm:request_prompt_tokens_count"};
const Names kVllmAnswerSum = {"vllm:request_generation_tokens_sum"};
const Names kVllmAnswerCount = {"vllm:request_generation_tokens_count"};

// Sum over count of what a histogram took in meanwhile.
std::optional<double> Mean(const Scrape& from, const Scrape& to, const Names& sum,
                           const Names& count) {
  const auto total = Growth(from, to, sum);
  const auto times = Growth(from, to, count);
  if (!total || !times || *times < 1 || *total < 0) return std::nullopt;
  return *total / *times;
}

std::optional<std::uint32_t> MeanTokens(const Scrape& from, const Scrape& to, const Names& sum,
                                        const Names& count) {
  const auto mean = Mean(from, to, sum, count);
  if (!mean || *mean > kMostTokens) return std::nullopt;
  return static_cast<std::uint32_t>(std::lround(*mean));
}

// Intervals in which requests ran from end to end.
struct Busy {
  std::vector<double> rates;        // generated tokens a second
  std::vector<double> clean_rates;  // of them, those with next to no prompt
  std::vector<double> running;      // requests
  std::vector<double> clean_running;
};

Busy BusyIntervals(const std::vector<Scrape>& scrapes) {
  Busy busy;
  for (std::size_t i = 1; i < scrapes.size(); ++i) {
    const Scrape& from = scrapes[i - 1];
    const Scrape& to = scrapes[i];
    const double running = std::min(from.metrics.Find(kVllmRunning).value_or(0),
                                    to.metrics.Find(kVllmRunning).value_or(0));
    const double generated = Growth(from, to, kVllmGenerated).value_or(0);
    const double seconds = to.at_seconds - from.at_seconds;
    if (running < 1 || generated <= 0 || seconds <= 0) continue;
    const double rate = generated / seconds;
    if (rate > kMostTokensPerSecond) continue;
    busy.rates.push_back(rate);
    busy.running.push_back(running);
    const double prompt = Growth(from, to, kVllmPrompt).value_or(0);
    if (prompt > kMixedShare * (prompt + generated)) continue;
    busy.clean_rates.push_back(rate);
    busy.clean_running.push_back(running);
  }
  return busy;
}

// The mean over all looks: a token takes longer in proportion to what is in the cache.
void SetContext(const std::vector<Scrape>& scrapes, SpeedMeasurement& measured) {
  double sum = 0;
  double count = 0;
  for (const Scrape& scrape : scrapes) {
    for (const double tokens : scrape.context_tokens) {
      sum += tokens;
      ++count;
    }
  }
  if (count > 0) {
    measured.depth_tokens = static_cast<std::uint32_t>(std::lround(sum / count));
  } else {
    measured.not_comparable.emplace_back(
        "how long the contexts were is not known: GET /slots does not say");
  }
}

absl::Status Enough(const std::vector<Scrape>& scrapes) {
  if (scrapes.size() >= 2) return absl::OkStatus();
  return absl::FailedPreconditionError("counters tell nothing at one point in time");
}

absl::Status NothingGenerated() {
  return absl::FailedPreconditionError(
      "the server generated nothing meanwhile: --passive needs one that others use, for longer "
      "than one of their requests (--seconds)");
}

// Whether a slot has generated nothing of its answer yet: {"n_decoded": 0}, in a list of one since
// the end of 2025.
bool StillReads(const nlohmann::json& next_token) {
  const bool listed = next_token.is_array() && !next_token.empty();
  absl::Status problem;
  return Fields(listed ? next_token.front() : next_token, "", problem)
             .Count("n_decoded", kMostTokens) == 0;
}

}  // namespace

std::optional<double> Metrics::Find(const std::vector<std::string_view>& names) const {
  for (const std::string_view name : names) {
    if (const auto found = values.find(name); found != values.end()) return found->second;
  }
  return std::nullopt;
}

std::vector<double> ContextsInSlots(std::string_view text) {
  std::vector<double> contexts;
  const absl::StatusOr<nlohmann::json> slots = ParseWholeJson(text, "slots");
  if (!slots.ok() || !slots->is_array() || slots->size() > kMostSlots) return contexts;
  for (const nlohmann::json& slot : *slots) {
    absl::Status problem;
    const Fields fields(slot, "", problem);
    if (fields.Raw("is_processing") != true || StillReads(fields.Raw("next_token"))) continue;
    auto tokens = fields.Positive("n_prompt_tokens", kMostTokens);
    if (!tokens) tokens = fields.Positive("n_past", kMostTokens);
    if (tokens) contexts.push_back(*tokens);
  }
  return contexts;
}

absl::StatusOr<Metrics> ParseMetrics(std::string_view text) {
  if (text.size() > kLongestMetrics) {
    return absl::ResourceExhaustedError(
        absl::StrCat("metrics: longer than ", kLongestMetrics, " bytes; refused"));
  }
  Metrics metrics;
  std::set<std::string> models;
  for (const std::string_view raw : probe::Lines(text)) {
    const std::string_view line = probe::Trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::optional<Sample> sample = SampleOf(line);
    if (!sample) {
      return absl::InvalidArgumentError(
          absl::StrCat("metrics: this line is no sample: ", probe::Clean(line)));
    }
    // Buckets would only be summed into nonsense.
    if (sample->labels.find("le=\"") != std::string_view::npos || IsNotANumber(sample->value)) {
      continue;
    }
    double value = 0;
    if (!absl::SimpleAtod({sample->value.data(), sample->value.size()}, &value) || !(value >= 0) ||
        value > kLargest) {
      return absl::InvalidArgumentError(absl::StrCat("metrics: ", probe::Clean(sample->name),
                                                     " is ", probe::Clean(sample->value),
                                                     ", not a number from 0 on"));
    }
    if (metrics.values.size() >= kMostNames &&
        metrics.values.find(sample->name) == metrics.values.end()) {
      return absl::ResourceExhaustedError(
          absl::StrCat("metrics: more than ", kMostNames, " names; refused"));
    }
    metrics.values[probe::Clean(sample->name)] += value;
    const std::string model = Label(sample->labels, "model_name");
    if (!model.empty() && models.size() < 2) models.insert(model);
  }
  if (metrics.values.empty())
    return absl::InvalidArgumentError("metrics: there is no sample in it");
  if (models.size() == 1) metrics.model = *models.begin();
  return metrics;
}

absl::StatusOr<SpeedMeasurement> VllmFromMetrics(const std::vector<Scrape>& scrapes) {
  if (const absl::Status enough = Enough(scrapes); !enough.ok()) return enough;
  const Scrape& first = scrapes.front();
  const Scrape& last = scrapes.back();
  if (!last.metrics.Find(kVllmGenerated) || !last.metrics.Find(kVllmRunning)) {
    return absl::InvalidArgumentError(
        "metrics: no vllm:generation_tokens_total or no vllm:num_requests_running; is this vLLM?");
  }
  const absl::Status same = NotReset(
      scrapes, {kVllmGenerated, kVllmPrompt, kVllmDrafted, kVllmGapCount, kVllmFirstCount});
  if (!same.ok()) return same;
  const Busy busy = BusyIntervals(scrapes);
  if (busy.rates.empty()) return NothingGenerated();

  SpeedMeasurement measured;
  measured.engine = "vllm";
  measured.source = "vllm-metrics";
  measured.passive = true;
  measured.model_name = last.metrics.model;
  if (measured.model_name.empty()) {
    measured.not_comparable.emplace_back("the server runs several models, or names none");
  }
  const bool clean = !busy.clean_rates.empty();
  const std::vector<double>& rates = clean ? busy.clean_rates : busy.rates;
  const std::vector<double>& running = clean ? busy.clean_running : busy.running;
  measured.decode = RateOver(rates);
  measured.repeats = static_cast<std::uint32_t>(rates.size());
  const agent::Rate requests = RateOver(running);
  measured.streams = static_cast<std::uint32_t>(std::lround(std::min(requests.median, 1e6)));
  if (!clean) measured.not_comparable.emplace_back("prompts and answers ran in mixed batches");
  if (requests.low != requests.high) {
    measured.not_comparable.push_back(
        absl::StrCat("from ", requests.low, " to ", requests.high, " requests ran at once"));
  }
  MarkSpeculation(first, last, kVllmDrafted, measured);
  measured.prompt_tokens = MeanTokens(first, last, kVllmPromptSum, kVllmPromptCount);
  measured.generated_tokens = MeanTokens(first, last, kVllmAnswerSum, kVllmAnswerCount);
  if (!measured.prompt_tokens) {
    measured.not_comparable.emplace_back(
        "no request ended meanwhile, so that nothing says how long the contexts were (--seconds)");
  }
  return measured;
}

absl::StatusOr<SpeedMeasurement> LlamaServerFromMetrics(const std::vector<Scrape>& scrapes) {
  const Names kPrompt = {"llamacpp:prompt_tokens_total"};
  const Names kPromptSeconds = {"llamacpp:prompt_seconds_total"};
  const Names kGenerated = {"llamacpp:tokens_predicted_total"};
  const Names kGeneratedSeconds = {"llamacpp:tokens_predicted_seconds_total"};
  const Names kProcessing = {"llamacpp:requests_processing"};
  const Names kDrafted = {"llamacpp:spec_decode_num_draft_tokens_total"};
  if (const absl::Status enough = Enough(scrapes); !enough.ok()) return enough;
  const Scrape& first = scrapes.front();
  const Scrape& last = scrapes.back();
  if (!last.metrics.Find(kGenerated) || !last.metrics.Find(kGeneratedSeconds)) {
    return absl::InvalidArgumentError(
        "metrics: no llamacpp:tokens_predicted_total or no "
        "llamacpp:tokens_predicted_seconds_total; "
        "is this llama-server?");
  }
  const absl::Status same =
      NotReset(scrapes, {kPrompt, kPromptSeconds, kGenerated, kGeneratedSeconds});
  if (!same.ok()) return same;
  const double generated = Growth(first, last, kGenerated).value_or(0);
  const double generated_seconds = Growth(first, last, kGeneratedSeconds).value_or(0);
  const double prompt = Growth(first, last, kPrompt).value_or(0);
  const double prompt_seconds = Growth(first, last, kPromptSeconds).value_or(0);
  if (generated <= 0 || generated_seconds <= 0) return NothingGenerated();

  SpeedMeasurement measured;
  measured.engine = "llama.cpp";
  measured.source = "llama-server-metrics";
  measured.passive = true;
  const auto rate = [](double tokens, double seconds) -> std::optional<agent::Rate> {
    const double per_second = seconds > 0 ? tokens / seconds : 0;
    if (!(per_second > 0) || per_second > kMostTokensPerSecond) return std::nullopt;
    return agent::Rate{per_second, per_second, per_second};
  };
  measured.decode = rate(generated, generated_seconds);
  measured.prefill = rate(prompt, prompt_seconds);
  double most = 0;
  for (const Scrape& scrape : scrapes) {
    most = std::max(most, scrape.metrics.Find(kProcessing).value_or(0));
  }
  if (most > 1) {
    // The times of requests that ran together add up, so that this is the rate of one among them.
    measured.not_comparable.push_back(
        absl::StrCat("up to ", most, " requests ran at once; this is the rate of one of them"));
  }
  MarkSpeculation(first, last, kDrafted, measured);
  SetContext(scrapes, measured);
  return measured;
}

}  // namespace capacity::engine
