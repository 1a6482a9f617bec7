#include "node-agent/probe/linux_network.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_text.h"
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
// Interfaces over interfaces: a VLAN over a bridge over a bond over a card.
constexpr int kDeepestStack = 4;
constexpr std::size_t kLongestInterface = 32;  // the kernel allows 15
// /sys/class/net/*/type: ARPHRD_INFINIBAND of linux/if_arp.h.
constexpr std::string_view kInfinibandType = "32";

const Command kIp = {{"ip", "-j", "address"}};
const Command kIbdev2netdev = {{"ibdev2netdev"}};
const Command kRdmaLink = {{"rdma", "link"}};
const Command kIbstat = {{"ibstat"}};
const Command kIbvDevinfo = {{"ibv_devinfo"}};
const Command kIbvDevices = {{"ibv_devices"}};

// ---------------------------------------------------------------- interfaces

struct Interface {
  std::optional<bool> up;
  std::optional<double> bits_per_second;
  bool wifi = false;
  bool physical = false;
  bool connectx = false;  // run by the driver of ConnectX-4 and later
  bool infiniband = false;
  std::vector<std::string> addresses;
  std::string master;         // what it is joined to
  std::string lower;          // what a VLAN runs over
  std::string active_member;  // of a bond that uses one at a time
};

using Interfaces = std::map<std::string, Interface>;

bool NamedLikeHardware(std::string_view name) {
  return StartsWith(name, "en") || StartsWith(name, "eth") || StartsWith(name, "wl") ||
         StartsWith(name, "ib");
}

// Bridges, tunnels and container ends: no way to another node of a cluster.
bool NamedLikeVirtual(std::string_view name) {
  static constexpr std::array kPrefixes = {"lo",  "docker", "br-", "virbr",  "veth",   "cni",
                                           "ifb", "dummy",  "tun", "tap",    "wg",     "tailscale",
                                           "sit", "gre",    "lxc", "podman", "flannel"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return StartsWith(name, prefix); });
}

// Speeds that /sys does not tell.
void AddEthtool(Host& host, Interfaces& interfaces) {
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

void ReadSysfs(Host& host, const std::string& name, Finding& finding, Interfaces& interfaces) {
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
  if (const auto device = host.Read(at + "/device/uevent")) {
    interface.physical = true;
    interface.connectx = Contains(*device, "DRIVER=mlx5_core");
  }
  if (Contains(host.Read(at + "/uevent").value_or(""), "DEVTYPE=wlan")) interface.wifi = true;
  if (ReadLine(host, at + "/type") == kInfinibandType) interface.infiniband = true;
  // The kernel's own names: of a bond's members, and of a bridge's.
  interface.active_member = ReadLine(host, at + "/bonding/active_slave");
  const std::string members = ReadLine(host, at + "/bonding/slaves");
  for (const std::string_view member : Words(members)) {
    interfaces[Clean(member, kLongestInterface)].master = name;
  }
  for (const std::string& member : host.List(at + "/brif")) {
    interfaces[Clean(member, kLongestInterface)].master = name;
  }
}

Interfaces ReadInterfaces(Host& host, Finding& finding) {
  Interfaces interfaces;
  std::string why;
  const auto listed = FirstUnderstood(
      host, kIp, [](const Output& output) { return ParseIp(output.text); }, finding, why);
  if (listed) {
    for (const auto& [name, state] : *listed) {
      Interface& interface = interfaces[name];
      interface.up = state.up;
      interface.addresses = state.addresses;
      interface.master = state.master;
      interface.lower = state.lower;
    }
  } else {
    finding.Unknown("addresses of the interfaces are", why);
  }
  for (const std::string& name : host.List("/sys/class/net")) {
    ReadSysfs(host, name, finding, interfaces);
  }
  for (auto& [name, interface] : interfaces) {
    interface.wifi = interface.wifi || StartsWith(name, "wl");
    interface.physical = interface.physical || NamedLikeHardware(name);
    interface.infiniband = interface.infiniband || StartsWith(name, "ib");
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
      return Clean(words[0], kLongestInterface);
  }
  return "";
}

// Which interfaces are joined to which.
class Stacks {
 public:
  explicit Stacks(const Interfaces& interfaces) : interfaces_(interfaces) {
    for (const auto& [name, interface] : interfaces) {
      if (interface.master.empty() || interfaces.count(interface.master) == 0) continue;
      // Open vSwitch's datapath has neither addresses nor a rate; its members have one.
      if (StartsWith(interface.master, "ovs-")) continue;
      members_[interface.master].push_back(name);
    }
  }

  // The hardware that is joined to `name`, through however many bonds and bridges; empty: none.
  std::vector<std::string> Hardware(const std::string& name) const {
    std::set<std::string> found;
    Collect(name, kDeepestStack, found);
    found.erase(name);
    return {found.begin(), found.end()};
  }

  // Not a port of its own, since it is a part of one.
  bool IsPart(const std::string& name) const {
    const auto found = interfaces_.find(name);
    if (found == interfaces_.end() || found->second.master.empty()) return false;
    const std::vector<std::string> hardware = Hardware(found->second.master);
    return !hardware.empty();
  }

  // What one connection gets: of several joined interfaces that of the slowest that is up, or of
  // the only one in use. The kernel's figure for a bond is the sum over its members.
  std::optional<double> Rate(const std::string& name) const { return Rate(name, kDeepestStack); }

 private:
  const std::vector<std::string>* MembersOf(const std::string& name) const {
    const auto found = members_.find(name);
    return found == members_.end() ? nullptr : &found->second;
  }

  void Collect(const std::string& name, int depth, std::set<std::string>& found) const {
    const auto at = interfaces_.find(name);
    if (at != interfaces_.end() && at->second.physical) found.insert(name);
    const std::vector<std::string>* members = MembersOf(name);
    if (members == nullptr || depth == 0) return;
    for (const std::string& member : *members) Collect(member, depth - 1, found);
  }

  std::optional<double> Rate(const std::string& name, int depth) const {
    const auto found = interfaces_.find(name);
    if (found == interfaces_.end() || depth < 0) return std::nullopt;
    const Interface& interface = found->second;
    if (!interface.active_member.empty()) return Rate(interface.active_member, depth - 1);
    const std::vector<std::string> hardware = Hardware(name);
    if (hardware.empty()) {
      const bool over_joined = !interface.lower.empty() && !Hardware(interface.lower).empty();
      if (over_joined) return Rate(interface.lower, depth - 1);
      return StartsWith(name, "bond") ? std::nullopt : interface.bits_per_second;
    }
    std::optional<double> slowest;
    for (const std::string& member : hardware) {
      const Interface& part = interfaces_.at(member);
      if (!part.up.value_or(false) || !part.bits_per_second) continue;
      slowest = slowest ? std::min(*slowest, *part.bits_per_second) : part.bits_per_second;
    }
    return slowest;
  }

  const Interfaces& interfaces_;
  std::map<std::string, std::vector<std::string>> members_;  // by what they are joined to
};

// ---------------------------------------------------------------- RDMA devices

// RDMA that the processor does over any network card: Soft-RoCE and soft-iWARP. The descriptions
// are those that these drivers give themselves (Linux, drivers/infiniband/sw).
bool IsSoftware(Host& host, const std::string& name) {
  const std::string described =
      ReadLine(host, absl::StrCat("/sys/class/infiniband/", name, "/node_desc"));
  return described == "rxe" || StartsWith(described, "Software iWARP") || StartsWith(name, "rxe") ||
         StartsWith(name, "siw");
}

// The interfaces of a device whose ports do not say theirs: /sys/class/net/*/dev_port counts a
// device's ports from 0.
void PlaceNetdevs(Host& host, const std::vector<std::string>& netdevs, RdmaDevice& device) {
  for (const std::string& netdev : netdevs) {
    const auto port =
        ParseWhole(ReadLine(host, absl::StrCat("/sys/class/net/", netdev, "/dev_port")));
    const int number = port && *port < 255 ? static_cast<int>(*port) + 1 : 0;
    auto at = device.ports.find(number);
    if (at == device.ports.end() && device.ports.size() == 1) at = device.ports.begin();
    if (at != device.ports.end() && at->second.netdev.empty()) {
      at->second.netdev = Clean(netdev, kLongestInterface);
    }
  }
}

RdmaDevice ReadSysfsDevice(Host& host, const std::string& name) {
  const std::string at = absl::StrCat("/sys/class/infiniband/", name);
  RdmaDevice device;
  std::vector<std::string> numbers = host.List(at + "/ports");
  if (numbers.empty()) numbers = {"1"};
  for (const std::string& text : numbers) {
    const auto number = RdmaPortNumber(text);
    if (!number) continue;
    const std::string port = absl::StrCat(at, "/ports/", text, "/");
    RdmaPort& read = device.ports[*number];
    read = ParseSysfsPort(ReadLine(host, port + "state"), ReadLine(host, port + "rate"));
    read.infiniband = IsInfiniband(ReadLine(host, port + "link_layer"));
    read.netdev = ReadLine(host, port + "gid_attrs/ndevs/0").substr(0, kLongestInterface);
  }
  PlaceNetdevs(host, host.List(at + "/device/net"), device);
  return device;
}

bool Complete(const RdmaDevices& devices) {
  for (const auto& [name, device] : devices) {
    for (const auto& [number, port] : device.ports) {
      if (!port.active || !port.rate_bits_per_second || port.netdev.empty()) return false;
    }
  }
  return !devices.empty();
}

struct RdmaList {
  RdmaDevices devices;                // of hardware
  std::vector<std::string> software;  // names of the others
  bool asked = false;  // something was there that lists RDMA devices, if only to list none
};

RdmaList ReadRdmaDevices(Host& host, Finding& finding) {
  RdmaList list;
  list.asked = !host.List("/sys/class/net").empty();  // then /sys is there, infiniband or not
  RdmaDevices& devices = list.devices;
  for (const std::string& name : host.List("/sys/class/infiniband")) {
    finding.Found();
    devices[Clean(name, 64)] = ReadSysfsDevice(host, name);
  }
  const auto add = [&](const Command& command, auto parse) {
    std::string why;
    const auto parsed = FirstUnderstood(
        host, command, [&parse](const Output& output) { return parse(output.text); }, finding, why);
    if (!parsed) return;
    list.asked = true;
    Merge(*parsed, devices);
  };
  if (!Complete(devices)) {
    add(kIbdev2netdev, ParseIbdev2netdev);
    add(kRdmaLink, ParseRdmaLink);
    add(kIbstat, ParseIbstat);
    add(kIbvDevinfo, ParseIbvDevinfo);
    if (devices.empty()) add(kIbvDevices, ParseIbvDevices);
  }
  for (auto it = devices.begin(); it != devices.end();) {
    const bool software = IsSoftware(host, it->first);
    if (software) list.software.push_back(it->first);
    if (!software && it->second.ports.empty()) it->second.ports[1];
    it = software ? devices.erase(it) : std::next(it);
  }
  return list;
}

// One port of an RDMA device.
struct RdmaEnd {
  std::string device;
  int number = 1;
  bool alone = true;  // the device has no other port
  RdmaPort port;
};

std::vector<RdmaEnd> EndsOf(const RdmaDevices& devices) {
  std::vector<RdmaEnd> ends;
  for (const auto& [name, device] : devices) {
    for (const auto& [number, port] : device.ports) {
      ends.push_back({name, number, device.ports.size() == 1, port});
    }
  }
  return ends;
}

// ---------------------------------------------------------------- cages of a GB10 machine

// Whether a name without "np0" at its end may be meant.
enum class Naming { kWithPort, kAny };

// The function digit of "rocep1s0f1", "roceP2p1s0f1", "enP2p1s0f1np1": both twins of a cage have
// the same. Nullopt for other names.
std::optional<int> CageOf(std::string_view name, Naming naming) {
  const bool rdma = StartsWith(name, "roce");
  if (!rdma && !StartsWith(name, "en")) return std::nullopt;
  const std::size_t slot = name.rfind('s');
  const std::size_t function = name.find('f', slot == std::string_view::npos ? name.size() : slot);
  if (function == std::string_view::npos || function + 1 >= name.size()) return std::nullopt;
  const bool port = name.find("np", function) != std::string_view::npos;
  if (!rdma && !port && naming == Naming::kWithPort) return std::nullopt;
  const char digit = name[function + 1];
  if (digit < '0' || digit > '9') return std::nullopt;
  return digit - '0';
}

// Devices may be called mlx5_0 to mlx5_3; the names of their interfaces tell more.
std::optional<int> CageOf(const RdmaEnd& end) {
  const std::optional<int> cage = CageOf(end.port.netdev, Naming::kAny);
  return cage ? cage : CageOf(end.device, Naming::kAny);
}

bool NamedLikeConnectx(std::string_view device) {
  return StartsWith(device, "mlx5") || StartsWith(device, "roce");
}

// A cage of a GB10 machine is two PCI functions of one ConnectX-7, on two PCI domains: one link.
struct Cage {
  bool known = false;  // which of the two it is
  std::vector<std::string> interfaces;
  std::vector<RdmaEnd> ends;
};

// Of equals the one in the first PCI domain, which has the shorter name.
bool First(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

void AddCageInterfaces(const std::vector<std::string>& names, const Interfaces& interfaces,
                       std::optional<bool>& up, double& speed, Port& port) {
  std::vector<std::string> joined;
  for (const std::string& name : names) {
    const auto found = interfaces.find(name);
    if (found == interfaces.end()) continue;
    const Interface& interface = found->second;
    if (interface.up && port.rdma_device.empty()) up = up.value_or(false) || *interface.up;
    if (interface.up.value_or(false))
      speed = std::max(speed, interface.bits_per_second.value_or(0));
    port.addresses.insert(port.addresses.end(), interface.addresses.begin(),
                          interface.addresses.end());
    const bool known = std::find(joined.begin(), joined.end(), interface.master) != joined.end();
    if (interfaces.count(interface.master) > 0 && !known) joined.push_back(interface.master);
  }
  port.interfaces = names;
  // The addresses of a bond over the twins are the cage's.
  for (const std::string& name : joined) {
    const std::vector<std::string>& addresses = interfaces.at(name).addresses;
    port.addresses.insert(port.addresses.end(), addresses.begin(), addresses.end());
    port.interfaces.push_back(name);
  }
}

Port PortOf(const std::string& name, Cage cage, const Interfaces& interfaces, Finding& finding) {
  Port port;
  port.kind = Port::Kind::kConnectx;
  port.name = name;
  if (cage.known) port.capable_bits_per_second = kGb10CageBitsPerSecond;
  std::stable_sort(cage.ends.begin(), cage.ends.end(), [](const RdmaEnd& a, const RdmaEnd& b) {
    const bool a_active = a.port.active.value_or(false);
    const bool b_active = b.port.active.value_or(false);
    return a_active != b_active ? a_active : First(a.device, b.device);
  });
  std::optional<bool> up;
  double speed = 0;
  std::vector<std::string> idle;
  for (const RdmaEnd& end : cage.ends) {
    const RdmaPort& rdma = end.port;
    if (!rdma.netdev.empty()) cage.interfaces.push_back(rdma.netdev);
    const std::optional<bool> works = rdma.active ? rdma.active : rdma.netdev_up;
    if (works) up = up.value_or(false) || *works;
    if (works && !*works) idle.push_back(end.device);
    // The rate of a port that is down says nothing.
    if (works.value_or(false)) speed = std::max(speed, rdma.rate_bits_per_second.value_or(0));
    if (rdma.active) port.rdma_active = port.rdma_active.value_or(false) || *rdma.active;
  }
  if (!cage.ends.empty()) {
    port.rdma_device = cage.ends[0].device;
    port.rdma_capable = true;
  }
  if (cage.ends.size() > 1) port.rdma_twin = cage.ends[1].device;
  std::sort(cage.interfaces.begin(), cage.interfaces.end(), First);
  cage.interfaces.erase(std::unique(cage.interfaces.begin(), cage.interfaces.end()),
                        cage.interfaces.end());
  AddCageInterfaces(cage.interfaces, interfaces, up, speed, port);
  if (up) port.state = *up ? Port::State::kUp : Port::State::kDown;
  if (up.value_or(false) && speed > 0) port.negotiated_bits_per_second = speed;
  if (up.value_or(false) && !idle.empty()) {
    finding.Unknown(absl::StrCat("why only one of the twins of ", name, " is up is"),
                    absl::StrCat(Listed(idle), " is down and its twin is up"));
  }
  return port;
}

// Takes the cages' devices out of `ends`. Returns their interfaces and what these are joined to.
std::set<std::string> AddCages(const Interfaces& interfaces, std::vector<RdmaEnd>& ends,
                               Finding& finding, Report& report) {
  std::map<std::string, Cage> cages;
  std::set<std::string> taken;
  std::vector<RdmaEnd> others;
  for (RdmaEnd& end : ends) {
    const std::optional<int> number = CageOf(end);
    if (!number && !NamedLikeConnectx(end.device)) {
      others.push_back(std::move(end));
      continue;
    }
    if (!number) {
      finding.Unknown(absl::StrCat("which cage ", end.device, " belongs to is"),
                      "neither its name nor that of its interface tells");
    }
    Cage& cage = cages[number ? absl::StrCat("cage ", *number) : end.device];
    cage.known = number.has_value();
    if (!end.port.netdev.empty()) taken.insert(end.port.netdev);
    cage.ends.push_back(std::move(end));
  }
  ends = std::move(others);
  for (const auto& [name, interface] : interfaces) {
    const std::optional<int> number =
        CageOf(name, interface.connectx ? Naming::kAny : Naming::kWithPort);
    if (!number) continue;
    Cage& cage = cages[absl::StrCat("cage ", *number)];
    cage.known = true;
    cage.interfaces.push_back(name);
    taken.insert(name);
  }
  for (auto& [name, cage] : cages) {
    report.ports.push_back(PortOf(name, std::move(cage), interfaces, finding));
  }
  for (const auto& [name, interface] : interfaces) {
    if (taken.count(name) > 0 && !interface.master.empty()) taken.insert(interface.master);
  }
  return taken;
}

// ---------------------------------------------------------------- other ports

// What RDMA ports whose interface was not listed say of it.
void AddRdmaInterfaces(const std::vector<RdmaEnd>& ends, Interfaces& interfaces) {
  for (const RdmaEnd& end : ends) {
    if (end.port.netdev.empty()) continue;
    Interface& interface = interfaces[end.port.netdev];
    interface.physical = true;
    if (!interface.up) interface.up = end.port.netdev_up ? end.port.netdev_up : end.port.active;
    if (end.port.infiniband) interface.infiniband = *end.port.infiniband;
  }
}

void AddRdma(const RdmaEnd& end, Port& port) {
  if (port.rdma_device.empty()) port.rdma_device = end.device;
  port.rdma_capable = true;
  if (end.port.active) port.rdma_active = port.rdma_active.value_or(false) || *end.port.active;
  if (port.state == Port::State::kUp && end.port.active.value_or(false) &&
      !port.negotiated_bits_per_second) {
    port.negotiated_bits_per_second = end.port.rate_bits_per_second;
  }
}

Port PortOf(const std::string& name, const Interface& interface, const Interfaces& interfaces,
            const Stacks& stacks, const std::vector<RdmaEnd>& ends) {
  Port port;
  port.name = name;
  port.interfaces = stacks.Hardware(name);
  if (port.interfaces.empty()) port.interfaces = {name};
  port.addresses = interface.addresses;
  port.rdma_capable = false;
  bool wifi = true;
  bool infiniband = false;
  for (const std::string& behind : port.interfaces) {
    const Interface& hardware = interfaces.at(behind);
    if (behind != name) {
      port.addresses.insert(port.addresses.end(), hardware.addresses.begin(),
                            hardware.addresses.end());
    }
    wifi = wifi && hardware.wifi;
    infiniband = infiniband || hardware.infiniband;
  }
  port.kind = infiniband ? Port::Kind::kUnknown : wifi ? Port::Kind::kWifi : Port::Kind::kEthernet;
  if (interface.up) port.state = *interface.up ? Port::State::kUp : Port::State::kDown;
  if (interface.up.value_or(false)) port.negotiated_bits_per_second = stacks.Rate(name);
  for (const RdmaEnd& end : ends) {
    const auto& behind = port.interfaces;
    const bool its = end.port.netdev == name ||
                     std::find(behind.begin(), behind.end(), end.port.netdev) != behind.end();
    if (its) AddRdma(end, port);
  }
  return port;
}

// An RDMA port of which no more is known than that it is there.
Port PortOf(const RdmaEnd& end) {
  Port port;
  const bool ethernet = end.port.infiniband.has_value() && !*end.port.infiniband;
  port.kind = ethernet ? Port::Kind::kEthernet : Port::Kind::kUnknown;
  port.name = end.alone ? end.device : absl::StrCat(end.device, " port ", end.number);
  if (end.port.active) port.state = *end.port.active ? Port::State::kUp : Port::State::kDown;
  AddRdma(end, port);
  return port;
}

bool LeadsOut(const std::string& name, const Interface& interface, const Stacks& stacks) {
  if (stacks.IsPart(name)) return false;
  if (!stacks.Hardware(name).empty()) return true;
  const bool reachable = !interface.addresses.empty();
  if (NamedLikeVirtual(name)) return reachable && StartsWith(name, "veth");
  return interface.physical || reachable;
}

void AddOthers(Host& host, const Interfaces& interfaces, const std::set<std::string>& taken,
               const std::vector<RdmaEnd>& ends, Finding& finding, Report& report) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  const Stacks stacks(interfaces);
  const std::string default_route = DefaultRoute(host);
  for (const RdmaEnd& end : ends) {
    if (end.port.netdev.empty()) report.ports.push_back(PortOf(end));
  }
  for (const auto& [name, interface] : interfaces) {
    if (taken.count(name) > 0 || !LeadsOut(name, interface, stacks)) continue;
    Port port = PortOf(name, interface, interfaces, stacks, ends);
    port.management = port.kind == Port::Kind::kEthernet && (gb10 || name == default_route);
    const bool joins_unknown =
        StartsWith(name, "bond") && interface.lower.empty() && stacks.Hardware(name).empty();
    if (joins_unknown) {
      finding.Unknown(absl::StrCat("which interfaces ", name, " joins, and so its rate, are"),
                      absl::StrCat("neither ip nor /sys/class/net/", name, "/bonding tells"));
    }
    report.ports.push_back(std::move(port));
  }
}

// ---------------------------------------------------------------- the whole

Rdma RdmaOf(const Report& report, const RdmaList& list, Finding& finding) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  const std::size_t devices = list.devices.size();
  if (devices == 0 && !list.asked) {
    const std::string why = "neither /sys/class/infiniband nor ibdev2netdev is there";
    finding.Unknown("whether there is RDMA is", why);
    return {Rdma::State::kUnknown, why};
  }
  if (devices == 0) {
    const std::string none =
        list.software.empty() ? std::string("no RDMA device is listed")
                              : absl::StrCat("no RDMA device is listed but ", Listed(list.software),
                                             ", which the processor does in software");
    return gb10 ? Rdma{Rdma::State::kDisabled,
                       absl::StrCat(none, ", though the machine has a ConnectX-7")}
                : Rdma{Rdma::State::kUnsupported, none};
  }
  int ports = 0;
  int cages = 0;
  int known = 0;
  int active = 0;
  for (const Port& port : report.ports) {
    if (port.rdma_device.empty()) continue;
    ++ports;
    cages += port.kind == Port::Kind::kConnectx ? 1 : 0;
    known += port.rdma_active.has_value() ? 1 : 0;
    active += port.rdma_active.value_or(false) ? 1 : 0;
  }
  const std::string where =
      absl::StrCat(devices, devices == 1 ? " RDMA device in " : " RDMA devices in ", ports,
                   gb10 && cages == ports ? " cage" : " port", ports == 1 ? "" : "s");
  if (known == 0) {
    finding.Unknown("which RDMA ports are active is", "no list of their states is there");
    return {Rdma::State::kEnabled, where};
  }
  return {Rdma::State::kEnabled, absl::StrCat(where, ", ", active, " active")};
}

}  // namespace

void ProbeNetwork(Host& host, Report& report) {
  Finding finding("network");
  Interfaces interfaces = ReadInterfaces(host, finding);
  const RdmaList list = ReadRdmaDevices(host, finding);
  std::vector<RdmaEnd> ends = EndsOf(list.devices);
  std::set<std::string> taken;
  if (report.machine.kind == Machine::Kind::kGb10) {
    taken = AddCages(interfaces, ends, finding, report);
  }
  AddRdmaInterfaces(ends, interfaces);
  AddOthers(host, interfaces, taken, ends, finding, report);
  report.rdma = RdmaOf(report, list, finding);
  report.probes.push_back(finding.Finish());
}

}  // namespace capacity::probe
