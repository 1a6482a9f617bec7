// What nvidia-smi prints: its CSV with any columns, -L, -q, -q -x and the plain table. And what
// lspci prints of NVIDIA's cards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

struct MigSlice {
  std::string profile;  // "1g.12gb"
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> instance;  // of the GPU; its compute instances share its memory
};

struct NvidiaCard {
  std::optional<std::uint64_t> index;  // nvidia-smi's number of it
  std::string bus;                     // "0000:01:00.0"; empty: not said
  std::string name;                    // "NVIDIA GeForce RTX 3090"
  std::string cut_short;  // why its line told nothing: "its line ... has 2 values for 8 columns"
  // Why nothing can use it though it is there: "nvidia-smi says \"Unable to determine the device
  // handle ...\""; empty: it works.
  std::string lost;
  int left_out = 0;  // outputs that number the cards beside it and do not show it
  std::string driver_version;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
  std::string memory_said;  // what stood in the place of the memory: "[N/A]", "Not Supported"
  std::optional<double> power_limit_watts;
  std::optional<double> celsius;
  std::optional<bool> mig_enabled;
  std::vector<MigSlice> slices;
};

// What is beyond it is left out.
inline constexpr std::size_t kMostCards = 64;

struct NvidiaCards {
  std::vector<NvidiaCard> cards;      // by index, where it is known
  std::vector<std::string> oddities;  // lines that were not understood, in words
};

// Nothing was said: "", "N/A", "[N/A]", "[Not Supported]", "Not Supported", "[Unknown Error]",
// "[Insufficient Permissions]", "[Requested functionality has been deprecated]", "ERR!", "-".
bool SaysNothing(std::string_view value);

// One output, by its own arguments and text. Nullopt when it shows no card. A card whose line was
// cut off or is not understood counts, without a name; so does one that nvidia-smi only says is
// lost, and one whose number is left out.
std::optional<NvidiaCards> ParseNvidiaSmi(const std::vector<std::string>& arguments,
                                          std::string_view text);

// Adds what `other` knows and `cards` does not: card by card by address on the bus or number, where
// those are not said in order, and not at all where names or counts speak against that.
void Merge(const NvidiaCards& other, NvidiaCards& cards);

// After all outputs: a card that two of them leave out is lost; one that the only one leaves out
// may be, or its line was.
void Conclude(NvidiaCards& cards);

// Why nvidia-smi showed no card. Nullopt when its text is none of the known ones.
struct Refusal {
  std::string why;  // in words
  agent::Accelerator::Fault fault = agent::Accelerator::Fault::kUnknown;
};
std::optional<Refusal> WhyNoCard(std::string_view text);

// nvidia-smi looked and there is none, as opposed to every other reason for showing none.
bool SaysThereIsNoCard(std::string_view text);

// The GPU is inside the processor and uses its memory: GB10, Jetson's Orin and Thor. Only where
// nvidia-smi states no memory of its own; never by guess.
bool SharesSystemMemory(const NvidiaCard& card);

// NVIDIA's display controllers in `lspci` and `lspci -nn`.
struct PciCard {
  std::string bus;       // "0000:01:00.0"; empty: its line does not begin with an address
  std::string name;      // as printed, "NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204]"
  bool off_bus = false;  // "(rev ff)": nothing answers at its address any more
};
std::vector<PciCard> NvidiaInLspci(std::string_view text);

// Without persistence mode the driver wakes every card for each question: up to 30 s on a machine
// of eight (Azure/aks-gpu, pull request 105).
inline constexpr std::chrono::seconds kNvidiaPatience{60};

// The columns that the agent asks for.
host::Command NvidiaQuery();

}  // namespace capacity::probe
