// What runs now, asked of the engines themselves.
#pragma once

#include <string>
#include <vector>

#include "planner/http/exchange.h"
#include "planner/launch/compare.h"
#include "planner/launch/record.h"

namespace capacity::operate {

// How it goes with each of `plans`, in order of their URLs, and what runs beside them there and at
// `urls` ("http://HOST:PORT"). An engine is told by what it answers; where nobody does, by its
// process.
std::vector<launch::Standing> Look(const std::vector<launch::Record>& plans,
                                   const std::vector<std::string>& urls, const http::ApiKey& key,
                                   const launch::ModelCalled& called);

}  // namespace capacity::operate
