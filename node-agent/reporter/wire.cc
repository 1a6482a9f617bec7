#include "node-agent/reporter/wire.h"

#include <initializer_list>
#include <string_view>

#include "capacity/v1/node.pb.h"

namespace capacity::reporter {
namespace {

// Length of the UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xC2 && first < 0xE0 ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, beyond U+10FFFF.
  const bool wrong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                     (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
  return wrong ? 0 : length;
}

// What a machine calls itself may be in any encoding; a message with anything but UTF-8 would be
// refused whole.
std::string Text(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      clean += '?';
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

v1::Machine::Kind Convert(agent::Machine::Kind kind) {
  switch (kind) {
    case agent::Machine::Kind::kUnknown:
      return v1::Machine::KIND_UNSPECIFIED;
    case agent::Machine::Kind::kMac:
      return v1::Machine::KIND_MAC;
    case agent::Machine::Kind::kGb10:
      return v1::Machine::KIND_GB10;
    case agent::Machine::Kind::kLinuxNvidia:
      return v1::Machine::KIND_LINUX_NVIDIA;
    case agent::Machine::Kind::kLinux:
      return v1::Machine::KIND_LINUX;
  }
  return v1::Machine::KIND_UNSPECIFIED;
}

v1::Port::Kind Convert(agent::Port::Kind kind) {
  switch (kind) {
    case agent::Port::Kind::kUnknown:
      return v1::Port::KIND_UNSPECIFIED;
    case agent::Port::Kind::kThunderbolt:
      return v1::Port::KIND_THUNDERBOLT;
    case agent::Port::Kind::kConnectx:
      return v1::Port::KIND_CONNECTX;
    case agent::Port::Kind::kEthernet:
      return v1::Port::KIND_ETHERNET;
    case agent::Port::Kind::kWifi:
      return v1::Port::KIND_WIFI;
  }
  return v1::Port::KIND_UNSPECIFIED;
}

v1::Port::State Convert(agent::Port::State state) {
  switch (state) {
    case agent::Port::State::kUnknown:
      return v1::Port::STATE_UNSPECIFIED;
    case agent::Port::State::kUp:
      return v1::Port::STATE_UP;
    case agent::Port::State::kDown:
      return v1::Port::STATE_DOWN;
    case agent::Port::State::kEmpty:
      return v1::Port::STATE_EMPTY;
  }
  return v1::Port::STATE_UNSPECIFIED;
}

v1::Accelerator::Fault Convert(agent::Accelerator::Fault fault) {
  using Fault = agent::Accelerator::Fault;
  switch (fault) {
    case Fault::kNone:
      return v1::Accelerator::FAULT_UNSPECIFIED;
    case Fault::kNoDriver:
      return v1::Accelerator::FAULT_NO_DRIVER;
    case Fault::kNeedsReboot:
      return v1::Accelerator::FAULT_NEEDS_REBOOT;
    case Fault::kLost:
      return v1::Accelerator::FAULT_LOST;
    case Fault::kHidden:
      return v1::Accelerator::FAULT_HIDDEN;
    case Fault::kNoTool:
      return v1::Accelerator::FAULT_NO_TOOL;
    case Fault::kNoInstance:
      return v1::Accelerator::FAULT_NO_INSTANCE;
    case Fault::kUnknown:
      return v1::Accelerator::FAULT_UNKNOWN;
  }
  return v1::Accelerator::FAULT_UNSPECIFIED;
}

v1::Rdma::State Convert(agent::Rdma::State state) {
  switch (state) {
    case agent::Rdma::State::kUnknown:
      return v1::Rdma::STATE_UNSPECIFIED;
    case agent::Rdma::State::kEnabled:
      return v1::Rdma::STATE_ENABLED;
    case agent::Rdma::State::kDisabled:
      return v1::Rdma::STATE_DISABLED;
    case agent::Rdma::State::kUnsupported:
      return v1::Rdma::STATE_UNSUPPORTED;
  }
  return v1::Rdma::STATE_UNSPECIFIED;
}

v1::MemoryBandwidth::Kind Convert(agent::MemoryBandwidth::Kind kind) {
  switch (kind) {
    case agent::MemoryBandwidth::Kind::kUnknown:
      return v1::MemoryBandwidth::KIND_UNSPECIFIED;
    case agent::MemoryBandwidth::Kind::kCpuTriad:
      return v1::MemoryBandwidth::KIND_CPU_TRIAD;
    case agent::MemoryBandwidth::Kind::kCpuRead:
      return v1::MemoryBandwidth::KIND_CPU_READ;
    case agent::MemoryBandwidth::Kind::kGpuCopy:
      return v1::MemoryBandwidth::KIND_GPU_COPY;
    case agent::MemoryBandwidth::Kind::kGpuRead:
      return v1::MemoryBandwidth::KIND_GPU_READ;
  }
  return v1::MemoryBandwidth::KIND_UNSPECIFIED;
}

v1::Conditions::Power Convert(agent::Conditions::Power power) {
  switch (power) {
    case agent::Conditions::Power::kUnknown:
      return v1::Conditions::POWER_UNSPECIFIED;
    case agent::Conditions::Power::kMains:
      return v1::Conditions::POWER_MAINS;
    case agent::Conditions::Power::kBattery:
      return v1::Conditions::POWER_BATTERY;
  }
  return v1::Conditions::POWER_UNSPECIFIED;
}

v1::Probe::Outcome Convert(agent::ProbeResult::Outcome outcome) {
  switch (outcome) {
    case agent::ProbeResult::Outcome::kUnknown:
      return v1::Probe::OUTCOME_UNSPECIFIED;
    case agent::ProbeResult::Outcome::kOk:
      return v1::Probe::OUTCOME_OK;
    case agent::ProbeResult::Outcome::kAbsent:
      return v1::Probe::OUTCOME_ABSENT;
    case agent::ProbeResult::Outcome::kFailed:
      return v1::Probe::OUTCOME_FAILED;
    case agent::ProbeResult::Outcome::kPartial:
      return v1::Probe::OUTCOME_PARTIAL;
  }
  return v1::Probe::OUTCOME_UNSPECIFIED;
}

void Convert(const agent::Machine& from, v1::Machine& to) {
  to.set_vendor(Text(from.vendor));
  to.set_product(Text(from.product));
  to.set_model_identifier(Text(from.model_identifier));
  to.set_kind(Convert(from.kind));
}

void Convert(const agent::OperatingSystem& from, v1::OperatingSystem& to) {
  to.set_name(Text(from.name));
  to.set_version(Text(from.version));
  to.set_build(Text(from.build));
  to.set_vendor_release(Text(from.vendor_release));
}

void Convert(const agent::Processor& from, v1::Processor& to) {
  to.set_name(Text(from.name));
  to.set_architecture(Text(from.architecture));
  to.set_logical_cores(from.logical_cores);
  for (const agent::CoreGroup& group : from.groups) {
    v1::CoreGroup& added = *to.add_groups();
    added.set_name(Text(group.name));
    added.set_cores(group.cores);
  }
}

void Convert(const agent::Memory& from, v1::Memory& to) {
  if (from.installed_bytes) to.set_installed_bytes(*from.installed_bytes);
  if (from.visible_bytes) to.set_visible_bytes(*from.visible_bytes);
  if (from.available_bytes) to.set_available_bytes(*from.available_bytes);
  if (from.wired_bytes) to.set_wired_bytes(*from.wired_bytes);
  if (from.wired_limit_bytes) to.set_wired_limit_bytes(*from.wired_limit_bytes);
  to.set_unified(from.unified);
  if (from.pressure_free_share) to.set_pressure_free_share(*from.pressure_free_share);
  if (from.firmware_gpu_bytes) to.set_firmware_gpu_bytes(*from.firmware_gpu_bytes);
}

void Convert(const agent::Accelerator& from, v1::Accelerator& to) {
  to.set_name(Text(from.name));
  if (from.gpu_cores) to.set_gpu_cores(*from.gpu_cores);
  if (from.memory_bytes) to.set_memory_bytes(*from.memory_bytes);
  if (from.memory_used_bytes) to.set_memory_used_bytes(*from.memory_used_bytes);
  to.set_driver_version(Text(from.driver_version));
  to.set_slice(Text(from.slice));
  if (from.power_limit_watts) to.set_power_limit_watts(*from.power_limit_watts);
  to.set_fault(Convert(from.fault));
}

void Convert(const agent::Port& from, v1::Port& to) {
  to.set_kind(Convert(from.kind));
  to.set_name(Text(from.name));
  for (const std::string& interface : from.interfaces) to.add_interfaces(Text(interface));
  to.set_rdma_device(Text(from.rdma_device));
  // A link that nobody has brought up carries nothing.
  to.set_state(Convert(from.admin_down ? agent::Port::State::kDown : from.state));
  if (from.capable_bits_per_second) to.set_capable_bits_per_second(*from.capable_bits_per_second);
  if (from.negotiated_bits_per_second) {
    to.set_negotiated_bits_per_second(*from.negotiated_bits_per_second);
  }
  if (from.rdma_capable) to.set_rdma_capable(*from.rdma_capable);
  if (from.rdma_active) to.set_rdma_active(*from.rdma_active);
  to.set_peer_name(Text(from.peer_name));
  to.set_domain(Text(from.domain));
  to.set_peer_domain(Text(from.peer_domain));
  for (const std::string& address : from.addresses) to.add_addresses(Text(address));
  to.set_management(from.management);
  if (from.peer_offers_rdma) to.set_peer_offers_rdma(*from.peer_offers_rdma);
  to.set_rdma_twin(Text(from.rdma_twin));
}

void Convert(const agent::Conditions& from, v1::Conditions& to) {
  if (from.load_average) to.set_load_average(*from.load_average);
  to.set_power(Convert(from.power));
  to.set_thermal(Text(from.thermal));
  to.set_forced(from.forced);
}

void Convert(const agent::MemoryBandwidth& from, v1::MemoryBandwidth& to) {
  to.set_kind(Convert(from.kind));
  to.set_best_bytes_per_second(from.best_bytes_per_second);
  to.set_median_bytes_per_second(from.median_bytes_per_second);
  to.set_repeats(from.repeats);
  to.set_buffer_bytes(from.buffer_bytes);
  to.set_threads(from.threads);
  to.set_device(Text(from.device));
  to.set_taken_at_unix_ms(from.taken_at_unix_ms);
  Convert(from.conditions, *to.mutable_conditions());
}

// The value that is converted to `message`.
template <class Value, class Message>
Value Reverse(Message message, std::initializer_list<Value> values) {
  for (const Value value : values) {
    if (Convert(value) == message) return value;
  }
  return Value{};
}

agent::Conditions Read(const v1::Conditions& from) {
  using Power = agent::Conditions::Power;
  agent::Conditions to;
  if (from.has_load_average()) to.load_average = from.load_average();
  to.power = Reverse<Power>(from.power(), {Power::kMains, Power::kBattery});
  to.thermal = from.thermal();
  to.forced = from.forced();
  return to;
}

agent::MemoryBandwidth Read(const v1::MemoryBandwidth& from) {
  using Kind = agent::MemoryBandwidth::Kind;
  return {.kind = Reverse<Kind>(from.kind(),
                                {Kind::kCpuTriad, Kind::kCpuRead, Kind::kGpuCopy, Kind::kGpuRead}),
          .best_bytes_per_second = from.best_bytes_per_second(),
          .median_bytes_per_second = from.median_bytes_per_second(),
          .repeats = from.repeats(),
          .buffer_bytes = from.buffer_bytes(),
          .threads = from.threads(),
          .device = from.device(),
          .taken_at_unix_ms = from.taken_at_unix_ms(),
          .conditions = Read(from.conditions())};
}

void Convert(const agent::Rate& from, v1::Rate& to) {
  to.set_median_tokens_per_second(from.median);
  to.set_lowest_tokens_per_second(from.low);
  to.set_highest_tokens_per_second(from.high);
}

agent::Rate Read(const v1::Rate& from) {
  return {.median = from.median_tokens_per_second(),
          .low = from.lowest_tokens_per_second(),
          .high = from.highest_tokens_per_second()};
}

void Convert(const agent::SpeedMeasurement& from, v1::SpeedMeasurement& to) {
  to.set_id(Text(from.id));
  to.set_engine(Text(from.engine));
  to.set_engine_version(Text(from.engine_version));
  to.set_source(Text(from.source));
  to.set_model_name(Text(from.model_name));
  to.set_quant_name(Text(from.quant_name));
  if (from.model_bytes) to.set_model_bytes(*from.model_bytes);
  if (from.model_parameters) to.set_model_parameters(*from.model_parameters);
  to.set_model(Text(from.model));
  to.set_quant(Text(from.quant));
  if (from.prompt_tokens) to.set_prompt_tokens(*from.prompt_tokens);
  if (from.generated_tokens) to.set_generated_tokens(*from.generated_tokens);
  to.set_depth_tokens(from.depth_tokens);
  to.set_streams(from.streams);
  to.set_repeats(from.repeats);
  if (from.prefill) Convert(*from.prefill, *to.mutable_prefill());
  if (from.decode) Convert(*from.decode, *to.mutable_decode());
  if (from.time_to_first_token_ms) to.set_time_to_first_token_ms(*from.time_to_first_token_ms);
  if (from.inter_token_median_ms) to.set_inter_token_median_ms(*from.inter_token_median_ms);
  if (from.inter_token_p95_ms) to.set_inter_token_p95_ms(*from.inter_token_p95_ms);
  to.set_kv_type(Text(from.kv_type));
  to.set_strategy(Text(from.strategy));
  for (const std::string& peer : from.peers) to.add_peers(Text(peer));
  for (const std::string& why : from.not_comparable) to.add_not_comparable(Text(why));
  to.set_passive(from.passive);
  if (from.power_watts) to.set_power_watts(*from.power_watts);
  to.set_taken_at_unix_ms(from.taken_at_unix_ms);
  Convert(from.conditions, *to.mutable_conditions());
}

agent::SpeedMeasurement Read(const v1::SpeedMeasurement& from) {
  agent::SpeedMeasurement to;
  to.id = from.id();
  to.engine = from.engine();
  to.engine_version = from.engine_version();
  to.source = from.source();
  to.model_name = from.model_name();
  to.quant_name = from.quant_name();
  if (from.has_model_bytes()) to.model_bytes = from.model_bytes();
  if (from.has_model_parameters()) to.model_parameters = from.model_parameters();
  to.model = from.model();
  to.quant = from.quant();
  if (from.has_prompt_tokens()) to.prompt_tokens = from.prompt_tokens();
  if (from.has_generated_tokens()) to.generated_tokens = from.generated_tokens();
  to.depth_tokens = from.depth_tokens();
  to.streams = from.streams();
  to.repeats = from.repeats();
  if (from.has_prefill()) to.prefill = Read(from.prefill());
  if (from.has_decode()) to.decode = Read(from.decode());
  if (from.has_time_to_first_token_ms()) {
    to.time_to_first_token_ms = from.time_to_first_token_ms();
  }
  if (from.has_inter_token_median_ms()) to.inter_token_median_ms = from.inter_token_median_ms();
  if (from.has_inter_token_p95_ms()) to.inter_token_p95_ms = from.inter_token_p95_ms();
  to.kv_type = from.kv_type();
  to.strategy = from.strategy();
  to.peers.assign(from.peers().begin(), from.peers().end());
  to.not_comparable.assign(from.not_comparable().begin(), from.not_comparable().end());
  to.passive = from.passive();
  if (from.has_power_watts()) to.power_watts = from.power_watts();
  to.taken_at_unix_ms = from.taken_at_unix_ms();
  to.conditions = Read(from.conditions());
  return to;
}

void Convert(const agent::ProbeResult& from, v1::Probe& to) {
  to.set_name(Text(from.name));
  to.set_outcome(Convert(from.outcome));
  for (const std::string& unknown : from.unknowns) to.add_unknowns(Text(unknown));
}

void Convert(const agent::Identity& from, v1::Identity& to) {
  to.set_machine(Text(from.machine));
  to.set_chip(Text(from.chip));
  to.set_chips(from.chips);
  to.set_why(Text(from.why));
}

}  // namespace

std::string Serialize(const agent::Report& report) {
  v1::NodeReport message;
  message.set_agent_version(Text(report.agent_version));
  message.set_hostname(Text(report.hostname));
  message.set_taken_at_unix_ms(report.taken_at_unix_ms);
  Convert(report.machine, *message.mutable_machine());
  Convert(report.os, *message.mutable_os());
  Convert(report.processor, *message.mutable_processor());
  Convert(report.memory, *message.mutable_memory());
  for (const auto& accelerator : report.accelerators) {
    Convert(accelerator, *message.add_accelerators());
  }
  for (const auto& port : report.ports) Convert(port, *message.add_ports());
  message.mutable_rdma()->set_state(Convert(report.rdma.state));
  message.mutable_rdma()->set_reason(Text(report.rdma.reason));
  for (const auto& bandwidth : report.memory_bandwidths) {
    Convert(bandwidth, *message.add_memory_bandwidths());
  }
  for (const auto& probe : report.probes) Convert(probe, *message.add_probes());
  if (report.identity) Convert(*report.identity, *message.mutable_identity());
  return message.SerializeAsString();
}

std::string SerializeMeasured(const std::vector<agent::MemoryBandwidth>& measured) {
  v1::NodeReport message;
  for (const auto& one : measured) Convert(one, *message.add_memory_bandwidths());
  return message.SerializeAsString();
}

std::vector<agent::MemoryBandwidth> ParseMeasured(const std::string& bytes) {
  v1::NodeReport message;
  std::vector<agent::MemoryBandwidth> measured;
  if (!message.ParseFromString(bytes)) return measured;
  for (const auto& one : message.memory_bandwidths()) measured.push_back(Read(one));
  return measured;
}

std::string Serialize(const agent::SpeedMeasurement& measurement) {
  v1::SpeedMeasurement message;
  Convert(measurement, message);
  return message.SerializeAsString();
}

std::optional<agent::SpeedMeasurement> ParseSpeed(const std::string& bytes) {
  v1::SpeedMeasurement message;
  if (!message.ParseFromString(bytes)) return std::nullopt;
  return Read(message);
}

std::string Serialize(const agent::Conditions& conditions) {
  v1::Conditions message;
  Convert(conditions, message);
  return message.SerializeAsString();
}

}  // namespace capacity::reporter
