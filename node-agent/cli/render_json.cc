#include <string>

#include "nlohmann/json.hpp"
#include "node-agent/cli/render.h"

namespace capacity::agent_cli {
namespace {

using agent::Conditions;
using agent::Machine;
using agent::MemoryBandwidth;
using agent::Port;
using agent::ProbeResult;
using agent::Rdma;
using agent::Report;
using json = nlohmann::ordered_json;

const char* Name(Machine::Kind kind) {
  switch (kind) {
    case Machine::Kind::kUnknown:
      return "unknown";
    case Machine::Kind::kMac:
      return "mac";
    case Machine::Kind::kGb10:
      return "gb10";
    case Machine::Kind::kLinuxNvidia:
      return "linux-nvidia";
    case Machine::Kind::kLinux:
      return "linux";
  }
  return "unknown";
}

const char* Name(Port::Kind kind) {
  switch (kind) {
    case Port::Kind::kUnknown:
      return "unknown";
    case Port::Kind::kThunderbolt:
      return "thunderbolt";
    case Port::Kind::kConnectx:
      return "connectx";
    case Port::Kind::kEthernet:
      return "ethernet";
    case Port::Kind::kWifi:
      return "wifi";
  }
  return "unknown";
}

const char* Name(Port::State state) {
  switch (state) {
    case Port::State::kUnknown:
      return "unknown";
    case Port::State::kUp:
      return "up";
    case Port::State::kDown:
      return "down";
    case Port::State::kEmpty:
      return "empty";
  }
  return "unknown";
}

const char* Name(Rdma::State state) {
  switch (state) {
    case Rdma::State::kUnknown:
      return "unknown";
    case Rdma::State::kEnabled:
      return "enabled";
    case Rdma::State::kDisabled:
      return "disabled";
    case Rdma::State::kUnsupported:
      return "unsupported";
  }
  return "unknown";
}

// Empty: none.
std::string Name(agent::Accelerator::Fault fault) {
  using Fault = agent::Accelerator::Fault;
  switch (fault) {
    case Fault::kNone:
      return "";
    case Fault::kNoDriver:
      return "no-driver";
    case Fault::kNeedsReboot:
      return "needs-reboot";
    case Fault::kLost:
      return "lost";
    case Fault::kHidden:
      return "hidden";
    case Fault::kNoTool:
      return "no-tool";
    case Fault::kNoInstance:
      return "no-instance";
    case Fault::kUnknown:
      return "unknown";
  }
  return "unknown";
}

const char* Name(ProbeResult::Outcome outcome) {
  switch (outcome) {
    case ProbeResult::Outcome::kUnknown:
      return "unknown";
    case ProbeResult::Outcome::kOk:
      return "ok";
    case ProbeResult::Outcome::kAbsent:
      return "absent";
    case ProbeResult::Outcome::kFailed:
      return "failed";
    case ProbeResult::Outcome::kPartial:
      return "partial";
  }
  return "unknown";
}

const char* Name(MemoryBandwidth::Kind kind) {
  switch (kind) {
    case MemoryBandwidth::Kind::kUnknown:
      return "unknown";
    case MemoryBandwidth::Kind::kCpuTriad:
      return "cpu-triad";
    case MemoryBandwidth::Kind::kCpuRead:
      return "cpu-read";
    case MemoryBandwidth::Kind::kGpuCopy:
      return "gpu-copy";
    case MemoryBandwidth::Kind::kGpuRead:
      return "gpu-read";
  }
  return "unknown";
}

const char* Name(Conditions::Power power) {
  switch (power) {
    case Conditions::Power::kUnknown:
      return "unknown";
    case Conditions::Power::kMains:
      return "mains";
    case Conditions::Power::kBattery:
      return "battery";
  }
  return "unknown";
}

const char* Name(doctor::Advice::Severity severity) {
  switch (severity) {
    case doctor::Advice::Severity::kGood:
      return "good";
    case doctor::Advice::Severity::kNote:
      return "note";
    case doctor::Advice::Severity::kProblem:
      return "problem";
  }
  return "note";
}

// Only what is known gets a key.
class Object {
 public:
  Object& Set(const char* key, const std::string& text) {
    if (!text.empty()) value_[key] = text;
    return *this;
  }
  Object& Set(const char* key, const char* text) {
    value_[key] = text;
    return *this;
  }
  template <class T>
  Object& Set(const char* key, const std::optional<T>& number) {
    if (number) value_[key] = *number;
    return *this;
  }
  Object& Set(const char* key, json value) {
    value_[key] = std::move(value);
    return *this;
  }
  json Take() { return std::move(value_); }

 private:
  json value_ = json::object();
};

json ToJson(const agent::Accelerator& accelerator) {
  return Object()
      .Set("name", accelerator.name)
      .Set("gpu_cores", accelerator.gpu_cores)
      .Set("memory_bytes", accelerator.memory_bytes)
      .Set("memory_used_bytes", accelerator.memory_used_bytes)
      .Set("driver_version", accelerator.driver_version)
      .Set("slice", accelerator.slice)
      .Set("power_limit_watts", accelerator.power_limit_watts)
      .Set("fault", Name(accelerator.fault))
      .Take();
}

json ToJson(const Port& port) {
  return Object()
      .Set("kind", Name(port.kind))
      .Set("name", port.name)
      .Set("interfaces", json(port.interfaces))
      .Set("rdma_device", port.rdma_device)
      .Set("rdma_twin", port.rdma_twin)
      .Set("state", Name(port.state))
      .Set("capable_bits_per_second", port.capable_bits_per_second)
      .Set("negotiated_bits_per_second", port.negotiated_bits_per_second)
      .Set("rdma_capable", port.rdma_capable)
      .Set("rdma_active", port.rdma_active)
      .Set("peer_name", port.peer_name)
      .Set("peer_model", port.peer_model)
      .Set("peer_offers_rdma", port.peer_offers_rdma)
      .Set("domain", port.domain)
      .Set("peer_domain", port.peer_domain)
      .Set("addresses", json(port.addresses))
      .Set("management", json(port.management))
      .Take();
}

json ToJson(const Conditions& conditions) {
  return Object()
      .Set("load_average", conditions.load_average)
      .Set("power", Name(conditions.power))
      .Set("thermal", conditions.thermal)
      .Set("forced", json(conditions.forced))
      .Take();
}

json ToJson(const MemoryBandwidth& measured) {
  return Object()
      .Set("kind", Name(measured.kind))
      .Set("best_bytes_per_second", json(measured.best_bytes_per_second))
      .Set("median_bytes_per_second", json(measured.median_bytes_per_second))
      .Set("repeats", json(measured.repeats))
      .Set("buffer_bytes", json(measured.buffer_bytes))
      .Set("threads", json(measured.threads))
      .Set("device", measured.device)
      .Set("taken_at_unix_ms", json(measured.taken_at_unix_ms))
      .Set("conditions", ToJson(measured.conditions))
      .Take();
}

json ToJson(const agent::Rate& rate) {
  return {{"median", rate.median}, {"low", rate.low}, {"high", rate.high}};
}

std::optional<json> ToJson(const std::optional<agent::Rate>& rate) {
  if (!rate) return std::nullopt;
  return ToJson(*rate);
}

json ToJson(const agent::SpeedMeasurement& measured) {
  return Object()
      .Set("id", measured.id)
      .Set("engine", measured.engine)
      .Set("engine_version", measured.engine_version)
      .Set("source", measured.source)
      .Set("model_name", measured.model_name)
      .Set("quant_name", measured.quant_name)
      .Set("model_bytes", measured.model_bytes)
      .Set("model_parameters", measured.model_parameters)
      .Set("model", measured.model)
      .Set("quant", measured.quant)
      .Set("prompt_tokens", measured.prompt_tokens)
      .Set("generated_tokens", measured.generated_tokens)
      .Set("depth_tokens", json(measured.depth_tokens))
      .Set("streams", json(measured.streams))
      .Set("repeats", json(measured.repeats))
      .Set("prefill_tokens_per_second", ToJson(measured.prefill))
      .Set("decode_tokens_per_second", ToJson(measured.decode))
      .Set("time_to_first_token_ms", measured.time_to_first_token_ms)
      .Set("inter_token_median_ms", measured.inter_token_median_ms)
      .Set("inter_token_p95_ms", measured.inter_token_p95_ms)
      .Set("kv_type", measured.kv_type)
      .Set("strategy", measured.strategy)
      .Set("peers", json(measured.peers))
      .Set("not_comparable", json(measured.not_comparable))
      .Set("passive", json(measured.passive))
      .Set("power_watts", measured.power_watts)
      .Set("taken_at_unix_ms", json(measured.taken_at_unix_ms))
      .Set("conditions", ToJson(measured.conditions))
      .Take();
}

json ToJson(const engine::Server& server) {
  json models = json::array();
  for (const engine::ServedModel& model : server.models) {
    models.push_back({{"name", model.listed.id}, {"loaded", model.loaded}});
  }
  return Object()
      .Set("what", engine::NameOf(server.kind))
      .Set("url", server.root)
      .Set("version", server.version)
      .Set("models", std::move(models))
      .Take();
}

json ToJson(const ProbeResult& probe) {
  return Object()
      .Set("name", probe.name)
      .Set("outcome", Name(probe.outcome))
      .Set("unknowns", json(probe.unknowns))
      .Take();
}

template <class T>
json ToArray(const std::vector<T>& values) {
  json array = json::array();
  for (const T& value : values) array.push_back(ToJson(value));
  return array;
}

json ToJson(const agent::Processor& processor) {
  json groups = json::array();
  for (const agent::CoreGroup& group : processor.groups) {
    groups.push_back({{"name", group.name}, {"cores", group.cores}});
  }
  return Object()
      .Set("name", processor.name)
      .Set("architecture", processor.architecture)
      .Set("logical_cores", json(processor.logical_cores))
      .Set("groups", std::move(groups))
      .Take();
}

json ToJson(const agent::Memory& memory) {
  return Object()
      .Set("installed_bytes", memory.installed_bytes)
      .Set("visible_bytes", memory.visible_bytes)
      .Set("available_bytes", memory.available_bytes)
      .Set("firmware_gpu_bytes", memory.firmware_gpu_bytes)
      .Set("wired_bytes", memory.wired_bytes)
      .Set("wired_limit_bytes", memory.wired_limit_bytes)
      .Set("unified", json(memory.unified))
      .Set("pressure_free_share", memory.pressure_free_share)
      .Take();
}

std::string Dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ReportJson(const Report& report) {
  Object root;
  root.Set("schema", "capacity-planner/node-report/v1")
      .Set("agent_version", report.agent_version)
      .Set("hostname", report.hostname)
      .Set("taken_at_unix_ms", json(report.taken_at_unix_ms))
      .Set("machine", Object()
                          .Set("vendor", report.machine.vendor)
                          .Set("product", report.machine.product)
                          .Set("model_identifier", report.machine.model_identifier)
                          .Set("kind", Name(report.machine.kind))
                          .Take())
      .Set("os", Object()
                     .Set("name", report.os.name)
                     .Set("version", report.os.version)
                     .Set("build", report.os.build)
                     .Set("vendor_release", report.os.vendor_release)
                     .Take())
      .Set("processor", ToJson(report.processor))
      .Set("memory", ToJson(report.memory))
      .Set("accelerators", ToArray(report.accelerators))
      .Set("ports", ToArray(report.ports))
      .Set("rdma",
           Object().Set("state", Name(report.rdma.state)).Set("reason", report.rdma.reason).Take())
      .Set("memory_bandwidths", ToArray(report.memory_bandwidths))
      .Set("probes", ToArray(report.probes));
  if (report.identity) {
    root.Set("identity", Object()
                             .Set("machine", report.identity->machine)
                             .Set("chip", report.identity->chip)
                             .Set("chips", json(report.identity->chips))
                             .Set("why", report.identity->why)
                             .Take());
  }
  return Dump(root.Take());
}

std::string AdviceJson(const std::vector<doctor::Advice>& advice) {
  json list = json::array();
  for (const doctor::Advice& item : advice) {
    list.push_back(Object()
                       .Set("severity", Name(item.severity))
                       .Set("machine", item.patient)
                       .Set("finding", item.finding)
                       .Set("remedy", item.remedy)
                       .Take());
  }
  return Dump({{"schema", "capacity-planner/node-doctor/v1"}, {"advice", std::move(list)}});
}

std::string BandwidthJson(const std::vector<MemoryBandwidth>& measured,
                          const std::vector<std::string>& missing) {
  return Dump({{"schema", "capacity-planner/node-bench-memory/v1"},
               {"memory_bandwidths", ToArray(measured)},
               {"not_measured", missing}});
}

std::string SpeedsJson(const engine::Outcome& outcome) {
  std::vector<std::string> missing = outcome.passed_over;
  missing.insert(missing.end(), outcome.failed.begin(), outcome.failed.end());
  return Dump({{"schema", "capacity-planner/node-bench-engine/v1"},
               {"found", ToArray(outcome.found)},
               {"speeds", ToArray(outcome.measured)},
               {"not_measured", missing}});
}

}  // namespace capacity::agent_cli
