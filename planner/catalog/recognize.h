// Which model and quantization an engine runs, from what it calls them.
#pragma once

#include <cstdint>
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
};

struct Recognized {
  const Model* model = nullptr;         // null: none
  const Quantization* quant = nullptr;  // null: none
  std::string why;                      // when one is null: what was looked for
};

// By ids, aliases and upstream names, after what file names add ("-instruct", "-00001-of-00002",
// ".gguf", the quantization) is taken off. Never by guess: a word that is none of these ("distill",
// "coder") makes it another model, and so does a number of parameters more than 4 % off.
Recognized Recognize(const Catalog& catalog, const SeenModel& seen);

}  // namespace capacity::catalog
