#include "planner/prices/validators.h"

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "planner/prices/json_text.h"
#include "planner/prices/store.h"

namespace capacity::prices {

std::string VersionsFile(const std::string& store) { return store + ".fetched"; }

KnownVersions LoadVersions(const std::string& file) {
  constexpr JsonLimits kLimits = {.bytes = 1 << 20, .depth = 4, .values = 1000};
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const absl::StatusOr<JsonValue> root = ParseJson(text.str(), kLimits);
  KnownVersions versions;
  if (!root.ok()) return versions;
  for (const JsonValue::Member& member : root->members) {
    versions[member.key] = {.etag = std::string(member.value.Text("etag")),
                            .last_modified = std::string(member.value.Text("last_modified"))};
  }
  return versions;
}

absl::Status SaveVersions(const std::string& file, const KnownVersions& versions) {
  std::string text = "{";
  const char* separator = "\n";
  for (const auto& [url, validators] : versions) {
    absl::StrAppend(&text, separator, JsonQuote(url), ": {\"etag\": ", JsonQuote(validators.etag),
                    ", \"last_modified\": ", JsonQuote(validators.last_modified), "}");
    separator = ",\n";
  }
  return ReplaceFile(file, text + "\n}\n");
}

}  // namespace capacity::prices
