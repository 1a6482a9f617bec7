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
#include "node-agent/probe/linux_cages.h"
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

// ---------------------------------------------------------------- ports

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
  port.subnets = top.subnets;
  const auto lend = [&](const std::vector<std::string>& names) {
    for (const std::string& other : names) {
      if (other == name) continue;
      const Interface& lender = interfaces.at(other);
      port.addresses.insert(port.addresses.end(), lender.addresses.begin(), lender.addresses.end());
      port.subnets.insert(port.subnets.end(), lender.subnets.begin(), lender.subnets.end());
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

// Whether the PCI slots can be looked at and hold no card of Mellanox's.
bool NoSlotHoldsConnectx(Host& host) {
  constexpr std::string_view kMellanox = "0x15b3";  // PCI vendor (PCI ID repository)
  if (host.Read("/sys/bus/pci/drivers_autoprobe")) {
    const std::vector<std::string> devices = host.List("/sys/bus/pci/devices");
    return std::none_of(devices.begin(), devices.end(), [&](const std::string& device) {
      return ReadLine(host, absl::StrCat("/sys/bus/pci/devices/", device, "/vendor")) == kMellanox;
    });
  }
  for (const host::Output& output : host.Run({{"lspci", "-nn"}})) {
    // A list of network cards too, and not of NVIDIA's GPU alone.
    if (!Contains(output.text, "Ethernet controller")) continue;
    return !Contains(output.text, "15b3:") && !Contains(output.text, "Mellanox");
  }
  return false;
}

// Why a GB10's ConnectX-7 is not there; "" where it is, or nothing tells. DGX OS 7.5 cuts the power
// of a card without a cable (NVIDIA/NV-Kernels pull request 271: a driver for the ACPI device
// MTKP0001, whose debug_state is 0 while no cable is in it).
std::string WhyConnectxIsOff(Host& host, const Report& report) {
  const bool in_sight = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return port.kind == Port::Kind::kConnectx;
  });
  if (in_sight) return "";
  const std::string at = "/sys/bus/platform/devices/MTKP0001:00/pcie_hotplug/";
  if (ReadLine(host, at + "debug_state") == "0") {
    return "the ConnectX-7 is switched off: DGX OS cuts its power while no cable is in it";
  }
  if (!NoSlotHoldsConnectx(host)) return "";
  return ReadLine(host, at + "hotplug_enabled") == "0"
             ? "no PCI slot holds the ConnectX-7"
             : "no PCI slot holds the ConnectX-7: DGX OS cuts its power while no cable is in it";
}

Rdma WithoutDevices(Host& host, const Interfaces& interfaces, const Report& report,
                    const RdmaList& list, Finding& finding) {
  const bool gb10 = report.machine.kind == Machine::Kind::kGb10;
  const std::string off = gb10 ? WhyConnectxIsOff(host, report) : "";
  if (!off.empty()) return {Rdma::State::kDisabled, off, Rdma::Cause::kCardOff};
  if (!list.asked) {
    const std::string why = "neither /sys/class/infiniband nor ibdev2netdev is there";
    finding.Unknown("whether there is RDMA is", why);
    return {Rdma::State::kUnknown, why};
  }
  std::string none = list.software.empty()
                         ? std::string("no RDMA device is listed")
                         : absl::StrCat("no RDMA device is listed but ", Listed(list.software),
                                        ", which the processor does in software");
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

// RDMA devices that /sys lists and no program can have are none.
void CheckThatProgramsHave(Host& host, Report& report) {
  Rdma& rdma = report.rdma;
  if (report.container.empty()) {
    if (!LibraryFindsNone(host)) return;
    rdma = {Rdma::State::kDisabled, absl::StrCat("ibv_devices lists none of ", rdma.reason),
            Rdma::Cause::kNoLibrary};
  } else if (ContainerIsGivenNone(host)) {
    rdma = {Rdma::State::kDisabled,
            absl::StrCat("this ", report.container, " container is not given the machine's ",
                         rdma.reason),
            Rdma::Cause::kNotHandedOver};
  }
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
  if (devices > 0) CheckThatProgramsHave(host, report);
  report.probes.push_back(finding.Finish());
}

}  // namespace capacity::probe
