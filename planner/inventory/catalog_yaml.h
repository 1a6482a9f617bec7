// The catalogue's YAML form (inventories/schema/catalog.schema.json).
#pragma once

#include <memory>

#include "planner/catalog/catalog.h"
#include "planner/inventory/document.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

inline constexpr std::string_view kCatalogSchema = "capacity-planner/catalog/v1";

// Collects entries from documents, later ones replacing earlier ones of the same id, and resolves
// the references between them at the end.
class CatalogReader {
 public:
  explicit CatalogReader(Problems& problems);
  ~CatalogReader();

  // The document must outlive this object.
  void Read(const Document& document);

  // The indexed catalogue; reports references to entries that do not exist. Call once.
  catalog::Catalog Finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace capacity::inventory
