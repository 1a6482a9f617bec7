// How the numbers of a tensor are stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capacity::modelfile {

// A storage type: blocks of `block` weights in `block_bytes` bytes.
struct TensorType {
  std::string_view name;  // "Q4_K", "BF16"
  int block = 1;
  int block_bytes = 0;

  double bits() const { return 8.0 * block_bytes / block; }
};

// The type that GGUF numbers so; null when none is known.
const TensorType* GgufType(std::uint32_t number);
// The type that safetensors calls so; null when none is known. Types below one byte: F4, F6, ...
const TensorType* SafetensorsType(std::string_view name);

}  // namespace capacity::modelfile
