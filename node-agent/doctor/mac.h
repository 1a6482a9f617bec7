// One Mac, and the cables in it.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node-agent/doctor/notes.h"

namespace capacity::doctor {

inline bool IsThunderbolt(const agent::Port& port) {
  return port.kind == agent::Port::Kind::kThunderbolt;
}
// A computer is at its other end.
inline bool HasPeer(const agent::Port& port) {
  return !port.peer_name.empty() || !port.peer_domain.empty();
}

// The Thunderbolt sockets of a Mac, each once: behind a hub each computer has an entry. Where they
// are all listed, an RDMA device whose socket is not known is in one of them, and is left out.
std::vector<const agent::Port*> SocketsOf(const agent::Report& report);
// Those devices that are active.
std::vector<const agent::Port*> ActiveElsewhere(const agent::Report& report);

// The Macs are told of together, so what was said of a cable at one end is not said at the other.
struct Cables {
  const std::vector<const Patient*>& patients;
  std::set<std::pair<std::string, std::string>> slow;  // domains of the two ends
};

// The port's own, or of another entry of the same socket: behind a hub each computer has one.
bool HasIpv4(const agent::Report& report, const agent::Port& port);

// What no update and no command changes.
bool NeverHasRdma(const agent::Report& report);

// "Mac mini", "alice, Mac16,10"; "a computer that gives no name".
std::string PeerOf(const agent::Port& port);

// Why the list of Thunderbolt ports is not whole; "" when it is.
std::string WhyPortsAreNotKnown(const agent::Report& report);

void CheckMac(const Patient& mac, Cables& cables, Notes& notes);

}  // namespace capacity::doctor
