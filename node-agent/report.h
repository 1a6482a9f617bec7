// What one machine says of itself: field by field the message capacity.v1.NodeReport
// (proto/capacity/v1/node.proto), without protobuf. The reporter converts; everything else in
// node-agent makes or reads these values.
//
// An empty optional or string means "not known"; why not is in the ProbeResult that looked for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace capacity::agent {

struct Machine {
  enum class Kind { kUnknown, kMac, kGb10, kLinuxNvidia, kLinux };
  std::string vendor;            // "Apple", "NVIDIA", "ASUSTeK COMPUTER INC."
  std::string product;           // "Mac Studio", "NVIDIA_DGX_Spark", "GX10"
  std::string model_identifier;  // "Mac15,14"
  Kind kind = Kind::kUnknown;

  friend bool operator==(const Machine&, const Machine&) = default;
};

struct OperatingSystem {
  std::string name;            // "macOS", "Ubuntu"
  std::string version;         // "26.2", "24.04"
  std::string build;           // "25C56"; the kernel's release on Linux
  std::string vendor_release;  // "DGX OS 7.6.0"; empty where the vendor adds none

  friend bool operator==(const OperatingSystem&, const OperatingSystem&) = default;
};

struct CoreGroup {
  std::string name;  // "Performance", "Super", "Cortex-X925"
  std::uint32_t cores = 0;

  friend bool operator==(const CoreGroup&, const CoreGroup&) = default;
};

struct Processor {
  std::string name;                 // "Apple M3 Ultra", "Cortex-X925 + Cortex-A725", "AMD EPYC"
  std::string architecture;         // "arm64", "aarch64", "x86_64"
  std::uint32_t logical_cores = 0;  // 0: not known
  std::vector<CoreGroup> groups;

  friend bool operator==(const Processor&, const Processor&) = default;
};

struct Memory {
  std::optional<std::uint64_t> installed_bytes;
  std::optional<std::uint64_t> visible_bytes;      // what the operating system counts as total
  std::optional<std::uint64_t> available_bytes;    // what programs could have now
  std::optional<std::uint64_t> wired_bytes;        // macOS
  std::optional<std::uint64_t> wired_limit_bytes;  // macOS: iogpu.wired_limit_mb when not 0
  bool unified = false;                            // one pool for processor and accelerator
  std::optional<double> pressure_free_share;       // macOS: 0 to 1
  // What firmware keeps for a GPU inside the processor, which the system does not count.
  std::optional<std::uint64_t> firmware_gpu_bytes;

  friend bool operator==(const Memory&, const Memory&) = default;
};

// One card, one slice of a card, or the GPU of a unified chip.
struct Accelerator {
  std::string name;                           // "NVIDIA GeForce RTX 3090", "Apple M3 Ultra"
  std::optional<std::uint32_t> gpu_cores;     // Apple only
  std::optional<std::uint64_t> memory_bytes;  // its own; absent when unified or not said
  std::optional<std::uint64_t> memory_used_bytes;
  std::string driver_version;
  std::string slice;  // MIG profile ("1g.12gb"); empty: the whole card
  std::optional<double> power_limit_watts;
  // Why programs cannot use the card, where that is so.
  enum class Fault {
    kNone,
    kNoDriver,     // no driver runs it, a broken one, or nouveau
    kNeedsReboot,  // driver and library have different versions
    kLost,         // it fell off its bus or needs a reset: it is there for the slots only
    kHidden,       // not handed out: to this container, by Windows to its WSL, to this user
    kNoTool,       // the driver runs it, and nvidia-smi or its library is not installed
    kNoInstance,   // MIG is on, and no instance is made that could compute
    kUnknown,      // nvidia-smi did not end, or its answer is none of those known
  };
  Fault fault = Fault::kNone;

  friend bool operator==(const Accelerator&, const Accelerator&) = default;
};

// One physical socket: a Thunderbolt receptacle, a ConnectX cage, or a network interface.
struct Port {
  enum class Kind { kUnknown, kThunderbolt, kConnectx, kEthernet, kWifi };
  enum class State { kUnknown, kUp, kDown, kEmpty };
  Kind kind = Kind::kUnknown;
  std::string name;                     // "receptacle 3", "cage 0", "enP7s7"
  std::vector<std::string> interfaces;  // behind it, those with an address first
  std::string rdma_device;              // "rdma_en5", "rocep1s0f1"; empty: none
  State state = State::kUnknown;
  std::optional<double> capable_bits_per_second;
  std::optional<double> negotiated_bits_per_second;  // absent while down
  std::optional<bool> rdma_capable;                  // false: this socket never can
  std::optional<bool> rdma_active;                   // an RDMA port in state ACTIVE
  std::string peer_name;                             // empty: none or not a computer
  std::string domain;                                // Thunderbolt: hash of this bus's domain UUID
  std::string peer_domain;                           // and of the peer's
  std::vector<std::string> addresses;
  bool management = false;
  std::optional<bool> peer_offers_rdma;  // Thunderbolt: the peer advertises its RDMA service
  std::string rdma_twin;                 // the second RDMA device of one ConnectX cage
  // For the doctor, not in the message:
  std::vector<std::string> subnets;  // of its IPv4 addresses: "192.168.177.0/24"
  std::string peer_model;            // "Mac16,10"
  std::optional<bool> peer_is_mac;   // false: another maker's, or a phone or tablet
  bool bridged = false;              // its interface is a member of the Thunderbolt Bridge
  // "bridge100": of another bridge of macOS, for Internet Sharing, virtual machines or made by
  // hand.
  std::string other_bridge;
  bool addresses_unknown = false;   // what ifconfig printed of its interface is not there
  bool peer_behind_device = false;  // Thunderbolt: a dock or a hub is between
  std::string rdma_state;           // of its RDMA port: "INIT", "DOWN", "ACTIVE"; empty: not said
  // Nobody has brought its interface up. State kUp: its link is there all the same. kDown: whether
  // a cable is in it cannot be told.
  bool admin_down = false;
  // Of a ConnectX cage's two interfaces: those that are up and have no address, where addresses
  // were listed.
  std::vector<std::string> without_address;
  bool one_subnet = false;     // both have addresses, in one subnet
  bool half_in_sight = false;  // only one of the two is there

  friend bool operator==(const Port&, const Port&) = default;
};

struct Rdma {
  enum class State { kUnknown, kEnabled, kDisabled, kUnsupported };
  // What can be done about it, for the doctor; not in the message.
  enum class Cause {
    kNone,
    kOldSystem,
    kNotRestarted,
    kCardOff,        // a GB10's ConnectX-7 is not on the PCI bus
    kNotHandedOver,  // the container that the agent runs in is not given the devices
    kNoLibrary,      // the verbs library finds none of the devices
  };
  State state = State::kUnknown;
  std::string reason;  // why so, in words
  Cause cause = Cause::kNone;

  friend bool operator==(const Rdma&, const Rdma&) = default;
};

// Under what conditions a measurement was made.
struct Conditions {
  enum class Power { kUnknown, kMains, kBattery };
  std::optional<double> load_average;  // one minute, before the measurement
  Power power = Power::kUnknown;
  std::string thermal;  // "nominal", "87 C"; empty: nothing said
  bool forced = false;  // the user insisted on a machine that was busy or on battery

  friend bool operator==(const Conditions&, const Conditions&) = default;
};

// Achieved memory bandwidth.
struct MemoryBandwidth {
  enum class Kind { kUnknown, kCpuTriad, kCpuRead, kGpuCopy, kGpuRead };
  Kind kind = Kind::kUnknown;
  double best_bytes_per_second = 0;
  double median_bytes_per_second = 0;
  std::uint32_t repeats = 0;
  std::uint64_t buffer_bytes = 0;  // of all arrays together
  std::uint32_t threads = 0;
  std::string device;  // which accelerator; empty: the processors
  std::int64_t taken_at_unix_ms = 0;
  Conditions conditions;

  friend bool operator==(const MemoryBandwidth&, const MemoryBandwidth&) = default;
};

// Tokens a second, over the repeats.
struct Rate {
  double median = 0;
  double low = 0;
  double high = 0;

  friend bool operator==(const Rate&, const Rate&) = default;
};

// How fast an engine ran one model; field by field capacity.v1.SpeedMeasurement, where each is
// explained.
struct SpeedMeasurement {
  std::string id;
  std::string engine;
  std::string engine_version;
  std::string source;
  std::string model_name;
  std::string quant_name;
  std::optional<std::uint64_t> model_bytes;
  std::optional<std::uint64_t> model_parameters;
  std::string model;
  std::string quant;
  std::optional<std::uint32_t> prompt_tokens;
  std::optional<std::uint32_t> generated_tokens;
  std::uint32_t depth_tokens = 0;
  std::uint32_t streams = 1;
  std::uint32_t repeats = 1;
  std::optional<Rate> prefill;
  std::optional<Rate> decode;
  std::optional<double> time_to_first_token_ms;
  std::optional<double> inter_token_median_ms;
  std::optional<double> inter_token_p95_ms;
  std::string kv_type;
  std::string strategy;
  std::vector<std::string> peers;
  std::vector<std::string> not_comparable;
  bool passive = false;
  std::optional<double> power_watts;
  std::int64_t taken_at_unix_ms = 0;
  Conditions conditions;

  friend bool operator==(const SpeedMeasurement&, const SpeedMeasurement&) = default;
};

// How one probe went. A probe that fails takes nothing from the others.
struct ProbeResult {
  enum class Outcome { kUnknown, kOk, kAbsent, kFailed, kPartial };
  std::string name;
  Outcome outcome = Outcome::kUnknown;
  std::vector<std::string> unknowns;  // "GPU cores are unknown, because ..."

  friend bool operator==(const ProbeResult&, const ProbeResult&) = default;
};

// Catalogue entries that the machine is.
struct Identity {
  std::string machine;  // catalogue id; empty: none matches
  std::string chip;     // catalogue id; empty: none matches
  std::uint32_t chips = 0;
  std::string why;  // what was looked for when something is empty

  friend bool operator==(const Identity&, const Identity&) = default;
};

struct Report {
  std::string agent_version;
  std::string hostname;
  std::int64_t taken_at_unix_ms = 0;
  Machine machine;
  OperatingSystem os;
  Processor processor;
  Memory memory;
  std::vector<Accelerator> accelerators;
  std::vector<Port> ports;
  Rdma rdma;
  std::vector<MemoryBandwidth> memory_bandwidths;
  std::vector<ProbeResult> probes;
  std::optional<Identity> identity;  // nullopt: there was no catalogue
  // For the doctor, not in the message:
  // Why nvidia-smi shows no card at all, also where no card is in `accelerators` for the lack of
  // it. kNone: it shows some, or there is none.
  Accelerator::Fault no_cards = Accelerator::Fault::kNone;
  std::string container;  // what the agent runs in: "docker", "podman", "lxc"; empty: none

  friend bool operator==(const Report&, const Report&) = default;
};

}  // namespace capacity::agent
