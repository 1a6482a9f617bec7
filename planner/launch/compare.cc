#include "planner/launch/compare.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::launch {
namespace {

using State = Standing::State;

void Compare(const std::string& what, const std::string& planned, const std::string& running,
             Standing& standing) {
  if (planned != running) standing.differences.push_back({what, planned, running});
}

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Which model a llama-server serves, against the plan's.
void CompareModel(const Record& plan, const LlamaProps& props, const ModelCalled& called,
                  Standing& standing) {
  const std::string file = FileName(props.model_path);
  const bool named = !props.alias.empty() && props.alias != props.model_path && props.alias != file;
  const std::string& name = named ? props.alias : file;
  if (name.empty() || name == plan.model) return;
  const bool same_file = !plan.file.empty() && file == FileName(plan.file);
  if (same_file && !named) return;
  const std::string model = called(name);
  if (model == plan.model) return;
  if (same_file) {
    Compare("alias", plan.model, name, standing);
  } else if (named || !model.empty()) {
    Compare("model", plan.model, model.empty() ? name : model, standing);
  } else if (plan.file.empty()) {  // else the files differ, which is said anyway
    Compare("model", plan.model, absl::StrCat(name, ", which may be it or another"), standing);
  }
}

Standing RunningLlama(const std::string& url, const LlamaProps& props,
                      const std::vector<LlamaSlot>* slots) {
  Standing standing;
  standing.state = State::kReady;
  standing.engine = "llama.cpp";
  standing.url = url;
  standing.model = props.model_path.empty() ? props.alias : props.model_path;
  standing.context_tokens = props.context_tokens;
  standing.streams = props.slots;
  if (slots != nullptr) {
    standing.busy = static_cast<int>(std::count_if(
        slots->begin(), slots->end(), [](const LlamaSlot& slot) { return slot.busy; }));
    if (!standing.streams) standing.streams = static_cast<int>(slots->size());
    if (!standing.context_tokens && !slots->empty()) {
      standing.context_tokens = slots->front().context_tokens;
    }
  }
  return standing;
}

// The name of the planned node that EXO calls `id`; the id itself when none is.
std::string PlannedName(const Record* plan, const std::string& id) {
  for (std::size_t i = 0; plan != nullptr && i < plan->engine_nodes.size(); ++i) {
    if (plan->engine_nodes[i] == id && i < plan->shares.size()) return plan->shares[i].node;
  }
  return id;
}

std::string NameOf(const ExoState& state, const Record* plan, const std::string& id) {
  std::string name = PlannedName(plan, id);
  if (name != id) return name;
  for (const ExoNode& node : state.nodes) {
    if (node.id == id && !node.name.empty()) return node.name;
  }
  return id;
}

void CompareShares(const Record& plan, const ExoInstance& instance, const ExoState& state,
                   Standing& standing) {
  std::map<std::string, std::string> planned;
  for (const Share& share : plan.shares) planned[share.node] = absl::StrCat(share.layers);
  std::map<std::string, std::string> running;
  for (const ExoShard& shard : instance.shards) {
    running[NameOf(state, &plan, shard.node)] = absl::StrCat(shard.end - shard.first);
  }
  for (const auto& [node, layers] : planned) {
    const auto has = running.find(node);
    Compare(absl::StrCat("layers of ", node), layers, has == running.end() ? "0" : has->second,
            standing);
  }
  for (const auto& [node, layers] : running) {
    if (planned.count(node) == 0) Compare(absl::StrCat("layers of ", node), "0", layers, standing);
  }
}

Standing OneExo(const std::string& url, const Record* plan, const ExoInstance& instance,
                const ExoState& state) {
  Standing standing = Progress(instance, state);
  standing.url = url;
  for (const ExoShard& shard : instance.shards) {
    standing.shares.push_back(
        {NameOf(state, plan, shard.node), shard.first, shard.end - shard.first});
  }
  if (plan == nullptr) return standing;
  standing.plan = *plan;
  Compare("model", plan->source, instance.model, standing);
  Compare("sharding", plan->strategy == "tensor" ? "Tensor" : "Pipeline",
          instance.choice.sharding.empty() ? "mixed" : instance.choice.sharding, standing);
  CompareShares(*plan, instance, state, standing);
  return standing;
}

}  // namespace

const char* Name(State state) {
  switch (state) {
    case State::kReady:
      return "ready";
    case State::kLoading:
      return "loading";
    case State::kFailed:
      return "failed";
    case State::kAbsent:
      return "absent";
    case State::kUnreachable:
      return "unreachable";
  }
  return "unreachable";
}

Standing CompareLlama(const Record& plan, const LlamaProps& props,
                      const std::vector<LlamaSlot>* slots, const ModelCalled& called) {
  Standing standing = RunningLlama(plan.url, props, slots);
  standing.plan = plan;
  CompareModel(plan, props, called, standing);
  // A server in a container knows the file by another path.
  if (!plan.file.empty() && !props.model_path.empty()) {
    Compare("file", FileName(plan.file), FileName(props.model_path), standing);
  }
  if (standing.context_tokens) {
    Compare("context of one stream", absl::StrCat(plan.context_tokens),
            absl::StrCat(*standing.context_tokens), standing);
  }
  if (standing.streams) {
    Compare("streams", absl::StrCat(plan.streams), absl::StrCat(*standing.streams), standing);
  }
  return standing;
}

Standing UnplannedLlama(const std::string& url, const LlamaProps& props,
                        const std::vector<LlamaSlot>* slots) {
  return RunningLlama(url, props, slots);
}

Standing Progress(const ExoInstance& instance, const ExoState& state) {
  Standing standing;
  standing.engine = "exo";
  standing.model = instance.model;
  std::size_t ready = 0;
  std::vector<std::string> busy;
  for (const ExoShard& shard : instance.shards) {
    const auto found = state.runners.find(shard.runner);
    const ExoRunner runner = found == state.runners.end() ? ExoRunner{} : found->second;
    if (runner.status == "RunnerReady" || runner.status == "RunnerRunning") {
      ++ready;
    } else if (runner.status == "RunnerFailed" || runner.status == "RunnerShutdown" ||
               runner.status == "RunnerShuttingDown") {
      standing.state = State::kFailed;
      standing.detail = absl::StrCat("the runner of ", NameOf(state, nullptr, shard.node), ": ",
                                     runner.error.empty() ? runner.status : runner.error);
      return standing;
    } else {
      busy.push_back(absl::StrCat(
          NameOf(state, nullptr, shard.node), " ", runner.status.empty() ? "waits" : runner.status,
          runner.layers > 0 ? absl::StrCat(" ", runner.layers_loaded, "/", runner.layers) : ""));
    }
  }
  const bool all = ready == instance.shards.size() && ready > 0;
  standing.state = all ? State::kReady : State::kLoading;
  standing.detail = absl::StrCat(ready, " of ", instance.shards.size(), " runners are ready");
  if (!busy.empty()) absl::StrAppend(&standing.detail, ": ", absl::StrJoin(busy, ", "));
  return standing;
}

std::vector<Standing> CompareExo(const std::string& url, const std::vector<Record>& plans,
                                 const ExoState& state) {
  std::vector<Standing> standings;
  std::set<std::string> taken;
  for (const Record& plan : plans) {
    const auto matches = [&](const ExoInstance& instance) {
      return taken.count(instance.id) == 0 &&
             (plan.instance.empty() ? instance.model == plan.source : instance.id == plan.instance);
    };
    auto found = std::find_if(state.instances.begin(), state.instances.end(), matches);
    if (found == state.instances.end() && !plan.instance.empty()) {
      found = std::find_if(state.instances.begin(), state.instances.end(),
                           [&](const ExoInstance& instance) {
                             return taken.count(instance.id) == 0 && instance.model == plan.source;
                           });
    }
    if (found == state.instances.end()) {
      Standing absent;
      absent.state = State::kAbsent;
      absent.detail = "EXO runs no instance of it";
      absent.plan = plan;
      absent.engine = "exo";
      absent.url = url;
      standings.push_back(std::move(absent));
      continue;
    }
    taken.insert(found->id);
    standings.push_back(OneExo(url, &plan, *found, state));
  }
  for (const ExoInstance& instance : state.instances) {
    if (taken.count(instance.id) == 0) {
      standings.push_back(OneExo(url, nullptr, instance, state));
    }
  }
  return standings;
}

}  // namespace capacity::launch
