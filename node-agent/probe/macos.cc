#include "node-agent/probe/macos.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/apple_models.h"
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
// Those of September 2026 have it too (sysctl hw.model of owners, 2026-10).
constexpr std::array kStudiosOf2026 = {"Mac17,14", "Mac17,15"};
// On those of 2025 the receptacle beside Ethernet is interface en2 and cannot do RDMA (EXO's README
// and the warning of its dashboard, 2026-02, of every Mac Studio). Of later ones nobody has said.
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

// The largest limit of memory for the GPU that can be meant, in MiB.
std::uint64_t MostWired(const Report& report) {
  constexpr std::uint64_t kMostMebibytes = std::uint64_t{1} << 30;
  return report.memory.installed_bytes ? *report.memory.installed_bytes >> 20 : kMostMebibytes;
}

// A process that Rosetta translates is shown "VirtualApple @ 2.50GHz processor" in the place of the
// chip's name, and x86_64 as what the machine is.
bool IsTranslated(std::string_view brand) { return StartsWith(brand, "VirtualApple"); }

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
  const std::string brand = need("machdep.cpu.brand_string", "the chip's name is");
  if (!IsTranslated(brand)) report.processor.name = brand;
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
             !mebibytes || *mebibytes > MostWired(report)) {
    finding.Unknown("the limit of memory for the GPU is",
                    absl::StrCat("sysctl shows iogpu.wired_limit_mb ", Clean(limit, 32),
                                 mebibytes ? ", more than is installed" : ""));
  } else if (*mebibytes > 0) {
    report.memory.wired_limit_bytes = *mebibytes << 20;  // 0: the system's default
  }
  report.os.version = Clean(Field(all, "kern.osproductversion"), 32);
  report.os.build = Clean(Field(all, "kern.osversion"), 32);
  report.hostname = Clean(Field(all, "kern.hostname"));
  report.probes.push_back(finding.Finish());
  return all;
}

void ProbeVersion(Host& host, const Fields& sysctl, Report& report) {
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
  if (IsTranslated(Field(sysctl, "machdep.cpu.brand_string"))) {
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
  if (gpu) {
    for (const std::string& other : gpu->others) report.accelerators.push_back({.name = other});
  }
  report.memory.unified = StartsWith(report.processor.name, "Apple ");
  report.probes.push_back(finding.Finish());
}

// Under Rosetta the chip's name comes from what else tells it, where that is one of Apple's.
void NameTranslated(const Fields& sysctl, Report& report) {
  if (!IsTranslated(Field(sysctl, "machdep.cpu.brand_string"))) return;
  report.memory.unified = true;
  if (StartsWith(report.processor.name, "Apple ")) return;
  const auto chip =
      std::find_if(report.accelerators.begin(), report.accelerators.end(),
                   [](const agent::Accelerator& gpu) { return StartsWith(gpu.name, "Apple "); });
  report.processor.name = chip == report.accelerators.end() ? "" : chip->name;
  if (!report.processor.name.empty()) return;
  Finding finding("chip");
  finding.Unknown("the chip's name is",
                  "sysctl was run under Rosetta, which shows another, and nothing else tells it");
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

// What macOS calls Thunderbolt in the names of ports; the second on a Mac in Chinese.
constexpr std::array<std::string_view, 2> kThunderboltWords = {"Thunderbolt", "雷雳"};

// "3" of "Thunderbolt 3", the interface of a receptacle; "" of all others: "Ethernet", "Ethernet
// Adapter (en3)", "USB 10/100/1000 LAN", "Thunderbolt Ethernet Slot 1" (a card in a dock).
std::string ReceptacleOf(const HardwarePort& hardware) {
  for (const std::string_view word : kThunderboltWords) {
    if (!StartsWith(hardware.name, word)) continue;
    const std::string number(Trim(std::string_view(hardware.name).substr(word.size())));
    if (ParseWhole(number)) return number;
  }
  return "";
}

// macOS makes one IP interface of all Thunderbolt cables: bridge0, "Thunderbolt Bridge", "Pont
// Thunderbolt", "雷雳网桥".
bool IsThunderboltBridge(const HardwarePort& hardware) {
  return StartsWith(hardware.device, "bridge") &&
         std::any_of(kThunderboltWords.begin(), kThunderboltWords.end(),
                     [&hardware](std::string_view word) { return Contains(hardware.name, word); });
}

// The interfaces that the Thunderbolt Bridge joins. Where the ports have no names it is known by
// its number: macOS numbers the bridges that it makes for virtual machines and for sharing the
// internet from 100 on.
std::vector<std::string> BridgeMembers(const Network& network) {
  const auto bridge = std::find_if(network.ports.begin(), network.ports.end(), IsThunderboltBridge);
  const std::string device = bridge == network.ports.end() ? "bridge0" : bridge->device;
  const auto found = network.interfaces.find(device);
  // One that is switched off joins nothing.
  if (found == network.interfaces.end() || found->second.switched_on == false) return {};
  return found->second.members;
}

bool Bridged(const Port& port, const std::vector<std::string>& members) {
  return std::any_of(port.interfaces.begin(), port.interfaces.end(),
                     [&members](const std::string& interface) {
                       return std::find(members.begin(), members.end(), interface) != members.end();
                     });
}

Port NetworkPort(const HardwarePort& hardware, const Network& network) {
  Port port;
  const bool wifi = hardware.name == "Wi-Fi" || hardware.name == "AirPort";
  port.kind = IsThunderboltBridge(hardware) ? Port::Kind::kThunderbolt
              : wifi                        ? Port::Kind::kWifi
                                            : Port::Kind::kEthernet;
  port.name = hardware.name;
  port.interfaces = {hardware.device};
  port.rdma_capable = false;
  const auto found = network.interfaces.find(hardware.device);
  if (found == network.interfaces.end()) return port;
  const InterfaceState& state = found->second;
  port.addresses = state.addresses;
  if (state.up) port.state = *state.up ? Port::State::kUp : Port::State::kDown;
  if (port.state == Port::State::kUp) port.negotiated_bits_per_second = state.bits_per_second;
  return port;
}

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
    if (!ReceptacleOf(hardware).empty()) continue;  // with the Thunderbolt buses
    Port port = NetworkPort(hardware, network);
    // Listed on every Mac; worth telling where programs can reach it.
    if (port.kind == Port::Kind::kThunderbolt && port.addresses.empty()) continue;
    report.ports.push_back(std::move(port));
  }
  report.probes.push_back(finding.Finish());
  return network;
}

Port PortOf(const ThunderboltBus& bus, const ThunderboltReceptacle& receptacle) {
  Port port;
  port.kind = Port::Kind::kThunderbolt;
  port.name = !receptacle.id.empty() ? absl::StrCat("receptacle ", receptacle.id)
              : bus.name.empty()     ? "a receptacle without a name"
                                     : bus.name;
  const auto& speed = receptacle.speed;
  const bool idle = receptacle.connected ? !*receptacle.connected : speed && !speed->leads;
  const bool used = receptacle.connected ? *receptacle.connected : speed && speed->leads;
  if (idle) port.state = Port::State::kEmpty;
  if (used) port.state = Port::State::kUp;
  if (speed && idle) {
    port.capable_bits_per_second = speed->bits_per_second;
    if (speed->bits_per_second <= kThunderbolt4BitsPerSecond) port.rdma_capable = false;
  } else if (speed && used && speed->leads) {
    port.negotiated_bits_per_second = speed->bits_per_second;
  }
  return port;
}

// Receptacle N is what networksetup calls "Thunderbolt N".
void JoinInterface(const Network& network, const std::string& receptacle, Port& port) {
  for (const HardwarePort& hardware : network.ports) {
    if (receptacle.empty() || ReceptacleOf(hardware) != receptacle) continue;
    port.interfaces = {hardware.device};
    const auto found = network.interfaces.find(hardware.device);
    if (found != network.interfaces.end()) port.addresses = found->second.addresses;
  }
}

// Those of the bus's ports that its peers may be behind: what is in use, else what may be.
std::vector<std::size_t> PortsWithPeers(const std::vector<Port>& ports) {
  for (const Port::State state : {Port::State::kUp, Port::State::kUnknown, Port::State::kEmpty}) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].state == state) found.push_back(i);
    }
    if (!found.empty()) return found;
  }
  return {};
}

// One port for each receptacle; behind a hub one for each computer, since a port has one peer.
std::vector<Port> PortsOf(const ThunderboltBus& bus, const Network& network,
                          const std::string& salt, Finding& finding) {
  const auto hashed = [&salt](const std::string& domain) {
    return domain.empty() ? "" : host::Pseudonym(salt, domain, kDomainDigits);
  };
  std::vector<Port> ports;
  for (const ThunderboltReceptacle& receptacle : bus.receptacles) {
    ports.push_back(PortOf(bus, receptacle));
    ports.back().domain = hashed(bus.domain);
    JoinInterface(network, receptacle.id, ports.back());
  }
  const std::vector<std::size_t> used = PortsWithPeers(ports);
  for (std::size_t i = 0; i < bus.peers.size() && !used.empty(); ++i) {
    const ThunderboltPeer& peer = bus.peers[i];
    const std::size_t at = used[std::min(i, used.size() - 1)];
    if (i >= used.size()) {
      ports.push_back(ports[at]);
      ports.back().addresses.clear();  // they are those of the first
    }
    Port& port = i < used.size() ? ports[at] : ports.back();
    port.peer_name = Prefer(peer.name, peer.model);
    port.peer_model = peer.model;
    port.peer_domain = hashed(peer.domain);
    port.peer_offers_rdma = peer.offers_rdma;
    port.peer_is_mac = peer.is_mac;
    // Where the list was cut before its state; of two sockets either may be the one.
    if (used.size() == 1 && port.state == Port::State::kUnknown) port.state = Port::State::kUp;
  }
  if (!bus.peers.empty() && used.size() > 1) {
    finding.Unknown(absl::StrCat("which of ", ports[used[0]].name, " and ", ports[used[1]].name,
                                 " leads to ", ports[used[0]].peer_name, " is"),
                    "they share a bus, which does not state it");
  }
  return ports;
}

// Every Mac with a chip of the M series has Thunderbolt; those with a phone's chip (MacBook Neo)
// and virtual ones do not.
bool AlwaysHasThunderbolt(const Report& report) {
  return StartsWith(report.processor.name, "Apple M") &&
         !ContainsWord(report.processor.name, "virtual") &&
         !StartsWith(report.machine.model_identifier, "VirtualMac");
}

// Why an empty list of buses is not believed; "" where it is.
std::string WhyNotNone(const Network& network, const Report& report) {
  constexpr const char* kEmpty = "the list of buses is empty, and ";
  if (AlwaysHasThunderbolt(report)) {
    return absl::StrCat(kEmpty, "every Mac with a chip like ", report.processor.name,
                        " has Thunderbolt");
  }
  const bool named =
      std::any_of(network.ports.begin(), network.ports.end(),
                  [](const HardwarePort& hardware) { return !ReceptacleOf(hardware).empty(); });
  return named ? absl::StrCat(kEmpty, "networksetup names Thunderbolt ports") : "";
}

// A whole list where there is one, else what is left of it.
std::optional<Thunderbolt> ListOfBuses(Host& host, Finding& finding, std::string& why) {
  const auto read = [](const Output& output) {
    auto thunderbolt = ParseThunderbolt(output.text);
    const bool ended = output.exit_code == 0 && !output.truncated;
    if (thunderbolt && !thunderbolt->shows_its_end && !ended) MarkCut(*thunderbolt);
    return thunderbolt;
  };
  auto whole = FirstUnderstood(
      host, kThunderbolt,
      [&read](const Output& output) {
        auto thunderbolt = read(output);
        if (thunderbolt && thunderbolt->cut) thunderbolt.reset();
        return thunderbolt;
      },
      finding, why);
  if (whole) return whole;
  return FirstUnderstood(host, kThunderbolt, read, finding, why);
}

// The receptacles that networksetup names.
std::vector<Port> NamedReceptacles(const Network& network) {
  std::vector<Port> ports;
  for (const HardwarePort& hardware : network.ports) {
    const std::string receptacle = ReceptacleOf(hardware);
    if (receptacle.empty()) continue;
    Port port;
    port.kind = Port::Kind::kThunderbolt;
    port.name = absl::StrCat("receptacle ", receptacle);
    JoinInterface(network, receptacle, port);
    ports.push_back(std::move(port));
  }
  return ports;
}

// "receptacle 2" before "receptacle 10".
bool SortsBefore(const Port& a, const Port& b) {
  const auto number = [](const std::string& name) {
    return ParseWhole(std::string_view(name).substr(name.rfind(' ') + 1));
  };
  const auto of_a = number(a.name);
  const auto of_b = number(b.name);
  const bool alike = of_a && of_b && *of_a != *of_b &&
                     a.name.substr(0, a.name.rfind(' ')) == b.name.substr(0, b.name.rfind(' '));
  return alike ? *of_a < *of_b : a.name < b.name;
}

// How many buses there are; nullopt: not known.
std::optional<std::size_t> ProbeThunderbolt(Host& host, const Options& options,
                                            const Network& network, Report& report) {
  Finding finding("thunderbolt");
  std::string why;
  auto thunderbolt = ListOfBuses(host, finding, why);
  if (thunderbolt && !thunderbolt->cut && thunderbolt->buses.empty()) {
    why = WhyNotNone(network, report);
    if (!why.empty()) thunderbolt.reset();
  }
  std::vector<Port> ports;
  if (thunderbolt) {
    if (thunderbolt->cut)
      finding.Unknown("the rest of the Thunderbolt buses is", "the end of the list is missing");
    report.machine.product = Prefer(report.machine.product, thunderbolt->product);
    for (const ThunderboltBus& bus : thunderbolt->buses) {
      for (Port& port : PortsOf(bus, network, options.domain_salt, finding)) {
        if (port.state == Port::State::kUnknown) {
          finding.Unknown(absl::StrCat("whether something is plugged into ", port.name, " is"),
                          "the list of buses does not state it");
        }
        ports.push_back(std::move(port));
      }
    }
  } else {
    finding.Unknown("what is plugged into the Thunderbolt ports is", why);
    ports = NamedReceptacles(network);
  }
  const std::vector<std::string> members = BridgeMembers(network);
  for (Port& port : ports) port.bridged = Bridged(port, members);
  std::stable_sort(ports.begin(), ports.end(), SortsBefore);
  report.ports.insert(report.ports.begin(), ports.begin(), ports.end());
  report.probes.push_back(finding.Finish());
  if (!thunderbolt || thunderbolt->cut) return std::nullopt;
  return thunderbolt->buses.size();
}

// ---------------------------------------------------------------- RDMA

template <class Models>
bool IsOneOf(const Models& models, const std::string& model_identifier) {
  return std::find(models.begin(), models.end(), model_identifier) != models.end();
}

bool IsThunderbolt5Studio(const agent::Machine& machine) {
  if (!machine.model_identifier.empty()) {
    return IsOneOf(kThunderbolt5Studios, machine.model_identifier);
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

// What `rdma_ctl status` says.
struct RdmaStatus {
  enum class State { kEnabled, kDisabled, kCannot };
  State state = State::kEnabled;
  std::string words;
};

// "enabled", "disabled"; "RDMA is not enabled", "RDMA cannot be enabled on this device".
std::optional<RdmaStatus> ParseRdmaStatus(const Output& output) {
  const auto says = [&output](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return ContainsWord(output.text, word); });
  };
  const std::string words = Clean(output.text);
  // That it cannot be enabled here is also what a Mac that can says outside of Recovery.
  if (says({"cannot", "can't", "unable", "unsupported", "not support"}) && !says({"recovery"})) {
    return RdmaStatus{RdmaStatus::State::kCannot, words};
  }
  if (says({"disabled", "not enabled", "isn't enabled", "cannot", "can't"})) {
    return RdmaStatus{RdmaStatus::State::kDisabled, words};
  }
  if (output.exit_code == 0 && says({"enabled"})) {
    return RdmaStatus{RdmaStatus::State::kEnabled, words};
  }
  return std::nullopt;
}

// "en5" of "rdma_en5".
std::string InterfaceOf(const std::string& device) {
  constexpr std::string_view kPrefix = "rdma_";
  return StartsWith(device, kPrefix) ? device.substr(kPrefix.size()) : device;
}

// macOS names its own after the interface, rdma_en5; drivers of network cards use names of theirs
// (rdma_mcrdma0).
bool IsThunderboltDevice(const std::string& device) {
  const std::string interface = InterfaceOf(device);
  return StartsWith(interface, "en") && ParseWhole(interface.substr(2)).has_value();
}

// The port behind which the device is, made when none is known.
void JoinDevice(const std::string& name, const RdmaDevice& device, Report& report) {
  const std::string interface = InterfaceOf(name);
  const auto behind = [&interface](const Port& port) {
    return std::find(port.interfaces.begin(), port.interfaces.end(), interface) !=
           port.interfaces.end();
  };
  if (std::none_of(report.ports.begin(), report.ports.end(), behind)) {
    // Which socket it belongs to is not known; the device is.
    Port unplaced;
    if (IsThunderboltDevice(name)) unplaced.kind = Port::Kind::kThunderbolt;
    unplaced.name = interface;
    unplaced.interfaces = {interface};
    const auto first_other =
        std::find_if(report.ports.begin(), report.ports.end(),
                     [](const Port& p) { return p.kind != Port::Kind::kThunderbolt; });
    report.ports.insert(first_other, std::move(unplaced));
  }
  for (Port& port : report.ports) {
    if (!behind(port)) continue;  // several where computers are behind a hub
    // networksetup names it in a language that is not known here.
    if (IsThunderboltDevice(name)) port.kind = Port::Kind::kThunderbolt;
    port.rdma_device = name;
    port.rdma_active = device.active();
    if (!device.ports.empty()) port.rdma_state = device.ports.begin()->second.state;
    port.rdma_capable = true;
  }
}

// Whether one of the devices that belong to no known socket is active, and so whether a socket
// without a known device may be; nullopt: that is not known.
std::optional<bool> MayBeActive(const RdmaDevices& unplaced) {
  bool all_said = true;
  for (const auto& [name, device] : unplaced) {
    if (device.active() == true) return std::nullopt;
    all_said = all_said && device.active().has_value();
  }
  if (!all_said) return std::nullopt;
  return false;
}

// The Thunderbolt devices among `devices` whose interface no receptacle has.
RdmaDevices Unplaced(const RdmaDevices& devices, const Report& report) {
  RdmaDevices unplaced;
  for (const auto& [name, device] : devices) {
    const std::string interface = InterfaceOf(name);
    const bool placed =
        std::any_of(report.ports.begin(), report.ports.end(), [&interface](const Port& port) {
          return port.kind == Port::Kind::kThunderbolt &&
                 std::find(port.interfaces.begin(), port.interfaces.end(), interface) !=
                     port.interfaces.end();
        });
    if (!placed && IsThunderboltDevice(name)) unplaced.emplace(name, device);
  }
  return unplaced;
}

void JoinRdma(const RdmaDevices& devices, bool listed, Finding& finding, Report& report) {
  const bool studio = IsThunderbolt5Studio(report.machine);
  const bool newer_studio = IsOneOf(kStudiosOf2026, report.machine.model_identifier);
  const std::optional<bool> elsewhere = MayBeActive(Unplaced(devices, report));
  for (const auto& [name, device] : devices) JoinDevice(name, device, report);
  for (Port& port : report.ports) {
    if (port.kind != Port::Kind::kThunderbolt) continue;
    if (listed && port.rdma_device.empty()) {
      // Nothing plugged in is nothing active; and the device of a known interface would be listed.
      const bool may_be = port.interfaces.empty() && port.state != Port::State::kEmpty;
      port.rdma_active = may_be ? elsewhere : false;
    }
    const bool beside_ethernet = std::find(port.interfaces.begin(), port.interfaces.end(),
                                           kStudioPortBesideEthernet) != port.interfaces.end();
    if (beside_ethernet && newer_studio && port.rdma_active != true) {
      port.rdma_capable.reset();
      finding.Unknown(absl::StrCat("whether ", port.name, " can do RDMA is"),
                      "en2 is on earlier Mac Studios the port beside Ethernet, which cannot");
    }
    if (!beside_ethernet || !studio) continue;
    // What works is believed over what is said of it.
    port.rdma_capable = port.rdma_active == true;
    if (port.rdma_active == true) {
      finding.Unknown(absl::StrCat("whether ", port.name, " can do RDMA in the long run is"),
                      "it is the port beside Ethernet, which is said to be unable to, and its RDMA "
                      "port is ACTIVE");
    }
  }
}

void TellUnjoined(const Report& report, Finding& finding) {
  for (const Port& port : report.ports) {
    if (port.kind != Port::Kind::kThunderbolt || port.rdma_active) continue;
    finding.Unknown(absl::StrCat("whether the RDMA port of ", port.name, " is active is"),
                    port.interfaces.empty() ? "which interface it has is not known"
                                            : "ibv_devinfo does not state it");
  }
}

// Why no Thunderbolt port of this Mac can do RDMA; "" where one may.
std::string WhyThunderboltCannot(const Report& report, std::optional<std::size_t> buses) {
  constexpr const char* kNeeds = "; RDMA needs Thunderbolt 5";
  const std::string& chip = report.processor.name;
  if (HasThunderbolt4(chip)) {
    return absl::StrCat("Thunderbolt of the ", chip, " does 40 Gb/s", kNeeds);
  }
  if (StartsWith(chip, "Intel")) {
    return "no Mac with an Intel processor has Thunderbolt 5, which RDMA needs";
  }
  const std::string& model = report.machine.model_identifier;
  if (agent::HasThunderbolt4AtMost(model)) {
    return absl::StrCat("no Mac of this model (", model, ") has Thunderbolt 5, which RDMA needs");
  }
  const bool any = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return port.kind == Port::Kind::kThunderbolt;
  });
  if (buses == std::size_t{0} && !any) return absl::StrCat("this Mac has no Thunderbolt", kNeeds);
  if (OnlyThunderbolt4(report.ports)) {
    return absl::StrCat("the Thunderbolt ports do 40 Gb/s at most", kNeeds);
  }
  return "";
}

// What keeps RDMA off, where no device of a Thunderbolt port is listed.
Rdma WithoutDevices(const std::optional<RdmaStatus>& status, bool listed, const Report& report) {
  using Said = RdmaStatus::State;
  const std::optional<bool> recent = RecentEnough(report.os.version);
  if (recent && !*recent) {
    return {Rdma::State::kUnsupported,
            absl::StrCat("macOS ", report.os.version, " cannot; RDMA over Thunderbolt needs 26.2"),
            Rdma::Cause::kOldSystem};
  }
  if (status && status->state == Said::kCannot) {
    return {Rdma::State::kUnsupported, absl::StrCat("rdma_ctl says \"", status->words, "\"")};
  }
  if (listed) {
    if (status && status->state == Said::kEnabled) {
      return {Rdma::State::kDisabled,
              "ibv_devices lists no device, though rdma_ctl says enabled (it takes a restart)",
              Rdma::Cause::kNotRestarted};
    }
    return {Rdma::State::kDisabled, "ibv_devices lists no device"};
  }
  if (!status) return {};
  return status->state == Said::kEnabled ? Rdma{Rdma::State::kEnabled, "rdma_ctl says enabled"}
                                         : Rdma{Rdma::State::kDisabled, "rdma_ctl says disabled"};
}

void ProbeRdma(Host& host, std::optional<std::size_t> buses, Report& report) {
  Finding finding("rdma");
  std::string why_status;
  std::string why_list;
  std::string why_ports;
  const auto status = FirstUnderstood(host, kRdmaStatus, ParseRdmaStatus, finding, why_status);
  const auto list = FirstUnderstood(
      host, kIbvDevices, [](const Output& output) { return ParseIbvDevices(output.text); }, finding,
      why_list);
  const auto info = FirstUnderstood(
      host, kIbvDevinfo, [](const Output& output) { return ParseIbvDevinfo(output.text); }, finding,
      why_ports);
  RdmaDevices devices = list.value_or(RdmaDevices{});
  if (info) Merge(*info, devices);
  const bool listed = list.has_value() || info.has_value();
  JoinRdma(devices, listed, finding, report);
  const std::string cannot = WhyThunderboltCannot(report, buses);

  const auto count = std::count_if(devices.begin(), devices.end(), [](const auto& device) {
    return IsThunderboltDevice(device.first);
  });
  const bool active = std::any_of(devices.begin(), devices.end(), [](const auto& device) {
    return IsThunderboltDevice(device.first) && device.second.active() == true;
  });
  const std::string lists =
      absl::StrCat("ibv_devices lists ", count, count == 1 ? " device" : " devices");
  Rdma& rdma = report.rdma;
  if (!cannot.empty() && !active) {
    // macOS 26 lists devices for Thunderbolt 4 too; none of them ever becomes active.
    rdma = {Rdma::State::kUnsupported,
            count == 0 ? cannot : absl::StrCat(cannot, ", though ", lists)};
    for (Port& port : report.ports) {
      if (port.kind == Port::Kind::kThunderbolt) port.rdma_capable = false;
    }
  } else if (count > 0) {
    rdma = {Rdma::State::kEnabled, lists};
    if (info) {
      TellUnjoined(report, finding);
    } else {
      finding.Unknown("which RDMA ports are active is", why_ports);
    }
    if (!cannot.empty()) {
      finding.Unknown("whether RDMA works in the long run is",
                      absl::StrCat(cannot, ", and an RDMA port is ACTIVE"));
    }
  } else {
    rdma = WithoutDevices(status, listed, report);
    if (rdma.state == Rdma::State::kUnknown) {
      rdma.reason = absl::StrCat(why_list, "; ", why_status);
      finding.Unknown("whether RDMA is enabled is", rdma.reason);
    } else if (rdma.state == Rdma::State::kEnabled && !listed) {
      finding.Unknown("which RDMA ports there are is", why_list);
    }
  }
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeMacos(Host& host, const Options& options, Report& report) {
  report.machine.vendor = "Apple";
  report.machine.kind = agent::Machine::Kind::kMac;
  report.os.name = "macOS";
  const Fields sysctl = ProbeSysctl(host, report);
  ProbeVersion(host, sysctl, report);
  ProbeHardware(host, report);
  ProbeGpu(host, report);
  NameTranslated(sysctl, report);
  ProbeMemory(host, report);
  const Network network = ProbeNetwork(host, report);
  const std::optional<std::size_t> buses = ProbeThunderbolt(host, options, network, report);
  ProbeRdma(host, buses, report);
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
