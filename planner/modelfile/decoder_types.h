// What is known of Hugging Face's model types beside their configs' fields.
#pragma once

#include <optional>
#include <string_view>

namespace capacity::modelfile {

// Whether the kinds of the type's layers, and what each of them caches, follow from its config.
bool KnowsCaches(std::string_view model_type);

// Windows that a config states and engines do not keep to: planned as the whole context.
bool IgnoresWindow(std::string_view model_type);

// What a model of the type is when it generates no text by itself: "an encoder, which ..."; empty
// for a decoder and for what nobody knows.
std::string_view NoDecoder(std::string_view model_type);

// The type of the text decoder inside a model of `model_type` whose nested config names none;
// empty when there is no usual one.
std::string_view TextTypeOf(std::string_view model_type);

// What the library takes for a field that a config leaves out: nested configs are written without
// the fields that have their type's default. Nullopt when the type has none.
std::optional<int> DefaultOf(std::string_view model_type, std::string_view field);

}  // namespace capacity::modelfile
