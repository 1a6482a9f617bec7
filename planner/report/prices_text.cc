#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/report/prices.h"

namespace capacity::report {
namespace {

using prices::Offer;
using prices::Price;
using prices::Refusal;
using prices::ToString;

constexpr std::size_t kMostRefusedShown = 40;

std::string OrDash(const std::optional<Price>& price) { return price ? ToString(*price) : "-"; }

std::string Pair(const std::optional<Price>& input, const std::optional<Price>& output) {
  if (!input && !output) return "-";
  return absl::StrCat(OrDash(input), "/", OrDash(output));
}

// ">200k 6/22.5"
std::string LongContext(const prices::TokenPrices& prices) {
  std::vector<std::string> tiers;
  for (const prices::LongContextPrice& tier : prices.long_context) {
    const std::string size = tier.above_tokens % 1000 == 0
                                 ? absl::StrCat(tier.above_tokens / 1000, "k")
                                 : absl::StrCat(tier.above_tokens);
    tiers.push_back(absl::StrCat(">", size, " ", Pair(tier.input, tier.output)));
  }
  return tiers.empty() ? "-" : absl::StrJoin(tiers, ", ");
}

std::string Count(int number, const std::string& one, const std::string& several) {
  return absl::StrCat(number, " ", number == 1 ? one : several);
}

bool IsListed(Refusal refusal) {
  return refusal == Refusal::kImplausible || refusal == Refusal::kUnreadable ||
         refusal == Refusal::kNotYet;
}

std::string RefusedRowText(const prices::RefusedRow& row) {
  return absl::StrCat(row.model, row.provider.empty() ? "" : " at ", row.provider, ": ",
                      row.reason);
}

// "2 free, 5 not of text", of the rows that are not listed; "" when there are none.
std::string LeftOut(const prices::FeedContents& contents) {
  std::map<Refusal, int> counts;
  for (const prices::RefusedRow& row : contents.refused) {
    if (!IsListed(row.refusal)) ++counts[row.refusal];
  }
  std::vector<std::string> parts;
  for (const auto& [refusal, count] : counts) {
    const char* what = refusal == Refusal::kFree      ? "free"
                       : refusal == Refusal::kNotText ? "not of text"
                                                      : "without a price per token";
    parts.push_back(absl::StrCat(count, " ", what));
  }
  return absl::StrJoin(parts, ", ");
}

std::string RefusedText(const prices::FeedContents& contents, const Style& style) {
  std::string lines;
  std::size_t listed = 0;
  for (const prices::RefusedRow& row : contents.refused) {
    if (!IsListed(row.refusal) || ++listed > kMostRefusedShown) continue;
    absl::StrAppend(&lines, Wrap(RefusedRowText(row), style.width, 4), "\n");
  }
  std::string out;
  if (listed > 0) {
    absl::StrAppend(&out, "\n", style.Bold(absl::StrCat("REFUSED ", listed)), "\n", lines);
  }
  if (listed > kMostRefusedShown) {
    absl::StrAppend(&out, "... and ", listed - kMostRefusedShown, " more: --output json\n");
  }
  const std::string rest = LeftOut(contents);
  if (!rest.empty()) absl::StrAppend(&out, "\nLeft out: ", rest, ".\n");
  return out;
}

std::string Asked(const Offer& offer) {
  return absl::StrCat(Pair(offer.prices.input, offer.prices.output), " ",
                      offer.feed ? Title(*offer.feed) : "catalogue", " ", ToString(offer.last));
}

std::string ContradictionsText(const prices::Known& known, const std::vector<std::size_t>& indices,
                               const Style& style) {
  if (indices.empty()) return "";
  std::string out =
      absl::StrCat("\n", style.Bold(absl::StrCat("CONTRADICTIONS ", indices.size())), "\n");
  for (std::size_t index : indices) {
    const prices::Contradiction& found = known.contradictions[index];
    const Offer& other = known.offers[found.distrusted];
    const std::string instead =
        found.trusted ? absl::StrCat(Asked(known.offers[*found.trusted]), " is trusted, ") : "";
    absl::StrAppend(
        &out,
        Wrap(absl::StrCat(other.listing, " at ", other.provider, ": ", instead, Asked(other),
                          " is not", found.trusted ? ": " : " trusted: ", found.reason),
             style.width, 4),
        "\n");
  }
  return out;
}

// Columns that say nothing for any of the offers are left out.
class OfferTable {
 public:
  OfferTable(const prices::Known& known, const std::vector<std::size_t>& offers)
      : known_(known), offers_(offers) {
    for (std::size_t index : offers) {
      const prices::TokenPrices& prices = known.offers[index].prices;
      cached_ = cached_ || prices.cached_input.has_value();
      batch_ = batch_ || prices.batch_input || prices.batch_output;
      long_ = long_ || !prices.long_context.empty();
    }
  }

  std::string Render(const Style& style) const {
    std::vector<Column> columns = {{"provider", Align::kLeft, true},
                                   {"since"},
                                   {"seen"},
                                   {"in", Align::kRight},
                                   {"out", Align::kRight}};
    if (cached_) columns.push_back({"cached", Align::kRight});
    if (batch_) columns.push_back({"batch", Align::kRight});
    if (long_) columns.push_back({"long prompts", Align::kLeft, true});
    columns.push_back({"source", Align::kLeft, true});
    Table table(std::move(columns));
    for (std::size_t index : offers_) table.Add(Row(known_.offers[index]));
    return table.Render(style);
  }

 private:
  std::vector<std::string> Row(const Offer& offer) const {
    std::vector<std::string> row = {offer.provider, ToString(offer.first), ToString(offer.last),
                                    ToString(offer.prices.input), ToString(offer.prices.output)};
    if (cached_) row.push_back(OrDash(offer.prices.cached_input));
    if (batch_) row.push_back(Pair(offer.prices.batch_input, offer.prices.batch_output));
    if (long_) row.push_back(LongContext(offer.prices));
    row.push_back(absl::StrCat(offer.contradicted ? "NOT TRUSTED " : "", offer.source));
    return row;
  }

  const prices::Known& known_;
  const std::vector<std::size_t>& offers_;
  bool cached_ = false;
  bool batch_ = false;
  bool long_ = false;
};

// What rounds to nothing has no sign.
std::string Percent(double share) {
  constexpr double kShown = 0.0005;
  return FormatPercent(std::abs(share) < kShown ? 0 : share);
}

std::string RangeOf(const prices::MeasuredDecline& decline) {
  return absl::StrCat(Percent(decline.low), " to ", Percent(decline.high));
}

std::string DeclineRange(const prices::MeasuredDecline& decline) {
  return absl::StrCat(Percent(decline.mid), " (", RangeOf(decline), ")");
}

// "2025-01 to 2026-09"
std::string Months(const prices::MeasuredDecline& decline) {
  constexpr std::size_t kMonth = 7;
  return absl::StrCat(ToString(decline.first).substr(0, kMonth), " to ",
                      ToString(decline.last).substr(0, kMonth));
}

// A share as an inventory states it; what it allows is no rise above tenfold.
std::string Fraction(double share) {
  constexpr double kLeast = -10;
  const double rounded = std::round(std::max(share, kLeast) * 1000) / 1000;
  return absl::StrCat(rounded == 0 ? 0.0 : rounded);
}

// The lines that make plans use what was measured. Of the tiers that frontier models have, the
// first that was measured.
std::string DeclinesYaml(const std::vector<prices::GroupDecline>& groups) {
  std::string out = "economics:\n  declines:\n";
  std::set<std::string> named;
  for (const prices::GroupDecline& group : groups) {
    if (!named.insert(group.baseline).second) continue;
    absl::StrAppend(&out, "    ", group.baseline, ": {low: ", Fraction(group.decline.low),
                    ", mid: ", Fraction(group.decline.mid),
                    ", high: ", Fraction(group.decline.high), "}  # ", group.group, ", ",
                    Months(group.decline), "\n");
  }
  return out;
}

// Prices that are kept and compared, but that no plan reckons with.
std::string NotUsed(const PriceHistoryView& view, const Style& style) {
  bool batch = false;
  bool tiers = false;
  for (std::size_t index : view.offers) {
    const prices::TokenPrices& prices = view.known->offers[index].prices;
    batch = batch || prices.batch_input || prices.batch_output;
    tiers = tiers || !prices.long_context.empty();
  }
  if (!batch && !tiers) return "";
  return Wrap(absl::StrCat(batch && tiers ? "Batch and long-prompt prices are"
                           : batch        ? "Batch prices are"
                                          : "Long-prompt prices are",
                           " not used by plans, which reckon with the usual price of input, "
                           "output and cached input."),
              style.width, 0) +
         "\n";
}

}  // namespace

std::string PriceImportText(const prices::Imported& imported, const Style& style) {
  const prices::FeedContents& contents = imported.contents;
  const int rows = static_cast<int>(contents.rows.size());
  const std::string what = absl::StrCat(
      Title(contents.feed), " of ", ToString(contents.as_of), ": ", Count(rows, "price", "prices"),
      "; ", imported.counts.added, " new, ", imported.counts.extended, " seen on a further day, ",
      imported.counts.unchanged, " known already. ", imported.resolved, " of them are of ",
      Count(imported.models, "model", "models"), " of the catalogue; ", rows - imported.resolved,
      " are kept under the feed's own names.");
  std::string out = absl::StrCat(Wrap(what, style.width, 0), "\nStored in ", imported.store, "\n");
  absl::StrAppend(&out, ContradictionsText(imported.known, imported.contradictions, style),
                  RefusedText(contents, style));
  return out;
}

Diagnostics NothingKept(const std::string& origin, const prices::FeedContents& contents) {
  const int rows = static_cast<int>(contents.refused.size());
  Diagnostics problems;
  const std::string left_out = LeftOut(contents);
  problems.push_back(
      {origin, 0, 0,
       absl::StrCat("no price to keep; nothing was stored: ", Count(rows, "row", "rows"), " of ",
                    Title(contents.feed), left_out.empty() ? "" : ", of which ", left_out),
       ""});
  for (const prices::RefusedRow& row : contents.refused) {
    if (!IsListed(row.refusal)) continue;
    if (problems.size() > kMostRefusedShown) {
      problems.push_back({origin, 0, 0, "... and more", ""});
      break;
    }
    problems.push_back({origin, 0, 0, RefusedRowText(row), ""});
  }
  return problems;
}

std::string PriceUpdateText(const std::vector<PriceUpdate>& updates, const Style& style) {
  std::string out;
  for (const PriceUpdate& update : updates) {
    if (!out.empty()) out += "\n";
    if (update.imported) {
      absl::StrAppend(&out, update.url, "\n", PriceImportText(*update.imported, style));
    } else if (update.error.empty()) {
      absl::StrAppend(&out, update.url, "\nNothing new; ",
                      Count(update.confirmed, "price", "prices"), " seen on a further day.\n");
    } else {
      absl::StrAppend(&out, update.url, "\nFailed; nothing of it was stored.\n");
    }
  }
  return out;
}

std::string PriceHistoryText(const PriceHistoryView& view, const Style& style) {
  std::string out =
      absl::StrCat(style.Bold(view.model), ", US dollars per million tokens\n",
                   OfferTable(*view.known, view.offers).Render(style), NotUsed(view, style));
  Table days({{"day"},
              {"providers", Align::kRight},
              {"cheapest", Align::kLeft, true},
              {"in", Align::kRight},
              {"out", Align::kRight},
              {"median in", Align::kRight},
              {"median out", Align::kRight}});
  for (const prices::DaySummary& day : view.days) {
    const Offer& cheapest = view.known->offers[day.cheapest];
    days.Add({ToString(day.day), absl::StrCat(day.providers), cheapest.provider,
              ToString(cheapest.prices.input), ToString(cheapest.prices.output),
              ToString(day.median.input), ToString(day.median.output)});
  }
  absl::StrAppend(&out, "\n", style.Bold("BY DAY"), "\n", days.Render(style), "\n");
  std::vector<std::size_t> contradictions;
  const std::set<std::size_t> shown(view.offers.begin(), view.offers.end());
  for (std::size_t i = 0; i < view.known->contradictions.size(); ++i) {
    if (shown.count(view.known->contradictions[i].distrusted) > 0) contradictions.push_back(i);
  }
  absl::StrAppend(
      &out,
      Wrap(view.decline
               ? absl::StrCat("Decline: ", DeclineRange(*view.decline),
                              " a year (below zero: a rise), measured from ",
                              ToString(view.decline->first), " to ", ToString(view.decline->last),
                              " over ", Count(view.decline->series, "series", "series"),
                              "; of the cheapest provider, and the range of single listings.")
               : "Decline: not measurable; it needs imports of two days, 90 days apart.",
           style.width, 9),
      "\n", ContradictionsText(*view.known, contradictions, style));
  return out;
}

std::string PriceListText(const PriceListView& view, const Style& style) {
  struct Row {
    int prices = 0;
    const Offer* newest = nullptr;
  };
  std::map<std::tuple<prices::Feed, std::string, std::string>, Row> rows;
  for (const Offer& offer : view.known->offers) {
    if (!offer.feed) continue;
    Row& row = rows[{*offer.feed, offer.provider, offer.listing}];
    if (row.newest == nullptr || offer.last > row.newest->last) row.newest = &offer;
    ++row.prices;
  }
  if (rows.empty()) {
    return Wrap(absl::StrCat("No prices are stored in ", view.store,
                             ". planner prices import FILE reads a feed, planner prices update "
                             "fetches them."),
                style.width, 0) +
           "\n";
  }
  constexpr int kFewColumns = 7;  // with eight columns, some have to be narrow
  Table table({{"listing", Align::kLeft, true},
               {"provider", Align::kLeft, true, kFewColumns},
               {"model", Align::kLeft, true, kFewColumns},
               {"feed", Align::kLeft, true, kFewColumns},
               {"prices", Align::kRight},
               {"seen"},
               {"in", Align::kRight},
               {"out", Align::kRight}});
  for (const auto& [key, row] : rows) {
    table.Add({row.newest->listing, row.newest->provider,
               row.newest->model.known() ? row.newest->model.id : "-", Name(std::get<0>(key)),
               absl::StrCat(row.prices), ToString(row.newest->last),
               ToString(row.newest->prices.input), ToString(row.newest->prices.output)});
  }
  return absl::StrCat(table.Render(style), "\n", rows.size(), " listings in ", view.store, "\n");
}

std::string PriceDeclineText(const PriceDeclineView& view, const Style& style) {
  if (view.models.empty()) {
    return Wrap(
               "No decline can be measured yet: no model has imported prices of two days, 90 days "
               "apart. planner prices import --as-of DATE reads older feeds.",
               style.width, 0) +
           "\n";
  }
  Table groups({{"baseline"},
                {"tier"},
                {"models", Align::kRight},
                {"a year", Align::kRight},
                {"range", Align::kRight},
                {"measured"}});
  for (const prices::GroupDecline& group : view.groups) {
    groups.Add({group.baseline, group.group, absl::StrCat(group.models), Percent(group.decline.mid),
                RangeOf(group.decline), Months(group.decline)});
  }
  Table models({{"model", Align::kLeft, true},
                {"tier"},
                {"a year", Align::kRight},
                {"range", Align::kRight},
                {"series", Align::kRight},
                {"measured"}});
  for (const prices::ModelDecline& model : view.models) {
    const prices::MeasuredDecline& decline = model.decline;
    models.Add({model.model, model.group, Percent(decline.mid), RangeOf(decline),
                absl::StrCat(decline.series), Months(decline)});
  }
  return absl::StrCat(
      style.Bold("PRICE DECLINE A YEAR"), ", measured from imported prices\n", groups.Render(style),
      "\n", models.Render(style), "\n",
      Wrap("Log-linear over the days of each listing; a year's figure from a shorter span is an "
           "extrapolation. A new model that replaces an old one at another price is not in it.",
           style.width, 0),
      "\n\n",
      Wrap("Plans do not use these figures by themselves, but the catalogue's. To use them, copy "
           "into your inventory:",
           style.width, 0),
      "\n\n", DeclinesYaml(view.groups));
}

}  // namespace capacity::report
