// What runs against what was planned.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"
#include "planner/launch/record.h"

namespace capacity::launch {

// Something that is not as planned.
struct Difference {
  std::string what;     // "context of one stream", "layers of spark-1"
  std::string planned;  // "8192"
  std::string running;  // "4096"

  friend bool operator==(const Difference&, const Difference&) = default;
};

// How it goes with one planned launch, or with something that runs and nobody planned.
struct Standing {
  // kAbsent: the engine answers and does not run it; kUnreachable: nobody answers.
  enum class State { kReady, kLoading, kFailed, kAbsent, kUnreachable };
  State state = State::kUnreachable;
  std::string detail;          // "2 of 3 runners are ready", why it is unreachable
  std::optional<Record> plan;  // nullopt: nobody planned it
  std::string engine;
  std::string url;
  std::string model;          // as the engine calls it; empty: nothing runs
  std::vector<Share> shares;  // as they are; empty: the engine does not say
  std::optional<int> context_tokens;
  std::optional<int> streams;
  std::optional<int> busy;  // of the streams
  std::vector<Difference> differences;
  bool ended = false;  // the process that was started here is gone, and nobody answers

  bool AsPlanned() const { return plan && state == State::kReady && differences.empty(); }
};
const char* Name(Standing::State state);  // "ready", "loading", "failed", "absent", "unreachable"

// The catalogue's id of a model by what somebody calls it or its file; "" when it is not known.
using ModelCalled = std::function<std::string(const std::string&)>;

// `slots` may be null: the server does not show them. The planner starts llama-server with the
// model's id for alias; a server without an alias calls itself by its file, which then says which
// model it is by being the plan's or by its name.
Standing CompareLlama(const Record& plan, const LlamaProps& props,
                      const std::vector<LlamaSlot>* slots, const ModelCalled& called);
// A llama-server that nobody planned.
Standing UnplannedLlama(const std::string& url, const LlamaProps& props,
                        const std::vector<LlamaSlot>* slots);

// Everything on one EXO: each plan of `plans`, then what runs beside them. A plan is found by its
// instance, else by its model.
std::vector<Standing> CompareExo(const std::string& url, const std::vector<Record>& plans,
                                 const ExoState& state);

// How far an instance is: kReady when every runner is ready or at work, kFailed with the first
// error when one failed.
Standing Progress(const ExoInstance& instance, const ExoState& state);

}  // namespace capacity::launch
