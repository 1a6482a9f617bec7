// What several outputs of nvidia-smi tell of the same cards.
#include <algorithm>
#include <utility>

#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

bool Contradict(const NvidiaCard& a, const NvidiaCard& b) {
  return (a.index && b.index && a.index != b.index) ||
         (!a.bus.empty() && !b.bus.empty() && a.bus != b.bus);
}

bool IsSame(const NvidiaCard& a, const NvidiaCard& b) {
  return !Contradict(a, b) && ((a.index && b.index) || (!a.bus.empty() && !b.bus.empty()));
}

// It is known to be there, and no more.
bool IsBlank(const NvidiaCard& card) {
  return card.name.empty() && card.driver_version.empty() && !card.memory_bytes &&
         card.memory_said.empty() && !card.celsius && !card.power_limit_watts;
}

bool NamesAgree(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty() || Contains(a, "...") || Contains(b, "...")) return true;
  const auto bare = [](std::string_view name) {
    constexpr std::string_view kMaker = "NVIDIA ";
    return StartsWith(name, kMaker) ? name.substr(kMaker.size()) : name;
  };
  return bare(a) == bare(b);
}

// Whether two cards at the same place of two lists can be one. Of a lost one nothing is known but
// that; what another list says at its place is of the next card.
bool MayBeSame(const NvidiaCard& a, const NvidiaCard& b) {
  const bool passed_over = (!a.lost.empty() && a.name.empty() && b.lost.empty()) ||
                           (!b.lost.empty() && b.name.empty() && a.lost.empty());
  const bool described = !a.name.empty() || !b.name.empty();
  return !Contradict(a, b) && NamesAgree(a.name, b.name) && !(passed_over && described);
}

void Fill(const NvidiaCard& from, NvidiaCard& to) {
  const bool shortened = Contains(to.name, "...");
  if (!to.index) to.index = from.index;
  if (to.bus.empty()) to.bus = from.bus;
  if (to.lost.empty()) to.lost = from.lost;
  to.left_out += from.left_out;
  if (to.name.empty() || (shortened && !from.name.empty())) to.name = from.name;
  if (to.cut_short.empty()) to.cut_short = from.cut_short;
  if (to.driver_version.empty()) to.driver_version = from.driver_version;
  if (!to.memory_bytes) to.memory_bytes = from.memory_bytes;
  if (!to.memory_used_bytes) to.memory_used_bytes = from.memory_used_bytes;
  if (to.memory_said.empty()) to.memory_said = from.memory_said;
  if (!to.power_limit_watts) to.power_limit_watts = from.power_limit_watts;
  if (!to.celsius) to.celsius = from.celsius;
  if (!to.mig_enabled) to.mig_enabled = from.mig_enabled;
  if (to.slices.size() < from.slices.size()) to.slices.resize(from.slices.size());
  for (std::size_t s = 0; s < from.slices.size(); ++s) {
    if (to.slices[s].profile.empty()) to.slices[s].profile = from.slices[s].profile;
    if (!to.slices[s].memory_bytes) to.slices[s].memory_bytes = from.slices[s].memory_bytes;
    if (!to.slices[s].instance) to.slices[s].instance = from.slices[s].instance;
  }
}

// Cards of two outputs whose partner is not found yet.
struct Rest {
  std::vector<const NvidiaCard*> from;
  std::vector<NvidiaCard*> to;
};

// Pairs each with the first for which `same` holds.
template <class Same>
void PairEach(const Same& same, Rest& rest) {
  std::vector<const NvidiaCard*> alone;
  for (const NvidiaCard* from : rest.from) {
    const auto to = std::find_if(rest.to.begin(), rest.to.end(),
                                 [&](const NvidiaCard* card) { return same(*from, *card); });
    if (to == rest.to.end()) {
      alone.push_back(from);
      continue;
    }
    Fill(*from, **to);
    rest.to.erase(to);
  }
  rest.from = std::move(alone);
}

// Pairs those for which `counts` holds in order, if that fits all of them.
template <class Counts>
void PairInOrder(const Counts& counts, Rest& rest) {
  Rest these;
  const auto is_one = [&counts](const NvidiaCard* card) { return counts(*card); };
  std::copy_if(rest.from.begin(), rest.from.end(), std::back_inserter(these.from), is_one);
  std::copy_if(rest.to.begin(), rest.to.end(), std::back_inserter(these.to), is_one);
  if (these.from.size() != these.to.size()) return;
  for (std::size_t i = 0; i < these.from.size(); ++i) {
    if (!MayBeSame(*these.from[i], *these.to[i])) return;
  }
  for (std::size_t i = 0; i < these.from.size(); ++i) Fill(*these.from[i], *these.to[i]);
  const auto drop = [](const auto& gone, auto& cards) {
    cards.erase(std::remove_if(cards.begin(), cards.end(),
                               [&gone](const NvidiaCard* card) {
                                 return std::find(gone.begin(), gone.end(), card) != gone.end();
                               }),
                cards.end());
  };
  drop(these.from, rest.from);
  drop(these.to, rest.to);
}

// By number; cards whose number is not known by their addresses, which numbers follow, else last.
void Order(std::vector<NvidiaCard>& cards) {
  const auto all = [&cards](const auto& has) {
    return std::all_of(cards.begin(), cards.end(), has);
  };
  if (all([](const NvidiaCard& card) { return !card.bus.empty(); }) &&
      !all([](const NvidiaCard& card) { return card.index.has_value(); })) {
    std::stable_sort(cards.begin(), cards.end(),
                     [](const NvidiaCard& a, const NvidiaCard& b) { return a.bus < b.bus; });
    return;
  }
  std::stable_sort(cards.begin(), cards.end(), [](const NvidiaCard& a, const NvidiaCard& b) {
    if (a.index && b.index) return *a.index < *b.index;
    return a.index.has_value() && !b.index.has_value();
  });
}

}  // namespace

void Merge(const NvidiaCards& other, NvidiaCards& cards) {
  Rest rest;
  for (const NvidiaCard& card : other.cards) rest.from.push_back(&card);
  for (NvidiaCard& card : cards.cards) rest.to.push_back(&card);
  PairEach(IsSame, rest);
  const auto both_lost = [](const NvidiaCard& a, const NvidiaCard& b) {
    return !a.lost.empty() && !b.lost.empty() && !Contradict(a, b);
  };
  PairEach(both_lost, rest);
  PairInOrder([](const NvidiaCard& card) { return !card.name.empty(); }, rest);
  PairInOrder([](const NvidiaCard&) { return true; }, rest);
  const auto both_blank = [](const NvidiaCard& a, const NvidiaCard& b) {
    return IsBlank(a) && IsBlank(b) && !Contradict(a, b);
  };
  PairEach(both_blank, rest);
  std::vector<NvidiaCard> more;
  for (const NvidiaCard* card : rest.from) {
    const std::size_t known = cards.cards.size() + more.size();
    if (known < kMostCards && (!card->lost.empty() || known < other.cards.size())) {
      more.push_back(*card);
    }
  }
  cards.cards.insert(cards.cards.end(), more.begin(), more.end());
  Order(cards.cards);
  cards.oddities.insert(cards.oddities.end(), other.oddities.begin(), other.oddities.end());
}

void Conclude(NvidiaCards& cards) {
  for (NvidiaCard& card : cards.cards) {
    if (!card.name.empty() || !card.lost.empty() || card.left_out == 0) continue;
    if (card.left_out > 1) {
      card.lost = "nvidia-smi counts it and leaves it out of every list";
    } else if (card.cut_short.empty()) {
      card.cut_short = "nvidia-smi leaves it out: it is lost, or its line is";
    }
  }
}

}  // namespace capacity::probe
