#include "node-agent/probe/linux_cages.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Port;
using agent::Report;

// What one QSFP112 cage of a GB10 machine does (NVIDIA, DGX Spark user guide: ConnectX-7, 200
// Gb/s).
constexpr double kGb10CageBitsPerSecond = 200e9;

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

// What of the cage's two interfaces hinders RDMA over both.
void CheckTwins(const Cage& cage, const Interfaces& interfaces, Port& port) {
  const Stacks stacks(interfaces);
  std::set<std::string> subnets;
  std::size_t in_sight = 0;
  for (const std::string& name : cage.interfaces) {
    const auto found = interfaces.find(name);
    if (found == interfaces.end()) continue;
    in_sight += found->second.driver == kConnectxDriver ? 1 : 0;
    bool reachable = false;
    std::set<std::string> own;
    for (const auto& [other, interface] : interfaces) {
      const std::set<std::string> hardware = stacks.Hardware(other);
      if (hardware.count(name) == 0) continue;
      reachable = reachable || !interface.addresses.empty();
      // A bond over both twins has one address for both.
      if (hardware.size() == 1) own.insert(interface.subnets.begin(), interface.subnets.end());
    }
    const bool known = found->second.addresses_listed && found->second.up.value_or(false);
    if (known && !reachable) port.without_address.push_back(name);
    for (const std::string& subnet : own) {
      if (!subnets.insert(subnet).second) port.one_subnet = true;
    }
  }
  port.half_in_sight =
      cage.known && in_sight == 1 && cage.interfaces.size() == 1 && cage.ends.size() < 2;
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
  // First those that a program can use: of a bond the bond, not what it is made of.
  std::stable_partition(port.interfaces.begin(), port.interfaces.end(),
                        [&interfaces](const std::string& one) {
                          const auto found = interfaces.find(one);
                          return found != interfaces.end() && !found->second.addresses.empty();
                        });
  for (const std::string& one : port.interfaces) {
    const auto found = interfaces.find(one);
    if (found == interfaces.end()) continue;
    const Interface& interface = found->second;
    port.addresses.insert(port.addresses.end(), interface.addresses.begin(),
                          interface.addresses.end());
    port.subnets.insert(port.subnets.end(), interface.subnets.begin(), interface.subnets.end());
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
  CheckTwins(cage, interfaces, port);
  port.admin_down = !carries && port.admin_down;
  if (port.state == Port::State::kDown && AllLeftDown(cage.interfaces, interfaces)) {
    port.admin_down = true;
    finding.Unknown(absl::StrCat("whether a cable is in ", name, " is"),
                    absl::StrCat("nobody has brought up ", Listed(cage.interfaces)));
  }
  return port;
}

}  // namespace

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

}  // namespace capacity::probe
