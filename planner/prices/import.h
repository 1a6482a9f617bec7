// One document of a feed into the store, and what came of it.
#pragma once

#include <string>

#include "planner/catalog/catalog.h"
#include "planner/prices/offers.h"
#include "planner/prices/store.h"

namespace capacity::prices {

struct Imported {
  std::string store;      // the file
  FeedContents contents;  // what was read, refused rows included
  MergeCounts counts;
  int resolved = 0;  // rows that are a model of the catalogue
  int models = 0;    // of which so many different ones
  Known known;       // everything known after the import
  std::vector<std::size_t>
      contradictions;  // into known.contradictions: those with a row of this import
};

// Merges `contents` into `store`. Diagnostics instead when the store is damaged: nothing changed.
struct ImportOutcome {
  Imported imported;
  Diagnostics problems;
};
absl::StatusOr<ImportOutcome> ImportInto(const std::string& store, FeedContents contents,
                                         const catalog::Catalog& catalog);

}  // namespace capacity::prices
