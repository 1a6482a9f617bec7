#include "planner/inventory/entry_fields.h"

#include <string>

namespace capacity::inventory {

catalog::Provenance ReadProvenance(Fields& fields) {
  fields.Require({"source", "as_of"});
  return {.source = fields.Text("source").value_or(""), .as_of = fields.Text("as_of").value_or("")};
}

std::vector<catalog::Engine> ReadEngines(Fields& fields, Problems& problems) {
  std::vector<catalog::Engine> engines;
  for (const Word& word : fields.References("engines")) {
    if (const std::optional<catalog::Engine> engine = catalog::ParseEngine(word.text)) {
      engines.push_back(*engine);
      continue;
    }
    std::vector<std::string> names;
    for (catalog::Engine engine : catalog::kAllEngines) names.push_back(Name(engine));
    problems.AddUnknown(*word.at, "engine", word.text, names);
  }
  return engines;
}

}  // namespace capacity::inventory
