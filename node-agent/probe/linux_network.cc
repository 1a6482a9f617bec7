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
#include "node-agent/probe/linux_interfaces.h"
#include "node-agent/probe/linux_rdma.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using host::Host;

// What one QSFP112 cage of a GB10 machine does (NVIDIA, DGX Spark user guide: ConnectX-7, 200
// Gb/s).
constexpr double kGb10CageBitsPerSecond = 200e9;
// The driver of ConnectX-4 and later.
constexpr std::string_view kConnectxDriver = "mlx5_core";

// ---------------------------------------------------------------- a port's link

// Whether the port carries traffic, as its RDMA port or its interface says; nullopt: neither says.
std::optional<bool> Carries(const RdmaPort& port, const Interfaces& interfaces) {
  if (port.active.value_or(false)) return true;
  const auto found = interfaces.find(port.netdev);
  if (found != interfaces.end() && found->second.up) return found->second.up;
  return port.netdev_up ? port.netdev_up : port.active;
}

// Its physical link is there, whether or not it carries traffic. Of Ethernet a card that was
// brought up and sees no carrier is believed more: `rdma link` of a DGX Spark is quoted with
// LINK_UP on one twin of a cage and DISABLED on the other.
bool HasLink(const RdmaPort& port, const Interfaces& interfaces) {
  if (!port.link.value_or(false) || port.infiniband.value_or(false))
    return port.link.value_or(false);
  const auto found = interfaces.find(port.netdev);
  if (found == interfaces.end()) return true;
  const bool no_carrier =
      found->second.brought_up.value_or(false) && !found->second.up.value_or(true);
  return !no_carrier;
}

// A link that nothing uses, since its interface was never brought up. InfiniBand's needs a subnet
// manager instead.
bool IsLeftDown(const RdmaPort& port, const Interfaces& interfaces) {
  const std::optional<bool> carries = Carries(port, interfaces);
  return HasLink(port, interfaces) && carries && !*carries && !port.infiniband.value_or(false);
}

// The rate of a port without a link says nothing (40 Gb/s on a ConnectX-7 that does 200), nor does
// that of an Ethernet port that is not active. InfiniBand has agreed on one before it is active.
std::optional<double> RateOf(const RdmaPort& port) {
  const bool agreed =
      port.active.value_or(false) || (port.link.value_or(false) && port.infiniband.value_or(false));
  return agreed ? port.rate_bits_per_second : std::nullopt;
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

// What tells apart the two cages where names do not: the function of the PCI slot ("0002:01:00.1")
// and what the card calls its port ("p1").
std::optional<int> CageOfSlot(std::string_view slot) {
  const std::size_t dot = slot.rfind('.');
  const std::string_view function = dot == std::string_view::npos ? slot : slot.substr(dot + 1);
  if (dot == std::string_view::npos || (function != "0" && function != "1")) return std::nullopt;
  return function == "1" ? 1 : 0;
}

std::optional<int> CageOfCard(const Interface& interface) {
  if (interface.driver != kConnectxDriver) return std::nullopt;
  if (const auto cage = CageOfSlot(interface.pci_slot)) return cage;
  if (interface.card_port == "p0") return 0;
  if (interface.card_port == "p1") return 1;
  return std::nullopt;
}

std::optional<int> CageOfInterface(const std::string& name, const Interface& interface) {
  const bool connectx = interface.driver == kConnectxDriver;
  const auto named = CageOf(name, connectx ? Naming::kAny : Naming::kWithPort);
  return named ? named : CageOfCard(interface);
}

// Devices may be called mlx5_0 to mlx5_3; the names of their interfaces tell more.
std::optional<int> CageOf(const RdmaEnd& end, const Interfaces& interfaces) {
  if (const auto cage = CageOf(end.port.netdev, Naming::kAny)) return cage;
  if (const auto cage = CageOf(end.device, Naming::kAny)) return cage;
  if (const auto cage = CageOfSlot(end.pci_slot)) return cage;
  const auto found = interfaces.find(end.port.netdev);
  return found == interfaces.end() ? std::nullopt : CageOfCard(found->second);
}

bool NamedLikeConnectx(std::string_view device) {
  return StartsWith(device, "mlx5") || StartsWith(device, "roce");
}

// A cage of a GB10 machine is two PCI functions of one ConnectX-7, on two PCI domains: one link.
struct Cage {
  bool known = false;                   // which of the two it is
  std::vector<std::string> interfaces;  // the hardware
  std::vector<RdmaEnd> ends;
};

// Of equals the one in the first PCI domain, which has the shorter name.
bool First(const std::string& a, const std::string& b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

using Cages = std::map<std::string, Cage>;

// What a bond's RDMA device does in the cage of `members`: it is one device over several cages.
RdmaEnd PartOf(const RdmaEnd& end, const std::vector<std::string>& members,
               const Interfaces& interfaces) {
  RdmaEnd part = end;
  part.port = {};
  part.port.state = end.port.state;
  part.port.active = end.port.active;
  std::optional<bool> up;
  for (const std::string& member : members) {
    const std::optional<bool>& its = interfaces.at(member).up;
    if (its) up = up.value_or(false) || *its;
  }
  if (up && part.port.active) part.port.active = *up && *part.port.active;
  part.port.netdev_up = up;
  return part;
}

// Gives each cage the RDMA devices that are its, and leaves the others in `ends`.
void AddEnds(const Interfaces& interfaces, std::vector<RdmaEnd>& ends, Finding& finding,
             Cages& cages) {
  const Stacks stacks(interfaces);
  std::vector<RdmaEnd> others;
  for (RdmaEnd& end : ends) {
    std::map<int, std::vector<std::string>> joined;  // members of a bond by cage
    if (stacks.HasMembers(end.port.netdev)) {
      for (const std::string& member : stacks.Hardware(end.port.netdev)) {
        const auto cage = CageOfInterface(member, interfaces.at(member));
        if (cage) joined[*cage].push_back(member);
      }
    }
    for (const auto& [number, members] : joined) {
      cages[absl::StrCat("cage ", number)].ends.push_back(PartOf(end, members, interfaces));
    }
    if (!joined.empty()) continue;
    const std::optional<int> number = CageOf(end, interfaces);
    if (!number && !NamedLikeConnectx(end.device)) {
      others.push_back(std::move(end));
      continue;
    }
    if (!number) {
      finding.Unknown(absl::StrCat("which cage ", end.device, " belongs to is"),
                      "neither its name, that of its interface nor its PCI slot tells");
    }
    Cage& cage = cages[number ? absl::StrCat("cage ", *number) : end.device];
    cage.known = number.has_value();
    if (!end.port.netdev.empty()) cage.interfaces.push_back(end.port.netdev);
    cage.ends.push_back(std::move(end));
  }
  ends = std::move(others);
}

void AddInterfaces(const Interfaces& interfaces, Cages& cages) {
  for (const auto& [name, interface] : interfaces) {
    if (!interface.physical) continue;
    const std::optional<int> number = CageOfInterface(name, interface);
    if (!number) continue;
    Cage& cage = cages[absl::StrCat("cage ", *number)];
    cage.known = true;
    cage.interfaces.push_back(name);
  }
  for (auto& [name, cage] : cages) {
    std::sort(cage.interfaces.begin(), cage.interfaces.end(), First);
    cage.interfaces.erase(std::unique(cage.interfaces.begin(), cage.interfaces.end()),
                          cage.interfaces.end());
  }
}

// What stands over a cage's interfaces, and over no other hardware: bonds, bridges, VLANs. Their
// addresses are the cage's.
std::vector<std::string> Over(const Cage& cage, const std::set<std::string>& of_cages,
                              const Interfaces& interfaces) {
  const Stacks stacks(interfaces);
  std::vector<std::string> over;
  for (const auto& [name, interface] : interfaces) {
    if (interface.physical) continue;
    const std::set<std::string> hardware = stacks.Hardware(name);
    const bool its =
        std::any_of(cage.interfaces.begin(), cage.interfaces.end(),
                    [&hardware](const std::string& one) { return hardware.count(one) > 0; });
    if (!its || !std::includes(of_cages.begin(), of_cages.end(), hardware.begin(), hardware.end()))
      continue;
    if (stacks.HasMembers(name) || !interface.addresses.empty()) over.push_back(name);
  }
  return over;
}

// Its link as its RDMA ports tell it. Returns the devices that carry nothing.
std::vector<std::string> AddEnds(const Cage& cage, const Interfaces& interfaces,
                                 std::optional<bool>& up, double& speed, Port& port) {
  std::vector<std::string> idle;
  for (const RdmaEnd& end : cage.ends) {
    const std::optional<bool> carries = Carries(end.port, interfaces);
    if (carries) up = up.value_or(false) || *carries;
    if (carries && !*carries) idle.push_back(end.device);
    speed = std::max(speed, RateOf(end.port).value_or(0));
    if (HasLink(end.port, interfaces)) port.state = Port::State::kUp;
    port.admin_down = port.admin_down || IsLeftDown(end.port, interfaces);
    if (end.port.active) port.rdma_active = port.rdma_active.value_or(false) || *end.port.active;
  }
  if (cage.ends.empty()) return idle;
  port.rdma_device = cage.ends[0].device;
  port.rdma_state = cage.ends[0].port.state;
  port.rdma_capable = true;
  if (cage.ends.size() > 1) port.rdma_twin = cage.ends[1].device;
  return idle;
}

// Nobody has brought any of them up.
bool AllLeftDown(const std::vector<std::string>& names, const Interfaces& interfaces) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto found = interfaces.find(name);
    return found != interfaces.end() && !found->second.brought_up.value_or(true);
  });
}

Port PortOf(const std::string& name, Cage cage, const std::set<std::string>& of_cages,
            const Interfaces& interfaces, Finding& finding) {
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
  const std::vector<std::string> idle = AddEnds(cage, interfaces, up, speed, port);
  port.interfaces = cage.interfaces;
  for (const std::string& one : Over(cage, of_cages, interfaces)) port.interfaces.push_back(one);
  for (const std::string& one : port.interfaces) {
    const auto found = interfaces.find(one);
    if (found == interfaces.end()) continue;
    const Interface& interface = found->second;
    port.addresses.insert(port.addresses.end(), interface.addresses.begin(),
                          interface.addresses.end());
    if (!interface.physical) continue;
    if (interface.up) up = up.value_or(false) || *interface.up;
    if (interface.up.value_or(false))
      speed = std::max(speed, interface.bits_per_second.value_or(0));
  }
  const bool carries = up.value_or(false);
  if (carries) port.state = Port::State::kUp;
  if (up && port.state == Port::State::kUnknown) port.state = Port::State::kDown;
  if (carries && speed > 0) port.negotiated_bits_per_second = speed;
  if (carries && !idle.empty()) {
    finding.Unknown(absl::StrCat("why only one of the twins of ", name, " is up is"),
                    absl::StrCat(Listed(idle), " is down and its twin is up"));
  }
  port.admin_down = !carries && port.admin_down;
  if (port.state == Port::State::kDown && AllLeftDown(cage.interfaces, interfaces)) {
    port.admin_down = true;
    finding.Unknown(absl::StrCat("whether a cable is in ", name, " is"),
                    absl::StrCat("nobody has brought up ", Listed(cage.interfaces)));
  }
  return port;
}

// Takes the cages' devices out of `ends`. Returns their interfaces.
std::set<std::string> AddCages(const Interfaces& interfaces, std::vector<RdmaEnd>& ends,
                               Finding& finding, Report& report) {
  Cages cages;
  AddEnds(interfaces, ends, finding, cages);
  AddInterfaces(interfaces, cages);
  std::set<std::string> of_cages;
  for (const auto& [name, cage] : cages) {
    of_cages.insert(cage.interfaces.begin(), cage.interfaces.end());
  }
  for (const auto& [name, cage] : cages) {
    report.ports.push_back(PortOf(name, cage, of_cages, interfaces, finding));
  }
  return of_cages;
}

// ---------------------------------------------------------------- other ports

// What RDMA ports whose interface was not listed say of it.
void AddRdmaInterfaces(const std::vector<RdmaEnd>& ends, Interfaces& interfaces) {
  const Stacks stacks(interfaces);
  for (const RdmaEnd& end : ends) {
    if (end.port.netdev.empty()) continue;
    Interface& interface = interfaces[end.port.netdev];
    interface.physical = interface.physical || !stacks.HasMembers(end.port.netdev);
    if (!interface.up) interface.up = end.port.netdev_up ? end.port.netdev_up : end.port.active;
    if (end.port.infiniband) interface.infiniband = *end.port.infiniband;
  }
}

// RDMA devices of functions of a card: parts of the port that the card's own device is of.
void DropFunctions(const Interfaces& interfaces, std::vector<RdmaEnd>& ends) {
  const bool card_in_sight = std::any_of(ends.begin(), ends.end(),
                                         [](const RdmaEnd& end) { return !end.virtual_function; });
  ends.erase(std::remove_if(ends.begin(), ends.end(),
                            [&](const RdmaEnd& end) {
                              const auto found = interfaces.find(end.port.netdev);
                              if (found != interfaces.end()) return found->second.function;
                              return end.virtual_function && card_in_sight;
                            }),
             ends.end());
}

void AddRdma(const RdmaEnd& end, const Interfaces& interfaces, Port& port) {
  if (port.rdma_device.empty()) {
    port.rdma_device = end.device;
    port.rdma_state = end.port.state;
  }
  port.rdma_capable = true;
  if (end.port.active) port.rdma_active = port.rdma_active.value_or(false) || *end.port.active;
  if (HasLink(end.port, interfaces) && port.state != Port::State::kUp) {
    port.state = Port::State::kUp;
    port.admin_down = IsLeftDown(end.port, interfaces);
  }
  if (port.state == Port::State::kUp && !port.negotiated_bits_per_second) {
    port.negotiated_bits_per_second = RateOf(end.port);
  }
}

// What makes one port: the interface that all else is joined to, the hardware that is, and what
// stands over it.
struct Assembly {
  std::vector<std::string> hardware;
  std::vector<std::string> over;
};

bool Has(const Assembly& parts, const std::string& name) {
  return std::find(parts.hardware.begin(), parts.hardware.end(), name) != parts.hardware.end() ||
         std::find(parts.over.begin(), parts.over.end(), name) != parts.over.end();
}

Port::Kind KindOf(const Assembly& parts, const Interfaces& interfaces) {
  const auto all = [&](bool Interface::* quality) {
    return std::all_of(parts.hardware.begin(), parts.hardware.end(),
                       [&](const std::string& name) { return interfaces.at(name).*quality; });
  };
  const bool infiniband =
      std::any_of(parts.hardware.begin(), parts.hardware.end(),
                  [&](const std::string& name) { return interfaces.at(name).infiniband; });
  if (infiniband) return Port::Kind::kUnknown;
  if (all(&Interface::thunderbolt)) return Port::Kind::kThunderbolt;
  return all(&Interface::wifi) ? Port::Kind::kWifi : Port::Kind::kEthernet;
}

Port PortOf(const std::string& name, const Assembly& parts, const Interfaces& interfaces,
            const Stacks& stacks, const std::vector<RdmaEnd>& ends) {
  Port port;
  port.name = name;
  port.kind = KindOf(parts, interfaces);
  port.rdma_capable = false;
  port.interfaces = parts.hardware;
  const Interface& top = interfaces.at(name);
  port.addresses = top.addresses;
  const auto lend = [&](const std::vector<std::string>& names) {
    for (const std::string& other : names) {
      if (other == name) continue;
      const std::vector<std::string>& addresses = interfaces.at(other).addresses;
      port.addresses.insert(port.addresses.end(), addresses.begin(), addresses.end());
    }
  };
  lend(parts.hardware);
  lend(parts.over);
  for (const std::string& other : parts.over) {
    const bool reachable = !interfaces.at(other).addresses.empty();
    if (other != name && reachable) port.interfaces.push_back(other);
  }
  if (top.up) port.state = *top.up ? Port::State::kUp : Port::State::kDown;
  if (top.up.value_or(false)) port.negotiated_bits_per_second = stacks.Rate(name);
  for (const RdmaEnd& end : ends) {
    if (end.port.netdev == name || Has(parts, end.port.netdev)) AddRdma(end, interfaces, port);
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
  AddRdma(end, Interfaces(), port);
  return port;
}

// By what all of a port is joined to, everything but the hardware in `taken` and what stands over
// it alone.
std::map<std::string, Assembly> Assemble(const Interfaces& interfaces, const Stacks& stacks,
                                         const std::set<std::string>& taken) {
  std::map<std::string, Assembly> ports;
  for (const auto& [name, interface] : interfaces) {
    if (interface.physical && taken.count(name) == 0) {
      ports[stacks.Top(name)].hardware.push_back(name);
    }
  }
  for (const auto& [name, interface] : interfaces) {
    if (interface.physical) continue;
    for (const std::string& one : stacks.Hardware(name)) {
      if (taken.count(one) > 0) continue;
      ports[stacks.Top(one)].over.push_back(name);
      break;  // of a bridge over two ports the address is told once
    }
  }
  return ports;
}

void AddOthers(Host& host, const Interfaces& interfaces, const std::set<std::string>& taken,
               const std::vector<RdmaEnd>& ends, Finding& finding, Report& report) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  const Stacks stacks(interfaces);
  const std::string default_route = DefaultRoute(host);
  const std::map<std::string, Assembly> ports = Assemble(interfaces, stacks, taken);
  for (const RdmaEnd& end : ends) {
    const bool placed = std::any_of(ports.begin(), ports.end(), [&end](const auto& port) {
      return Has(port.second, end.port.netdev);
    });
    if (!placed) report.ports.push_back(PortOf(end));
  }
  for (const auto& [name, parts] : ports) {
    Port port = PortOf(name, parts, interfaces, stacks, ends);
    port.management = port.kind == Port::Kind::kEthernet && (gb10 || Has(parts, default_route));
    if (StartsWith(name, "bond") && interfaces.at(name).physical) {
      finding.Unknown(absl::StrCat("which interfaces ", name, " joins, and so its rate, are"),
                      absl::StrCat("neither ip nor /sys/class/net/", name, "/bonding tells"));
    }
    report.ports.push_back(std::move(port));
  }
}

// ---------------------------------------------------------------- the whole

// Drivers of cards that can do RDMA, and the kernel's module that makes them.
struct RdmaModule {
  std::string_view driver;
  std::string_view module;
};
constexpr std::array kRdmaModules = {
    RdmaModule{kConnectxDriver, "mlx5_ib"},
    RdmaModule{"mlx4_core", "mlx4_ib"},
    RdmaModule{"mlx4_en", "mlx4_ib"},
    RdmaModule{"ice", "irdma"},
    RdmaModule{"i40e", "irdma"},
};
// Of the cards that i40e drives only the X722 can (Linux, i40e_devids.h).
constexpr std::array<std::string_view, 7> kX722 = {
    "8086:37CE", "8086:37CF", "8086:37D0", "8086:37D1", "8086:37D2", "8086:37D3", "8086:0DDA"};

std::string_view ModuleFor(const Interface& interface) {
  const bool x722 = std::find(kX722.begin(), kX722.end(), interface.pci_id) != kX722.end();
  if (interface.driver == "i40e" && !x722) return "";
  for (const RdmaModule& known : kRdmaModules) {
    if (known.driver == interface.driver) return known.module;
  }
  return "";
}

// "the card of ens1f0np0 and ens1f1np1 can, by its kernel module mlx5_ib, which is not loaded"; ""
// where no card is known to be able to.
std::string CardsThatCan(Host& host, const Interfaces& interfaces) {
  std::map<std::string, std::vector<std::string>> able;  // interfaces by module
  for (const auto& [name, interface] : interfaces) {
    const std::string_view module = ModuleFor(interface);
    if (interface.physical && !module.empty()) able[std::string(module)].push_back(name);
  }
  const bool modules_listed = !host.List("/sys/module").empty();
  std::string text;
  for (const auto& [module, names] : able) {
    const bool loaded = !host.List(absl::StrCat("/sys/module/", module)).empty();
    absl::StrAppend(&text, text.empty() ? "" : "; ", "the card of ", Listed(names),
                    " can do RDMA by the kernel module ", module,
                    loaded           ? ", which is loaded: it may be turned off on the card"
                    : modules_listed ? ", which is not loaded"
                                     : "");
  }
  return text;
}

Rdma WithoutDevices(Host& host, const Interfaces& interfaces, const Report& report,
                    const RdmaList& list, Finding& finding) {
  if (!list.asked) {
    const std::string why = "neither /sys/class/infiniband nor ibdev2netdev is there";
    finding.Unknown("whether there is RDMA is", why);
    return {Rdma::State::kUnknown, why};
  }
  std::string none = list.software.empty()
                         ? std::string("no RDMA device is listed")
                         : absl::StrCat("no RDMA device is listed but ", Listed(list.software),
                                        ", which the processor does in software");
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  if (gb10) absl::StrAppend(&none, ", though the machine has a ConnectX-7");
  const std::string able = CardsThatCan(host, interfaces);
  if (!able.empty()) absl::StrAppend(&none, gb10 ? ": " : ", though ", able);
  return {gb10 || !able.empty() ? Rdma::State::kDisabled : Rdma::State::kUnsupported, none};
}

Rdma RdmaOf(const Report& report, std::size_t devices, Finding& finding) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  int ports = 0;
  int cages = 0;
  int unplaced = 0;  // of a cage, and nobody knows which
  int known = 0;
  int active = 0;
  for (const Port& port : report.ports) {
    if (port.rdma_device.empty()) continue;
    const bool cage = port.kind == Port::Kind::kConnectx;
    ++ports;
    cages += cage ? 1 : 0;
    unplaced += cage && !port.capable_bits_per_second ? 1 : 0;
    known += port.rdma_active.has_value() ? 1 : 0;
    active += port.rdma_active.value_or(false) ? 1 : 0;
  }
  std::string where = absl::StrCat(devices, devices == 1 ? " RDMA device" : " RDMA devices");
  if (unplaced > 0) {
    absl::StrAppend(&where, " in cages that are not known");
  } else {
    absl::StrAppend(&where, " in ", ports, gb10 && cages == ports ? " cage" : " port",
                    ports == 1 ? "" : "s");
  }
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
  RdmaList list = ReadRdmaDevices(host, finding);
  DropFunctions(interfaces, list.ends);
  const std::size_t devices = CountDevices(list.ends);
  std::vector<RdmaEnd>& ends = list.ends;
  std::set<std::string> taken;
  if (report.machine.kind == Machine::Kind::kGb10) {
    taken = AddCages(interfaces, ends, finding, report);
  }
  AddRdmaInterfaces(ends, interfaces);
  AddOthers(host, interfaces, taken, ends, finding, report);
  report.rdma = devices == 0 ? WithoutDevices(host, interfaces, report, list, finding)
                             : RdmaOf(report, devices, finding);
  report.probes.push_back(finding.Finish());
}

}  // namespace capacity::probe
