// How llama.cpp sizes its caches and compute buffers (docs/model.md 1.3 and 1.4).
//
// Found by theory and by experiment with llama.cpp 0.7.0, build 11669 (Debian 1:0.7.0+dfsg-2), and
// compared with what that build prints in tests/fit/llama_cpp_test.cc.
#pragma once

#include "planner/catalog/catalog.h"
#include "planner/fit/engine_memory.h"

namespace capacity::fit {

// As llama.cpp rounds them.
CacheCells LlamaCppCells(const catalog::Model& model, const EngineSettings& settings);

// Compute buffers in bytes. `state_bytes`: of the model's largest recurrent layer, per sequence.
struct LlamaCppGraph {
  const catalog::Architecture* architecture = nullptr;
  CacheCells cells;
  double state_bytes = 0;
  EngineSettings settings;
  int sequences = 1;
};
// Of a model that runs on the processors alone.
double LlamaCppProcessorBuffers(const LlamaCppGraph& graph);
// Of one device of `of`, first to last.
double LlamaCppDeviceBuffers(const LlamaCppGraph& graph, int device, int of);
// Of llama.cpp's own process beside `devices`.
double LlamaCppHostBuffers(const LlamaCppGraph& graph, int devices);

}  // namespace capacity::fit
