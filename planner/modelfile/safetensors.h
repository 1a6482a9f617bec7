// The header of a safetensors file: which tensors it holds. Their data are never read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/modelfile/byte_source.h"
#include "planner/modelfile/tensor_type.h"

namespace capacity::modelfile {

// What a header may be, at most. The bytes are the format's own limit.
struct SafetensorsLimits {
  std::uint64_t header_bytes = 100'000'000;
  std::size_t tensors = 400'000;
  std::size_t name_bytes = 1'024;
};

struct SafetensorsTensor {
  std::string name;
  const TensorType* type = nullptr;
  std::vector<std::uint64_t> shape;  // slowest dimension first, as the file has it
  std::uint64_t numbers = 0;         // product of shape
  std::uint64_t bytes = 0;
};

struct SafetensorsHeader {
  std::string format;  // "pt", "mlx" or what else the writer called itself; may be empty
  std::uint64_t file_bytes = 0;
  std::vector<SafetensorsTensor> tensors;  // in the header's order
};

// InvalidArgument or OutOfRange: "FILE: byte N: what" or "FILE: tensor "X": what; what would be
// right". Every tensor lies inside the file and no two overlap.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(ByteSource& source,
                                                        const SafetensorsLimits& limits = {});

}  // namespace capacity::modelfile
