// Counters of a server at work (GET /metrics, Prometheus' text format): speeds without adding load.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::engine {

// Values by metric name, summed over label sets; names as in the text, without "_created".
struct Metrics {
  std::map<std::string, double, std::less<>> values;
  std::string model;  // the label model_name, when there is one and only one

  // The first of `names` that is there; nullopt when none is.
  std::optional<double> Find(const std::vector<std::string_view>& names) const;
};

// InvalidArgument when no line is a sample, or a sample is no finite number from 0 on (a gauge that
// is "NaN" is left out).
absl::StatusOr<Metrics> ParseMetrics(std::string_view text);

// One look at a server.
struct Scrape {
  double at_seconds = 0;  // of a steady clock
  Metrics metrics;
  std::vector<double> context_tokens;  // of each request that ran (llama-server's slots)
};

// Tokens in the cache of each slot that generates, of llama-server's GET /slots: n_prompt_tokens,
// which grows with the answer (b9307 and later), or n_past before that. Nothing of what makes no
// sense.
std::vector<double> ContextsInSlots(std::string_view text);

// From looks in order of time. FailedPrecondition when nothing was generated meanwhile, or a
// counter went back (the server started again). Marked are times in which prompts and answers
// shared batches, a changing number of requests, and speculative decoding.
//
// vLLM (exact names, with and without "_total"; the per-token histogram under its three names):
// generated tokens over time, from looks between which requests ran at both ends.
absl::StatusOr<agent::SpeedMeasurement> VllmFromMetrics(const std::vector<Scrape>& scrapes);
// llama-server --metrics: it adds up the time that it spent on prompts and on tokens itself, each
// time a request ends.
absl::StatusOr<agent::SpeedMeasurement> LlamaServerFromMetrics(const std::vector<Scrape>& scrapes);

}  // namespace capacity::engine
