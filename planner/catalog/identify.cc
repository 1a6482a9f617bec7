#include "planner/catalog/identify.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::catalog {
namespace {

// A card shows a little less than it is sold with (an L40S of 48 GiB shows 46068 MiB, 94 %), and
// two cards of one name differ by a fifth or more (RTX 3080: 10 or 12 GiB).
constexpr double kMemoryTolerance = 0.1;

// What the system counts as total lacks what the kernel and firmware keep: 5 % of a GB10 machine's
// 128 GiB, 3 % of a Framework Desktop's with the least memory for its GPU (captures of owners,
// 2026). Half that is sold is far below.
constexpr double kLeastVisible = 0.9;

// No machine has as much; sums of what machines say of themselves stay in their type.
constexpr Bytes kMostMemory = {std::int64_t{1} << 60};

// Lower case; everything but letters, digits and "+" as single spaces.
std::string Plain(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const bool kept = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+';
    if (kept) {
      plain += absl::ascii_tolower(static_cast<unsigned char>(c));
    } else if (!plain.empty() && plain.back() != ' ') {
      plain += ' ';
    }
  }
  if (!plain.empty() && plain.back() == ' ') plain.pop_back();
  return plain;
}

// Older drivers leave the maker's name out.
std::string PlainCard(const std::string& name) {
  const std::string plain = Plain(name);
  return absl::StartsWith(plain, "nvidia ") ? plain.substr(7) : plain;
}

// `part` stands in `text` as whole words; both plain.
bool HasWords(const std::string& text, const std::string& part) {
  return absl::StrContains(absl::StrCat(" ", text, " "), absl::StrCat(" ", part, " "));
}

// "Apple M1 (7-core GPU)" -> "apple m1".
std::string ChipFamilyName(const Chip& chip) {
  return Plain(chip.name.substr(0, chip.name.find(" (")));
}

template <class T>
std::string Ids(const std::vector<const T*>& entries) {
  return absl::StrJoin(entries, " or ",
                       [](std::string* out, const T* entry) { out->append(entry->id); });
}

std::string Described(Bytes memory) { return absl::StrCat(std::llround(memory.gib()), " GiB"); }

bool Near(Bytes a, Bytes b) {
  return std::abs(static_cast<double>(a.count - b.count)) <=
         kMemoryTolerance * static_cast<double>(b.count);
}

// ---------------------------------------------------------------- chips

// Every chip that prints itself as `name`: cards by their whole name, Apple's by the name without
// its core count.
std::vector<const Chip*> ChipsNamed(const Catalog& catalog, const std::string& name) {
  std::vector<const Chip*> found;
  const std::string plain = PlainCard(name);
  if (plain.empty()) return found;
  for (const Chip& chip : catalog.chips) {
    const bool apple = chip.vendor == "apple" && ChipFamilyName(chip) == plain;
    const bool reported =
        std::any_of(chip.reported_as.begin(), chip.reported_as.end(),
                    [&plain](const std::string& known) { return PlainCard(known) == plain; });
    if (apple || reported || PlainCard(chip.name) == plain) found.push_back(&chip);
  }
  return found;
}

bool SoldWith(const Chip& chip, Bytes memory) {
  return std::find(chip.memory_options.begin(), chip.memory_options.end(), memory) !=
         chip.memory_options.end();
}

struct ChipAnswer {
  const Chip* chip = nullptr;
  std::string why;
};

ChipAnswer AppleChip(const Catalog& catalog, const Seen& seen) {
  if (seen.chip_name.empty()) return {nullptr, "the chip's name is not known"};
  std::vector<const Chip*> named = ChipsNamed(catalog, seen.chip_name);
  if (named.empty()) {
    return {nullptr, absl::StrCat("no chip of the catalogue is called \"", seen.chip_name, "\"")};
  }
  std::vector<const Chip*> fitting;
  for (const Chip* chip : named) {
    if (seen.gpu_cores ? chip->gpu_cores == *seen.gpu_cores
                       : !seen.memory || SoldWith(*chip, *seen.memory)) {
      fitting.push_back(chip);
    }
  }
  if (fitting.size() == 1) return {fitting[0], ""};
  if (!seen.gpu_cores) {
    return {nullptr, absl::StrCat("the number of GPU cores is not known: ",
                                  Ids(fitting.empty() ? named : fitting))};
  }
  if (fitting.empty()) {
    return {nullptr, absl::StrCat("the catalogue has no ", seen.chip_name, " with ",
                                  *seen.gpu_cores, " GPU cores")};
  }
  // Of one name and core count, but with slower memory where there is less of it: the M6.
  if (!seen.memory) {
    return {nullptr, absl::StrCat("the size of the memory is not known: ", Ids(fitting))};
  }
  for (const Chip* chip : fitting) {
    if (SoldWith(*chip, *seen.memory)) return {chip, ""};
  }
  return {nullptr,
          absl::StrCat("the catalogue has no ", seen.chip_name, " with ", Described(*seen.memory))};
}

// The plain table of nvidia-smi cuts "RTX 4070 SUPER" to "RTX 4070 ...".
bool IsShortened(const std::string& name) { return absl::StrContains(name, "..."); }

// The name is PCI's, not a driver's: nothing runs the card.
bool HasNoDriver(const SeenAccelerator& card) {
  return absl::StartsWith(card.name, "NVIDIA Corporation ") ||
         absl::StartsWith(card.name, "NVIDIA device 0x");
}

bool IsAtWork(const SeenAccelerator& card) { return !HasNoDriver(card) && !card.lost; }

// PCI's name of the one GPU that is no card but a part of its machine (PCI ID repository).
bool IsGb10OfPci(const SeenAccelerator& card) {
  return HasNoDriver(card) && !card.lost &&
         (absl::StrContains(card.name, "[10de:2e12]") ||
          absl::StartsWith(card.name, "NVIDIA device 0x2e12"));
}

ChipAnswer CardChip(const Catalog& catalog, const SeenAccelerator& card) {
  if (IsShortened(card.name)) {
    return {nullptr, absl::StrCat("the table of nvidia-smi cuts the card's name to \"", card.name,
                                  "\", which begins several cards' names")};
  }
  if (card.lost) {
    return {nullptr, absl::StrCat("nothing can use its card \"", card.name, "\"")};
  }
  const std::vector<const Chip*> named = ChipsNamed(catalog, card.name);
  std::vector<const Chip*> fitting;
  for (const Chip* chip : named) {
    const bool fits = !card.memory || chip->unified_memory || chip->memory_options.empty() ||
                      std::any_of(chip->memory_options.begin(), chip->memory_options.end(),
                                  [&card](Bytes option) { return Near(*card.memory, option); });
    if (fits) fitting.push_back(chip);
  }
  if (fitting.size() == 1) return {fitting[0], ""};
  const std::string& name = card.name;
  if (name.empty()) return {nullptr, "the card's name is not known"};
  if (named.empty()) {
    return {nullptr, absl::StrCat("no chip of the catalogue is called \"", name, "\"")};
  }
  if (fitting.empty()) {
    return {nullptr, absl::StrCat("the catalogue's ", named[0]->id, " is not sold with ",
                                  Described(*card.memory))};
  }
  return {nullptr, absl::StrCat("\"", name, "\" may be ", Ids(fitting))};
}

// ---------------------------------------------------------------- machines

bool Holds(const Machine& machine, const std::string& chip) {
  return machine.chip == chip || std::find(machine.other_chips.begin(), machine.other_chips.end(),
                                           chip) != machine.other_chips.end();
}

bool HasIdentifier(const Machine& machine, const std::string& identifier) {
  return std::find(machine.model_identifiers.begin(), machine.model_identifiers.end(),
                   identifier) != machine.model_identifiers.end();
}

// "MacBookPro18,1" says its form; "Mac15,14" does not.
std::string FormOf(const Seen& seen) {
  if (!seen.product.empty()) return Plain(seen.product);
  if (absl::StartsWith(seen.model_identifier, "MacBookPro")) return "macbook pro";
  if (absl::StartsWith(seen.model_identifier, "MacBookAir")) return "macbook air";
  if (absl::StartsWith(seen.model_identifier, "Macmini")) return "mac mini";
  return "";
}

// "Mac Studio Mac15,14 Apple M3 Ultra 96 GiB": what there is of it.
std::string Saw(const Seen& seen) {
  std::string saw;
  for (const std::string& word : {seen.product, seen.model_identifier, seen.chip_name,
                                  seen.memory ? Described(*seen.memory) : std::string()}) {
    if (!word.empty()) absl::StrAppend(&saw, saw.empty() ? "; saw " : " ", word);
  }
  return saw;
}

Identified IdentifyMac(const Catalog& catalog, const Seen& seen) {
  Identified identified;
  const ChipAnswer chip = AppleChip(catalog, seen);
  if (chip.chip != nullptr) {
    identified.chip = chip.chip->id;
    identified.chips = 1;
  } else {
    identified.why = chip.why;
  }
  const auto because = [&identified](const std::string& why) {
    absl::StrAppend(&identified.why, identified.why.empty() ? "" : "; ", why);
  };
  const std::string saw = Saw(seen);
  if (!seen.memory) {
    because(absl::StrCat("installed memory is not known", saw));
    return identified;
  }
  const bool known_identifier = !seen.model_identifier.empty() &&
                                std::any_of(catalog.machines.begin(), catalog.machines.end(),
                                            [&seen](const Machine& machine) {
                                              return HasIdentifier(machine, seen.model_identifier);
                                            });
  const std::string form = FormOf(seen);
  if (!known_identifier && form.empty()) {
    because(absl::StrCat("neither product nor a known model identifier was seen", saw));
    return identified;
  }
  std::vector<const Chip*> chips = ChipsNamed(catalog, seen.chip_name);
  if (chip.chip != nullptr) chips = {chip.chip};
  // Cores that no chip of this name has are of none of its machines.
  if (chip.chip == nullptr && seen.gpu_cores) chips.clear();
  std::vector<const Machine*> fitting;
  for (const Machine& machine : catalog.machines) {
    if (machine.os != OperatingSystem::kMacos || machine.memory != *seen.memory) continue;
    if (known_identifier ? !HasIdentifier(machine, seen.model_identifier)
                         : !absl::StartsWith(Plain(machine.name) + " ", form + " ")) {
      continue;
    }
    // Without a chip's name the model identifier, which is of one chip family, has to do.
    const bool holds = seen.chip_name.empty()
                           ? known_identifier
                           : std::any_of(chips.begin(), chips.end(), [&machine](const Chip* known) {
                               return Holds(machine, known->id);
                             });
    if (holds) {
      fitting.push_back(&machine);
    }
  }
  if (fitting.size() == 1) {
    identified.machine = fitting[0]->id;
  } else if (fitting.empty()) {
    because(absl::StrCat("no machine of the catalogue fits", saw));
  } else {
    because(absl::StrCat("it may be ", Ids(fitting)));
  }
  return identified;
}

// Machines whose maker's name for them is in what was seen; the longest name wins.
std::vector<const Machine*> MachinesReported(const Catalog& catalog, const Seen& seen) {
  const std::string text =
      Plain(absl::StrCat(seen.vendor, " ", seen.product, " ", seen.model_identifier));
  std::vector<const Machine*> found;
  std::size_t longest = 0;
  for (const Machine& machine : catalog.machines) {
    for (const std::string& name : machine.reported_as) {
      const std::string plain = Plain(name);
      if (plain.size() < longest || !HasWords(text, plain)) continue;
      if (plain.size() > longest) found.clear();
      longest = plain.size();
      if (found.empty() || found.back() != &machine) found.push_back(&machine);
    }
  }
  return found;
}

// The entry for machines whose owner states the cards; null: there is none.
const Machine* StatedCards(const Catalog& catalog) {
  for (const Machine& machine : catalog.machines) {
    if (machine.os == OperatingSystem::kLinux && machine.chip.empty()) return &machine;
  }
  return nullptr;
}

// A workstation is described by its cards. So is a machine with a unified chip whose maker is not
// known, where the catalogue has an entry that goes by what the driver prints.
void MachineOfCards(const Catalog& catalog, const Seen& seen, Identified& identified) {
  const auto named = [&seen](const Machine* machine) {
    return std::any_of(machine->reported_as.begin(), machine->reported_as.end(),
                       [&seen](const std::string& name) {
                         return PlainCard(name) == PlainCard(seen.accelerators[0].name);
                       });
  };
  std::vector<const Machine*> fitting;
  for (const Machine& machine : catalog.machines) {
    if (machine.os == OperatingSystem::kMacos) continue;
    if (!machine.vram_per_accelerator && !named(&machine)) continue;
    if (machine.chip != identified.chip || machine.accelerators != identified.chips) continue;
    fitting.push_back(&machine);
  }
  // Of two machines with one chip, the one that names the card as it was printed.
  std::vector<const Machine*> exact;
  std::copy_if(fitting.begin(), fitting.end(), std::back_inserter(exact), named);
  if (fitting.size() > 1 && !exact.empty()) fitting = exact;
  const Chip* chip = catalog.FindChip(identified.chip);
  const Machine* stated = chip != nullptr && !chip->unified_memory ? StatedCards(catalog) : nullptr;
  if (fitting.size() == 1) {
    identified.machine = fitting[0]->id;
  } else if (fitting.empty() && stated != nullptr) {
    identified.machine = stated->id;
  } else if (fitting.empty()) {
    identified.why = absl::StrCat("the catalogue has no machine with ", identified.chips, " × ",
                                  identified.chip);
  } else {
    identified.why = absl::StrCat("it may be ", Ids(fitting));
  }
}

bool Names(const Catalog& catalog, const std::string& printed, const Chip& chip) {
  const std::vector<const Chip*> named = ChipsNamed(catalog, printed);
  return std::find(named.begin(), named.end(), &chip) != named.end();
}

// Whether a system that counts `visible` has `installed`, and not less. Firmware may give much of
// the memory to a GPU inside the processor, so little says nothing, but more than the next smaller
// size that is sold does.
bool MayBeInstalled(const Chip& chip, Bytes installed, Bytes visible) {
  if (installed < visible) return false;
  const bool above_smaller =
      std::any_of(chip.memory_options.begin(), chip.memory_options.end(),
                  [&](Bytes size) { return size < installed; }) &&
      std::all_of(chip.memory_options.begin(), chip.memory_options.end(),
                  [&](Bytes size) { return !(size < installed) || size < visible; });
  return above_smaller ||
         static_cast<double>(visible.count) >= kLeastVisible * static_cast<double>(installed.count);
}

// What of that which was seen `machine` has not, though firmware calls it so; empty: nothing. A
// maker sells one name with several processors and sizes of memory.
std::string Contradiction(const Catalog& catalog, const Machine& machine, const Seen& seen) {
  const Chip* chip = catalog.FindChip(machine.chip);
  if (chip == nullptr || !chip->unified_memory) return "";
  for (const SeenAccelerator& card : seen.accelerators) {
    if (card.name.empty() || !IsAtWork(card) || Names(catalog, card.name, *chip)) continue;
    return absl::StrCat("it has a card \"", card.name, "\" beside its ", chip->id,
                        ", and the catalogue describes no machine with both");
  }
  // Of these chips the processor's name is the chip's.
  const bool is_processor = chip->vendor == "amd";
  if (is_processor && !seen.chip_name.empty() && !Names(catalog, seen.chip_name, *chip)) {
    return absl::StrCat(machine.id, " has another processor than \"", seen.chip_name, "\"");
  }
  if (machine.memory.count == 0) return "";
  if (!seen.visible) {
    return chip->memory_options.size() < 2
               ? ""
               : absl::StrCat("how much memory it has is not known; ", machine.id, " has ",
                              Described(machine.memory));
  }
  const Bytes there = std::clamp(*seen.visible, Bytes{}, kMostMemory) +
                      std::clamp(seen.firmware_gpu.value_or(Bytes{}), Bytes{}, kMostMemory);
  if (MayBeInstalled(*chip, machine.memory, there)) return "";
  const bool perhaps_more = is_processor && !seen.firmware_gpu && there < machine.memory;
  return absl::StrCat(
      "the system counts ", Described(*seen.visible), " of memory",
      seen.firmware_gpu ? absl::StrCat(" beside ", Described(*seen.firmware_gpu), " of the GPU")
                        : std::string(),
      ", and ", machine.id, " has ", Described(machine.memory),
      perhaps_more ? ": it is another size of it, or firmware gives much to the GPU" : "");
}

// The one of the machines that firmware's names stand for; null with the reason in `why` where they
// stand for none or nothing decides.
const Machine* MachineNamed(const Catalog& catalog, const Seen& seen, std::string& why) {
  std::vector<const Machine*> fitting;
  for (const Machine* machine : MachinesReported(catalog, seen)) {
    const std::string against = Contradiction(catalog, *machine, seen);
    if (against.empty()) {
      fitting.push_back(machine);
    } else {
      absl::StrAppend(&why, why.empty() ? "" : "; ", against);
    }
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.size() > 1) why = absl::StrCat("it may be ", Ids(fitting));
  return nullptr;
}

// Without those that no driver runs and those that are lost, unless there are no others. A GB10 is
// the machine, and is called as its driver would, whether or not that runs.
std::vector<SeenAccelerator> CardsAtWork(std::vector<SeenAccelerator> cards) {
  for (SeenAccelerator& card : cards) {
    if (IsGb10OfPci(card)) card.name = "NVIDIA GB10";
  }
  std::vector<SeenAccelerator> at_work;
  std::copy_if(cards.begin(), cards.end(), std::back_inserter(at_work), IsAtWork);
  return at_work.empty() ? cards : at_work;
}

Identified IdentifyLinux(const Catalog& catalog, const Seen& all) {
  Identified identified;
  Seen seen = all;
  seen.accelerators = CardsAtWork(all.accelerators);
  std::string against;
  if (const Machine* named = MachineNamed(catalog, seen, against)) {
    identified = {named->id, named->chip, named->accelerators, ""};
    return identified;
  }
  if (seen.accelerators.empty() || !against.empty()) {
    // A chip with its GPU inside is known by the processor's name.
    const std::vector<const Chip*> named = ChipsNamed(catalog, seen.chip_name);
    if (named.size() == 1 && seen.accelerators.empty()) {
      identified.chip = named[0]->id;
      identified.chips = 1;
    }
    if (!against.empty()) {
      identified.why = against;
    } else if (named.size() == 1) {
      identified.why = "the machine's maker and product are not in the catalogue";
    } else {
      identified.why =
          absl::StrCat(seen.accelerators_unknown
                           ? "which accelerators it has is not known"
                           : "no NVIDIA card, and accelerators of other makers are not looked for",
                       "; saw processor \"", seen.chip_name, "\"");
    }
  } else if (std::any_of(seen.accelerators.begin(), seen.accelerators.end(),
                         [](const SeenAccelerator& card) { return card.slice; })) {
    identified.why =
        absl::StrCat("\"", seen.accelerators[0].name,
                     "\" is split into MIG slices, which the catalogue does not describe");
    return identified;
  } else {
    for (const SeenAccelerator& card : seen.accelerators) {
      const ChipAnswer answer = CardChip(catalog, card);
      if (answer.chip == nullptr) return {"", "", 0, answer.why};
      if (!identified.chip.empty() && identified.chip != answer.chip->id) {
        return {"", "", 0,
                absl::StrCat("cards of two kinds: ", identified.chip, " and ", answer.chip->id)};
      }
      identified.chip = answer.chip->id;
      ++identified.chips;
    }
    MachineOfCards(catalog, seen, identified);
  }
  if (!identified.machine.empty()) return identified;
  const std::string maker =
      std::string(absl::StripAsciiWhitespace(absl::StrCat(seen.vendor, " ", seen.product)));
  if (!maker.empty()) absl::StrAppend(&identified.why, "; saw \"", maker, "\"");
  return identified;
}

}  // namespace

Identified Identify(const Catalog& catalog, const Seen& seen) {
  if (seen.vendor == "Apple") return IdentifyMac(catalog, seen);
  return IdentifyLinux(catalog, seen);
}

}  // namespace capacity::catalog
