// Whatever bytes a price feed or a price history holds, reading it ends with rows or with reasons;
// and what is accepted can be stored, read back exactly, and computed with.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "planner/prices/decline.h"
#include "planner/prices/feed.h"
#include "planner/prices/history.h"
#include "planner/prices/offers.h"

namespace {

using capacity::prices::FeedContents;
using capacity::prices::History;

void Require(bool holds) {
  if (!holds) std::abort();
}

capacity::catalog::Catalog Catalogue() {
  capacity::catalog::Catalog catalog;
  for (const char* id : {"gpt-oss-120b", "llama-3.3-70b", "qwen3-235b-a22b", "deepseek-v3.1"}) {
    capacity::catalog::Model model;
    model.id = id;
    catalog.models.push_back(model);
  }
  for (const char* id : {"claude-opus-4.5", "claude-sonnet-4.5", "gpt-4o"}) {
    capacity::catalog::CloudModel model;
    model.id = id;
    model.provider = "anthropic";
    model.tier = "frontier";
    model.input = {5};
    model.output = {25};
    model.provenance = {"fuzz", "2026-01"};
    catalog.cloud_models.push_back(model);
  }
  catalog.Index();
  return catalog;
}

void ComputeWith(const History& history) {
  static const capacity::catalog::Catalog catalog = Catalogue();
  const capacity::prices::Known known = capacity::prices::KnownOffers(catalog, history);
  Require(known.offers.size() == history.records.size() + catalog.cloud_models.size());
  for (const auto& model : capacity::prices::WithPrices(catalog, history).cloud_models) {
    Require(std::isfinite(model.output.value) && model.output.value > 0);
  }
  for (const auto& model : capacity::prices::MeasureAll(catalog, known)) {
    Require(model.decline.low <= model.decline.mid && model.decline.mid <= model.decline.high);
  }
}

void ExpectRoundTrip(const History& history) {
  const std::string text = ToText(history);
  const auto read = capacity::prices::ParseHistory("fuzz.jsonl", text);
  Require(read.history.has_value());
  Require(read.history->records == history.records);
  Require(ToText(*read.history) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.front() == '#') {  // a history: this byte, then its lines
    const auto read = capacity::prices::ParseHistory("fuzz.jsonl", text.substr(1));
    Require(read.history.has_value() == read.problems.empty());
    if (read.history) {
      ExpectRoundTrip(*read.history);
      ComputeWith(*read.history);
    }
    return 0;
  }
  const capacity::prices::AsOf as_of{std::nullopt,
                                     capacity::prices::ParseDate("2026-07-30").value()};
  const auto contents = capacity::prices::ReadFeed(text, std::nullopt, as_of);
  if (!contents.ok()) {
    Require(!contents.status().message().empty());
    return 0;
  }
  for (const auto& row : contents->refused) Require(!row.reason.empty());
  History history;
  const auto counts = Merge(*contents, history);
  Require(counts.added + counts.extended + counts.unchanged ==
          static_cast<int>(contents->rows.size()));
  ExpectRoundTrip(history);
  const std::string once = ToText(history);
  Merge(*contents, history);
  Require(ToText(history) == once);
  ComputeWith(history);
  return 0;
}
