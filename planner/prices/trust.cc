#include "planner/prices/trust.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace capacity::prices {
namespace {

constexpr double kContradiction = 5;         // times, of prices up to half a year apart
constexpr std::chrono::days kHalfYear{183};  // how far a price speaks for another day
constexpr std::chrono::days kHasHeld{31};    // no slip that is soon corrected
constexpr std::size_t kFewestOthers = 2;     // for a median
constexpr int kFewestVoices = 2;             // that confirm a price which has not held yet

// Nullopt: the catalogue.
using Source = std::optional<Feed>;
using Listing = std::pair<Source, std::string>;

double Ratio(Price a, Price b) {
  const double ratio = a.usd_per_mtok() / b.usd_per_mtok();
  return ratio < 1 ? 1 / ratio : ratio;
}

// Whether prices `apart` from each other differ by more than a change of price explains: five times
// for every half year, and as much for any shorter time.
bool Differ(const TokenPrices& a, const TokenPrices& b, std::chrono::days apart) {
  const double half_years = static_cast<double>(apart.count()) / kHalfYear.count();
  const double limit = std::pow(kContradiction, std::max(1.0, half_years));
  return Ratio(a.input, b.input) > limit || Ratio(a.output, b.output) > limit;
}

bool Contradict(const Offer& a, const Offer& b) {
  const auto apart = std::max(a.first, b.first) - std::min(a.last, b.last);
  return Differ(a.prices, b.prices, std::max(apart, std::chrono::days(0)));
}

// What all providers offer of one thing: a model of the catalogue, else a product by its name.
std::string ThingOf(const Offer& offer) {
  return offer.model.known() ? "id/" + offer.model.id : "product/" + ProductKey(offer.listing);
}

std::string Times(int count, const char* one, const char* several) {
  return absl::StrCat(count, " ", count == 1 ? one : several);
}

// The offers of one model at all providers.
using Market = std::vector<std::size_t>;

// What speaks for and against a price that contradicts the established one.
struct Weight {
  std::set<Source> supporters;
  std::set<Source> live_opponents;   // showed the established price since
  std::set<Source> stale_opponents;  // only before
  bool changed = false;              // a supporter has itself shown the established price
  bool held = false;                 // a supporter has shown the new price for a month
  bool opponent_held = false;        // an opponent the established one, since then
  bool market_supports = false;      // the median of other providers, by other sources
  bool market_opposes = false;

  // A feed that changed its mind knows of a change of price: what others said before it is past.
  int support() const {
    return static_cast<int>(supporters.size()) + (market_supports ? 1 : 0) +
           (held && !changed ? 1 : 0);
  }
  int opposition() const {
    const int live = static_cast<int>(live_opponents.size());
    if (changed) return live;
    return live + static_cast<int>(stale_opponents.size()) + (market_opposes ? 1 : 0) +
           (opponent_held ? 1 : 0);
  }
  bool confirmed() const {
    return (held || support() >= kFewestVoices) && support() > opposition();
  }
};

// The prices of one product at one provider, from the first to the last. `witnesses` are the
// catalogue's prices of the same model there under another name ("llama-3.3-70b" for a listing
// "Llama-3.3-70B-Instruct-Turbo"): they have a voice, and are judged with their own product.
class Product {
 public:
  Product(Known& known, const Market& market, std::vector<std::size_t> offers,
          const std::set<std::size_t>& witnesses)
      : known_(known), market_(market), offers_(std::move(offers)), witnesses_(witnesses) {
    offers_.insert(offers_.end(), witnesses.begin(), witnesses.end());
    std::sort(offers_.begin(), offers_.end(),
              [&](std::size_t a, std::size_t b) { return OrderOf(a) < OrderOf(b); });
  }

  void Judge() {
    for (std::size_t index : offers_) {
      const std::optional<std::size_t> established = Challenged(index);
      if (established) {
        Decide(*established, index);
      } else {
        standing_[ListingOf(index)] = index;
      }
    }
  }

 private:
  const Offer& At(std::size_t index) const { return known_.offers[index]; }
  Listing ListingOf(std::size_t index) const { return {At(index).feed, At(index).listing}; }

  // The catalogue comes first of one day; the price only makes the order complete.
  std::tuple<Date, Source, Date, std::string, Price, Price, std::size_t> OrderOf(
      std::size_t index) const {
    const Offer& offer = At(index);
    return {offer.first,        offer.feed,          offer.last, offer.listing,
            offer.prices.input, offer.prices.output, index};
  }

  // Listings that one feed names apart are different things to it.
  bool Comparable(std::size_t a, std::size_t b) const {
    return At(a).feed != At(b).feed || At(a).listing == At(b).listing;
  }

  bool Contradicts(std::size_t a, std::size_t b) const { return Contradict(At(a), At(b)); }

  bool IsForFirst(std::size_t voice, std::size_t first, std::size_t second) const {
    return !Contradicts(voice, first) && Contradicts(voice, second);
  }

  // The newest of the prices in force that `index` contradicts, where they are half of the sources
  // or more.
  std::optional<std::size_t> Challenged(std::size_t index) const {
    std::map<Source, bool> agrees;
    std::optional<std::size_t> newest;
    for (const auto& [listing, held] : standing_) {
      if (!Comparable(held, index)) continue;
      const bool contradicts = Contradicts(held, index);
      agrees[At(held).feed] |= !contradicts;
      if (contradicts && (!newest || At(held).last > At(*newest).last)) newest = held;
    }
    const auto agreeing = std::count_if(agrees.begin(), agrees.end(),
                                        [](const auto& source) { return source.second; });
    if (2 * agreeing > static_cast<std::ptrdiff_t>(agrees.size())) return std::nullopt;
    return newest;
  }

  // -------------------------------------------------------------- voices

  // The prices of each listing until half a year after `day`, in their order.
  std::map<Listing, std::vector<std::size_t>> VoicesAround(Date day) const {
    std::map<Listing, std::vector<std::size_t>> voices;
    for (std::size_t index : offers_) {
      if (At(index).first > day + kHalfYear || At(index).superseded_on) continue;
      if (ended_.count(index) > 0) continue;
      voices[ListingOf(index)].push_back(index);
    }
    return voices;
  }

  // Since when `line`, up to its element `end`, has agreed with `challenger`.
  Date HeldSince(const std::vector<std::size_t>& line, std::size_t end, std::size_t established,
                 std::size_t challenger) const {
    Date since = At(line[end]).first;
    for (std::size_t i = end; i-- > 0 && IsForFirst(line[i], challenger, established);) {
      since = At(line[i]).first;
    }
    return since;
  }

  // The element of `line` that tells what its listing holds of the challenger: of the challenger's
  // own the end of its unbroken run where that lasted, else the newest.
  std::size_t Telling(const std::vector<std::size_t>& line, std::size_t established,
                      std::size_t challenger) const {
    const auto own = std::find(line.begin(), line.end(), challenger);
    if (own == line.end()) return line.size() - 1;
    auto end = static_cast<std::size_t>(own - line.begin());
    while (end + 1 < line.size() && IsForFirst(line[end + 1], challenger, established)) ++end;
    const bool lasted = At(line[end]).last - At(challenger).first >= kHasHeld;
    return lasted ? end : line.size() - 1;
  }

  bool ShowedBefore(const std::vector<std::size_t>& line, std::size_t end, std::size_t established,
                    std::size_t challenger) const {
    return std::any_of(
        line.begin(), line.begin() + static_cast<std::ptrdiff_t>(end), [&](std::size_t index) {
          return !At(index).contradicted && IsForFirst(index, established, challenger);
        });
  }

  Weight Weigh(std::size_t established, std::size_t challenger) const {
    Weight weight;
    const Date since = At(challenger).first;
    for (const auto& [listing, line] : VoicesAround(since)) {
      if (listing.first == At(challenger).feed && listing != ListingOf(challenger)) continue;
      const std::size_t end = Telling(line, established, challenger);
      const Offer& told = At(line[end]);
      if (IsForFirst(line[end], challenger, established)) {
        weight.supporters.insert(listing.first);
        const Date held_since = HeldSince(line, end, established, challenger);
        weight.held = weight.held || told.last - held_since >= kHasHeld;
        weight.changed = weight.changed || ShowedBefore(line, end, established, challenger);
      } else if (IsForFirst(line[end], established, challenger)) {
        const bool live = told.last >= since;
        (live ? weight.live_opponents : weight.stale_opponents).insert(listing.first);
        weight.opponent_held = weight.opponent_held || told.last - since >= kHasHeld;
      }
    }
    LeaveOutTheUndecided(weight);
    HearTheMarket(established, challenger, weight);
    return weight;
  }

  // A source with listings on both sides says nothing.
  static void LeaveOutTheUndecided(Weight& weight) {
    for (const Source& source : std::set<Source>(weight.supporters)) {
      if (weight.live_opponents.erase(source) + weight.stale_opponents.erase(source) > 0) {
        weight.supporters.erase(source);
      }
    }
    for (const Source& source : weight.live_opponents) weight.stale_opponents.erase(source);
  }

  void HearTheMarket(std::size_t established, std::size_t challenger, Weight& weight) const {
    std::set<Source> opponents = weight.live_opponents;
    opponents.insert(weight.stale_opponents.begin(), weight.stale_opponents.end());
    weight.market_supports = MarketIsFor(challenger, established, weight.supporters);
    weight.market_opposes = MarketIsFor(established, challenger, opponents);
    if (weight.market_supports && weight.market_opposes) {
      weight.market_supports = weight.market_opposes = false;
    }
  }

  // Whether the median of what other providers ask agrees with `first` and contradicts `second`, as
  // told by none of `sources`: a feed that is wrong about one provider is often wrong about all.
  bool MarketIsFor(std::size_t first, std::size_t second, const std::set<Source>& sources) const {
    const Date day = std::max(At(first).first, At(second).first);
    const std::optional<TokenPrices> median = MedianOfOthers(At(first).provider, day, sources);
    if (!median) return false;
    constexpr std::chrono::days kSameTime{0};
    return !Differ(*median, At(first).prices, kSameTime) &&
           Differ(*median, At(second).prices, kSameTime);
  }

  // Of the price of each other provider that was seen nearest to `day`, at most half a year away.
  std::optional<TokenPrices> MedianOfOthers(const std::string& provider, Date day,
                                            const std::set<Source>& without) const {
    const auto away = [&](const Offer& offer) {
      return std::max({offer.first - day, day - offer.last, std::chrono::days(0)});
    };
    std::map<std::string, const Offer*> nearest;
    for (std::size_t index : market_) {
      const Offer& other = At(index);
      if (other.provider == provider || without.count(other.feed) > 0) continue;
      if (away(other) > kHalfYear) continue;
      const Offer*& held = nearest[other.provider];
      if (held == nullptr || std::tuple(away(other), Blended(other.prices), index) <
                                 std::tuple(away(*held), Blended(held->prices), index)) {
        held = &other;
      }
    }
    if (nearest.size() < kFewestOthers) return std::nullopt;
    std::vector<Price> inputs;
    std::vector<Price> outputs;
    for (const auto& [name, other] : nearest) {
      inputs.push_back(other->prices.input);
      outputs.push_back(other->prices.output);
    }
    std::sort(inputs.begin(), inputs.end());
    std::sort(outputs.begin(), outputs.end());
    TokenPrices median;
    median.input = inputs[(inputs.size() - 1) / 2];
    median.output = outputs[(outputs.size() - 1) / 2];
    return median;
  }

  // -------------------------------------------------------------- what follows

  void Decide(std::size_t established, std::size_t challenger) {
    const Weight weight = Weigh(established, challenger);
    // The catalogue was read by people: an even vote leaves it standing, as it does any other
    // price that is established.
    const bool even_for_catalogue = !At(challenger).feed && weight.support() >= weight.opposition();
    if (weight.confirmed() || even_for_catalogue) {
      Establish(challenger, weight);
    } else if (IsOfTheSameDay(challenger) && weight.support() == weight.opposition()) {
      TrustNeither(challenger);
    } else {
      Distrust(challenger, established, WhyRefused(weight));
    }
  }

  void Distrust(std::size_t index, std::optional<std::size_t> trusted, std::string reason) {
    if (witnesses_.count(index) > 0) {
      ended_.insert(index);
      return;
    }
    known_.offers[index].contradicted = true;
    known_.contradictions.push_back({trusted, index, std::move(reason)});
  }

  // The challenger takes the place of what it contradicts. What went before a change of price was
  // true in its time; what another source still shows is not.
  void Establish(std::size_t challenger, const Weight& weight) {
    for (auto it = standing_.begin(); it != standing_.end();) {
      const std::size_t held = it->second;
      if (!Comparable(held, challenger) || !Contradicts(held, challenger)) {
        ++it;
        continue;
      }
      const bool live = At(held).last >= At(challenger).first;
      if (it->first == ListingOf(challenger) || Follows(held, challenger)) {
        // Its own listing goes on to another price.
      } else if (witnesses_.count(held) > 0) {
        ended_.insert(held);
      } else if (weight.changed && !live) {
        known_.offers[held].superseded_on = At(challenger).first;
      } else {
        Distrust(held, challenger, WhyTrusted(weight));
      }
      it = standing_.erase(it);
    }
    standing_[ListingOf(challenger)] = challenger;
  }

  // Whether the listing of `held` comes to agree with `challenger` later.
  bool Follows(std::size_t held, std::size_t challenger) const {
    return std::any_of(offers_.begin(), offers_.end(), [&](std::size_t index) {
      return ListingOf(index) == ListingOf(held) && At(index).first > At(held).first &&
             IsForFirst(index, challenger, held);
    });
  }

  bool IsOfTheSameDay(std::size_t challenger) const {
    return std::all_of(standing_.begin(), standing_.end(), [&](const auto& entry) {
      const Offer& held = At(entry.second);
      return held.feed && held.first == At(challenger).first;
    });
  }

  void TrustNeither(std::size_t challenger) {
    constexpr char kReason[] =
        "to confirm: sources of one day contradict each other, and nothing tells which is right";
    Distrust(challenger, std::nullopt, kReason);
    for (auto it = standing_.begin(); it != standing_.end();) {
      if (!Comparable(it->second, challenger) || !Contradicts(it->second, challenger)) {
        ++it;
        continue;
      }
      Distrust(it->second, std::nullopt, kReason);
      it = standing_.erase(it);
    }
  }

  static std::string WhyTrusted(const Weight& weight) {
    if (weight.changed && weight.held) {
      return "a change of price, which a feed that knew the old one has shown for a month";
    }
    return absl::StrCat(weight.changed ? "a change of price: " : "", Votes(weight));
  }

  static std::string WhyRefused(const Weight& weight) {
    return absl::StrCat(
        "to confirm: ", Votes(weight),
        weight.changed ? "; a change of price counts once its feed has shown it for a month, or a "
                         "second source has it"
                       : "; the established price stays until more sources have the other");
  }

  static std::string Votes(const Weight& weight) {
    std::string text =
        absl::StrCat(Times(weight.support(), "voice", "voices"), " for the new price, ",
                     weight.opposition() == 0 ? "none" : absl::StrCat(weight.opposition()),
                     " for the established one");
    if (weight.market_supports) text += " (with what other providers ask for the new)";
    if (weight.market_opposes) text += " (with what other providers ask for the established)";
    return text;
  }

  Known& known_;
  const Market& market_;
  std::vector<std::size_t> offers_;  // by OrderOf()
  const std::set<std::size_t>& witnesses_;
  std::set<std::size_t> ended_;              // witnesses that no longer have a voice
  std::map<Listing, std::size_t> standing_;  // the newest trusted price of each
};

// The catalogue's prices of the model of `offers` at their provider, under another name.
std::set<std::size_t> WitnessesOf(const Known& known, const Market& market,
                                  const std::vector<std::size_t>& offers) {
  const Offer& any = known.offers[offers.front()];
  std::set<std::size_t> witnesses;
  if (!any.model.known()) return witnesses;
  for (std::size_t index : market) {
    const Offer& other = known.offers[index];
    if (!other.feed && other.provider == any.provider) witnesses.insert(index);
  }
  for (std::size_t index : offers) witnesses.erase(index);
  return witnesses;
}

}  // namespace

void Judge(Known& known) {
  std::map<std::string, Market> markets;
  // One product at one provider, whoever tells of it.
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> products;
  for (std::size_t i = 0; i < known.offers.size(); ++i) {
    const Offer& offer = known.offers[i];
    markets[ThingOf(offer)].push_back(i);
    products[{offer.provider, ProductKey(offer.listing)}].push_back(i);
  }
  for (auto& [key, offers] : products) {
    const Offer& any = known.offers[offers.front()];
    const Market& market = markets.at(ThingOf(any));
    const std::set<std::size_t> witnesses = WitnessesOf(known, market, offers);
    if (offers.size() + witnesses.size() < 2) continue;
    Product(known, market, std::move(offers), witnesses).Judge();
  }
}

}  // namespace capacity::prices
