// libFuzzer: the header of a safetensors file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "planner/modelfile/safetensors.h"
#include "planner/modelfile/tensor_class.h"

using capacity::modelfile::ClassifyGguf;
using capacity::modelfile::ClassifyHuggingFace;
using capacity::modelfile::MemorySource;
using capacity::modelfile::ReadSafetensorsHeader;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  MemorySource source("fuzz.safetensors", {reinterpret_cast<const char*>(data), size});
  const auto header = ReadSafetensorsHeader(source);
  if (!header.ok()) {
    const std::string message(header.status().message());
    if (message.rfind("fuzz.safetensors: ", 0) != 0) std::abort();
    for (const char c : message) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
    }
    return 0;
  }
  std::uint64_t sum = 0;
  for (const auto& tensor : header->tensors) {
    sum += tensor.bytes;
    for (const auto& seen : {ClassifyHuggingFace(tensor.name), ClassifyGguf(tensor.name)}) {
      if (seen.layer < -1 || seen.layer >= 100'000) std::abort();
    }
  }
  if (sum > size) std::abort();
  return 0;
}
