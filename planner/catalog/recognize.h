// Which model and quantization an engine runs, from what it calls them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "planner/catalog/catalog.h"

namespace capacity::catalog {

// What an engine says. Empty: nothing.
struct SeenModel {
  std::string engine;      // "llama.cpp", "mlx", "vllm", "exo", "ollama", "lm-studio"
  std::string name;        // "gpt-oss-20b-mxfp4.gguf", "llama3.2:3b", "mlx-community/Qwen3-8B-4bit"
  std::string quant_name;  // "Q4_K - Medium", "4bit"
  std::optional<std::uint64_t> parameters;
  std::optional<std::uint64_t> bytes;  // of the weights
  // What a person said that they are; null: nothing. Believed before the names.
  const Model* stated_model = nullptr;
  const Quantization* stated_quant = nullptr;
};

struct Recognized {
  const Model* model = nullptr;         // null: none
  const Quantization* quant = nullptr;  // null: none
  std::string why;                      // when one is null: what was looked for
};

// The bytes that the weights of a model take in a quantization on an engine; nullopt: not known.
using WeightBytesOf =
    std::function<std::optional<Bytes>(const Model&, const Quantization&, Engine)>;

// The model by ids, aliases and upstream names, after the owner ("Qwen_") before them and what file
// names add behind them ("-instruct", "-00001-of-00002", ".gguf", the quantization) is taken off.
// Never by guess: a word that is none of these ("distill", "coder") makes it another model, and so
// does a number of parameters more than 4 % off. A family's name alone ("llama3.2:latest") is one
// of its sizes only where the number of parameters says which.
//
// The quantization by the rest of the name, all of it, else by quant_name: "UD-Q2_K_XL" is not
// q2_k, and a file that calls itself UD-Q4_K_XL is believed before llama.cpp's "Q4_K - Medium" for
// it. vLLM's plain name of a model's own repository is what that was released in, else bf16. One
// that the engine cannot read is none, and so is one whose `weight_bytes` (when given) are not
// those that were seen, within 8 %. GGUF files of a model whose experts stay as released
// (gpt-oss), whatever they call themselves, are what their bytes say.
Recognized Recognize(const Catalog& catalog, const SeenModel& seen,
                     const WeightBytesOf& weight_bytes = nullptr);

}  // namespace capacity::catalog
