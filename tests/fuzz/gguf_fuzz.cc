// libFuzzer: the header of a GGUF, and the model that it makes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "planner/modelfile/composed.h"
#include "planner/modelfile/gguf.h"

using capacity::modelfile::Compose;
using capacity::modelfile::GgufFacts;
using capacity::modelfile::MemorySource;
using capacity::modelfile::ReadGgufHeader;

namespace {

// Nothing that a terminal could obey.
void RequireHarmless(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const capacity::catalog::Catalog catalog;
  const std::string file = "fuzz.gguf";
  MemorySource source(file, {reinterpret_cast<const char*>(data), size});
  const auto header = ReadGgufHeader(source);
  if (!header.ok()) {
    if (header.status().message().find("fuzz.gguf: byte ") != 0) std::abort();
    RequireHarmless(std::string(header.status().message()));
    return 0;
  }
  // What was accepted lies inside the file.
  std::uint64_t sum = 0;
  for (const auto& tensor : header->tensors) sum += tensor.bytes;
  if (sum > size) std::abort();
  auto facts = GgufFacts(*header, file);
  if (!facts.ok()) {
    RequireHarmless(std::string(facts.status().message()));
    return 0;
  }
  const auto description = Compose(*std::move(facts), file, "fuzz", catalog);
  if (!description.ok()) {
    RequireHarmless(std::string(description.status().message()));
    return 0;
  }
  for (const std::string& warning : description->warnings) RequireHarmless(warning);
  RequireHarmless(description->name + description->architecture + description->quantization);
  if (description->model.kv_cache.layers.size() != description->layers.size()) std::abort();
  if (description->artifact.bytes.count != static_cast<std::int64_t>(sum)) std::abort();
  if (!(*description->model.parameters.decode_read >= -1)) std::abort();
  return 0;
}
