// Measuring the engines of this machine: the one way in.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/engine/http.h"
#include "node-agent/engine/measure.h"
#include "node-agent/engine/server.h"
#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::engine {

// What `--engine` may say.
std::vector<std::string> EngineNames();

struct Request {
  std::string engine = "auto";
  std::string url;    // of a server; empty: where the engine usually listens
  std::string model;  // as the engine calls it; llama-bench: the GGUF file; empty: what is loaded
  ApiKey key;

  std::vector<std::uint32_t> streams = {1};
  std::vector<std::uint32_t> depths = {0};  // llama-bench only
  std::uint32_t prompt_tokens = 512;
  std::uint32_t generate = 128;
  std::uint32_t repeats = 5;

  std::string llama_bench = "llama-bench";  // program
  std::vector<std::string> rpc;             // llama-bench: "host:port"
  std::vector<std::uint16_t> ports;         // where "auto" looks; empty: UsualPorts()

  bool passive = false;  // from counters, without load
  double seconds = 30;   // how long to look at them

  // What no engine says of itself: the other machines that took part, and how they, or the cards of
  // this one, shared the work ("single", "tensor", "pipeline"). Empty: as the engine says.
  std::vector<std::string> peers;
  std::string strategy;

  std::string catalog_model;  // the user's own statement of what it is
  std::string catalog_quant;
  agent::Conditions conditions;
  const std::atomic<bool>* stop = nullptr;
};

struct Outcome {
  std::vector<Server> found;  // "auto" only
  std::vector<agent::SpeedMeasurement> measured;
  std::vector<std::string>
      passed_over;                  // "Ollama at ...: no model is loaded; --model NAME names one"
  std::vector<std::string> failed;  // what ended early or could not be measured, and why
};

// InvalidArgument, NotFound: the request makes no sense, whatever this machine is doing.
absl::Status CheckRequest(const Request& request);

// Each measurement complete: `id` of 32 random hexadecimal digits, conditions and time of day.
// InvalidArgument, NotFound: the request makes no sense. Everything that failed on the way is in
// the outcome, beside what was measured before.
absl::StatusOr<Outcome> MeasureEngine(host::Host& machine, const Request& request,
                                      const Progress& progress);

// From what an engine's tool printed, or a server answered, earlier; `taken_at_unix_ms` is used
// where the text does not say. Engine "auto" tries each that is known. InvalidArgument names what
// is wrong in it.
absl::StatusOr<std::vector<agent::SpeedMeasurement>> MeasurementsFromText(
    const Request& request, std::string_view text, std::int64_t taken_at_unix_ms);

}  // namespace capacity::engine
