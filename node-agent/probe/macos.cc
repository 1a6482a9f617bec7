#include "node-agent/probe/macos.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/text.h"
#include "node-agent/probe/verbs.h"

namespace capacity::probe {
namespace {

using agent::Port;
using agent::Rdma;
using agent::Report;
using host::Command;
using host::Host;
using host::Output;

// RDMA over Thunderbolt came with macOS 26.2, for Thunderbolt 5 (Apple, TN3205).
constexpr int kRdmaMajor = 26;
constexpr int kRdmaMinor = 2;
// A Thunderbolt 4 receptacle does 40 Gb/s; a Thunderbolt 5 one offers more while idle.
constexpr double kThunderbolt4BitsPerSecond = 40e9;
// Chips whose Thunderbolt does 40 Gb/s: in every Mac that has one of them (Apple, technical
// specifications of each model, 2026-11). Of their siblings M3 Ultra, M4 Pro, M4 Max, M5 Pro and M5
// Max have Thunderbolt 5.
constexpr std::array kThunderbolt4Chips = {
    "Apple M1",     "Apple M1 Pro", "Apple M1 Max",   "Apple M1 Ultra", "Apple M2",
    "Apple M2 Pro", "Apple M2 Max", "Apple M2 Ultra", "Apple M3",       "Apple M3 Pro",
    "Apple M3 Max", "Apple M4",     "Apple M5"};
// The Mac Studios that have Thunderbolt 5 (Apple, "Identify your Mac Studio model").
constexpr std::array kThunderbolt5Studios = {"Mac15,14", "Mac16,9"};
// On those the receptacle beside Ethernet is interface en2 and cannot do RDMA (EXO's README and the
// warning of its dashboard).
constexpr const char* kStudioPortBesideEthernet = "en2";
// The digits of a domain's hash: enough that two of a fleet's buses never meet by chance.
constexpr int kDomainDigits = 16;

const Command kSysctl = {{"sysctl", "hw", "machdep.cpu", "kern.osproductversion", "kern.osversion",
                          "kern.hostname", "iogpu"}};
const Command kSwVers = {{"sw_vers"}};
const Command kHardware = {{"system_profiler", "-json", "SPHardwareDataType"},
                           std::chrono::seconds(15)};
const Command kDisplays = {{"system_profiler", "-json", "SPDisplaysDataType"},
                           std::chrono::seconds(15)};
const Command kThunderbolt = {{"system_profiler", "-json", "SPThunderboltDataType"},
                              std::chrono::seconds(15)};
const Command kVmStat = {{"vm_stat"}};
const Command kMemoryPressure = {{"memory_pressure", "-Q"}};
const Command kHardwarePorts = {{"networksetup", "-listallhardwareports"}};
const Command kIfconfig = {{"ifconfig", "-a"}};
const Command kRdmaStatus = {{"rdma_ctl", "status"}};
const Command kIbvDevices = {{"ibv_devices"}};
const Command kIbvDevinfo = {{"ibv_devinfo"}};
const Command kUname = {{"uname", "-a"}};

std::string Prefer(std::string first, std::string second) {
  return first.empty() ? std::move(second) : std::move(first);
}

// ---------------------------------------------------------------- what it is

Fields ProbeSysctl(Host& host, Report& report) {
  Finding finding("sysctl");
  Fields all;
  const std::vector<Output> outputs = host.Run(kSysctl);
  for (const Output& output : outputs) {
    // Ends with 1 when one of the names is unknown to this version; the others are printed.
    if (output.how == Output::How::kRan) all.merge(ParseSysctl(output.arguments, output.text));
  }
  if (all.empty()) {
    if (outputs[0].how == Output::How::kAbsent) finding.Missing();
    const std::string why = host::WhyNot(outputs[0], kSysctl);
    finding.Unknown("memory, chip and core counts from sysctl are",
                    why.empty() ? "what sysctl printed is not understood" : why);
    report.probes.push_back(finding.Finish());
    return all;
  }
  finding.Found();
  const auto need = [&](const char* key, const char* what) {
    const std::string value = Field(all, key);
    if (value.empty()) finding.Unknown(what, absl::StrCat("sysctl shows no ", key));
    return Clean(value);
  };
  report.processor.name = need("machdep.cpu.brand_string", "the chip's name is");
  report.machine.model_identifier = Clean(Field(all, "hw.model"));
  report.memory.installed_bytes = ParseWhole(need("hw.memsize", "installed memory is"));
  report.memory.visible_bytes = ParseWhole(Field(all, "hw.memsize_usable"));
  if (!report.memory.visible_bytes) report.memory.visible_bytes = report.memory.installed_bytes;
  std::string cores = Field(all, "hw.logicalcpu");
  if (cores.empty()) cores = Field(all, "hw.ncpu");
  if (const auto count = ParseWhole(cores); count && *count <= 4096) {
    report.processor.logical_cores = static_cast<std::uint32_t>(*count);
  }
  report.processor.groups = CoreGroups(all);
  if (report.processor.groups.empty()) {
    finding.Unknown("performance and efficiency cores are", "sysctl shows no hw.perflevel0");
  }
  const std::string limit = Field(all, "iogpu.wired_limit_mb");
  if (limit.empty()) {
    finding.Unknown("the limit of memory for the GPU is", "sysctl shows no iogpu.wired_limit_mb");
  } else if (const auto mebibytes = ParseWhole(limit);
             mebibytes && *mebibytes > 0 && *mebibytes < (std::uint64_t{1} << 30)) {
    report.memory.wired_limit_bytes = *mebibytes << 20;  // 0: the system's default
  }
  report.os.version = Clean(Field(all, "kern.osproductversion"), 32);
  report.os.build = Clean(Field(all, "kern.osversion"), 32);
  report.hostname = Clean(Field(all, "kern.hostname"));
  report.probes.push_back(finding.Finish());
  return all;
}

void ProbeVersion(Host& host, Report& report) {
  Finding finding("sw_vers");
  std::string why;
  const auto version = FirstUnderstood(
      host, kSwVers,
      [](const Output& output) { return ParseSwVers(output.arguments, output.text); }, finding,
      why);
  if (version) {
    report.os.version = version->version;
    report.os.build = Prefer(version->build, report.os.build);
  } else if (report.os.version.empty()) {
    finding.Unknown("the version of macOS is", why);
  }
  const auto kernel = FirstUnderstood(
      host, kUname, [](const Output& output) { return ParseUname(output.text); }, finding, why);
  if (kernel) {
    report.processor.architecture = kernel->architecture;
    report.hostname = Prefer(report.hostname, kernel->hostname);
  } else if (Contains(report.processor.name, "Apple")) {
    report.processor.architecture = "arm64";
  }
  report.probes.push_back(finding.Finish());
}

void ProbeHardware(Host& host, Report& report) {
  Finding finding("hardware");
  std::string why;
  const auto hardware = FirstUnderstood(
      host, kHardware, [](const Output& output) { return ParseHardware(output.text); }, finding,
      why);
  if (!hardware) {
    finding.Unknown("the machine's name is", why);
    report.probes.push_back(finding.Finish());
    return;
  }
  if (hardware->cut) finding.Unknown("the rest of the hardware overview is", "its end is missing");
  report.machine.product = hardware->product;
  report.machine.model_identifier =
      Prefer(report.machine.model_identifier, hardware->model_identifier);
  // A process under Rosetta is told a chip that is not there; sysctl's brand string comes first.
  report.processor.name = Prefer(report.processor.name, hardware->chip);
  if (!report.memory.installed_bytes) {
    report.memory.installed_bytes = hardware->memory_bytes;
    report.memory.visible_bytes = hardware->memory_bytes;
  }
  if (report.processor.logical_cores == 0) {
    report.processor.logical_cores = hardware->total_cores.value_or(0);
  }
  if (hardware->product.empty()) {
    finding.Unknown("the machine's name is", "the hardware overview does not state it");
  }
  report.probes.push_back(finding.Finish());
}

void ProbeGpu(Host& host, Report& report) {
  Finding finding("gpu");
  std::string why;
  const auto gpu = FirstUnderstood(
      host, kDisplays, [](const Output& output) { return ParseGpu(output.text); }, finding, why);
  agent::Accelerator accelerator;
  if (gpu) {
    accelerator.name = gpu->name;
    accelerator.gpu_cores = gpu->cores;
    if (report.processor.name.empty() && StartsWith(gpu->name, "Apple ")) {
      report.processor.name = gpu->name;
    }
    if (!gpu->cores)
      finding.Unknown("GPU cores are", "the overview of displays does not state them");
  } else {
    finding.Unknown("GPU cores are", why);
    // The GPU is part of the chip, whose name is known.
    if (StartsWith(report.processor.name, "Apple ")) accelerator.name = report.processor.name;
  }
  if (!accelerator.name.empty()) report.accelerators.push_back(std::move(accelerator));
  report.memory.unified = StartsWith(report.processor.name, "Apple ");
  report.probes.push_back(finding.Finish());
}

void ProbeMemory(Host& host, Report& report) {
  Finding finding("memory");
  std::string why;
  const auto usage = FirstUnderstood(
      host, kVmStat, [](const Output& output) { return ParseVmStat(output.text); }, finding, why);
  if (usage) {
    report.memory.wired_bytes = usage->wired;
    const std::uint64_t apps = usage->anonymous - std::min(usage->purgeable, usage->anonymous);
    const std::uint64_t used = usage->wired + apps + usage->compressor;
    if (report.memory.installed_bytes && used <= *report.memory.installed_bytes) {
      report.memory.available_bytes = *report.memory.installed_bytes - used;
    } else {
      finding.Unknown("available memory is", report.memory.installed_bytes
                                                 ? "vm_stat counts more in use than is installed"
                                                 : "installed memory is unknown");
    }
  } else {
    finding.Unknown("available and wired memory are", why);
  }
  report.memory.pressure_free_share = FirstUnderstood(
      host, kMemoryPressure, [](const Output& output) { return ParseMemoryPressure(output.text); },
      finding, why);
  if (!report.memory.pressure_free_share) finding.Unknown("memory pressure is", why);
  report.probes.push_back(finding.Finish());
}

// ---------------------------------------------------------------- ports

struct Network {
  std::vector<HardwarePort> ports;
  std::map<std::string, InterfaceState> interfaces;
};

Network ProbeNetwork(Host& host, Report& report) {
  Finding finding("network");
  Network network;
  std::string why;
  const auto ports = FirstUnderstood(
      host, kHardwarePorts,
      [](const Output& output) -> std::optional<std::vector<HardwarePort>> {
        auto parsed = ParseHardwarePorts(output.text);
        if (parsed.empty()) return std::nullopt;
        return parsed;
      },
      finding, why);
  if (ports) {
    network.ports = *ports;
  } else {
    finding.Unknown("which interface a port has is", why);
  }
  const auto interfaces = FirstUnderstood(
      host, kIfconfig,
      [](const Output& output) -> std::optional<std::map<std::string, InterfaceState>> {
        auto parsed = ParseIfconfig(output.text);
        if (parsed.empty()) return std::nullopt;
        return parsed;
      },
      finding, why);
  if (interfaces) {
    network.interfaces = *interfaces;
  } else {
    finding.Unknown("addresses of the interfaces are", why);
  }
  for (const HardwarePort& hardware : network.ports) {
    const bool wifi = hardware.name == "Wi-Fi" || hardware.name == "AirPort";
    // "Ethernet", "Ethernet Adapter (en3)", "USB 10/100/1000 LAN"; Thunderbolt ports come apart.
    if (StartsWith(hardware.name, "Thunderbolt")) continue;
    Port port;
    port.kind = wifi ? Port::Kind::kWifi : Port::Kind::kEthernet;
    port.name = hardware.name;
    port.interfaces = {hardware.device};
    port.rdma_capable = false;
    if (const auto found = network.interfaces.find(hardware.device);
        found != network.interfaces.end()) {
      port.addresses = found->second.addresses;
      if (found->second.up) port.state = *found->second.up ? Port::State::kUp : Port::State::kDown;
    }
    report.ports.push_back(std::move(port));
  }
  report.probes.push_back(finding.Finish());
  return network;
}

Port PortOf(const ThunderboltBus& bus, const std::string& salt) {
  const auto hashed = [&salt](const std::string& domain) {
    return domain.empty() ? "" : host::Pseudonym(salt, domain, kDomainDigits);
  };
  Port port;
  port.kind = Port::Kind::kThunderbolt;
  port.name = bus.receptacle.empty() ? bus.name : absl::StrCat("receptacle ", bus.receptacle);
  port.domain = hashed(bus.domain);
  const bool idle = bus.connected ? !*bus.connected : bus.speed && !bus.speed->leads;
  const bool used = bus.connected ? *bus.connected : bus.speed && bus.speed->leads;
  if (idle) port.state = Port::State::kEmpty;
  if (used) port.state = Port::State::kUp;
  if (bus.speed && idle) {
    port.capable_bits_per_second = bus.speed->bits_per_second;
    if (bus.speed->bits_per_second <= kThunderbolt4BitsPerSecond) port.rdma_capable = false;
  } else if (bus.speed && used && bus.speed->leads) {
    port.negotiated_bits_per_second = bus.speed->bits_per_second;
  }
  if (!bus.peers.empty()) {
    const ThunderboltPeer& peer = bus.peers.front();
    port.peer_name = Prefer(peer.name, peer.model);
    port.peer_domain = hashed(peer.domain);
    port.peer_offers_rdma = peer.offers_rdma;
  }
  return port;
}

// Receptacle N is what networksetup calls "Thunderbolt N".
void JoinInterface(const Network& network, const std::string& receptacle, Port& port) {
  for (const HardwarePort& hardware : network.ports) {
    if (receptacle.empty() || hardware.name != absl::StrCat("Thunderbolt ", receptacle)) continue;
    port.interfaces = {hardware.device};
    const auto found = network.interfaces.find(hardware.device);
    if (found != network.interfaces.end()) port.addresses = found->second.addresses;
  }
}

void ProbeThunderbolt(Host& host, const Options& options, const Network& network, Report& report) {
  Finding finding("thunderbolt");
  std::string why;
  const auto thunderbolt = FirstUnderstood(
      host, kThunderbolt, [](const Output& output) { return ParseThunderbolt(output.text); },
      finding, why);
  std::vector<Port> ports;
  if (thunderbolt) {
    if (thunderbolt->cut)
      finding.Unknown("the rest of the Thunderbolt buses is", "the end of the list is missing");
    report.machine.product = Prefer(report.machine.product, thunderbolt->product);
    for (const ThunderboltBus& bus : thunderbolt->buses) {
      Port port = PortOf(bus, options.domain_salt);
      JoinInterface(network, bus.receptacle, port);
      if (port.state == Port::State::kUnknown) {
        finding.Unknown(absl::StrCat("whether something is plugged into ", port.name, " is"),
                        "the list of buses does not state it");
      }
      ports.push_back(std::move(port));
    }
  } else {
    finding.Unknown("what is plugged into the Thunderbolt ports is", why);
    for (const HardwarePort& hardware : network.ports) {
      constexpr std::string_view kPrefix = "Thunderbolt ";
      if (!StartsWith(hardware.name, kPrefix)) continue;
      const std::string receptacle = hardware.name.substr(kPrefix.size());
      if (!ParseWhole(receptacle)) continue;  // "Thunderbolt Bridge"
      Port port;
      port.kind = Port::Kind::kThunderbolt;
      port.name = absl::StrCat("receptacle ", receptacle);
      JoinInterface(network, receptacle, port);
      ports.push_back(std::move(port));
    }
  }
  std::stable_sort(ports.begin(), ports.end(),
                   [](const Port& a, const Port& b) { return a.name < b.name; });
  report.ports.insert(report.ports.begin(), ports.begin(), ports.end());
  report.probes.push_back(finding.Finish());
}

// ---------------------------------------------------------------- RDMA

bool IsThunderbolt5Studio(const agent::Machine& machine) {
  if (!machine.model_identifier.empty()) {
    return std::find(kThunderbolt5Studios.begin(), kThunderbolt5Studios.end(),
                     machine.model_identifier) != kThunderbolt5Studios.end();
  }
  return machine.product == "Mac Studio";
}

// Nullopt: the version is not known.
std::optional<bool> RecentEnough(const std::string& version) {
  const std::vector<std::string_view> parts = Split(version, '.');
  const auto major = ParseWhole(parts[0]);
  if (!major) return std::nullopt;
  const auto minor = parts.size() > 1 ? ParseWhole(parts[1]) : std::optional<std::uint64_t>(0);
  if (*major != kRdmaMajor) return *major > kRdmaMajor;
  if (!minor) return std::nullopt;
  return *minor >= kRdmaMinor;
}

// True when every receptacle that says what it could do says Thunderbolt 4 or less, and none is
// faster.
bool OnlyThunderbolt4(const std::vector<Port>& ports) {
  bool any = false;
  for (const Port& port : ports) {
    if (port.kind != Port::Kind::kThunderbolt) continue;
    const double fastest = std::max(port.capable_bits_per_second.value_or(0),
                                    port.negotiated_bits_per_second.value_or(0));
    if (fastest > kThunderbolt4BitsPerSecond) return false;
    any = any || port.capable_bits_per_second.has_value();
  }
  return any;
}

bool HasThunderbolt4(const std::string& chip) {
  return std::find(kThunderbolt4Chips.begin(), kThunderbolt4Chips.end(), chip) !=
         kThunderbolt4Chips.end();
}

// What `rdma_ctl status` says: "enabled", "disabled".
std::optional<bool> ParseRdmaStatus(std::string_view text) {
  if (ContainsWord(text, "disabled")) return false;
  if (ContainsWord(text, "enabled")) return true;
  return std::nullopt;
}

void JoinRdma(const RdmaDevices& devices, bool listed, bool studio, Finding& finding,
              Report& report) {
  for (const auto& [name, device] : devices) {
    constexpr std::string_view kPrefix = "rdma_";
    const std::string interface = StartsWith(name, kPrefix) ? name.substr(kPrefix.size()) : name;
    const auto behind = [&interface](const Port& port) {
      return std::find(port.interfaces.begin(), port.interfaces.end(), interface) !=
             port.interfaces.end();
    };
    auto port = std::find_if(report.ports.begin(), report.ports.end(), behind);
    if (port == report.ports.end()) {
      // Which receptacle it belongs to is not known; the device is.
      Port unplaced;
      unplaced.kind = Port::Kind::kThunderbolt;
      unplaced.name = interface;
      unplaced.interfaces = {interface};
      const auto first_other =
          std::find_if(report.ports.begin(), report.ports.end(),
                       [](const Port& p) { return p.kind != Port::Kind::kThunderbolt; });
      port = report.ports.insert(first_other, std::move(unplaced));
    }
    port->rdma_device = name;
    port->rdma_active = device.active();
    port->rdma_capable = true;
  }
  for (Port& port : report.ports) {
    if (port.kind != Port::Kind::kThunderbolt) continue;
    if (listed && port.rdma_device.empty()) port.rdma_active = false;
    const bool beside_ethernet =
        studio && std::find(port.interfaces.begin(), port.interfaces.end(),
                            kStudioPortBesideEthernet) != port.interfaces.end();
    if (!beside_ethernet) continue;
    // What works is believed over what is said of it.
    port.rdma_capable = port.rdma_active == true;
    if (port.rdma_active == true) {
      finding.Unknown(absl::StrCat("whether ", port.name, " can do RDMA in the long run is"),
                      "it is the port beside Ethernet, which is said to be unable to, and its RDMA "
                      "port is ACTIVE");
    }
  }
}

void ProbeRdma(Host& host, Report& report) {
  Finding finding("rdma");
  std::string why_status;
  std::string why_list;
  std::string why_ports;
  const auto status = FirstUnderstood(
      host, kRdmaStatus, [](const Output& output) { return ParseRdmaStatus(output.text); }, finding,
      why_status);
  const auto list = FirstUnderstood(
      host, kIbvDevices, [](const Output& output) { return ParseIbvDevices(output.text); }, finding,
      why_list);
  const auto info = FirstUnderstood(
      host, kIbvDevinfo, [](const Output& output) { return ParseIbvDevinfo(output.text); }, finding,
      why_ports);
  RdmaDevices devices = list.value_or(RdmaDevices{});
  if (info) Merge(*info, devices);
  const bool listed = list.has_value() || info.has_value();
  JoinRdma(devices, listed, IsThunderbolt5Studio(report.machine), finding, report);

  const std::optional<bool> recent = RecentEnough(report.os.version);
  Rdma& rdma = report.rdma;
  if (!devices.empty()) {
    rdma = {Rdma::State::kEnabled, absl::StrCat("ibv_devices lists ", devices.size(),
                                                devices.size() == 1 ? " device" : " devices")};
    if (!info) finding.Unknown("which RDMA ports are active is", why_ports);
  } else if (HasThunderbolt4(report.processor.name)) {
    rdma = {Rdma::State::kUnsupported, absl::StrCat("Thunderbolt of the ", report.processor.name,
                                                    " does 40 Gb/s; RDMA needs Thunderbolt 5")};
  } else if (recent && !*recent) {
    rdma = {Rdma::State::kUnsupported,
            absl::StrCat("macOS ", report.os.version, " cannot; RDMA over Thunderbolt needs 26.2")};
  } else if (OnlyThunderbolt4(report.ports)) {
    rdma = {Rdma::State::kUnsupported,
            "the Thunderbolt ports do 40 Gb/s at most; RDMA needs Thunderbolt 5"};
  } else if (listed) {
    rdma = {Rdma::State::kDisabled,
            status.value_or(false)
                ? "ibv_devices lists no device, though rdma_ctl says enabled (it takes a restart)"
                : "ibv_devices lists no device"};
  } else if (status) {
    rdma = {*status ? Rdma::State::kEnabled : Rdma::State::kDisabled,
            *status ? "rdma_ctl says enabled" : "rdma_ctl says disabled"};
  } else {
    rdma.reason = absl::StrCat(why_list, "; ", why_status);
    finding.Unknown("whether RDMA is enabled is", rdma.reason);
  }
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeMacos(Host& host, const Options& options, Report& report) {
  report.machine.vendor = "Apple";
  report.machine.kind = agent::Machine::Kind::kMac;
  report.os.name = "macOS";
  ProbeSysctl(host, report);
  ProbeVersion(host, report);
  ProbeHardware(host, report);
  ProbeGpu(host, report);
  ProbeMemory(host, report);
  const Network network = ProbeNetwork(host, report);
  ProbeThunderbolt(host, options, network, report);
  ProbeRdma(host, report);
}

bool LooksLikeMacos(Host& host) {
  for (const Command* command : {&kSwVers, &kHardware, &kVmStat, &kHardwarePorts}) {
    for (const Output& output : host.Run(*command)) {
      if (output.how == Output::How::kRan) return true;
    }
  }
  for (const Output& output : host.Run(kSysctl)) {
    if (output.how != Output::How::kRan) continue;
    const Fields fields = ParseSysctl(output.arguments, output.text);
    // Linux has a sysctl too, with other names.
    for (const auto& [key, unused] : fields) {
      if (StartsWith(key, "hw.") || StartsWith(key, "machdep.")) return true;
    }
  }
  for (const Output& output : host.Run(kIbvDevices)) {
    if (Contains(output.text, "rdma_en")) return true;
  }
  for (const Output& output : host.Run(kIbvDevinfo)) {
    if (Contains(output.text, "rdma_en") || Contains(output.text, "Thunderbolt")) return true;
  }
  return false;
}

}  // namespace capacity::probe
