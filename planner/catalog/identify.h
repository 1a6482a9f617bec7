// Which catalogue entries a machine is, from what it says of itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/units.h"
#include "planner/catalog/catalog.h"

namespace capacity::catalog {

// What was seen. Empty: not known.
struct SeenAccelerator {
  // As the driver prints it, "NVIDIA GeForce RTX 3090", or, without one, as PCI lists it: "NVIDIA
  // Corporation GA102 [GeForce RTX 3090] [10de:2204]", "NVIDIA device 0x2204".
  std::string name;
  std::optional<Bytes> memory;  // its own; nullopt when unified or not said
  bool slice = false;           // a MIG slice
  bool lost = false;            // it is there, and nothing can use it
};
struct Seen {
  std::string vendor;                 // "Apple", "ASUSTeK COMPUTER INC."
  std::string product;                // "Mac Studio", "Ascent GX10"
  std::string model_identifier;       // "Mac15,14"
  std::string chip_name;              // of the processor: "Apple M3 Ultra"
  std::optional<int> gpu_cores;       // Apple
  std::optional<Bytes> memory;        // installed
  std::optional<Bytes> visible;       // what the system counts as total; less than is installed
  std::optional<Bytes> firmware_gpu;  // what firmware keeps for the GPU, beside that
  std::vector<SeenAccelerator> accelerators;
  // The tool that lists the cards failed: there may be others, so their absence says nothing.
  bool accelerators_unknown = false;
};

struct Identified {
  std::string machine;  // catalogue id; empty: none, or not known which
  std::string chip;     // catalogue id; empty: none, or not known which
  int chips = 0;        // how many of it; 0 when `chip` is empty
  std::string why;      // when something is empty: what was seen and what it lacks

  friend bool operator==(const Identified&, const Identified&) = default;
};

// By printed names (`reported_as`, `model_identifiers`), core count and memory; never by guess: of
// two entries that fit neither is taken, and one that firmware names is not where its memory, its
// processor or another card speaks against it. Cards that no driver runs and lost ones do not count
// beside cards that work.
Identified Identify(const Catalog& catalog, const Seen& seen);

}  // namespace capacity::catalog
