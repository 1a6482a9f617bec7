// Checks a JSON document against the part of JSON Schema 2020-12 that the published schemas use.
#pragma once

#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace capacity::testing {

// Every violation as "/path: what". Empty: valid. A schema keyword that is not understood is itself
// a violation, so that a schema cannot promise what nobody checks.
std::vector<std::string> SchemaViolations(const nlohmann::json& schema,
                                          const nlohmann::json& document);

}  // namespace capacity::testing
