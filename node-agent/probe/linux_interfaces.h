// The network interfaces of a Linux machine, and which of them stand over which.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/host/host.h"
#include "node-agent/probe/finding.h"

namespace capacity::probe {

// The driver of ConnectX-4 and later.
inline constexpr std::string_view kConnectxDriver = "mlx5_core";
inline constexpr std::size_t kLongestInterface = 32;  // the kernel allows 15

struct Interface {
  std::optional<bool> up;          // it carries traffic
  std::optional<bool> brought_up;  // somebody asked for it (`ip link set IF up`), carrier or not
  std::optional<double> bits_per_second;
  // A socket, or what stands for one where no hardware is in sight, as in a container.
  bool physical = false;
  // A function of another interface's card (SR-IOV, a sub-function), or the switch's end of one.
  bool function = false;
  bool wifi = false;
  bool infiniband = false;
  bool thunderbolt = false;  // network over Thunderbolt or USB4
  std::string driver;        // the kernel's name of it: "mlx5_core"; empty: not said
  std::string pci_slot;      // "0002:01:00.1"; empty: not said
  std::string pci_id;        // "15B3:1021"; empty: not said
  std::string card_port;     // what the card calls its port: "p0", "pf0vf3"; empty: not said
  std::vector<std::string> addresses;
  std::vector<std::string> subnets;  // of those of IPv4: "192.168.177.0/24"
  bool addresses_listed = false;     // so that it has no others is known
  std::string master;                // what it is joined to
  std::string lower;                 // what a VLAN, or a function of a card, runs over
  std::string active_member;         // of a bond that uses one at a time
};

using Interfaces = std::map<std::string, Interface>;

Interfaces ReadInterfaces(host::Host& host, Finding& finding);

// The interface that leads to everywhere else, by IPv4 or, where that has none, by IPv6; "" when
// there is none.
std::string DefaultRoute(host::Host& host);

// Which interfaces stand over which: joined to a bond or a bridge, or a VLAN over one.
class Stacks {
 public:
  explicit Stacks(const Interfaces& interfaces);

  // The hardware that the traffic of `name` goes over, itself included; empty: none, so it leads
  // nowhere.
  std::set<std::string> Hardware(const std::string& name) const;

  // The topmost interface that `name` is joined to; itself when it is joined to none.
  std::string Top(const std::string& name) const;

  // What one connection gets: of several joined interfaces that of the slowest that is up, or of
  // the only one in use. The kernel's figure for a bond is the sum over its members.
  std::optional<double> Rate(const std::string& name) const;

  bool HasMembers(const std::string& name) const { return members_.count(name) > 0; }

 private:
  void Collect(const std::string& name, int depth, std::set<std::string>& found) const;
  std::optional<double> Rate(const std::string& name, int depth) const;

  const Interfaces& interfaces_;
  std::map<std::string, std::vector<std::string>> members_;  // by what they are joined to
};

}  // namespace capacity::probe
