#include "node-agent/probe/linux.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/text.h"
#include "node-agent/probe/verbs.h"

namespace capacity::probe {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using host::Command;
using host::Host;
using host::Output;

// What one QSFP112 cage of a GB10 machine does (NVIDIA, DGX Spark user guide: ConnectX-7, 200
// Gb/s).
constexpr double kGb10CageBitsPerSecond = 200e9;
// PCI vendor NVIDIA, display controllers, and the GPU of a GB10 (PCI ID repository).
constexpr std::string_view kPciNvidia = "0x10de";
constexpr std::string_view kPciDisplayClass = "0x03";
constexpr std::string_view kPciGb10 = "0x2e12";

// What the firmware of GB10 machines calls them (DMI product or family; captures of their owners
// and makers' product pages, 2026-11). Needed before any driver tells.
constexpr std::array kGb10Products = {
    "dgx spark", "gb10",        "gx10",          "zgx nano",
    "edgexpert", "ai top atom", "veriton gn100", "thinkstation pgx"};

const Command kUname = {{"uname", "-a"}};
const Command kLscpuJson = {{"lscpu", "-J"}};
const Command kLspci = {{"lspci", "-nn"}};
const Command kDmidecode = {{"dmidecode", "-t", "system"}};
const Command kNvidiaList = {{"nvidia-smi", "-L"}};
const Command kNvidiaXml = {{"nvidia-smi", "-q", "-x"}};
const Command kIp = {{"ip", "-j", "address"}};
const Command kIbdev2netdev = {{"ibdev2netdev"}};
const Command kRdmaLink = {{"rdma", "link"}};
const Command kIbstat = {{"ibstat"}};
const Command kIbvDevinfo = {{"ibv_devinfo"}};
const Command kIbvDevices = {{"ibv_devices"}};

std::string ReadLine(Host& host, const std::string& path) {
  const std::optional<std::string> text = host.Read(path);
  return text ? Clean(std::string_view(*text).substr(0, text->find('\n'))) : "";
}

// Firmware that was never filled in.
std::string Meaningful(std::string text) {
  static constexpr std::array kFillers = {"to be filled by o.e.m.",
                                          "default string",
                                          "system product name",
                                          "system manufacturer",
                                          "not specified",
                                          "n/a",
                                          "none",
                                          "empty"};
  const std::string lower = Lower(text);
  const bool filler = std::find(kFillers.begin(), kFillers.end(), lower) != kFillers.end();
  return filler || StartsWith(lower, "cat: ") ? "" : text;
}

// ---------------------------------------------------------------- what it is

void ProbeDmi(Host& host, Report& report) {
  Finding finding("dmi");
  const auto dmi = [&host](const char* name) {
    return Meaningful(ReadLine(host, absl::StrCat("/sys/class/dmi/id/", name)));
  };
  Machine& machine = report.machine;
  machine.vendor = dmi("sys_vendor");
  machine.product = dmi("product_name");
  std::string version = dmi("product_version");
  if (machine.vendor.empty() && machine.product.empty()) {
    std::string why;
    const auto fields = FirstUnderstood(
        host, kDmidecode,
        [](const Output& output) -> std::optional<Fields> {
          Fields parsed = ParseFields(output.text, ':');
          if (Field(parsed, "Product Name").empty()) return std::nullopt;
          return parsed;
        },
        finding, why);
    if (fields) {
      machine.vendor = Meaningful(Clean(Field(*fields, "Manufacturer")));
      machine.product = Meaningful(Clean(Field(*fields, "Product Name")));
      version = Meaningful(Clean(Field(*fields, "Version")));
    }
  }
  if (machine.vendor.empty() && machine.product.empty()) {
    // Machines that start from a device tree.
    const std::optional<std::string> model = host.Read("/proc/device-tree/model");
    if (model) machine.product = Clean(std::string_view(*model).substr(0, model->find('\0')));
  }
  // Lenovo puts the name that people know into the version and its own number into the name.
  if (ContainsWord(machine.vendor, "lenovo") && !version.empty()) {
    machine.model_identifier = machine.product;
    machine.product = version;
  }
  if (!machine.vendor.empty() || !machine.product.empty()) finding.Found();
  if (machine.product.empty()) {
    finding.Missing();
    finding.Unknown("the maker's name of the machine is",
                    "/sys/class/dmi/id does not state it (a virtual machine has none)");
  }
  report.probes.push_back(finding.Finish());
}

// True when the vendor's release file says that this is a DGX Spark or a sibling.
bool ProbeSystem(Host& host, Report& report) {
  Finding finding("system");
  std::string why;
  const auto kernel = FirstUnderstood(
      host, kUname, [](const Output& output) { return ParseUname(output.text); }, finding, why);
  // A capture may hold `uname -r` and `uname -m` apart.
  for (const Output& output : host.Run(kUname)) {
    if (output.how != Output::How::kRan || Words(output.text).size() != 1) continue;
    const std::string word = Clean(output.text, 64);
    if (word[0] >= '0' && word[0] <= '9') report.os.build = word;
    if (word == "x86_64" || word == "aarch64") report.processor.architecture = word;
  }
  if (kernel) {
    if (!kernel->release.empty()) report.os.build = kernel->release;
    if (!kernel->architecture.empty()) report.processor.architecture = kernel->architecture;
    report.hostname = kernel->hostname;
  }
  if (report.os.build.empty()) {
    report.os.build = ReadLine(host, "/proc/sys/kernel/osrelease");
    if (report.os.build.empty()) finding.Unknown("the kernel's release is", why);
  }
  const std::string hostname = ReadLine(host, "/proc/sys/kernel/hostname");
  if (!hostname.empty()) report.hostname = hostname;

  std::optional<std::string> release = host.Read("/etc/os-release");
  if (!release) release = host.Read("/usr/lib/os-release");
  if (release) {
    finding.Found();
    const Fields fields = ParseRelease(*release);
    report.os.name = Clean(Field(fields, "NAME"));
    report.os.version = Clean(Field(fields, "VERSION_ID"), 32);
  } else {
    finding.Unknown("the distribution is", "/etc/os-release is not there");
  }
  bool spark = false;
  if (const auto dgx = host.Read("/etc/dgx-release")) {
    finding.Found();
    const Fields fields = ParseRelease(*dgx);
    spark = ContainsWord(Field(fields, "DGX_NAME"), "spark");
    // Updates are appended; the last one counts.
    std::string version = Field(fields, "DGX_OTA_VERSION");
    if (version.empty()) version = Field(fields, "DGX_SWBUILD_VERSION");
    if (!version.empty()) report.os.vendor_release = Clean(absl::StrCat("DGX OS ", version), 64);
    const std::string platform = Clean(Field(fields, "DGX_PLATFORM"));
    // "DGX Server for KVM" names no machine.
    if (report.machine.product.empty() && !platform.empty() && !Contains(platform, " for ")) {
      report.machine.product = platform;
    }
  }
  if (const auto fastos = host.Read("/etc/fastos-release");
      fastos && report.os.vendor_release.empty()) {
    const Fields fields = ParseRelease(*fastos);
    spark = spark || ContainsWord(Field(fields, "NAME"), "spark");
    report.os.vendor_release =
        Clean(absl::StrCat(Field(fields, "NAME"), " ", Field(fields, "VERSION")), 64);
  }
  report.probes.push_back(finding.Finish());
  return spark;
}

void ProbeProcessor(Host& host, Report& report) {
  Finding finding("processor");
  std::string why;
  auto processor = FirstUnderstood(
      host, kLscpuJson, [](const Output& output) { return ParseLscpu(output.text); }, finding, why);
  const std::optional<std::string> cpuinfo = host.Read("/proc/cpuinfo");
  if ((!processor || processor->name.empty()) && cpuinfo) {
    if (auto parsed = ParseCpuinfo(*cpuinfo)) {
      finding.Found();
      if (processor) {
        processor->name = parsed->name;
        processor->groups = parsed->groups;
      } else {
        processor = parsed;
      }
    }
  }
  if (!processor) {
    finding.Unknown("the processor is", absl::StrCat(why, " and /proc/cpuinfo is not there"));
    report.probes.push_back(finding.Finish());
    return;
  }
  const std::string architecture = report.processor.architecture;
  report.processor = *processor;
  if (report.processor.architecture.empty()) report.processor.architecture = architecture;
  if (processor->name.empty()) {
    finding.Unknown("the processor's name is", "neither lscpu nor /proc/cpuinfo states it");
  }
  report.probes.push_back(finding.Finish());
}

void ProbeMemory(Host& host, Report& report) {
  Finding finding("memory");
  const std::optional<std::string> text = host.Read("/proc/meminfo");
  if (!text) {
    finding.Missing();
    finding.Unknown("memory is", "/proc/meminfo is not there");
    report.probes.push_back(finding.Finish());
    return;
  }
  const auto values = ParseMeminfo(*text);
  const auto value = [&](std::string_view key,
                         std::string_view what) -> std::optional<std::uint64_t> {
    const auto found = values.find(key);
    if (found != values.end()) {
      finding.Found();
      return found->second;
    }
    finding.Unknown(what, absl::StrCat("/proc/meminfo shows no ", std::string(key)));
    return std::nullopt;
  };
  report.memory.visible_bytes = value("MemTotal", "the memory that the system counts is");
  report.memory.available_bytes = value("MemAvailable", "available memory is");
  report.probes.push_back(finding.Finish());
}

// ---------------------------------------------------------------- accelerators

struct PciDisplay {
  std::string name;
  bool gb10 = false;
};

struct Pci {
  std::vector<PciDisplay> displays;  // NVIDIA's, whether or not a driver runs them
  bool readable = false;             // so an empty list means that there is none
};

Pci ProbePci(Host& host, Report& report) {
  Finding finding("pci");
  Pci pci;
  std::vector<PciDisplay>& displays = pci.displays;
  const std::vector<std::string> devices = host.List("/sys/bus/pci/devices");
  for (const std::string& device : devices) {
    const std::string at = absl::StrCat("/sys/bus/pci/devices/", device, "/");
    const std::string vendor = ReadLine(host, at + "vendor");
    if (!vendor.empty()) finding.Found();
    pci.readable = pci.readable || !vendor.empty();
    if (vendor != kPciNvidia || !StartsWith(ReadLine(host, at + "class"), kPciDisplayClass))
      continue;
    const std::string id = ReadLine(host, at + "device");
    displays.push_back({absl::StrCat("NVIDIA device ", id), id == kPciGb10});
  }
  std::string why;
  const auto listed = FirstUnderstood(
      host, kLspci,
      [](const Output& output) -> std::optional<std::vector<std::string>> {
        if (output.exit_code != 0 || output.text.empty()) return std::nullopt;
        return NvidiaInLspci(output.text);
      },
      finding, why);
  if (listed && listed->size() >= displays.size()) {
    displays.clear();
    for (const std::string& name : *listed) displays.push_back({name, Contains(name, "10de:2e12")});
  }
  if (devices.empty() && !listed) {
    finding.Missing();
    finding.Unknown("what is in the PCI slots is",
                    absl::StrCat("/sys/bus/pci/devices is not there and ", why));
  }
  pci.readable = pci.readable || listed.has_value();
  report.probes.push_back(finding.Finish());
  return pci;
}

void AddCard(const NvidiaCard& card, std::size_t index, bool unified, Finding& finding,
             Report& report) {
  const std::string which =
      absl::StrCat("card ", index, " (", card.name.empty() ? "?" : card.name, ")");
  agent::Accelerator accelerator;
  accelerator.name = card.name;
  accelerator.driver_version = card.driver_version;
  accelerator.power_limit_watts = card.power_limit_watts;
  if (!card.cut_short.empty() && (card.name.empty() || !card.memory_bytes)) {
    finding.Unknown(absl::StrCat(card.name.empty() ? "name and memory of card " : "memory of card ",
                                 index, card.name.empty() ? " are" : " is"),
                    card.cut_short);
  } else if (card.name.empty()) {
    finding.Unknown(absl::StrCat("the name of card ", index, " is"),
                    "nvidia-smi does not state it");
  }
  if (!card.slices.empty()) {
    for (const MigSlice& slice : card.slices) {
      agent::Accelerator part = accelerator;
      part.slice = slice.profile.empty() ? "MIG" : slice.profile;
      part.memory_bytes = slice.memory_bytes;
      part.power_limit_watts.reset();  // of the whole card
      if (!slice.memory_bytes) {
        finding.Unknown(absl::StrCat("memory of slice ", part.slice, " of ", which, " is"),
                        "nvidia-smi -q does not state it");
      }
      report.accelerators.push_back(std::move(part));
    }
    return;
  }
  if (card.mig_enabled.value_or(false)) {
    finding.Unknown(absl::StrCat("the slices of ", which, " are"),
                    "MIG is enabled and nvidia-smi -L lists none");
  }
  accelerator.memory_bytes = card.memory_bytes;
  accelerator.memory_used_bytes = card.memory_used_bytes;
  if (!card.memory_bytes && card.cut_short.empty()) {
    const std::string said = card.memory_said.empty()
                                 ? std::string("nvidia-smi does not state it")
                                 : absl::StrCat("nvidia-smi says \"", card.memory_said, "\"");
    finding.Unknown(absl::StrCat("memory of ", which, " is"),
                    unified ? absl::StrCat(said,
                                           "; it shares the system's memory, of which "
                                           "MemAvailable says what is free")
                            : said);
  }
  report.accelerators.push_back(std::move(accelerator));
}

// What is known where nvidia-smi shows no card.
struct NoCards {
  std::string why;
  bool absent = false;  // there is no nvidia-smi
  bool none = false;    // it looked, and there is no card
};

// All outputs of nvidia-smi together.
NvidiaCards AskNvidia(Host& host, NoCards& no_cards) {
  NvidiaCards cards;
  std::string& why = no_cards.why;
  const auto take = [&](const Command& command) {
    const std::vector<Output> outputs = host.Run(command);
    for (const Output& output : outputs) {
      if (output.how != Output::How::kRan) continue;
      if (const auto parsed = ParseNvidiaSmi(output.arguments, output.text)) Merge(*parsed, cards);
    }
    if (!cards.cards.empty() || !why.empty()) return;
    no_cards.absent = outputs[0].how == Output::How::kAbsent;
    for (const Output& output : outputs) {
      if (why.empty()) why = WhyNoCard(output.text);
      no_cards.none = no_cards.none || SaysThereIsNoCard(output.text);
    }
    if (!why.empty()) return;
    why = host::WhyNot(outputs[0], command);
    if (why.empty()) why = "what nvidia-smi printed is not understood";
  };
  take(NvidiaQuery());
  if (no_cards.absent) return cards;
  const bool no_device = no_cards.none || Contains(why, "driver");
  if (cards.cards.empty() && no_device) return cards;
  const bool incomplete = std::any_of(
      cards.cards.begin(), cards.cards.end(),
      [](const NvidiaCard& card) { return card.mig_enabled.value_or(false) || card.name.empty(); });
  // An older driver does not know every column; -q -x tells everything at the price of time.
  if (cards.cards.empty() || incomplete) {
    take(kNvidiaList);
    take(kNvidiaXml);
  }
  return cards;
}

bool IsGb10(std::string_view name) {
  std::string plain = Lower(name);
  std::replace(plain.begin(), plain.end(), '_', ' ');
  return std::any_of(kGb10Products.begin(), kGb10Products.end(),
                     [&plain](const char* product) { return Contains(plain, product); });
}

void ProbeNvidia(Host& host, bool spark, Report& report) {
  const Pci pci = ProbePci(host, report);
  const std::vector<PciDisplay>& displays = pci.displays;
  Finding finding("nvidia-smi");
  NoCards no_cards;
  const NvidiaCards found = AskNvidia(host, no_cards);
  bool gb10 = spark || IsGb10(report.machine.product) ||
              std::any_of(displays.begin(), displays.end(),
                          [](const PciDisplay& display) { return display.gb10; });
  for (const NvidiaCard& card : found.cards) gb10 = gb10 || IsGb10(card.name);
  report.memory.unified = gb10;
  if (!found.cards.empty()) {
    finding.Found();
    for (std::size_t i = 0; i < found.cards.size(); ++i) {
      AddCard(found.cards[i], i, gb10, finding, report);
    }
    for (const std::string& oddity : found.oddities) {
      const bool names_known =
          std::none_of(found.cards.begin(), found.cards.end(),
                       [](const NvidiaCard& card) { return Contains(card.name, "..."); });
      if (StartsWith(oddity, "the table shortens") && names_known) continue;
      finding.Unknown("something nvidia-smi said is", oddity);
    }
  } else if (displays.empty() && !gb10) {
    if (no_cards.absent || no_cards.none) {
      finding.Missing();
      finding.Absent(absl::StrCat("no NVIDIA card: ", no_cards.why));
    } else if (pci.readable) {
      finding.Absent(absl::StrCat("no NVIDIA card: no PCI slot holds one, and ", no_cards.why));
    } else {
      finding.Unknown("which NVIDIA cards there are is", no_cards.why);
    }
  } else {
    if (no_cards.absent) finding.Missing();
    finding.Unknown(
        "driver and memory of the NVIDIA card are",
        absl::StrCat(no_cards.why, "; the card is there, so its driver is missing or broken"));
    for (const PciDisplay& display : displays) {
      report.accelerators.push_back({.name = display.name});
    }
  }
  using Kind = Machine::Kind;
  const bool driven = !found.cards.empty();
  report.machine.kind = gb10 ? Kind::kGb10 : driven ? Kind::kLinuxNvidia : Kind::kLinux;
  report.probes.push_back(finding.Finish());
}

// ---------------------------------------------------------------- network

struct Interface {
  std::optional<bool> up;
  std::optional<double> bits_per_second;
  bool wifi = false;
  bool physical = false;
  std::vector<std::string> addresses;
};

bool NamedLikeHardware(std::string_view name) {
  return StartsWith(name, "en") || StartsWith(name, "eth") || StartsWith(name, "wl") ||
         StartsWith(name, "ib");
}

// Bridges, tunnels and container ends: no way to another node of a cluster.
bool NamedLikeVirtual(std::string_view name) {
  static constexpr std::array kPrefixes = {"lo",  "docker", "br-",  "virbr",  "veth", "cni",
                                           "ifb", "dummy",  "tun",  "tap",    "wg",   "tailscale",
                                           "sit", "gre",    "bond", "podman", "lxc",  "flannel"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return StartsWith(name, prefix); });
}

// Speeds that /sys does not tell.
void AddEthtool(Host& host, std::map<std::string, Interface>& interfaces) {
  std::vector<Command> commands;
  for (const auto& [name, interface] : interfaces) {
    if (interface.physical && !interface.wifi && interface.up.value_or(false) &&
        !interface.bits_per_second) {
      commands.push_back({{"ethtool", name}});
    }
  }
  // A capture may hold nothing but ethtool's output.
  if (interfaces.empty()) commands.push_back({{"ethtool"}});
  for (const Command& command : commands) {
    for (const Output& output : host.Run(command)) {
      if (output.how != Output::How::kRan || output.exit_code != 0) continue;
      Ethtool settings = ParseEthtool(output.text);
      if (settings.interface.empty() && output.arguments.size() > 1) {
        settings.interface = output.arguments.back();
      }
      if (settings.interface.empty() || !settings.bits_per_second) continue;
      Interface& interface = interfaces[settings.interface];
      interface.physical = true;
      if (!interface.bits_per_second) interface.bits_per_second = settings.bits_per_second;
      if (!interface.up) interface.up = true;
    }
  }
}

std::map<std::string, Interface> ReadInterfaces(Host& host, Finding& finding) {
  std::map<std::string, Interface> interfaces;
  std::string why;
  const auto listed = FirstUnderstood(
      host, kIp, [](const Output& output) { return ParseIp(output.text); }, finding, why);
  if (listed) {
    for (const auto& [name, state] : *listed) {
      interfaces[name].up = state.up;
      interfaces[name].addresses = state.addresses;
    }
  } else {
    finding.Unknown("addresses of the interfaces are", why);
  }
  for (const std::string& name : host.List("/sys/class/net")) {
    Interface& interface = interfaces[name];
    const std::string at = absl::StrCat("/sys/class/net/", name);
    const std::string state = ReadLine(host, at + "/operstate");
    if (!state.empty()) finding.Found();
    if (state == "up") interface.up = true;
    if (state == "down" || state == "lowerlayerdown") interface.up = false;
    // -1 or an error where the driver does not say; in Mb/s.
    const auto megabits = ParseWhole(ReadLine(host, at + "/speed"));
    if (megabits && *megabits > 0 && *megabits < 10'000'000) {
      interface.bits_per_second = static_cast<double>(*megabits) * 1e6;
    }
    if (host.Read(at + "/device/uevent")) interface.physical = true;
    if (Contains(host.Read(at + "/uevent").value_or(""), "DEVTYPE=wlan")) interface.wifi = true;
  }
  for (auto& [name, interface] : interfaces) {
    interface.wifi = interface.wifi || StartsWith(name, "wl");
    interface.physical = interface.physical || NamedLikeHardware(name);
  }
  AddEthtool(host, interfaces);
  return interfaces;
}

// The interface that leads to everywhere else; "" when there is none.
std::string DefaultRoute(Host& host) {
  const std::optional<std::string> routes = host.Read("/proc/net/route");
  if (!routes) return "";
  for (const std::string_view line : Lines(*routes)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() > 7 && words[1] == "00000000" && words[7] == "00000000")
      return Clean(words[0], 32);
  }
  return "";
}

// `asked`: something was there that lists RDMA devices, if only to list none.
RdmaDevices ReadRdmaDevices(Host& host, Finding& finding, bool& asked) {
  RdmaDevices devices;
  asked = !host.List("/sys/class/net").empty();  // then /sys is there, infiniband or not
  for (const std::string& name : host.List("/sys/class/infiniband")) {
    const std::string at = absl::StrCat("/sys/class/infiniband/", name);
    const std::string port = absl::StrCat(at, "/ports/1/");
    finding.Found();
    RdmaDevice device =
        ParseSysfsPort(ReadLine(host, port + "state"), ReadLine(host, port + "rate"));
    const std::vector<std::string> netdevs = host.List(at + "/device/net");
    if (!netdevs.empty()) device.netdev = Clean(netdevs[0], 32);
    devices[Clean(name, 64)] = device;
  }
  const auto add = [&](const Command& command, auto parse) {
    std::string why;
    const auto parsed = FirstUnderstood(
        host, command, [&parse](const Output& output) { return parse(output.text); }, finding, why);
    if (!parsed) return;
    asked = true;
    Merge(*parsed, devices);
  };
  const bool complete = std::all_of(devices.begin(), devices.end(), [](const auto& entry) {
    return entry.second.active && entry.second.rate_bits_per_second && !entry.second.netdev.empty();
  });
  if (devices.empty() || !complete) {
    add(kIbdev2netdev, ParseIbdev2netdev);
    add(kRdmaLink, ParseRdmaLink);
    add(kIbstat, ParseIbstat);
    add(kIbvDevinfo, ParseIbvDevinfo);
    if (devices.empty()) add(kIbvDevices, ParseIbvDevices);
  }
  return devices;
}

// The function digit of "rocep1s0f1", "roceP2p1s0f1", "enP2p1s0f1np1": both twins of a cage have
// the same. Nullopt for other names.
std::optional<int> CageOf(std::string_view name) {
  const bool rdma = StartsWith(name, "roce");
  if (!rdma && !StartsWith(name, "en")) return std::nullopt;
  const std::size_t slot = name.rfind('s');
  const std::size_t function = name.find('f', slot == std::string_view::npos ? name.size() : slot);
  if (function == std::string_view::npos || function + 1 >= name.size()) return std::nullopt;
  if (!rdma && name.find("np", function) == std::string_view::npos) return std::nullopt;
  const char digit = name[function + 1];
  if (digit < '0' || digit > '9') return std::nullopt;
  return digit - '0';
}

// A cage of a GB10 machine is two PCI functions of one ConnectX-7, on two PCI domains: one link.
struct Cage {
  std::vector<std::string> interfaces;
  std::vector<std::pair<std::string, RdmaDevice>> devices;
};

Port PortOf(const std::string& name, Cage cage, const std::map<std::string, Interface>& interfaces,
            Finding& finding) {
  Port port;
  port.kind = Port::Kind::kConnectx;
  port.name = name;
  // The active one first, and of equals the one in the first PCI domain, which has the shorter
  // name.
  const auto first = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  std::stable_sort(cage.devices.begin(), cage.devices.end(), [&](const auto& a, const auto& b) {
    const bool a_active = a.second.active.value_or(false);
    const bool b_active = b.second.active.value_or(false);
    return a_active != b_active ? a_active : first(a.first, b.first);
  });
  std::optional<bool> up;
  double speed = 0;
  std::vector<std::string> idle;
  for (const auto& [device_name, device] : cage.devices) {
    if (!device.netdev.empty()) cage.interfaces.push_back(device.netdev);
    const std::optional<bool> works = device.active ? device.active : device.netdev_up;
    if (works) up = up.value_or(false) || *works;
    if (works && !*works) idle.push_back(device_name);
    // The rate of a port that is down says nothing.
    if (works.value_or(false)) speed = std::max(speed, device.rate_bits_per_second.value_or(0));
    if (device.active) port.rdma_active = port.rdma_active.value_or(false) || *device.active;
  }
  std::sort(cage.interfaces.begin(), cage.interfaces.end(), first);
  cage.interfaces.erase(std::unique(cage.interfaces.begin(), cage.interfaces.end()),
                        cage.interfaces.end());
  for (const std::string& interface : cage.interfaces) {
    const auto found = interfaces.find(interface);
    if (found == interfaces.end()) continue;
    if (found->second.up && cage.devices.empty()) up = up.value_or(false) || *found->second.up;
    if (found->second.up.value_or(false)) {
      speed = std::max(speed, found->second.bits_per_second.value_or(0));
    }
    port.addresses.insert(port.addresses.end(), found->second.addresses.begin(),
                          found->second.addresses.end());
  }
  if (up) port.state = *up ? Port::State::kUp : Port::State::kDown;
  if (up.value_or(false) && speed > 0) port.negotiated_bits_per_second = speed;
  if (up.value_or(false) && !idle.empty()) {
    finding.Unknown(absl::StrCat("why only one of the twins of ", name, " is up is"),
                    absl::StrCat(Listed(idle), " is down and its twin is up"));
  }
  port.interfaces = cage.interfaces;
  if (!cage.devices.empty()) {
    port.rdma_device = cage.devices[0].first;
    port.rdma_capable = true;
  }
  if (cage.devices.size() > 1) port.rdma_twin = cage.devices[1].first;
  return port;
}

Rdma RdmaOf(const Report& report, std::size_t devices, bool asked, Finding& finding) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  if (devices == 0 && !asked) {
    const std::string why = "neither /sys/class/infiniband nor ibdev2netdev is there";
    finding.Unknown("whether there is RDMA is", why);
    return {Rdma::State::kUnknown, why};
  }
  if (devices == 0) {
    return gb10 ? Rdma{Rdma::State::kDisabled,
                       "no RDMA device is listed, though the machine has a ConnectX-7"}
                : Rdma{Rdma::State::kUnsupported, "no RDMA device is listed"};
  }
  int ports = 0;
  int known = 0;
  int active = 0;
  for (const Port& port : report.ports) {
    if (port.rdma_device.empty()) continue;
    ++ports;
    known += port.rdma_active.has_value() ? 1 : 0;
    active += port.rdma_active.value_or(false) ? 1 : 0;
  }
  const std::string where =
      absl::StrCat(devices, devices == 1 ? " RDMA device in " : " RDMA devices in ", ports,
                   gb10 ? " cage" : " port", ports == 1 ? "" : "s");
  if (known == 0) {
    finding.Unknown("which RDMA ports are active is", "no list of their states is there");
    return {Rdma::State::kEnabled, where};
  }
  return {Rdma::State::kEnabled, absl::StrCat(where, ", ", active, " active")};
}

void ProbeNetwork(Host& host, Report& report) {
  Finding finding("network");
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  std::map<std::string, Interface> interfaces = ReadInterfaces(host, finding);
  bool asked = false;
  const RdmaDevices devices = ReadRdmaDevices(host, finding, asked);

  std::map<std::string, Cage> cages;
  std::vector<std::string> taken;
  for (const auto& [name, device] : devices) {
    const std::optional<int> cage = gb10 ? CageOf(name) : std::nullopt;
    cages[cage ? absl::StrCat("cage ", *cage) : name].devices.emplace_back(name, device);
    if (!device.netdev.empty()) taken.push_back(device.netdev);
  }
  for (const auto& [name, unused] : interfaces) {
    const std::optional<int> cage = gb10 ? CageOf(name) : std::nullopt;
    if (!cage) continue;
    cages[absl::StrCat("cage ", *cage)].interfaces.push_back(name);
    taken.push_back(name);
  }
  for (auto& [name, cage] : cages) {
    Port port = PortOf(name, std::move(cage), interfaces, finding);
    if (gb10) port.capable_bits_per_second = kGb10CageBitsPerSecond;
    report.ports.push_back(std::move(port));
  }

  const std::string default_route = DefaultRoute(host);
  for (const auto& [name, interface] : interfaces) {
    const bool reachable = !interface.addresses.empty();
    if (std::find(taken.begin(), taken.end(), name) != taken.end()) continue;
    if (NamedLikeVirtual(name) ? !(reachable && StartsWith(name, "veth"))
                               : !(interface.physical || reachable)) {
      continue;
    }
    Port port;
    port.kind = interface.wifi ? Port::Kind::kWifi : Port::Kind::kEthernet;
    port.name = name;
    port.interfaces = {name};
    port.addresses = interface.addresses;
    port.rdma_capable = false;
    if (interface.up) port.state = *interface.up ? Port::State::kUp : Port::State::kDown;
    if (interface.up.value_or(false)) port.negotiated_bits_per_second = interface.bits_per_second;
    port.management = port.kind == Port::Kind::kEthernet && (gb10 || name == default_route);
    report.ports.push_back(std::move(port));
  }

  report.rdma = RdmaOf(report, devices.size(), asked, finding);
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeLinux(Host& host, const Options& /*options*/, Report& report) {
  report.machine.kind = Machine::Kind::kLinux;
  report.os.name = "Linux";
  ProbeDmi(host, report);
  const bool spark = ProbeSystem(host, report);
  ProbeProcessor(host, report);
  ProbeMemory(host, report);
  ProbeNvidia(host, spark, report);
  ProbeNetwork(host, report);
}

}  // namespace capacity::probe
