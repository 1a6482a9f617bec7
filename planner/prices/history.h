// Every price ever imported, as a value and as the lines of a file.
//
// One record is one price of one listing in one feed, with the first and the last day on which it
// was seen. Records are only added, and the last day of one moves on; nothing that differed is ever
// lost, and importing the same document again changes nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/prices/date.h"
#include "planner/prices/feed.h"
#include "planner/prices/token_price.h"

namespace capacity::prices {

struct Record {
  Feed feed = Feed::kLiteLlm;
  std::string provider;  // ProviderKey()
  std::string model;     // the feed's name of the listing
  TokenPrices prices;
  Date first;
  Date last;

  friend bool operator==(const Record&, const Record&) = default;
};

struct History {
  std::vector<Record> records;  // in order of arrival
};

struct MergeCounts {
  int added = 0;      // new listings and new prices
  int extended = 0;   // the same price, seen on a further day
  int unchanged = 0;  // known already, day included
};

// Adds what a feed says. A price equal to the one before it (or after it, when an older document
// comes later) moves that record's day; any other is a new record.
MergeCounts Merge(const FeedContents& contents, History& history);

// The newest prices of `feed` are still in force on `day`: the server said that nothing changed.
MergeCounts ConfirmAll(Feed feed, Date day, History& history);

// ---------------------------------------------------------------- as a file

inline constexpr std::string_view kHistoryHeader = "{\"capacity_planner_prices\":1}";

// A record as one line of JSON without a newline; every price exact.
std::string ToLine(const Record& record);

// The whole file: the header, then a line per record.
std::string ToText(const History& history);

// Reads a whole file; an empty text is an empty history. Every damaged line is a problem with its
// number; `history` is present exactly when there is none.
struct ReadHistory {
  std::optional<History> history;
  Diagnostics problems;
};
ReadHistory ParseHistory(const std::string& file, std::string_view text);

}  // namespace capacity::prices
