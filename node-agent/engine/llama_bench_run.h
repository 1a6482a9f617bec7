// Running llama-bench on this machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "node-agent/engine/measure.h"
#include "node-agent/host/host.h"

namespace capacity::engine {

struct LlamaBenchRun {
  std::string program = "llama-bench";  // a path, or looked for in PATH
  std::string model_file;
  std::vector<std::string> rpc;             // "host:port" of ggml-rpc-server; empty: this machine
  std::vector<std::uint32_t> depths = {0};  // tokens in the cache before each test
  std::uint32_t prompt_tokens = 512;
  std::uint32_t generate = 128;
  std::uint32_t repeats = 5;
};

// The command line, for `stop` see host::Command. What this process says of libraries and devices
// in its environment (LD_LIBRARY_PATH, CUDA_VISIBLE_DEVICES, ...) llama-bench is told too.
host::Command LlamaBenchCommand(const LlamaBenchRun& run, const std::atomic<bool>* stop);

// NotFound without the program or the file; Cancelled; Unavailable with the line in which
// llama-bench says what is wrong. What it measured before is kept.
Measurements RunLlamaBench(host::Host& machine, const LlamaBenchRun& run,
                           const std::atomic<bool>* stop, const Progress& progress);

}  // namespace capacity::engine
