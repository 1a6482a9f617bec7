#include "node-agent/doctor/mac.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/apple_models.h"

namespace capacity::doctor {
namespace {

using agent::Port;
using agent::Rdma;
using agent::Report;

// What a Thunderbolt 5 cable negotiates between two Macs.
constexpr double kThunderbolt5BitsPerSecond = 80e9;

constexpr const char* kEnableInRecovery =
    "Shut the Mac down. Start it into macOS Recovery: hold the power button until \"Loading "
    "startup options\" appears, then Options > Continue. Choose Utilities > Terminal, run "
    "`rdma_ctl enable`, restart. Afterwards `ibv_devices` lists one rdma_enX a port.";

constexpr const char* kBridgeOff =
    "Make the Thunderbolt Bridge inactive: System Settings > Network > Thunderbolt Bridge > Make "
    "Service Inactive";

void CheckState(const Report& report, Notes& notes) {
  const Rdma& rdma = report.rdma;
  switch (rdma.state) {
    case Rdma::State::kEnabled:
      notes.Good(absl::StrCat("RDMA over Thunderbolt is enabled: ", rdma.reason, "."));
      return;
    case Rdma::State::kDisabled:
      notes.Problem(absl::StrCat("RDMA over Thunderbolt is disabled: ", rdma.reason, "."),
                    rdma.cause == Rdma::Cause::kNotRestarted
                        ? absl::StrCat("Restart the Mac. Only if `ibv_devices` lists no device "
                                       "then: ",
                                       kEnableInRecovery)
                        : kEnableInRecovery);
      return;
    case Rdma::State::kUnsupported:
      if (rdma.cause == Rdma::Cause::kOldSystem) {
        notes.Problem(absl::StrCat("RDMA is not supported: ", rdma.reason, "."),
                      "Update macOS to 26.2 or later; then enable RDMA in Recovery with "
                      "`rdma_ctl enable`.");
      } else {
        notes.Note(absl::StrCat("RDMA is not supported: ", rdma.reason,
                                ". This Mac can take part in a cluster over TCP only."));
      }
      return;
    case Rdma::State::kUnknown:
      break;
  }
  const std::string& version = report.os.version;
  notes.Problem(absl::StrCat("Whether RDMA is enabled is not known: ", rdma.reason, "."),
                absl::StrCat("Run `rdma_ctl status` and `ibv_devices` in a terminal. ",
                             version.empty() ? "Without these tools macOS is older than 26.2."
                                             : absl::StrCat("macOS ", version, " has both.")));
}

// ---------------------------------------------------------------- sockets

bool SameSocket(const Port& a, const Port& b) { return a.domain == b.domain && a.name == b.name; }

// The port was made for an RDMA device that belongs to no known socket.
bool IsUnplaced(const Port& port) {
  return !port.rdma_device.empty() && port.domain.empty() && port.interfaces.size() == 1 &&
         port.interfaces.front() == port.name;
}

// Which is then one of the listed sockets'.
bool SocketsAreListed(const Report& report) {
  return WhyPortsAreNotKnown(report).empty() &&
         std::any_of(report.ports.begin(), report.ports.end(),
                     [](const Port& port) { return IsThunderbolt(port) && !IsUnplaced(port); });
}

// ---------------------------------------------------------------- the other end of a cable

// Null where the computer there is none of the patients.
struct FarEnd {
  const Patient* mac = nullptr;
  const Port* port = nullptr;
};

FarEnd FarEndOf(const Port& port, const std::vector<const Patient*>& patients) {
  if (port.peer_domain.empty()) return {};
  for (const Patient* patient : patients) {
    for (const Port& other : patient->report.ports) {
      if (other.domain == port.peer_domain) return {patient, &other};
    }
  }
  return {};
}

std::string Who(const Port& port, const FarEnd& far) {
  return far.mac == nullptr ? PeerOf(port) : far.mac->name;
}

// Why the computer at the other end never can, whatever is enabled there; "" where it may.
std::string WhyPeerCannot(const Port& port, const FarEnd& far) {
  if (far.mac != nullptr) return NeverHasRdma(far.mac->report) ? far.mac->report.rdma.reason : "";
  if (port.peer_is_mac == false) return "it is no Mac, and RDMA over Thunderbolt is between Macs";
  if (!agent::HasThunderbolt4AtMost(port.peer_model)) return "";
  return "it has no Thunderbolt 5, which RDMA needs";
}

// What has to be done there before this end can work, which is told there; "" for nothing.
std::string WhatFarEndLacks(const FarEnd& far) {
  if (far.mac == nullptr) return "";
  const Rdma& rdma = far.mac->report.rdma;
  if (rdma.state == Rdma::State::kDisabled) return "RDMA is disabled there";
  if (rdma.state == Rdma::State::kUnsupported) return "its macOS is too old";
  if (far.port->rdma_capable == false) return "that end is in the port beside Ethernet";
  return "";
}

// What this end sees of the other, where that does not say it of itself.
bool DoesNotOffer(const Port& port, const FarEnd& far) {
  const bool silent = far.mac == nullptr || far.mac->report.rdma.state == Rdma::State::kUnknown;
  return silent && port.peer_offers_rdma == false;
}

// ---------------------------------------------------------------- addresses

// Ports have addresses only where ifconfig was read.
bool AddressesAreKnown(const Report& report) {
  return std::any_of(report.ports.begin(), report.ports.end(),
                     [](const Port& port) { return !port.addresses.empty(); });
}

constexpr const char* kFails = "MLX's RDMA (JACCL) then fails with errno 22";

// Of ports that a bridge of macOS has taken and that have no addresses beside it.
void TellBridged(const std::set<std::string>& ports, const std::string& bridge,
                 const std::string& remedy, Notes& notes) {
  if (ports.empty()) return;
  const bool one = ports.size() == 1;
  notes.Problem(
      absl::StrCat(
          absl::StrJoin(ports, ", "), one ? " is a part of " : " are parts of ", bridge,
          one ? " and has no address of its own: " : " and have no addresses of their own: ",
          kFails, "."),
      remedy);
}

// macOS numbers from 100 on the bridges that it makes itself.
std::string HowToLeave(const std::string& bridge) {
  if (bridge.size() < std::string_view("bridge100").size()) {
    return absl::StrCat(
        "Take the port out of it: System Settings > Network > ... > Manage Virtual "
        "Interfaces > ",
        bridge, ".");
  }
  return "macOS makes such a bridge to share the internet and for virtual machines: take the port "
         "out of Internet Sharing (System Settings > General > Sharing), or off the virtual "
         "machine's network.";
}

// An RDMA port announces an address that MLX's JACCL takes only while its interface has one of
// IPv4; else opening a connection fails (mlx pull request 4191, issue 3207; 2026). In a bridge it
// may have one all the same, and then works.
void CheckAddresses(const Report& report, Notes& notes) {
  std::set<std::string> bridged;
  std::map<std::string, std::set<std::string>> elsewhere;  // by bridge
  std::set<std::string> bare;
  const bool known = AddressesAreKnown(report);
  for (const Port& port : report.ports) {
    if (!IsThunderbolt(port) || port.rdma_active != true || port.interfaces.empty()) continue;
    if (HasIpv4(report, port)) continue;
    if (port.bridged) {
      bridged.insert(Described(port));
    } else if (!port.other_bridge.empty()) {
      elsewhere[port.other_bridge].insert(Described(port));
    } else if (known && !port.addresses_unknown) {
      bare.insert(Described(port));
    }
  }
  TellBridged(bridged, "the Thunderbolt Bridge", absl::StrCat(kBridgeOff, "."), notes);
  for (const auto& [bridge, ports] : elsewhere) {
    TellBridged(ports, bridge, HowToLeave(bridge), notes);
  }
  if (!bare.empty()) {
    notes.Note(absl::StrCat(
        absl::StrJoin(bare, ", "), bare.size() == 1 ? " has" : " have",
        " no IPv4 address: ", kFails,
        ". Where macOS has not assigned one a minute after the cable was plugged in, let "
        "the port's network service configure IPv4 by DHCP."));
  }
}

// ---------------------------------------------------------------- a cable

// What the cable negotiated, the slower of what its ends say, since there may be a hub between
// them; 0 where neither says it.
double SpeedOf(const Port& port, const FarEnd& far) {
  const double here = port.negotiated_bits_per_second.value_or(0);
  const double there = far.port == nullptr ? 0 : far.port->negotiated_bits_per_second.value_or(0);
  return here > 0 && there > 0 ? std::min(here, there) : std::max(here, there);
}

// "" or what the cable leads over, as either end tells.
std::string Over(const Port& port, const FarEnd& far) {
  const bool device =
      port.peer_behind_device || (far.port != nullptr && far.port->peer_behind_device);
  return device ? " over a dock or hub" : "";
}

bool IsSlow(const Port& port, const FarEnd& far) {
  const double speed = SpeedOf(port, far);
  return speed > 0 && speed < kThunderbolt5BitsPerSecond;
}

// `consequence` may be empty. Not said again at the other end.
void TellSlow(const Port& port, const FarEnd& far, const std::string& consequence, Cables& cables,
              Notes& notes) {
  const bool told = !port.domain.empty() && !port.peer_domain.empty() &&
                    !cables.slow.insert(std::minmax(port.domain, port.peer_domain)).second;
  const std::string who = Who(port, far);
  const std::string speed = Gigabits(SpeedOf(port, far));
  if (!told) {
    notes.Problem(
        absl::StrCat("The cable to ", who, " in ", Described(port), Over(port, far), " runs at ",
                     speed, ", less than Thunderbolt 5 does", consequence, "."),
        "Use a cable that is marked Thunderbolt 5, directly between the two Macs.");
  } else if (!consequence.empty()) {
    notes.Note(absl::StrCat(Described(port), " is cabled to ", who,
                            " and waits for a faster cable: it runs at ", speed, "."));
  }
}

// An RDMA device that may never become active: on a Mac Studio of 2026 that of the interface which
// is beside Ethernet on those of 2025.
bool IsDoubtful(const Port& port) { return !port.rdma_capable && !port.rdma_device.empty(); }

std::string HowToRaise(const Port& port, const FarEnd& far) {
  std::string steps;
  if (IsDoubtful(port)) {
    absl::StrAppend(&steps,
                    "Move this end of the cable to another Thunderbolt port: on earlier Mac "
                    "Studios this is the one beside Ethernet, which cannot do RDMA. ");
  }
  if (port.bridged) absl::StrAppend(&steps, kBridgeOff, ". ");
  const bool enabled_there =
      far.mac != nullptr && far.mac->report.rdma.state == Rdma::State::kEnabled;
  if (!enabled_there && port.peer_offers_rdma != true) {
    absl::StrAppend(&steps, "Check that RDMA is enabled at the other end (`rdma_ctl status`). ");
  }
  if (!Over(port, far).empty()) {
    absl::StrAppend(&steps,
                    "Join the two Macs directly, with a cable that is marked Thunderbolt 5. ");
  }
  return absl::StrCat(steps,
                      "Unplug the cable and plug it in again; a restart of both Macs clears "
                      "leftovers of crashed programs.");
}

// A cable over which RDMA does not run, and may.
void CheckWaiting(const Report& report, const Port& port, const FarEnd& far, Cables& cables,
                  Notes& notes) {
  const std::string cabled =
      absl::StrCat(Described(port), " is cabled to ", Who(port, far), Over(port, far));
  const bool slow = IsSlow(port, far);
  const std::string lacks = WhatFarEndLacks(far);
  const bool waits = lacks.empty() && !DoesNotOffer(port, far) &&
                     report.rdma.state == Rdma::State::kEnabled && port.rdma_active == false &&
                     port.rdma_capable != false;
  if (slow) TellSlow(port, far, waits ? ", and RDMA does not start over it" : "", cables, notes);
  if (!lacks.empty()) {
    const bool waits_too = report.rdma.state == Rdma::State::kUnsupported;
    notes.Note(waits_too ? absl::StrCat(cabled, ".")
                         : absl::StrCat(cabled, " and waits for it: ", lacks, "."));
  } else if (DoesNotOffer(port, far)) {
    notes.Problem(
        absl::StrCat("The computer at the other end of ", Described(port), " (", Who(port, far),
                     ") does not offer RDMA."),
        "Enable it there too: in macOS Recovery, `rdma_ctl enable`. Both ends need it before a "
        "port becomes active, and Thunderbolt 5 (M3 Ultra; Pro and Max from M4 on) with macOS "
        "26.2.");
  } else if (waits && !slow) {
    notes.Problem(absl::StrCat(cabled, " and its RDMA port is not active."), HowToRaise(port, far));
  } else if (!waits && port.rdma_capable != false) {
    notes.Note(absl::StrCat(cabled, "."));
  }
}

// Behind a hub one state counts for all: which of the computers it is with, their ends tell.
bool IsActiveWithAnother(const Report& report, const Port& port, const FarEnd& far) {
  return far.port != nullptr && far.port->rdma_active == false &&
         std::any_of(report.ports.begin(), report.ports.end(), [&port](const Port& other) {
           return &other != &port && SameSocket(other, port) && HasPeer(other);
         });
}

void CheckCable(const Report& report, const Port& port, Cables& cables, Notes& notes) {
  const std::string where = Described(port);
  const FarEnd far = FarEndOf(port, cables.patients);
  const std::string who = Who(port, far);
  if (port.rdma_active == true && port.rdma_capable != false &&
      !IsActiveWithAnother(report, port, far)) {
    // Whatever is said of the other end: it runs.
    notes.Good(absl::StrCat(where, " is cabled to ", who, " and active."));
    if (IsSlow(port, far)) TellSlow(port, far, "", cables, notes);
    return;
  }
  if (const std::string why = WhyPeerCannot(port, far); !why.empty()) {
    notes.Note(absl::StrCat(
        "The computer at the other end of ", where, " (", who, ") cannot do RDMA: ", why,
        port.peer_is_mac == false ? "."
                                  : ". Over this cable the two can take part in a cluster over "
                                    "TCP."));
    return;
  }
  if (port.rdma_capable == false) {
    notes.Problem(absl::StrCat("The cable to ", who, " is in ", where,
                               ", the port beside Ethernet, which cannot do RDMA."),
                  "Move this end of the cable to any other Thunderbolt port.");
  }
  CheckWaiting(report, port, far, cables, notes);
}

// The port of the same Mac at the other end; null: it is another computer's.
const Port* OwnEnd(const Report& report, const Port& port) {
  const auto end =
      std::find_if(report.ports.begin(), report.ports.end(), [&port](const Port& other) {
        return !port.peer_domain.empty() && other.domain == port.peer_domain;
      });
  return end == report.ports.end() ? nullptr : &*end;
}

void TellOwnCable(const Port& port, const Port& end, Notes& notes) {
  // Each end names the other.
  if (end.peer_domain == port.domain && &end < &port) return;
  notes.Problem(absl::StrCat("One cable joins ", Described(port), " and ", Described(end),
                             " of this Mac itself."),
                "Plug one of its ends into another Mac.");
}

}  // namespace

std::vector<const Port*> SocketsOf(const Report& report) {
  const bool listed = SocketsAreListed(report);
  std::vector<const Port*> sockets;
  for (const Port& port : report.ports) {
    if (!IsThunderbolt(port) || (listed && IsUnplaced(port))) continue;
    const bool again = std::any_of(sockets.begin(), sockets.end(), [&port](const Port* socket) {
      return SameSocket(*socket, port);
    });
    if (!again) sockets.push_back(&port);
  }
  return sockets;
}

std::vector<const Port*> ActiveElsewhere(const Report& report) {
  std::vector<const Port*> active;
  if (!SocketsAreListed(report)) return active;
  for (const Port& port : report.ports) {
    if (IsThunderbolt(port) && IsUnplaced(port) && port.rdma_active == true) {
      active.push_back(&port);
    }
  }
  return active;
}

bool HasIpv4(const Report& report, const Port& port) {
  return std::any_of(report.ports.begin(), report.ports.end(), [&port](const Port& entry) {
    const bool same =
        &entry == &port || (!entry.interfaces.empty() && entry.interfaces == port.interfaces);
    return same &&
           std::any_of(entry.addresses.begin(), entry.addresses.end(),
                       [](const auto& address) { return !absl::StrContains(address, ":"); });
  });
}

bool NeverHasRdma(const Report& report) {
  return report.rdma.state == Rdma::State::kUnsupported &&
         report.rdma.cause != Rdma::Cause::kOldSystem;
}

std::string PeerOf(const Port& port) {
  if (port.peer_name.empty()) return "a computer that gives no name";
  if (port.peer_model.empty() || port.peer_model == port.peer_name) return port.peer_name;
  return absl::StrCat(port.peer_name, ", ", port.peer_model);
}

std::string WhyPortsAreNotKnown(const Report& report) {
  for (const agent::ProbeResult& probe : report.probes) {
    if (probe.name != "thunderbolt" || probe.unknowns.empty()) continue;
    return probe.unknowns.front();
  }
  return "";
}

void CheckMac(const Patient& mac, Cables& cables, Notes& notes) {
  const Report& report = mac.report;
  CheckState(report, notes);
  const bool listed = SocketsAreListed(report);
  bool cabled = false;
  bool any = false;
  bool all_told = true;  // of every cable to a computer whether it is active
  for (const Port& port : report.ports) {
    if (!IsThunderbolt(port) || (listed && IsUnplaced(port))) continue;
    any = true;
    if (const Port* end = OwnEnd(report, port); end != nullptr) {
      TellOwnCable(port, *end, notes);
    } else if (HasPeer(port)) {
      cabled = true;
      all_told = all_told && port.rdma_active.has_value();
      if (!NeverHasRdma(report)) CheckCable(report, port, cables, notes);
    } else if (port.rdma_active == true) {
      cabled = true;
      notes.Good(absl::StrCat(Described(port),
                              " is active; which computer is at its other end is not known."));
    }
  }
  const std::vector<const Port*> elsewhere = ActiveElsewhere(report);
  if (!cabled || !all_told) {
    for (const Port* port : elsewhere) {
      notes.Good(
          absl::StrCat(port->name, " is active; which receptacle it belongs to is not known."));
    }
  }
  CheckAddresses(report, notes);
  if (cabled || !elsewhere.empty()) return;
  if (const std::string why = WhyPortsAreNotKnown(report); !why.empty()) {
    notes.Note(
        absl::StrCat("Whether another computer is on a Thunderbolt port is not known: ", why, "."));
  } else if (any) {
    notes.Note("No other computer is on a Thunderbolt port (docks and drives do not count).");
  }
}

}  // namespace capacity::doctor
