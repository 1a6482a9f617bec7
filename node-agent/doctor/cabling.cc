#include "node-agent/doctor/cabling.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/doctor/mac.h"

namespace capacity::doctor {
namespace {

using agent::Port;
using agent::Report;
using Macs = std::vector<const Patient*>;
using Pair = std::pair<std::size_t, std::size_t>;  // indices into Macs, first < second

std::string Count(std::size_t count, const char* one) {
  return absl::StrCat(count, " ", one, count == 1 ? "" : "s");
}

std::string Names(const Macs& macs) {
  return absl::StrJoin(macs, ", ",
                       [](std::string* out, const Patient* mac) { out->append(mac->name); });
}

// ---------------------------------------------------------------- who is joined to whom

std::set<std::string> DomainsOf(const Macs& macs) {
  std::set<std::string> domains;
  for (const Patient* mac : macs) {
    for (const Port& port : mac->report.ports) {
      if (!port.domain.empty()) domains.insert(port.domain);
    }
  }
  return domains;
}

// Why a cable may lead from this Mac to any of the others although none is seen; "" where none
// does.
std::string WhyOpen(const Patient& mac, const std::set<std::string>& domains) {
  if (std::string why = WhyPortsAreNotKnown(mac.report); !why.empty()) return why;
  const Report& report = mac.report;
  std::size_t peers = 0;  // at sockets whose interface is not known
  for (const Port* socket : SocketsOf(report)) {
    if (!HasPeer(*socket) && socket->rdma_active == true) {
      return absl::StrCat("what ", Described(*socket), " leads to is not known");
    }
    if (HasPeer(*socket) && socket->interfaces.empty()) ++peers;
  }
  const std::vector<const Port*> active = ActiveElsewhere(report);
  if (active.size() > peers) {
    return absl::StrCat("what ", active.back()->name, " leads to is not known");
  }
  for (const Port& port : report.ports) {
    if (!IsThunderbolt(port)) continue;
    if (HasPeer(port) && port.peer_is_mac != false && domains.count(port.peer_domain) == 0) {
      return absl::StrCat(Described(port), " leads to a computer that is none of these");
    }
  }
  return "";
}

// A cable between two Macs by the ports that it is in.
using Cable = std::pair<const Port*, const Port*>;

// The first port of that bus.
const Port* PortOf(const Report& report, const std::string& domain) {
  const auto found = std::find_if(
      report.ports.begin(), report.ports.end(),
      [&domain](const Port& port) { return !domain.empty() && port.domain == domain; });
  return found == report.ports.end() ? nullptr : &*found;
}

// As either end tells, each once.
std::vector<Cable> CablesBetween(const Report& a, const Report& b) {
  std::map<std::pair<std::string, std::string>, Cable> cables;  // by the domains of the ends
  for (const Port& port : a.ports) {
    const Port* const end = PortOf(b, port.peer_domain);
    if (end != nullptr) cables.insert({{port.domain, end->domain}, {&port, end}});
  }
  for (const Port& port : b.ports) {
    const Port* const end = PortOf(a, port.peer_domain);
    if (end != nullptr) cables.insert({{end->domain, port.domain}, {end, &port}});
  }
  std::vector<Cable> ends;
  for (const auto& [domains, cable] : cables) ends.push_back(cable);
  std::sort(ends.begin(), ends.end(), [](const Cable& one, const Cable& other) {
    return one.first->name < other.first->name;
  });
  return ends;
}

struct Graph {
  Macs macs;
  std::map<Pair, std::vector<Cable>> joined;
  std::vector<Pair> missing;
  std::vector<Pair> unknown;  // may be joined
  std::vector<std::string> why_open;

  std::size_t Neighbours(std::size_t mac) const {
    return static_cast<std::size_t>(
        std::count_if(joined.begin(), joined.end(), [mac](const auto& entry) {
          return entry.first.first == mac || entry.first.second == mac;
        }));
  }
};

// `domains`: of all Macs that are known.
Graph GraphOf(const Macs& macs, const std::set<std::string>& domains) {
  Graph graph{macs, {}, {}, {}, {}};
  for (const Patient* mac : macs) graph.why_open.push_back(WhyOpen(*mac, domains));
  for (std::size_t i = 0; i < macs.size(); ++i) {
    for (std::size_t j = i + 1; j < macs.size(); ++j) {
      std::vector<Cable> cables = CablesBetween(macs[i]->report, macs[j]->report);
      if (!cables.empty()) {
        graph.joined[{i, j}] = std::move(cables);
      } else if (!graph.why_open[i].empty() && !graph.why_open[j].empty()) {
        graph.unknown.emplace_back(i, j);
      } else {
        graph.missing.emplace_back(i, j);
      }
    }
  }
  return graph;
}

// Cables of which one end alone tells, though the other could.
void NoteOneSided(const Graph& graph, Notes& notes) {
  for (const auto& [pair, cables] : graph.joined) {
    const bool forth = std::any_of(cables.begin(), cables.end(), [](const Cable& cable) {
      return cable.first->peer_domain == cable.second->domain;
    });
    const bool back = std::any_of(cables.begin(), cables.end(), [](const Cable& cable) {
      return cable.second->peer_domain == cable.first->domain;
    });
    if (forth == back || !graph.why_open[forth ? pair.second : pair.first].empty()) continue;
    const std::string& a = graph.macs[pair.first]->name;
    const std::string& b = graph.macs[pair.second]->name;
    notes.Note(absl::StrCat(forth ? a : b, " sees ", forth ? b : a,
                            " at the end of a cable, but not the other way round; were the "
                            "captures made at the same time?"));
  }
}

// Every mac is reached from the first.
bool HangsTogether(const Graph& graph) {
  std::set<std::size_t> reached = {0};
  for (bool grown = true; grown;) {
    grown = false;
    for (const auto& [pair, cables] : graph.joined) {
      if (reached.count(pair.first) == reached.count(pair.second)) continue;
      reached.insert({pair.first, pair.second});
      grown = true;
    }
  }
  return reached.size() == graph.macs.size();
}

bool IsRing(const Graph& graph) {
  if (graph.macs.size() < 3 || !HangsTogether(graph)) return false;
  for (std::size_t i = 0; i < graph.macs.size(); ++i) {
    if (graph.Neighbours(i) != 2) return false;
  }
  return true;
}

// ---------------------------------------------------------------- ports

bool MayDoRdma(const Port& port) { return port.rdma_capable != false; }

std::size_t PortsFor(const Report& report) {
  const std::vector<const Port*> sockets = SocketsOf(report);
  return static_cast<std::size_t>(std::count_if(
      sockets.begin(), sockets.end(), [](const Port* socket) { return MayDoRdma(*socket); }));
}

// "receptacle 1 or receptacle 3": those of `report` that may do RDMA and satisfy `which`.
template <class Which>
std::vector<std::string> PortsThat(const Report& report, const Which& which) {
  std::vector<std::string> names;
  for (const Port* socket : SocketsOf(report)) {
    if (MayDoRdma(*socket) && which(*socket)) names.push_back(Described(*socket));
  }
  return names;
}

// Where one or more further cables of this Mac can go.
std::string FreePortsOf(const Patient& mac, std::size_t cables) {
  const Report& report = mac.report;
  const std::vector<std::string> free =
      PortsThat(report, [](const Port& port) { return port.state == Port::State::kEmpty; });
  const std::vector<std::string> taken = PortsThat(report, [](const Port& port) {
    return port.state == Port::State::kUp && !HasPeer(port) && port.rdma_active != true;
  });
  const std::vector<std::string> unknown = PortsThat(report, [](const Port& port) {
    return port.state == Port::State::kUnknown && !HasPeer(port) && port.rdma_active != true;
  });
  std::string text = absl::StrCat(mac.name, ": ", absl::StrJoin(free, " or "));
  if (free.empty()) {
    const bool known = unknown.empty() && WhyPortsAreNotKnown(report).empty();
    absl::StrAppend(&text, known ? "none free" : "not known which");
  }
  if (free.size() < cables && !unknown.empty()) {
    absl::StrAppend(&text, " (perhaps ", absl::StrJoin(unknown, " or "), ")");
  }
  if (free.size() < cables && !taken.empty()) {
    absl::StrAppend(&text, " (unplug what is in ", absl::StrJoin(taken, " or "), ")");
  }
  // Which of a Mac Studio's is the one beside Ethernet its interfaces tell.
  const bool unsure = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return IsThunderbolt(port) && MayDoRdma(port) && port.interfaces.empty() &&
           port.state == Port::State::kEmpty;
  });
  if (unsure && report.machine.product == "Mac Studio") {
    absl::StrAppend(&text, ", but not the one beside Ethernet");
  }
  return text;
}

// ---------------------------------------------------------------- advice

// More cables than a mesh needs between two Macs.
void NoteDoubled(const Graph& graph, Notes& notes) {
  for (const auto& [pair, cables] : graph.joined) {
    if (cables.size() < 2) continue;
    const std::string ends = absl::StrJoin(cables, ", ", [](std::string* out, const Cable& cable) {
      absl::StrAppend(out, Described(*cable.first), " to ", Described(*cable.second));
    });
    notes.Note(absl::StrCat(cables.size(), " cables join ", graph.macs[pair.first]->name, " and ",
                            graph.macs[pair.second]->name, " (", ends, "); one is enough."));
  }
}

// How many cables between two Macs a mesh does not need.
using Spare = std::map<Pair, std::size_t>;

// ", or move one of the 2 that join a and b": where a Mac that lacks one has more than one to a
// third. Takes them out of `spare`.
std::string CableToMove(const Graph& graph, const Pair& lacking, Spare& spare) {
  for (auto& [pair, left] : spare) {
    const bool near = pair.first == lacking.first || pair.first == lacking.second ||
                      pair.second == lacking.first || pair.second == lacking.second;
    if (!near || left == 0) continue;
    --left;
    return absl::StrCat(", or move one of the ", graph.joined.at(pair).size(), " that join ",
                        graph.macs[pair.first]->name, " and ", graph.macs[pair.second]->name);
  }
  return "";
}

void AdvisePairs(const Graph& graph, Notes& notes) {
  std::vector<std::size_t> lacking(graph.macs.size(), 0);
  for (const auto& [a, b] : graph.missing) {
    ++lacking[a];
    ++lacking[b];
  }
  Spare spare;
  for (const auto& [pair, cables] : graph.joined) spare[pair] = cables.size() - 1;
  for (const auto& [a, b] : graph.missing) {
    notes.Problem(
        absl::StrCat("No Thunderbolt cable joins ", graph.macs[a]->name, " and ",
                     graph.macs[b]->name, "."),
        absl::StrCat("Add a Thunderbolt 5 cable between them", CableToMove(graph, {a, b}, spare),
                     ". Free ports that can do RDMA: ", FreePortsOf(*graph.macs[a], lacking[a]),
                     "; ", FreePortsOf(*graph.macs[b], lacking[b]), "."));
  }
}

// Where some Mac has fewer ports than there are others.
void AdviseRing(const Graph& graph, Notes& notes) {
  std::vector<std::string> few;
  std::vector<std::string> open;
  const std::size_t needed = graph.macs.size() - 1;
  for (std::size_t i = 0; i < graph.macs.size(); ++i) {
    const Patient& mac = *graph.macs[i];
    const std::size_t ports = PortsFor(mac.report);
    if (ports < needed) few.push_back(absl::StrCat(mac.name, " has ", ports));
    const std::size_t neighbours = graph.Neighbours(i);
    if (neighbours < 2) open.push_back(FreePortsOf(mac, 2 - neighbours));
  }
  const std::string finding =
      absl::StrCat("A full mesh of ", graph.macs.size(), " Macs takes ", Count(needed, "port"),
                   " that can do RDMA at each: ", absl::StrJoin(few, ", "), ".");
  if (open.empty()) {
    notes.Note(finding);
  } else {
    notes.Problem(finding, absl::StrCat("Join them in a ring, each to two others, as Apple's "
                                        "TN3205 does with five. Joined to fewer, with the free "
                                        "ports: ",
                                        absl::StrJoin(open, "; "), "."));
  }
}

void NoteUnknown(const Graph& graph, Notes& notes) {
  for (const auto& [a, b] : graph.unknown) {
    notes.Note(absl::StrCat("Whether a cable joins ", graph.macs[a]->name, " and ",
                            graph.macs[b]->name, " is not known: ", graph.macs[a]->name, ": ",
                            graph.why_open[a], "; ", graph.macs[b]->name, ": ", graph.why_open[b],
                            "."));
  }
}

std::string Mesh(const Graph& graph) {
  const std::size_t count = graph.macs.size();
  const char* there = graph.unknown.empty() ? " there." : " seen.";
  return absl::StrCat("A full mesh of ", count, " Macs takes ",
                      Count(count * (count - 1) / 2, "cable"), "; ", graph.joined.size(),
                      graph.joined.size() == 1 ? " is" : " are", there);
}

void CheckMesh(const Graph& graph, Notes& notes) {
  const bool enough_ports =
      std::all_of(graph.macs.begin(), graph.macs.end(), [&graph](const Patient* mac) {
        return PortsFor(mac->report) + 1 >= graph.macs.size() ||
               !WhyPortsAreNotKnown(mac->report).empty();
      });
  if (graph.missing.empty() && graph.unknown.empty()) {
    notes.Good(Mesh(graph));
  } else if (graph.unknown.empty() && IsRing(graph)) {
    std::vector<std::string> lacking;
    for (const auto& [a, b] : graph.missing) {
      lacking.push_back(absl::StrCat(graph.macs[a]->name, " to ", graph.macs[b]->name));
    }
    notes.Good(
        absl::StrCat("The ", graph.macs.size(),
                     " Macs form a ring, each joined to two others: enough for a pipeline."));
    notes.Note(absl::StrCat("Tensor parallelism takes a full mesh: ",
                            enough_ports ? absl::StrCat("also ", absl::StrJoin(lacking, ", "), ".")
                                         : absl::StrCat(Count(graph.macs.size() - 1, "port"),
                                                        " at each, more than "
                                                        "there are.")));
  } else if (!enough_ports && graph.unknown.empty()) {
    AdviseRing(graph, notes);
  } else {
    if (enough_ports) AdvisePairs(graph, notes);
    NoteUnknown(graph, notes);
    notes.Note(Mesh(graph));
  }
}

// ---------------------------------------------------------------- loops

// Between which Macs there is how many cables.
using Joins = std::map<Pair, std::size_t>;

// The Macs from which the cables lead back to them by another way; with `by_two` also by a second
// cable between the same two.
Macs InALoop(const Macs& macs, Joins left, bool by_two) {
  // What remains when ends are taken off again and again.
  const auto ends_at = [&left, by_two](std::size_t mac) {
    std::size_t ends = 0;
    for (const auto& [pair, cables] : left) {
      if (pair.first == mac || pair.second == mac) ends += by_two ? cables : 1;
    }
    return ends;
  };
  for (bool taken = true; taken;) {
    taken = false;
    for (auto it = left.begin(); it != left.end();) {
      if (ends_at(it->first.first) > 1 && ends_at(it->first.second) > 1) {
        ++it;
        continue;
      }
      it = left.erase(it);
      taken = true;
    }
  }
  Macs looped;
  for (std::size_t i = 0; i < macs.size(); ++i) {
    if (ends_at(i) > 0) looped.push_back(macs[i]);
  }
  return looped;
}

// Apple, TN3205: the bridge has to be off where Macs are connected in loops. What is sent to all
// goes round where each Mac of the loop has both of its cables in its bridge.
void CheckBridges(const Graph& graph, Notes& notes) {
  constexpr const char* kHow =
      ": System Settings > Network > Thunderbolt Bridge > Make Service Inactive.";
  Joins joins;
  Joins bridges;
  for (const auto& [pair, cables] : graph.joined) {
    joins[pair] = cables.size();
    const auto count = std::count_if(cables.begin(), cables.end(), [](const Cable& cable) {
      return cable.first->bridged && cable.second->bridged;
    });
    if (count > 0) bridges[pair] = static_cast<std::size_t>(count);
  }
  const Macs round = InALoop(graph.macs, bridges, true);
  if (!round.empty()) {
    notes.Problem(absl::StrCat("The cables of ", Names(round),
                               " form a loop, and every Thunderbolt Bridge in it joins them: what "
                               "is sent to all goes round for ever."),
                  absl::StrCat("Make the Thunderbolt Bridge inactive on ", Names(round), kHow));
    return;
  }
  const Macs looped = InALoop(graph.macs, joins, false);
  Macs bridged;
  std::copy_if(looped.begin(), looped.end(), std::back_inserter(bridged), [](const Patient* mac) {
    return std::any_of(mac->report.ports.begin(), mac->report.ports.end(),
                       [](const Port& port) { return HasPeer(port) && port.bridged; });
  });
  if (bridged.empty()) return;
  notes.Note(absl::StrCat("The cables of ", Names(looped),
                          " form a loop, in which Apple's TN3205 wants every Thunderbolt Bridge "
                          "off; on ",
                          Names(bridged), " it is on", kHow));
}

}  // namespace

void CheckCabling(const std::vector<const Patient*>& macs, Notes& notes) {
  Macs joinable;
  std::copy_if(macs.begin(), macs.end(), std::back_inserter(joinable),
               [](const Patient* mac) { return !NeverHasRdma(mac->report); });
  const std::set<std::string> domains = DomainsOf(macs);
  const Graph all = GraphOf(macs, domains);
  NoteOneSided(all, notes);
  if (joinable.size() > 1) CheckMesh(GraphOf(joinable, domains), notes);
  NoteDoubled(all, notes);
  CheckBridges(all, notes);
}

void CheckStrangers(const std::vector<const Patient*>& macs, Notes& notes) {
  const std::set<std::string> known = DomainsOf(macs);
  for (const Patient* mac : macs) {
    for (const Port& port : mac->report.ports) {
      if (port.peer_domain.empty() || known.count(port.peer_domain) > 0) continue;
      notes.Note(absl::StrCat(Described(port), " of ", mac->name, " leads to a computer (",
                              PeerOf(port),
                              ") that is none of these; captures made with "
                              "different --salt cannot be paired."));
    }
  }
}

}  // namespace capacity::doctor
