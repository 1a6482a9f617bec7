// Measuring a server by load of our own: warm-up, then timed repeats of prompts that no cache has
// seen, alone or several at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/engine/answer.h"
#include "node-agent/engine/http.h"
#include "node-agent/engine/server.h"
#include "node-agent/report.h"

namespace capacity::engine {

// A line for a person who waits; may do nothing.
using Progress = std::function<void(const std::string&)>;

struct Load {
  std::string model;                         // as the server calls it
  std::vector<std::uint32_t> streams = {1};  // at the same time; each is one measurement
  std::uint32_t prompt_tokens = 512;         // about; what the server counts is reported
  std::uint32_t generate = 128;              // tokens
  std::uint32_t repeats = 5;
};

// What was measured, and why it ended early (OK: it did not). A server that dies leaves the
// measurements before it and those repeats that were whole.
struct Measurements {
  std::vector<agent::SpeedMeasurement> measured;
  absl::Status ended;
  // No accelerator took part; whether this machine has one the engine does not say.
  bool processor_only = false;
};

// By the server's own interface where it times itself; several streams always by OpenAI's (Ollama:
// by its own). `endpoint` says key, limits and stop; its URL is the server's root.
Measurements MeasureServer(const Endpoint& endpoint, const Server& server, const Load& load,
                           const Progress& progress);

// Looks at a server's counters every second for `seconds`, without load. Kinds: vLLM, llama-server;
// InvalidArgument for others.
absl::StatusOr<agent::SpeedMeasurement> WatchServer(const Endpoint& endpoint, const Server& server,
                                                    double seconds, const Progress& progress);

// About `words` words in an order of chance that `seed` says: other seeds, other words from the
// first on.
std::string RandomPrompt(std::size_t words, std::uint64_t seed);

}  // namespace capacity::engine
