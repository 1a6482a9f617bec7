// JSON as tools print it, with what goes wrong on the way: warnings before it, a cut end, bytes
// that are no UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json_fwd.hpp"

namespace capacity::probe {

// Parses the object or list of objects in `text`, behind a prompt or lines of a log. When its end
// is missing, what came before the last comma is kept and `cut` set. Null JSON when nothing can be
// read. Never throws.
nlohmann::json ParseJson(std::string_view text, bool& cut);

// `object[key]` as text: a string as it is, a number printed; "" when absent or of another kind.
std::string TextAt(const nlohmann::json& object, std::string_view key);

// `object[key]`; a null value when `object` is no object or lacks it.
const nlohmann::json& At(const nlohmann::json& object, std::string_view key);

}  // namespace capacity::probe
