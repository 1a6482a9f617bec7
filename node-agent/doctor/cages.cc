#include "node-agent/doctor/cages.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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
  std::vector<Texts> subnets_of;   // each of them
  Texts addresses;
  Texts subnets;
  bool untold = false;   // of one of them no output tells the subnet
  bool lacking = false;  // one has no address, which is told of the machine alone
};

// Of an address alone ("ip -br" without its length, a route to one machine) it says nothing.
bool IsSubnet(const std::string& subnet) { return !absl::EndsWith(subnet, "/32"); }

End EndOf(const Patient& machine) {
  End end{&machine, {}, {}, {}, {}, false, false};
  for (const Port& port : machine.report.ports) {
    if (!IsUpCage(port)) continue;
    end.cages.push_back(Described(port));
    end.addresses.insert(port.addresses.begin(), port.addresses.end());
    Texts subnets;
    std::copy_if(port.subnets.begin(), port.subnets.end(), std::inserter(subnets, subnets.end()),
                 IsSubnet);
    end.subnets.insert(subnets.begin(), subnets.end());
    if (subnets.empty()) (port.without_address.empty() ? end.untold : end.lacking) = true;
    end.subnets_of.push_back(std::move(subnets));
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

// Whether an address of one stands for the same in the other: where one was replaced and the other
// was not, or with another salt, no two are in one subnet.
bool Comparable(const Patient& a, const Patient& b) {
  const bool as_they_are = !MayBePseudonyms(a) && !MayBePseudonyms(b);
  return as_they_are || !Common(SubnetsOf(a), SubnetsOf(b)).empty();
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

// ---------------------------------------------------------------- subnets

// An IPv4 address, or what it would be in a subnet, as a number; nullopt for what is none.
std::optional<std::uint32_t> Bits(const std::string& address) {
  in_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) return std::nullopt;
  return ntohl(parsed.s_addr);
}

int LengthOf(const std::string& subnet) {
  int length = 0;
  const bool good =
      absl::SimpleAtoi(subnet.substr(std::min(subnet.find('/'), subnet.size() - 1) + 1), &length);
  return good ? std::clamp(length, 0, 32) : 32;
}

bool AnyIn(const Texts& addresses, const std::string& subnet) {
  const auto network = Bits(subnet.substr(0, subnet.find('/')));
  const int rest = 32 - LengthOf(subnet);
  return network && std::any_of(addresses.begin(), addresses.end(), [&](const std::string& one) {
           const auto address = Bits(one);
           return address && std::uint64_t{*address} >> rest == std::uint64_t{*network} >> rest;
         });
}

// In which both have an address, and know so: of two that differ in length the narrower one.
Texts CommonSubnets(const End& a, const End& b) {
  Texts common;
  for (const std::string& x : a.subnets) {
    for (const std::string& y : b.subnets) {
      const std::string& narrower = LengthOf(x) < LengthOf(y) ? y : x;
      if (x == y || (AnyIn(a.addresses, narrower) && AnyIn(b.addresses, narrower))) {
        common.insert(narrower);
      }
    }
  }
  return common;
}

// ---------------------------------------------------------------- pairs

using Pair = std::pair<std::size_t, std::size_t>;  // indices of ends, first < second

struct Pairs {
  std::map<std::string, std::vector<Pair>> fitting;  // by the subnets that they have in common
  std::vector<Pair> clashing;                        // they have an address in common
  std::vector<Pair> apart;
  std::vector<Pair> unknown;
};

// Whether one address is of both.
bool Clash(const End& a, const End& b, Notes& notes) {
  const Texts common = Common(a.addresses, b.addresses);
  for (const std::string& address : common) {
    notes.Problem(absl::StrCat(Names(a, b), " both have the address ", address, "."),
                  "Give one of them another address in the same subnet, unless both captures are "
                  "of one machine.");
  }
  return !common.empty();
}

// What of two whose subnets fit keeps them from the full speed.
void CheckFitting(const End& a, const End& b, const Texts& common, Notes& notes) {
  const bool one_of_two = common.size() == 1 && a.subnets.size() > 1 && b.subnets.size() > 1 &&
                          a.cages.size() == 1 && b.cages.size() == 1;
  if (!one_of_two) return;
  notes.Note(absl::StrCat("Only one subnet is common to ", Names(a, b), " (", SubnetsAt(a), "; ",
                          SubnetsAt(b),
                          "), and over one of two interfaces goes half of a cage's bandwidth."));
}

// Why it is not known whether they reach each other, or it need not be told; nullopt: they do not.
std::optional<std::string> WhyOpen(const End& a, const End& b) {
  if (a.lacking || b.lacking) return "";
  if (a.untold || b.untold) {
    return absl::StrCat("no output tells the IPv4 subnets of the cages of ",
                        (a.untold ? a : b).machine->name);
  }
  if (Comparable(*a.machine, *b.machine)) return std::nullopt;
  return "no subnet is common to them, nor is one to captures that were made with different --salt";
}

Pairs PairsOf(const std::vector<End>& ends, Notes& notes) {
  Pairs pairs;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    for (std::size_t j = i + 1; j < ends.size(); ++j) {
      const End& a = ends[i];
      const End& b = ends[j];
      const Texts common = CommonSubnets(a, b);
      if (Clash(a, b, notes)) {
        pairs.clashing.emplace_back(i, j);
      } else if (!common.empty()) {
        CheckFitting(a, b, common, notes);
        pairs.fitting[absl::StrJoin(common, ", ")].emplace_back(i, j);
      } else if (const auto why = WhyOpen(a, b)) {
        pairs.unknown.emplace_back(i, j);
        if (why->empty()) continue;
        notes.Note(absl::StrCat("Whether ", Names(a, b),
                                " reach each other over ConnectX-7 is not known: ", *why, "."));
      } else {
        pairs.apart.emplace_back(i, j);
      }
    }
  }
  return pairs;
}

// "a, b and c".
std::string Listed(const std::vector<End>& ends, const std::set<std::size_t>& which) {
  std::string text;
  for (const std::size_t one : which) {
    const bool last = one == *which.rbegin();
    absl::StrAppend(&text, text.empty() ? "" : last ? " and " : ", ", ends[one].machine->name);
  }
  return text;
}

// Those of which each fits each other in one sentence.
void TellFitting(const std::vector<End>& ends, const Pairs& pairs, Notes& notes) {
  for (const auto& [subnets, fitting] : pairs.fitting) {
    std::vector<std::set<std::size_t>> groups(1);
    for (const Pair& pair : fitting) groups[0].insert({pair.first, pair.second});
    if (fitting.size() != groups[0].size() * (groups[0].size() - 1) / 2) {
      groups.clear();
      for (const Pair& pair : fitting) groups.push_back({pair.first, pair.second});
    }
    for (const std::set<std::size_t>& group : groups) {
      notes.Good(absl::StrCat("The addresses of ", Listed(ends, group),
                              " on ConnectX-7 fit each other (", subnets, ")."));
    }
  }
}

// Machines by what joins them, each set named by one of them.
class Groups {
 public:
  explicit Groups(std::size_t count) : of_(count) { std::iota(of_.begin(), of_.end(), 0); }
  void Join(const Pair& pair) {
    std::replace(of_.begin(), of_.end(), std::size_t{of_[pair.first]},
                 std::size_t{of_[pair.second]});
  }
  bool AreJoined(const Pair& pair) const { return of_[pair.first] == of_[pair.second]; }

 private:
  std::vector<std::size_t> of_;
};

void TellApart(const std::vector<End>& ends, const Pairs& pairs, Notes& notes) {
  Groups groups(ends.size());
  for (const auto& [subnets, fitting] : pairs.fitting) {
    for (const Pair& pair : fitting) groups.Join(pair);
  }
  for (const Pair& pair : pairs.clashing) groups.Join(pair);
  Groups perhaps = groups;
  for (const Pair& pair : pairs.unknown) perhaps.Join(pair);
  for (const Pair& pair : pairs.apart) {
    const End& a = ends[pair.first];
    const End& b = ends[pair.second];
    const std::string finding =
        absl::StrCat("No subnet is common to the cages of ", Names(a, b), " (", SubnetsAt(a), "; ",
                     SubnetsAt(b), "), so they do not reach each other over ConnectX-7");
    if (perhaps.AreJoined(pair)) {
      notes.Note(
          absl::StrCat(finding, groups.AreJoined(pair) ? " but through others." : " directly."));
    } else {
      notes.Problem(absl::StrCat(finding, "."),
                    "Where a cable joins these cages, give its ends addresses in the same subnets, "
                    "one for each interface. Else: add one, or plug in its ends as they are meant "
                    "to be.");
    }
  }
}

// Cages whose subnets no other of these machines has, where another cage's has one: half of what is
// cabled, perhaps.
void TellUnmatched(const std::vector<End>& ends, const Pairs& pairs, Notes& notes) {
  if (!pairs.unknown.empty() || !pairs.clashing.empty()) return;
  for (const End& end : ends) {
    Texts matched;
    for (const End& other : ends) {
      if (&other != &end) matched.merge(CommonSubnets(end, other));
    }
    for (std::size_t i = 0; i < end.cages.size(); ++i) {
      if (matched.empty() || end.subnets_of[i].empty()) continue;
      const bool fits = std::any_of(
          end.subnets_of[i].begin(), end.subnets_of[i].end(), [&](const std::string& subnet) {
            return std::any_of(matched.begin(), matched.end(), [&](const std::string& one) {
              return one == subnet || AnyIn({one.substr(0, one.find('/'))}, subnet);
            });
          });
      if (fits) continue;
      notes.Note(absl::StrCat(end.cages[i], " of ", end.machine->name, " (",
                              absl::StrJoin(end.subnets_of[i], ", "),
                              ") has a link, and none of the others has an address in a subnet "
                              "of it."));
    }
  }
}

}  // namespace

void CheckCages(const std::vector<const Patient*>& machines, Notes& notes) {
  std::vector<End> ends;
  for (const Patient* machine : machines) {
    End end = EndOf(*machine);
    if (!end.cages.empty()) ends.push_back(std::move(end));
  }
  const Pairs pairs = PairsOf(ends, notes);
  TellFitting(ends, pairs, notes);
  TellUnmatched(ends, pairs, notes);
  TellApart(ends, pairs, notes);
}

}  // namespace capacity::doctor
