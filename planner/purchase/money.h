// Dollars as people read them.
#pragma once

#include <string>

#include "planner/base/units.h"

namespace capacity::purchase {

// "$12,345", cents only where there are some: "$1,234.50".
std::string Dollars(Usd amount);
// Rounded to whole dollars: "$612".
std::string WholeDollars(double amount);

}  // namespace capacity::purchase
