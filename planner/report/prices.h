// Answers of `planner prices` as text and JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/prices/decline.h"
#include "planner/prices/import.h"
#include "planner/report/table.h"

namespace capacity::report {

// What an import stored, refused and found contradictory.
std::string PriceImportText(const prices::Imported& imported, const Style& style);
std::string PriceImportJson(const prices::Imported& imported);

// Why nothing of a document can be stored: of the document first, then row by row.
Diagnostics NothingKept(const std::string& origin, const prices::FeedContents& contents);

// What came of fetching one feed.
struct PriceUpdate {
  std::string url;
  std::string error;          // "" unless it failed; then nothing was stored
  bool not_modified = false;  // the server had nothing new ...
  int confirmed = 0;          // ... so that so many prices are known to hold still
  std::optional<prices::Imported> imported;
};
std::string PriceUpdateText(const std::vector<PriceUpdate>& updates, const Style& style);
std::string PriceUpdateJson(const std::vector<PriceUpdate>& updates);

// What is known of one model.
struct PriceHistoryView {
  std::string model;
  const prices::Known* known = nullptr;
  std::vector<std::size_t> offers;  // into known->offers
  std::vector<prices::DaySummary> days;
  std::optional<prices::MeasuredDecline> decline;
};
std::string PriceHistoryText(const PriceHistoryView& view, const Style& style);
std::string PriceHistoryJson(const PriceHistoryView& view);

// What a store holds, by listing.
struct PriceListView {
  std::string store;
  const prices::Known* known = nullptr;
};
std::string PriceListText(const PriceListView& view, const Style& style);
std::string PriceListJson(const PriceListView& view);

// Declines by baseline and by model.
struct PriceDeclineView {
  std::vector<prices::GroupDecline> groups;
  std::vector<prices::ModelDecline> models;
};
std::string PriceDeclineText(const PriceDeclineView& view, const Style& style);
std::string PriceDeclineJson(const PriceDeclineView& view);

}  // namespace capacity::report
