#include "planner/prices/import.h"

#include <set>
#include <utility>

namespace capacity::prices {
namespace {

bool IsOf(const FeedContents& contents, const Offer& offer) {
  return offer.feed == contents.feed && offer.last == contents.as_of;
}

void CountResolved(const NameResolver& names, Imported& imported) {
  std::set<std::string> models;
  for (const FeedRow& row : imported.contents.rows) {
    const Resolved model = names.Resolve(row.model);
    if (!model.known()) continue;
    ++imported.resolved;
    models.insert(model.id);
  }
  imported.models = static_cast<int>(models.size());
}

}  // namespace

absl::StatusOr<ImportOutcome> ImportInto(const std::string& store, FeedContents contents,
                                         const catalog::Catalog& catalog) {
  ImportOutcome out;
  Imported& imported = out.imported;
  imported.store = store;
  imported.contents = std::move(contents);
  History after;
  const absl::StatusOr<StoreChange> change = ChangeStore(store, [&](History& history) {
    imported.counts = Merge(imported.contents, history);
    after = history;
  });
  if (!change.ok()) return change.status();
  out.problems = change->problems;
  if (!out.problems.empty()) return out;
  CountResolved(NameResolver(catalog), imported);
  imported.known = KnownOffers(catalog, after);
  for (std::size_t i = 0; i < imported.known.contradictions.size(); ++i) {
    const Contradiction& found = imported.known.contradictions[i];
    if ((found.trusted && IsOf(imported.contents, imported.known.offers[*found.trusted])) ||
        IsOf(imported.contents, imported.known.offers[found.distrusted])) {
      imported.contradictions.push_back(i);
    }
  }
  return out;
}

}  // namespace capacity::prices
