// Which of several prices of one product at one provider to believe.
#pragma once

#include "planner/prices/offers.h"

namespace capacity::prices {

// Marks what in `known` is not trusted or no longer in force, and lists the contradictions: the
// rule of docs/prices.md, "When sources disagree". It looks at everything known at once; the order
// of the offers does not matter.
void Judge(Known& known);

}  // namespace capacity::prices
