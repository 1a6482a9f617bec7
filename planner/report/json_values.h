// How numbers stand in JSON documents.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"
#include "planner/base/estimate.h"
#include "planner/base/units.h"

namespace capacity::report {

using Json = nlohmann::ordered_json;

// Rounded so that the text is short and stable: 6 significant digits; null when not finite.
Json Number(double value);
Json Cents(Usd usd);                          // in dollars
Json Dollars(double usd);                     // to the cent; null when not finite
Json IntervalJson(const Estimate& estimate);  // with its source
Json MonthsJson(const Estimate& estimate);    // null: never

// The document of one command, with its version, as text.
std::string Document(const char* kind, Json body);

}  // namespace capacity::report
