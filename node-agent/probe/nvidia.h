// What nvidia-smi prints: its CSV with any columns, -L, -q, -q -x and the plain table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/host/host.h"

namespace capacity::probe {

struct MigSlice {
  std::string profile;  // "1g.12gb"
  std::optional<std::uint64_t> memory_bytes;
};

struct NvidiaCard {
  std::string name;       // "NVIDIA GeForce RTX 3090"
  std::string cut_short;  // why its line told nothing: "its line ... has 2 values for 8 columns"
  std::string driver_version;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
  std::string memory_said;  // what stood in the place of the memory: "[N/A]", "Not Supported"
  std::optional<double> power_limit_watts;
  std::optional<double> celsius;
  std::optional<bool> mig_enabled;
  std::vector<MigSlice> slices;
};

struct NvidiaCards {
  std::vector<NvidiaCard> cards;      // by index
  std::vector<std::string> oddities;  // lines that were not understood, in words
};

// Nothing was said: "", "N/A", "[N/A]", "[Not Supported]", "Not Supported", "[Unknown Error]",
// "[Insufficient Permissions]", "[Requested functionality has been deprecated]", "ERR!", "-".
bool SaysNothing(std::string_view value);

// One output, by its own arguments and text. Nullopt when it shows no card. A card whose line was
// cut off or is not understood counts, without a name.
std::optional<NvidiaCards> ParseNvidiaSmi(const std::vector<std::string>& arguments,
                                          std::string_view text);

// Adds what `other` knows and `cards` does not, card by card in order.
void Merge(const NvidiaCards& other, NvidiaCards& cards);

// Why nvidia-smi showed no card, in words; empty when its text is none of the known ones.
std::string WhyNoCard(std::string_view text);

// nvidia-smi looked and there is none, as opposed to every other reason for showing none.
bool SaysThereIsNoCard(std::string_view text);

// The GPU is inside the processor and uses its memory: GB10, Jetson's Orin and Thor. Only where
// nvidia-smi states no memory of its own; never by guess.
bool SharesSystemMemory(const NvidiaCard& card);

// The columns that the agent asks for.
host::Command NvidiaQuery();

}  // namespace capacity::probe
