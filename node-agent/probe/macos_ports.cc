#include "node-agent/probe/macos_ports.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/macos_commands.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Port;
using agent::Report;
using host::Host;
using host::Output;

// The digits of a domain's hash: enough that two of a fleet's buses never meet by chance.
constexpr int kDomainDigits = 16;

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

bool IsReceptacles(const std::string& interface, const Network& network) {
  return std::any_of(network.ports.begin(), network.ports.end(), [&](const HardwarePort& hardware) {
    return hardware.device == interface && !ReceptacleOf(hardware).empty();
  });
}

// macOS makes one IP interface of all Thunderbolt cables: bridge0, "Thunderbolt Bridge", "Pont
// Thunderbolt", "雷雳网桥"; in a language that is not known here by what it joins.
bool IsThunderboltBridge(const HardwarePort& hardware, const Network& network) {
  if (!StartsWith(hardware.device, "bridge")) return false;
  if (std::any_of(kThunderboltWords.begin(), kThunderboltWords.end(),
                  [&hardware](std::string_view word) { return Contains(hardware.name, word); })) {
    return true;
  }
  const auto found = network.interfaces.find(hardware.device);
  if (hardware.device != "bridge0" || found == network.interfaces.end()) return false;
  const std::vector<std::string>& members = found->second.members;
  return !members.empty() &&
         std::all_of(members.begin(), members.end(), [&network](const std::string& interface) {
           return IsReceptacles(interface, network);
         });
}

// Where the ports have no names it is known by its number: macOS numbers the bridges that it makes
// for virtual machines and for sharing the internet from 100 on.
std::string ThunderboltBridge(const Network& network) {
  const auto bridge = std::find_if(
      network.ports.begin(), network.ports.end(),
      [&network](const HardwarePort& hardware) { return IsThunderboltBridge(hardware, network); });
  return bridge == network.ports.end() ? "bridge0" : bridge->device;
}

// Which bridges have the port in them.
void JoinBridges(const Network& network, Port& port) {
  const std::string thunderbolt_bridge = ThunderboltBridge(network);
  for (const auto& entry : network.interfaces) {
    const std::string& name = entry.first;
    const InterfaceState& state = entry.second;
    // One that is switched off joins nothing.
    if (!StartsWith(name, "bridge") || state.switched_on == false) continue;
    const bool joins = std::any_of(
        port.interfaces.begin(), port.interfaces.end(), [&state](const std::string& interface) {
          return std::find(state.members.begin(), state.members.end(), interface) !=
                 state.members.end();
        });
    if (!joins) continue;
    if (name == thunderbolt_bridge) {
      port.bridged = true;
    } else {
      port.other_bridge = name;
    }
  }
}

// Appends the addresses that ifconfig states of the port's interface.
void JoinInterfaceState(const Network& network, Port& port) {
  for (const std::string& interface : port.interfaces) {
    const auto found = network.interfaces.find(interface);
    if (found != network.interfaces.end()) {
      port.addresses = found->second.addresses;
    } else if (network.cut) {
      port.addresses_unknown = true;
    }
  }
}

// Of Macs in German the last.
bool IsWifi(const HardwarePort& hardware) {
  return hardware.name == "Wi-Fi" || hardware.name == "AirPort" || hardware.name == "WLAN";
}

// Macs with a chip of Apple's have one "Ethernet Adapter (en5)" for each of their USB-C sockets, an
// interface of macOS's own that no cable fits; in every language it ends with its interface. It is
// worth telling where something uses it.
bool IsInternal(const HardwarePort& hardware, const Port& port) {
  const std::string ending = absl::StrCat("(", hardware.device, ")");
  return hardware.name.size() > ending.size() &&
         hardware.name.substr(hardware.name.size() - ending.size()) == ending &&
         port.state != Port::State::kUp && port.addresses.empty();
}

Port NetworkPort(const HardwarePort& hardware, const Network& network) {
  Port port;
  port.kind = IsThunderboltBridge(hardware, network) ? Port::Kind::kThunderbolt
              : IsWifi(hardware)                     ? Port::Kind::kWifi
                                                     : Port::Kind::kEthernet;
  port.name = hardware.name;
  port.interfaces = {hardware.device};
  port.rdma_capable = false;
  JoinInterfaceState(network, port);
  const auto found = network.interfaces.find(hardware.device);
  if (found == network.interfaces.end()) return port;
  const InterfaceState& state = found->second;
  if (state.up) port.state = *state.up ? Port::State::kUp : Port::State::kDown;
  if (port.state == Port::State::kUp) port.negotiated_bits_per_second = state.bits_per_second;
  return port;
}

// What is whole of an output whose end is missing: its whole lines.
std::string_view WholeLines(const Output& output) {
  const std::string_view text = output.text;
  return output.truncated ? text.substr(0, text.rfind('\n') + 1) : text;
}

// The same of an output whose entries go on in indented lines: all but the last entry.
std::string_view WholeEntries(const Output& output) {
  const std::string_view text = output.text;
  std::size_t end = text.size();
  while (output.truncated && end > 0) {
    const std::size_t newline = end < 2 ? std::string_view::npos : text.rfind('\n', end - 2);
    end = newline == std::string_view::npos ? 0 : newline + 1;
    if (text[end] != ' ' && text[end] != '\t') break;
  }
  return text.substr(0, end);
}

Network ProbeNetwork(Host& host, Report& report) {
  Finding finding("network");
  Network network;
  std::string why;
  bool ports_cut = false;
  const auto ports = FirstUnderstood(
      host, kHardwarePorts,
      [&ports_cut](const Output& output) -> std::optional<std::vector<HardwarePort>> {
        auto parsed = ParseHardwarePorts(WholeLines(output));
        if (parsed.empty()) return std::nullopt;
        ports_cut = output.truncated;
        return parsed;
      },
      finding, why);
  if (ports) {
    network.ports = *ports;
    if (ports_cut)
      finding.Unknown("the rest of the network ports is", "the end of the list is missing");
  } else {
    finding.Unknown("which interface a port has is", why);
  }
  const auto interfaces = FirstUnderstood(
      host, kIfconfig,
      [&network](const Output& output) -> std::optional<std::map<std::string, InterfaceState>> {
        network.cut = output.truncated;
        auto parsed = ParseIfconfig(WholeEntries(output));
        if (parsed.empty()) return std::nullopt;
        return parsed;
      },
      finding, why);
  if (interfaces) {
    network.interfaces = *interfaces;
    if (network.cut) {
      finding.Unknown("addresses of the other interfaces are",
                      "the end of ifconfig's list is missing");
    }
  } else {
    finding.Unknown("addresses of the interfaces are", why);
  }
  for (const HardwarePort& hardware : network.ports) {
    if (!ReceptacleOf(hardware).empty()) continue;  // with the Thunderbolt buses
    Port port = NetworkPort(hardware, network);
    // Listed on every Mac; worth telling where programs can reach it.
    if (port.kind == Port::Kind::kThunderbolt && port.addresses.empty()) continue;
    if (IsInternal(hardware, port)) continue;
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
    JoinInterfaceState(network, port);
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
    port.peer_behind_device = bus.device && bus.receptacles.size() == 1;
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
  for (Port& port : ports) JoinBridges(network, port);
  std::stable_sort(ports.begin(), ports.end(), SortsBefore);
  report.ports.insert(report.ports.begin(), ports.begin(), ports.end());
  report.probes.push_back(finding.Finish());
  if (!thunderbolt || thunderbolt->cut) return std::nullopt;
  return thunderbolt->buses.size();
}

}  // namespace

void JoinNetwork(const Network& network, Port& port) {
  JoinInterfaceState(network, port);
  JoinBridges(network, port);
}

Ports ProbePorts(Host& host, const Options& options, Report& report) {
  Ports ports;
  ports.network = ProbeNetwork(host, report);
  ports.buses = ProbeThunderbolt(host, options, ports.network, report);
  return ports;
}

}  // namespace capacity::probe
