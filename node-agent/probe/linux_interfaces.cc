#include "node-agent/probe/linux_interfaces.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using host::Command;
using host::Host;
using host::Output;

// Interfaces over interfaces: a VLAN over a bridge over a bond over a card.
constexpr int kDeepestStack = 6;
// /sys/class/net/*/type: ARPHRD_ETHER and ARPHRD_INFINIBAND of linux/if_arp.h.
constexpr std::string_view kEthernetType = "1";
constexpr std::string_view kInfinibandType = "32";

// Drivers of what has a device and is no way to another node: the end of a USB cable at which this
// machine is the device (every Jetson has one), and mobile networks.
constexpr std::array<std::string_view, 4> kNoSockets = {"gether", "g_ether", "cdc_mbim",
                                                        "qmi_wwan"};
// Drivers of cards that a hypervisor makes up, with any figure for their rate: Hyper-V, VMware,
// virtio, Xen.
constexpr std::array<std::string_view, 4> kMadeUpCards = {"hv_netvsc", "vmxnet3", "virtio_net",
                                                          "vif"};

const Command kIp = {{"ip", "-j", "address"}};

// What is found out of an interface on the way to what it is.
struct Evidence {
  bool in_sysfs = false;
  bool device = false;      // the kernel names a device behind it
  bool virtual_ = false;    // the kernel made it
  bool elsewhere = false;   // its other end is in another network namespace
  std::string type;         // "vlan", "bridge", "bond", "wlan"; empty: not said
  bool no_network = false;  // neither Ethernet nor InfiniBand: a CAN bus, a tunnel
  std::string card;         // of a virtual function: the interface of the card's own port
  bool virtual_function = false;
};

using AllEvidence = std::map<std::string, Evidence>;

bool NamedLikeHardware(std::string_view name) {
  return StartsWith(name, "en") || StartsWith(name, "eth") || StartsWith(name, "wl") ||
         StartsWith(name, "ib") || StartsWith(name, "thunderbolt");
}

// The console of a BlueField card to its host.
constexpr const char* kBlueFieldConsole = "tmfifo_net";

// Bridges, tunnels and container ends: no way to another node of a cluster. Needed where nothing
// but names is known.
bool NamedLikeVirtual(std::string_view name) {
  static constexpr std::array kPrefixes = {"lo",        "docker",  "br-",
                                           "virbr",     "veth",    "cni",
                                           "ifb",       "dummy",   "tun",
                                           "tap",       "wg",      "sit",
                                           "gre",       "lxc",     "podman",
                                           "flannel",   "lxdbr",   "incusbr",
                                           "tailscale", "zt",      "vboxnet",
                                           "vmnet",     "vxlan",   "cilium",
                                           "cali",      "kube-",   "nodelocal",
                                           "vnet",      "fwbr",    "fwpr",
                                           "fwln",      "geneve",  "ip6tnl",
                                           "ip6gre",    "erspan",  "vti",
                                           "nebula",    "nerdctl", kBlueFieldConsole};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [name](std::string_view prefix) { return StartsWith(name, prefix); });
}

bool IsOneOf(std::string_view text, const auto& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "pf0vf3", "c1pf0sf0", "pf0hpf", "enp1s0f0npf0vf3": the embedded switch's end of a function
// (Linux, Documentation/networking/devlink: port flavours pcipf, pcivf, pcisf).
bool IsSwitchEnd(std::string_view name) {
  const std::size_t at = name.rfind("pf", name.size() > 3 && name.substr(name.size() - 3) == "hpf"
                                              ? name.size() - 3
                                              : std::string_view::npos);
  if (at == std::string_view::npos) return false;
  std::string_view rest = name.substr(at + 2);
  const std::size_t digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return false;
  rest = rest.substr(digits);
  if (rest == "hpf") return true;
  for (const std::string_view kind : {"vfr", "vf", "sf"}) {
    if (StartsWith(rest, kind) && AllDigits(rest.substr(kind.size()))) return true;
  }
  return false;
}

// ---------------------------------------------------------------- one interface

void AddMissing(const std::vector<std::string>& from, std::vector<std::string>& to) {
  for (const std::string& one : from) {
    if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
  }
}

void ReadListed(const NetInterface& listed, Interface& interface, Evidence& evidence) {
  if (!interface.up) interface.up = listed.up;
  if (!interface.brought_up) interface.brought_up = listed.brought_up;
  AddMissing(listed.addresses, interface.addresses);
  AddMissing(listed.subnets, interface.subnets);
  interface.addresses_listed = interface.addresses_listed || listed.addresses_listed;
  if (interface.master.empty()) interface.master = listed.master;
  if (interface.lower.empty()) interface.lower = listed.lower;
  evidence.elsewhere = evidence.elsewhere || listed.elsewhere;
}

void ReadDevice(Host& host, const std::string& at, Interface& interface, Evidence& evidence) {
  const std::optional<std::string> device = host.Read(at + "/device/uevent");
  if (!device) return;
  evidence.device = true;
  const Fields fields = ParseFields(*device, '=');
  interface.driver = Clean(Field(fields, "DRIVER"), 32);
  interface.pci_slot = Clean(Field(fields, "PCI_SLOT_NAME"), 32);
  interface.pci_id = Clean(Field(fields, "PCI_ID"), 16);
  interface.thunderbolt = StartsWith(interface.driver, "thunderbolt");
  if (!host.Read(at + "/device/physfn/vendor")) return;
  evidence.virtual_function = true;
  const std::vector<std::string> card = host.List(at + "/device/physfn/net");
  if (!card.empty()) evidence.card = Clean(card[0], kLongestInterface);
}

void ReadSysfs(Host& host, const std::string& name, Finding& finding, Interfaces& interfaces,
               AllEvidence& evidence) {
  Interface& interface = interfaces[name];
  Evidence& seen = evidence[name];
  const std::string at = absl::StrCat("/sys/class/net/", name);
  const std::string state = ReadLine(host, at + "/operstate");
  if (!state.empty()) {
    finding.Found();
    seen.in_sysfs = true;
  }
  if (state == "up") interface.up = true;
  if (state == "down" || state == "lowerlayerdown") interface.up = false;
  // An error while the interface is not brought up.
  const std::string carrier = ReadLine(host, at + "/carrier");
  if (!interface.brought_up && (carrier == "0" || carrier == "1")) interface.brought_up = true;
  // Some drivers keep no state.
  if (state == "unknown" && !interface.up && carrier == "1") interface.up = true;
  // -1 or an error where the driver does not say; in Mb/s.
  const auto megabits = ParseWhole(ReadLine(host, at + "/speed"));
  if (megabits && *megabits > 0 && *megabits < 10'000'000) {
    interface.bits_per_second = static_cast<double>(*megabits) * 1e6;
  }
  ReadDevice(host, at, interface, seen);
  interface.card_port = ReadLine(host, at + "/phys_port_name").substr(0, kLongestInterface);
  seen.type = Field(ParseFields(host.Read(at + "/uevent").value_or(""), '='), "DEVTYPE");
  if (seen.type == "wlan") interface.wifi = true;
  const std::string type = ReadLine(host, at + "/type");
  if (type == kInfinibandType) interface.infiniband = true;
  seen.no_network = !type.empty() && type != kEthernetType && type != kInfinibandType;
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

// ---------------------------------------------------------------- what each is

// The card's own port of a function whose card is not named: the only one that the same driver
// runs; of BlueField's "enp3s0f0s0" port "p0". "": several, or none is in sight.
std::string CardOf(const std::string& name, const Interfaces& interfaces,
                   const AllEvidence& evidence) {
  const Interface& function = interfaces.at(name);
  const std::string_view driver =
      std::string_view(function.driver).substr(0, function.driver.find(".sf"));
  const std::size_t digit = name.rfind('f');
  const std::string named =
      digit == std::string::npos ? "" : absl::StrCat("p", name.substr(digit + 1, 1));
  std::vector<std::string> ports;
  for (const auto& [other, interface] : interfaces) {
    const auto seen = evidence.find(other);
    if (interface.function || interface.driver != driver) continue;
    if (seen == evidence.end() || !seen->second.device) continue;
    if (other == named) return other;
    ports.push_back(other);
  }
  return ports.size() == 1 ? ports[0] : "";
}

// Marks what is a function of another's card.
void FindFunctions(Interfaces& interfaces, const AllEvidence& evidence) {
  for (auto& [name, interface] : interfaces) {
    const auto seen = evidence.find(name);
    const bool is_function = seen != evidence.end() && seen->second.virtual_function;
    const bool is_sub_function = interface.driver.find(".sf") != std::string::npos;
    const bool is_switch_end = IsSwitchEnd(name) || IsSwitchEnd(interface.card_port);
    interface.function = is_function || is_sub_function || is_switch_end;
  }
  for (auto& [name, interface] : interfaces) {
    if (!interface.function) continue;
    if (IsSwitchEnd(name) || IsSwitchEnd(interface.card_port)) continue;
    const auto seen = evidence.find(name);
    const std::string card = seen == evidence.end() ? "" : seen->second.card;
    const bool named = interfaces.count(card) > 0;
    interface.lower = named ? card : CardOf(name, interfaces, evidence);
    const std::string& driver = interface.driver;
    const bool same_driver =
        std::any_of(interfaces.begin(), interfaces.end(), [&driver](const auto& other) {
          return !other.second.function && !other.second.driver.empty() &&
                 StartsWith(driver, other.second.driver);
        });
    // A container may have been given a function, and not see its card.
    if (!named && !same_driver) interface.function = false;
  }
}

// Where nothing says what a VLAN runs over, its name may: "enp5s0.100".
void FindLowers(Interfaces& interfaces, const AllEvidence& evidence) {
  for (auto& [name, interface] : interfaces) {
    const auto seen = evidence.find(name);
    const bool device = seen != evidence.end() && seen->second.device;
    const bool port_of_a_switch_chip = device && !interface.function;
    if (port_of_a_switch_chip || interfaces.count(interface.lower) == 0) interface.lower.clear();
    const std::size_t dot = name.rfind('.');
    if (device || !interface.lower.empty() || dot == std::string::npos) continue;
    const std::string over = name.substr(0, dot);
    if (AllDigits(name.substr(dot + 1)) || StartsWith(name, "ib")) {
      if (interfaces.count(over) > 0) interface.lower = over;
    }
  }
}

class Sorter {
 public:
  Sorter(const Interfaces& interfaces, const AllEvidence& evidence)
      : evidence_(evidence), stacks_(interfaces) {
    for (const auto& [name, seen] : evidence) hardware_in_sight_ |= seen.device;
    for (const auto& [name, interface] : interfaces) {
      // Its ports take their addresses to interfaces of the kernel's, and nothing tells which.
      switch_in_software_ |= StartsWith(interface.master, "ovs-");
    }
  }

  bool IsPhysical(const std::string& name, const Interface& interface) const {
    const auto found = evidence_.find(name);
    const Evidence seen = found == evidence_.end() ? Evidence{} : found->second;
    if (interface.function) return false;
    if (seen.no_network || seen.type == "wwan" || IsOneOf(interface.driver, kNoSockets)) {
      return false;
    }
    // Whatever somebody called it ("lom1", "green0").
    if (seen.device) return !StartsWith(name, kBlueFieldConsole);
    if (stacks_.HasMembers(name) || !interface.lower.empty()) return false;
    const bool reachable = !interface.addresses.empty();
    const bool made = seen.virtual_ || seen.elsewhere || (!seen.type.empty() && !interface.wifi);
    if (!made && NamedLikeHardware(name)) return true;
    if (!reachable || seen.type == "bridge" || seen.type == "vxlan" || seen.type == "wireguard") {
      return false;
    }
    // In a container a veth may be the only way out.
    if (NamedLikeVirtual(name)) return StartsWith(name, "veth") && !hardware_in_sight_;
    return !hardware_in_sight_ || switch_in_software_ || StartsWith(name, "bond");
  }

  // A figure of something that negotiates: virtual cables claim 10 Gb/s.
  bool HasARate(const std::string& name, const Interface& interface) const {
    const auto found = evidence_.find(name);
    if (found == evidence_.end()) return interface.physical;
    const Evidence& seen = found->second;
    if (seen.device) return !IsOneOf(interface.driver, kMadeUpCards);
    const bool made = seen.virtual_ || seen.elsewhere || !seen.type.empty();
    return interface.physical && NamedLikeHardware(name) && (!made || interface.wifi) &&
           !(seen.in_sysfs && StartsWith(name, "eth"));
  }

 private:
  const AllEvidence& evidence_;
  const Stacks stacks_;
  bool hardware_in_sight_ = false;
  bool switch_in_software_ = false;
};

// Speeds that /sys does not tell.
void AddEthtool(Host& host, const Sorter& sorter, Interfaces& interfaces) {
  std::vector<Command> commands;
  for (const auto& [name, interface] : interfaces) {
    if (interface.physical && !interface.wifi && interface.up.value_or(false) &&
        !interface.bits_per_second && sorter.HasARate(name, interface)) {
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
      const bool listed = interfaces.count(settings.interface) > 0;
      Interface& interface = interfaces[settings.interface];
      const bool may_tell = interface.physical && sorter.HasARate(settings.interface, interface);
      if (listed && !may_tell) continue;
      interface.physical = true;
      if (!interface.bits_per_second) interface.bits_per_second = settings.bits_per_second;
      if (!interface.up) interface.up = true;
    }
  }
}

void DropRates(const Sorter& sorter, Finding& finding, Interfaces& interfaces) {
  for (auto& [name, interface] : interfaces) {
    if (!interface.bits_per_second || sorter.HasARate(name, interface)) continue;
    interface.bits_per_second.reset();
    if (!interface.physical || StartsWith(name, "bond")) continue;
    finding.Unknown(absl::StrCat("the rate of ", name, " is"),
                    "no network card is behind it, so the one that it states was never negotiated");
  }
}

struct Route {
  std::string interface;
  std::uint64_t metric = 0;
};

void Prefer(Route route, std::optional<Route>& best) {
  if (!best || route.metric < best->metric) best = std::move(route);
}

std::uint64_t ParseHex(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text.substr(0, 16)) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return UINT64_MAX;
    value = value * 16 + digit;
  }
  return value;
}

// /proc/net/route: interface, destination, gateway, flags, references, use, metric, mask.
std::optional<Route> DefaultIpv4(Host& host) {
  std::optional<Route> best;
  const std::string routes = host.Read("/proc/net/route").value_or("");
  for (const std::string_view line : Lines(routes)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 8 || words[1] != "00000000" || words[7] != "00000000") continue;
    Prefer({Clean(words[0], kLongestInterface), ParseWhole(words[6]).value_or(0)}, best);
  }
  return best;
}

// /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric, references,
// use, flags, interface; numbers in hexadecimal.
std::optional<Route> DefaultIpv6(Host& host) {
  constexpr std::uint64_t kRouteIsUp = 1;         // RTF_UP of linux/route.h
  constexpr std::uint64_t kRouteRejects = 0x200;  // RTF_REJECT
  std::optional<Route> best;
  const std::string routes = host.Read("/proc/net/ipv6_route").value_or("");
  for (const std::string_view line : Lines(routes)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 10 || words[1] != "00" || words[9] == "lo") continue;
    if (words[0].find_first_not_of('0') != std::string_view::npos) continue;
    const std::uint64_t flags = ParseHex(words[8]);
    if ((flags & kRouteIsUp) == 0 || (flags & kRouteRejects) != 0) continue;
    Prefer({Clean(words[9], kLongestInterface), ParseHex(words[5])}, best);
  }
  return best;
}

// All outputs of `ip` together: a capture made by hand may hold its links and its addresses apart.
void ReadIp(Host& host, Finding& finding, Interfaces& interfaces, AllEvidence& evidence) {
  const std::vector<Output> outputs = host.Run(kIp);
  bool understood = false;
  bool addresses = false;
  bool cut = false;
  for (const Output& output : outputs) {
    if (output.how != Output::How::kRan) continue;
    const auto listed = ParseIp(output.text);
    if (!listed) continue;
    understood = true;
    cut = cut || output.truncated || IsCutJson(output.text);
    for (const auto& [name, state] : *listed) {
      ReadListed(state, interfaces[name], evidence[name]);
      addresses = addresses || state.addresses_listed;
    }
  }
  if (!understood) {
    finding.Unknown("addresses of the interfaces are", WhyNotUnderstood(outputs, kIp, finding));
    return;
  }
  finding.Found();
  if (cut) {
    finding.Unknown("interfaces and addresses that ip lists last are",
                    "what it printed is cut off");
  } else if (!addresses) {
    finding.Unknown("addresses of the interfaces are", "what ip printed lists none");
  }
}

}  // namespace

Interfaces ReadInterfaces(Host& host, Finding& finding) {
  Interfaces interfaces;
  AllEvidence evidence;
  ReadIp(host, finding, interfaces, evidence);
  for (const std::string& name : host.List("/sys/class/net")) {
    ReadSysfs(host, name, finding, interfaces, evidence);
  }
  for (const std::string& name : host.List("/sys/devices/virtual/net")) {
    evidence[name].virtual_ = true;
  }
  FindFunctions(interfaces, evidence);
  FindLowers(interfaces, evidence);
  const Sorter sorter(interfaces, evidence);
  for (auto& [name, interface] : interfaces) {
    interface.wifi = interface.wifi || StartsWith(name, "wl");
    interface.infiniband = interface.infiniband || StartsWith(name, "ib");
    interface.thunderbolt = interface.thunderbolt || StartsWith(name, "thunderbolt");
    interface.physical = sorter.IsPhysical(name, interface);
  }
  DropRates(sorter, finding, interfaces);
  AddEthtool(host, sorter, interfaces);
  return interfaces;
}

std::string DefaultRoute(Host& host) {
  if (const auto route = DefaultIpv4(host)) return route->interface;
  if (const auto route = DefaultIpv6(host)) return route->interface;
  return "";
}

Stacks::Stacks(const Interfaces& interfaces) : interfaces_(interfaces) {
  for (const auto& [name, interface] : interfaces) {
    if (interface.master.empty() || interfaces.count(interface.master) == 0) continue;
    // Open vSwitch's datapath has neither addresses nor a rate; its members have one.
    if (StartsWith(interface.master, "ovs-")) continue;
    members_[interface.master].push_back(name);
  }
}

std::set<std::string> Stacks::Hardware(const std::string& name) const {
  std::set<std::string> found;
  Collect(name, kDeepestStack, found);
  return found;
}

void Stacks::Collect(const std::string& name, int depth, std::set<std::string>& found) const {
  const auto at = interfaces_.find(name);
  if (at == interfaces_.end() || depth == 0) return;
  if (at->second.physical) {
    found.insert(name);
  } else if (!at->second.lower.empty() && !NamedLikeVirtual(name)) {
    Collect(at->second.lower, depth - 1, found);
  }
  const auto members = members_.find(name);
  if (members == members_.end()) return;
  for (const std::string& member : members->second) Collect(member, depth - 1, found);
}

std::string Stacks::Top(const std::string& name) const {
  std::string top = name;
  for (int depth = 0; depth < kDeepestStack; ++depth) {
    const auto at = interfaces_.find(top);
    if (at == interfaces_.end() || at->second.master.empty()) break;
    const auto siblings = members_.find(at->second.master);
    if (siblings == members_.end()) break;
    top = at->second.master;
  }
  return top;
}

std::optional<double> Stacks::Rate(const std::string& name) const {
  return Rate(name, kDeepestStack);
}

std::optional<double> Stacks::Rate(const std::string& name, int depth) const {
  const auto found = interfaces_.find(name);
  if (found == interfaces_.end() || depth == 0) return std::nullopt;
  const Interface& interface = found->second;
  if (!interface.active_member.empty()) return Rate(interface.active_member, depth - 1);
  const auto members = members_.find(name);
  if (members == members_.end()) {
    return interface.up.value_or(false) ? interface.bits_per_second : std::nullopt;
  }
  std::optional<double> slowest;
  for (const std::string& member : members->second) {
    const std::optional<double> rate = Rate(member, depth - 1);
    if (rate) slowest = slowest ? std::min(*slowest, *rate) : rate;
  }
  return slowest;
}

}  // namespace capacity::probe
