#include "node-agent/doctor/cages.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::doctor {
namespace {

using agent::Port;
using Texts = std::set<std::string>;

bool IsUpCage(const Port& port) {
  return port.kind == Port::Kind::kConnectx && port.state == Port::State::kUp && !port.admin_down;
}

// What one machine's cages that are up say.
struct End {
  const Patient* machine = nullptr;
  std::vector<std::string> cages;  // for people
  Texts addresses;
  Texts subnets;
  bool untold = false;   // of one of them no output tells the subnet
  bool lacking = false;  // one has no address, which is told of the machine alone
};

// Of an address alone ("ip -br" without its length, a route to one machine) it says nothing.
bool IsSubnet(const std::string& subnet) { return !absl::EndsWith(subnet, "/32"); }

End EndOf(const Patient& machine) {
  End end{&machine, {}, {}, {}, false, false};
  for (const Port& port : machine.report.ports) {
    if (!IsUpCage(port)) continue;
    end.cages.push_back(Described(port));
    end.addresses.insert(port.addresses.begin(), port.addresses.end());
    const std::size_t before = end.subnets.size();
    std::copy_if(port.subnets.begin(), port.subnets.end(),
                 std::inserter(end.subnets, end.subnets.end()), IsSubnet);
    if (end.subnets.size() > before) continue;
    (port.without_address.empty() ? end.untold : end.lacking) = true;
  }
  return end;
}

Texts Common(const Texts& a, const Texts& b) {
  Texts common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(),
                        std::inserter(common, common.end()));
  return common;
}

Texts SubnetsOf(const Patient& machine) {
  Texts subnets;
  for (const Port& port : machine.report.ports) {
    subnets.insert(port.subnets.begin(), port.subnets.end());
  }
  return subnets;
}

// Every address is what `node-agent capture` may have put in its place.
bool MayBePseudonyms(const Patient& machine) {
  for (const Port& port : machine.report.ports) {
    for (const std::string& subnet : port.subnets) {
      if (!absl::StartsWith(subnet, "10.") && !absl::StartsWith(subnet, "169.254.")) return false;
    }
  }
  return true;
}

// Whether an address of one stands for the same in the other: where pseudonyms were made with
// different salts, no two are in one subnet.
bool Comparable(const Patient& a, const Patient& b) {
  return !MayBePseudonyms(a) || !MayBePseudonyms(b) || !Common(SubnetsOf(a), SubnetsOf(b)).empty();
}

std::string Names(const End& a, const End& b) {
  return absl::StrCat(a.machine->name, " and ", b.machine->name);
}

// "spark-1: 192.168.177.0/24 on cage 1 (enp1s0f1np1)".
std::string SubnetsAt(const End& end) {
  return absl::StrCat(end.machine->name, ": ",
                      end.subnets.empty() ? "none" : absl::StrJoin(end.subnets, ", "), " on ",
                      absl::StrJoin(end.cages, " and "));
}

enum class Pairing { kJoined, kApart, kUnknown };

Pairing CheckPair(const End& a, const End& b, Notes& notes) {
  for (const std::string& address : Common(a.addresses, b.addresses)) {
    notes.Problem(absl::StrCat(Names(a, b), " both have the address ", address, "."),
                  absl::StrCat("Give one of them another address in the same subnet."));
  }
  const Texts common = Common(a.subnets, b.subnets);
  if (!common.empty()) {
    notes.Good(absl::StrCat("The addresses of ", Names(a, b), " on ConnectX-7 fit each other (",
                            absl::StrJoin(common, ", "), ")."));
    if (common.size() == 1 && a.subnets.size() > 1 && b.subnets.size() > 1 && a.cages.size() == 1 &&
        b.cages.size() == 1) {
      notes.Note(absl::StrCat("Only one subnet is common to ", Names(a, b), " (", SubnetsAt(a),
                              "; ", SubnetsAt(b),
                              "), and over one of two interfaces goes half of a cage's "
                              "bandwidth."));
    }
    return Pairing::kJoined;
  }
  if (a.lacking || b.lacking) return Pairing::kUnknown;
  const std::string whether =
      absl::StrCat("Whether ", Names(a, b), " reach each other over ConnectX-7 is not known: ");
  if (a.untold || b.untold) {
    notes.Note(absl::StrCat(whether, "no output tells the IPv4 subnets of the cages of ",
                            (a.untold ? a : b).machine->name, "."));
    return Pairing::kUnknown;
  }
  if (!Comparable(*a.machine, *b.machine)) {
    notes.Note(absl::StrCat(whether,
                            "no subnet is common to them, nor is one to captures that were made "
                            "with different --salt."));
    return Pairing::kUnknown;
  }
  return Pairing::kApart;
}

// Machines by what joins them, each set named by one of them.
class Groups {
 public:
  explicit Groups(std::size_t count) : of_(count) { std::iota(of_.begin(), of_.end(), 0); }
  void Join(std::size_t a, std::size_t b) {
    std::replace(of_.begin(), of_.end(), std::size_t{of_[a]}, std::size_t{of_[b]});
  }
  bool AreJoined(std::size_t a, std::size_t b) const { return of_[a] == of_[b]; }

 private:
  std::vector<std::size_t> of_;
};

}  // namespace

void CheckCages(const std::vector<const Patient*>& machines, Notes& notes) {
  std::vector<End> ends;
  for (const Patient* machine : machines) {
    End end = EndOf(*machine);
    if (!end.cages.empty()) ends.push_back(std::move(end));
  }
  Groups groups(ends.size());
  std::vector<std::pair<std::size_t, std::size_t>> apart;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    for (std::size_t j = i + 1; j < ends.size(); ++j) {
      if (CheckPair(ends[i], ends[j], notes) == Pairing::kApart) {
        apart.emplace_back(i, j);
      } else {
        groups.Join(i, j);
      }
    }
  }
  for (const auto& [i, j] : apart) {
    const End& a = ends[i];
    const End& b = ends[j];
    const std::string finding =
        absl::StrCat("No subnet is common to the cages of ", Names(a, b), " (", SubnetsAt(a), "; ",
                     SubnetsAt(b), "), so they do not reach each other over ConnectX-7");
    if (groups.AreJoined(i, j)) {
      notes.Note(absl::StrCat(finding, " but through others."));
    } else {
      notes.Problem(absl::StrCat(finding, "."),
                    "Where a cable joins these cages, give its ends addresses in the same subnets, "
                    "one for each interface. Else: add one, or plug in its ends as they are meant "
                    "to be.");
    }
  }
}

}  // namespace capacity::doctor
