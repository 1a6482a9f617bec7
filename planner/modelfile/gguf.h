// The header of a GGUF file: metadata and tensor directory. Tensor data are never read.
//
// The file is a stranger's. Every length and count is checked against the file's own size and
// against GgufLimits before memory is given to it; what a planner has no use for (vocabularies) is
// skipped over, not kept.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/modelfile/byte_source.h"
#include "planner/modelfile/tensor_type.h"

namespace capacity::modelfile {

// What a header may be, at most. The largest known (Kimi-K2, 2026) has 1,100 tensors and 6 MiB.
struct GgufLimits {
  std::uint64_t header_bytes = std::uint64_t{256} << 20;
  std::uint64_t metadata_entries = 65'536;
  std::uint64_t tensors = 262'144;
  std::uint64_t key_bytes = 1'024;
  std::uint64_t name_bytes = 1'024;
  std::uint64_t array_items = std::uint64_t{1} << 24;
  // Longer strings and arrays are skipped over.
  std::uint64_t kept_string_bytes = 4'096;
  std::uint64_t kept_array_items = 4'096;
};

// One metadata value. Strings, and arrays of strings or arrays, that a planner has no use for have
// their length only.
struct GgufValue {
  using Array = std::vector<double>;
  struct Skipped {
    std::uint64_t length = 0;  // bytes of a string, items of an array
  };
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string, Array, Skipped> value;
};

struct GgufTensor {
  std::string name;
  const TensorType* type = nullptr;
  std::vector<std::uint64_t> shape;  // fastest dimension first, as the file has it
  std::uint64_t parameters = 0;      // product of shape
  std::uint64_t bytes = 0;           // as stored, without padding
  std::uint64_t offset = 0;          // of its data in the file
};

struct GgufHeader {
  int version = 0;
  std::uint64_t alignment = 32;
  std::uint64_t data_offset = 0;  // where tensor data begin
  std::uint64_t file_bytes = 0;
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // in file order

  // The value of `key` where it has that kind and, for numbers, fits it.
  std::optional<std::int64_t> Integer(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<bool> Flag(std::string_view key) const;
  std::string_view Text(std::string_view key) const;  // "" when there is none
  // A scalar counts as an array of one item; null when it is neither.
  std::optional<std::vector<double>> Numbers(std::string_view key) const;
  // Items of an array, kept or skipped.
  std::optional<std::uint64_t> Length(std::string_view key) const;
};

// InvalidArgument or OutOfRange: "FILE: byte N: what is wrong; what would be right". Every tensor
// lies inside the file.
absl::StatusOr<GgufHeader> ReadGgufHeader(ByteSource& source, const GgufLimits& limits = {});

}  // namespace capacity::modelfile
