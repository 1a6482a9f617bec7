// What a model file was found to be.
#pragma once

#include <string>
#include <vector>

#include "planner/modelfile/describe.h"
#include "planner/report/table.h"

namespace capacity::report {

// `kept_in` is the catalogue file it was written to; empty: none.
std::string ModelFileText(const modelfile::Description& description, const std::string& kept_in,
                          const Style& style);
std::string ModelFileJson(const modelfile::Description& description, const std::string& kept_in);

// One paragraph above the answer of another command.
std::string ModelFileHead(const modelfile::Description& description, const Style& style);

std::string ModelRemovedText(const std::string& id, const std::string& file);
std::string ModelRemovedJson(const std::string& id, const std::string& file);

}  // namespace capacity::report
