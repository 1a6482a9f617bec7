#include "node-agent/probe/linux_cards.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Machine;
using Fault = agent::Accelerator::Fault;
using agent::Report;
using host::Command;
using host::Host;
using host::Output;

// PCI vendor NVIDIA, display controllers, and the GPU of a GB10 (PCI ID repository).
constexpr std::string_view kPciNvidia = "0x10de";
constexpr std::string_view kPciDisplayClass = "0x03";
constexpr std::string_view kPciGb10 = "0x2e12";
// PCI vendor AMD, and the GPU inside Strix Halo (PCI ID repository: Radeon 8050S and 8060S).
constexpr std::string_view kPciAmd = "0x1002";
constexpr std::string_view kPciStrixHalo = "0x1586";
// PCI vendor Microsoft: the display controller that stands for every GPU under Hyper-V and WSL.
constexpr std::string_view kPciMicrosoft = "0x1414";

// What the firmware of GB10 machines calls them (DMI product or family; captures of their owners
// and makers' product pages, 2026-11). Needed before any driver tells.
constexpr std::array kGb10Products = {
    "dgx spark", "gb10",        "gx10",          "zgx nano",
    "edgexpert", "ai top atom", "veriton gn100", "thinkstation pgx"};

// Why nothing can use a card whose memory no instance of MIG has been given.
constexpr std::string_view kWithoutInstance =
    "MIG is on and no instance is made on it, so nothing can compute there";

const Command kLspci = {{"lspci", "-nn"}};
const Command kNvidiaList = {{"nvidia-smi", "-L"}, kNvidiaPatience};
const Command kNvidiaXml = {{"nvidia-smi", "-q", "-x"}, kNvidiaPatience};

struct PciDisplay {
  std::string name;
  bool gb10 = false;
  std::string driver;    // the kernel's name of it; empty: none, or not known
  std::string bus;       // "0000:01:00.0"; empty: not known
  bool off_bus = false;  // nothing answers at its address any more
};

struct Pci {
  std::vector<PciDisplay> displays;  // NVIDIA's, whether or not a driver runs them
  std::vector<PciDisplay> held;      // kept for a virtual machine: no program here can have them
  bool readable = false;             // so an empty list means that there is none
  bool paravirtual = false;          // GPUs come by another way than the slots
};

// The kernel's drivers that keep a device for a virtual machine.
bool IsHeld(const PciDisplay& display) {
  return display.driver == "vfio-pci" || display.driver == "pci-stub";
}

// What lspci says of the cards that /sys shows, or of those that it alone shows.
void AddListed(const std::vector<PciCard>& listed, std::vector<PciDisplay>& displays) {
  const bool alone = displays.empty();
  if (alone) displays.resize(listed.size());
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const PciCard& card = listed[i];
    auto display = std::find_if(displays.begin(), displays.end(), [&card](const PciDisplay& other) {
      return !card.bus.empty() && other.bus == card.bus;
    });
    const bool in_order = alone || (card.bus.empty() && listed.size() == displays.size());
    if (display == displays.end()) {
      if (!in_order) continue;
      display = displays.begin() + static_cast<std::ptrdiff_t>(i);
    }
    display->name = card.name;
    display->gb10 = display->gb10 || Contains(card.name, "10de:2e12");
    display->off_bus = card.off_bus;
    if (display->bus.empty()) display->bus = card.bus;
  }
}

Pci ProbePci(Host& host, Report& report) {
  Finding finding("pci");
  Pci pci;
  std::vector<PciDisplay>& displays = pci.displays;
  const std::vector<std::string> devices = host.List("/sys/bus/pci/devices");
  // There where the kernel knows PCI, with or without a device.
  pci.readable = host.Read("/sys/bus/pci/drivers_autoprobe").has_value();
  if (pci.readable) finding.Found();
  for (const std::string& device : devices) {
    const std::string at = absl::StrCat("/sys/bus/pci/devices/", device, "/");
    const std::string vendor = ReadLine(host, at + "vendor");
    if (!vendor.empty()) finding.Found();
    pci.readable = pci.readable || !vendor.empty();
    if (vendor == kPciAmd && ReadLine(host, at + "device") == kPciStrixHalo) {
      // Of the amdgpu driver, in bytes.
      report.memory.firmware_gpu_bytes = ParseWhole(ReadLine(host, at + "mem_info_vram_total"));
    }
    if (vendor != kPciNvidia && vendor != kPciMicrosoft) continue;
    if (!StartsWith(ReadLine(host, at + "class"), kPciDisplayClass)) continue;
    if (vendor == kPciMicrosoft) pci.paravirtual = true;
    // A virtual function is a part of its card for a virtual machine.
    if (vendor != kPciNvidia || host.Read(at + "physfn/vendor")) continue;
    const std::string id = ReadLine(host, at + "device");
    const Fields uevent = ParseFields(host.Read(at + "uevent").value_or(""), '=');
    displays.push_back({absl::StrCat("NVIDIA device ", id), id == kPciGb10,
                        Clean(Field(uevent, "DRIVER"), 32), Clean(device, 32)});
  }
  std::string why;
  const auto listed = FirstUnderstood(
      host, kLspci,
      [](const Output& output) -> std::optional<std::vector<PciCard>> {
        if (output.exit_code != 0 || output.text.empty()) return std::nullopt;
        return NvidiaInLspci(output.text);
      },
      finding, why);
  if (listed) AddListed(*listed, displays);
  std::copy_if(displays.begin(), displays.end(), std::back_inserter(pci.held), IsHeld);
  displays.erase(std::remove_if(displays.begin(), displays.end(), IsHeld), displays.end());
  if (!pci.readable && !listed) {
    finding.Missing();
    finding.Unknown("what is in the PCI slots is",
                    absl::StrCat("/sys/bus/pci/devices is not there and ", why));
  }
  pci.readable = pci.readable || listed.has_value();
  report.probes.push_back(finding.Finish());
  return pci;
}

void AddLostCard(const std::string& name, const std::string& where, const std::string& why,
                 Finding& finding, Report& report) {
  const std::string called = name.empty() ? "NVIDIA card" : name;
  finding.Unknown(absl::StrCat("memory of ", where, ", ", called, ", is"), why);
  report.accelerators.push_back({.name = called, .fault = Fault::kLost});
}

// "3 x 1c.3g.20gb", of one instance of the GPU.
std::string SliceName(const std::vector<const MigSlice*>& slices) {
  std::string name;
  for (std::size_t i = 0; i < slices.size();) {
    const std::string& profile = slices[i]->profile;
    std::size_t alike = 0;
    while (i + alike < slices.size() && slices[i + alike]->profile == profile) ++alike;
    absl::StrAppend(&name, name.empty() ? "" : " + ", alike > 1 ? absl::StrCat(alike, " x ") : "",
                    profile.empty() ? "MIG" : profile);
    i += alike;
  }
  return name;
}

// Compute instances of one instance of the GPU share its memory, so together they are one slice.
std::vector<std::vector<const MigSlice*>> ByInstance(const std::vector<MigSlice>& slices) {
  std::vector<std::vector<const MigSlice*>> instances;
  for (const MigSlice& slice : slices) {
    const auto its =
        std::find_if(instances.begin(), instances.end(), [&slice](const auto& instance) {
          return slice.instance && instance[0]->instance == slice.instance;
        });
    if (its == instances.end()) {
      instances.push_back({&slice});
    } else {
      its->push_back(&slice);
    }
  }
  return instances;
}

void AddSlices(const NvidiaCard& card, const std::string& which,
               const agent::Accelerator& accelerator, Finding& finding, Report& report) {
  for (const std::vector<const MigSlice*>& slices : ByInstance(card.slices)) {
    agent::Accelerator part = accelerator;
    part.slice = SliceName(slices);
    part.memory_bytes = slices[0]->memory_bytes;
    part.power_limit_watts.reset();  // of the whole card
    if (!part.memory_bytes) {
      finding.Unknown(absl::StrCat("memory of slice ", part.slice, " of ", which, " is"),
                      "nvidia-smi -q does not state it");
    }
    report.accelerators.push_back(std::move(part));
  }
}

void AddCard(const NvidiaCard& card, std::size_t place, bool unified, Finding& finding,
             Report& report) {
  const std::size_t index = card.index.value_or(place);
  if (!card.lost.empty()) {
    AddLostCard(card.name,
                card.index || card.bus.empty() ? absl::StrCat("card ", index)
                                               : absl::StrCat("the card at ", card.bus),
                card.lost, finding, report);
    report.accelerators.back().driver_version = card.driver_version;
    if (card.lost == kWithoutInstance) report.accelerators.back().fault = Fault::kNoInstance;
    return;
  }
  const std::string which =
      absl::StrCat("card ", index, " (", card.name.empty() ? "?" : card.name, ")");
  agent::Accelerator accelerator;
  accelerator.name = card.name;
  accelerator.driver_version = card.driver_version;
  accelerator.power_limit_watts = card.power_limit_watts;
  if (!card.cut_short.empty() && (card.name.empty() || !card.memory_bytes)) {
    finding.Unknown(absl::StrCat(card.name.empty() ? "name and memory of card " : "memory of card ",
                                 index, card.name.empty() ? " are" : " is"),
                    card.cut_short);
  } else if (card.name.empty()) {
    finding.Unknown(absl::StrCat("the name of card ", index, " is"),
                    "nvidia-smi does not state it");
  }
  if (card.name.empty()) accelerator.fault = Fault::kUnknown;
  if (!card.slices.empty()) {
    AddSlices(card, which, accelerator, finding, report);
    return;
  }
  if (card.mig_enabled.value_or(false)) {
    finding.Unknown(absl::StrCat("the slices of ", which, " are"),
                    "MIG is enabled and no output of nvidia-smi lists them");
  }
  accelerator.memory_bytes = card.memory_bytes;
  accelerator.memory_used_bytes = card.memory_used_bytes;
  if (!card.memory_bytes && card.cut_short.empty()) {
    const std::string said = card.memory_said.empty()
                                 ? std::string("nvidia-smi does not state it")
                                 : absl::StrCat("nvidia-smi says \"", card.memory_said, "\"");
    finding.Unknown(absl::StrCat("memory of ", which, " is"),
                    unified ? absl::StrCat(said,
                                           "; it shares the system's memory, of which "
                                           "MemAvailable says what is free")
                            : said);
  }
  report.accelerators.push_back(std::move(accelerator));
}

// What is known where nvidia-smi shows no card.
struct NoCards {
  std::string why;
  Fault fault = Fault::kUnknown;
  bool absent = false;  // there is no nvidia-smi
  bool none = false;    // it looked, and there is no card
  bool hangs = false;   // it was stopped after its time
};

// Why none of `outputs` shows a card.
NoCards WhyNone(const std::vector<Output>& outputs, const Command& command) {
  NoCards no_cards;
  no_cards.absent = outputs[0].how == Output::How::kAbsent;
  no_cards.hangs = outputs[0].how == Output::How::kTimedOut;
  for (const Output& output : outputs) {
    const auto refusal = WhyNoCard(output.text);
    if (refusal && no_cards.why.empty()) {
      no_cards.why = refusal->why;
      no_cards.fault = refusal->fault;
    }
    no_cards.none = no_cards.none || SaysThereIsNoCard(output.text);
  }
  if (no_cards.why.empty()) no_cards.why = host::WhyNot(outputs[0], command);
  if (no_cards.why.empty()) no_cards.why = "what nvidia-smi printed is not understood";
  return no_cards;
}

// Those on which MIG is on and none of the lists that would show an instance does.
void FindEmptyCards(NvidiaCards& cards) {
  for (NvidiaCard& card : cards.cards) {
    const bool empty = card.mig_enabled.value_or(false) && card.slices.empty();
    if (empty && card.lost.empty()) card.lost = kWithoutInstance;
  }
}

bool ListsInstances(const Output& output) {
  if (Contains(output.text, "No MIG devices found")) return true;  // the plain table
  const std::vector<std::string>& asked = output.arguments;
  return !output.truncated && std::any_of(asked.begin(), asked.end(), [](const std::string& word) {
    return word == "-L" || word == "-q" || word == "--list-gpus" || word == "--query";
  });
}

// All outputs of nvidia-smi together.
NvidiaCards AskNvidia(Host& host, NoCards& no_cards) {
  NvidiaCards cards;
  std::set<std::pair<std::vector<std::string>, std::string>> taken;
  bool instances_listed = false;
  const auto take = [&](const Command& command) {
    const std::vector<Output> outputs = host.Run(command);
    for (const Output& output : outputs) {
      if (output.how != Output::How::kRan) continue;
      // A capture answers every question with all that it has.
      if (!taken.emplace(output.arguments, output.text).second) continue;
      const auto parsed = ParseNvidiaSmi(output.arguments, output.text);
      if (!parsed) continue;
      Merge(*parsed, cards);
      instances_listed = instances_listed || ListsInstances(output);
    }
    if (cards.cards.empty() && no_cards.why.empty()) no_cards = WhyNone(outputs, command);
  };
  take(NvidiaQuery());
  const bool no_device = no_cards.none || no_cards.absent || no_cards.hangs ||
                         (!no_cards.why.empty() && no_cards.fault != Fault::kUnknown);
  if (cards.cards.empty() && no_device) return cards;
  const bool incomplete = std::any_of(
      cards.cards.begin(), cards.cards.end(),
      [](const NvidiaCard& card) { return card.mig_enabled.value_or(false) || card.name.empty(); });
  // An older driver does not know every column; -q -x tells everything at the price of time.
  if (cards.cards.empty() || incomplete) {
    take(kNvidiaList);
    take(kNvidiaXml);
  }
  Conclude(cards);
  if (instances_listed) FindEmptyCards(cards);
  return cards;
}

bool IsGb10(std::string_view name) {
  std::string plain = Lower(name);
  std::replace(plain.begin(), plain.end(), '_', ' ');
  return std::any_of(kGb10Products.begin(), kGb10Products.end(),
                     [&plain](const char* product) { return Contains(plain, product); });
}

// The one at its address, else one that its name names; `displays.end()`: none is known to be.
std::vector<PciDisplay>::iterator SlotOf(const NvidiaCard& card,
                                         std::vector<PciDisplay>& displays) {
  constexpr std::string_view kMaker = "NVIDIA ";
  std::string_view name = card.name;
  if (StartsWith(name, kMaker)) name.remove_prefix(kMaker.size());
  return std::find_if(displays.begin(), displays.end(), [&](const PciDisplay& display) {
    if (!card.bus.empty() && !display.bus.empty()) return card.bus == display.bus;
    return !name.empty() && Contains(display.name, absl::StrCat("[", std::string(name), "]"));
  });
}

// A card that nothing can use is called as PCI lists it where nvidia-smi does not name it.
void TakeSlot(const PciDisplay& display, NvidiaCard& card) {
  if (card.bus.empty()) card.bus = display.bus;
  if (display.off_bus && card.name.empty() && card.lost.empty()) {
    card.lost = "lspci finds nothing that answers at its address (\"rev ff\")";
  }
  if (!card.lost.empty() && card.name.empty()) card.name = display.name;
}

// Takes those that are `cards` from `displays`. Returns those of `cards` that may be any of the
// rest.
std::vector<NvidiaCard*> TakeSlots(std::vector<NvidiaCard>& cards,
                                   std::vector<PciDisplay>& displays) {
  std::vector<NvidiaCard*> open;
  // Addresses first: a name may stand for several.
  for (const bool by_address : {true, false}) {
    for (NvidiaCard& card : cards) {
      if (card.bus.empty() == by_address) continue;
      const auto its = SlotOf(card, displays);
      if (its == displays.end()) {
        open.push_back(&card);
        continue;
      }
      TakeSlot(*its, card);
      displays.erase(its);
    }
  }
  const auto take = [&](const auto& fits) {
    for (auto card = open.begin(); card != open.end();) {
      const auto its = std::find_if(displays.begin(), displays.end(), fits);
      const bool nameless = (*card)->name.empty() && (*card)->bus.empty();
      if (!nameless || its == displays.end()) {
        ++card;
        continue;
      }
      TakeSlot(*its, **card);
      displays.erase(its);
      card = open.erase(card);
    }
  };
  take([](const PciDisplay& display) { return display.off_bus; });
  // As many as are left, or alike: it does not matter which is which.
  const bool all_nameless = std::all_of(open.begin(), open.end(), [](const NvidiaCard* card) {
    return card->name.empty() && card->bus.empty();
  });
  const bool alike = std::all_of(displays.begin(), displays.end(), [&](const PciDisplay& display) {
    return display.name == displays[0].name;
  });
  if (alike || (all_nameless && open.size() == displays.size())) {
    take([](const PciDisplay&) { return true; });
  }
  return open;
}

// Those of `displays` that are none of `cards`. Where names do not tell which, nameless ones.
std::vector<PciDisplay> Undriven(std::vector<PciDisplay> displays, std::vector<NvidiaCard>& cards) {
  const std::size_t open = TakeSlots(cards, displays).size();
  std::vector<PciDisplay> lost;
  const auto off_bus = [](const PciDisplay& display) { return display.off_bus; };
  std::copy_if(displays.begin(), displays.end(), std::back_inserter(lost), off_bus);
  displays.erase(std::remove_if(displays.begin(), displays.end(), off_bus), displays.end());
  const bool alike = std::all_of(displays.begin(), displays.end(), [&](const PciDisplay& display) {
    return display.name == displays[0].name && display.driver == displays[0].driver;
  });
  displays.resize(displays.size() - std::min(open, displays.size()));
  if (open > 0 && !alike) {
    for (PciDisplay& display : displays) display = {.name = "NVIDIA Corporation card"};
  }
  displays.insert(displays.end(), lost.begin(), lost.end());
  return displays;
}

std::string AtItsSlot(const PciDisplay& display) {
  return display.bus.empty() ? "a card" : absl::StrCat("the card at ", display.bus);
}

// Why nvidia-smi does not show this one, where it shows others.
Fault WhyNotShown(const PciDisplay& display, bool others_lost, const Report& report) {
  if (display.off_bus) return Fault::kLost;
  if (!report.container.empty()) return Fault::kHidden;
  if (others_lost || display.driver == "nvidia") return Fault::kUnknown;
  return Fault::kNoDriver;
}

std::string InWords(Fault why_not_shown, bool others_lost, const Report& report) {
  if (why_not_shown == Fault::kHidden) {
    return absl::StrCat("this ", report.container, " container is not given the others");
  }
  if (others_lost) return "it stops at the first that is lost";
  if (why_not_shown == Fault::kUnknown) {
    return "the driver has the others and they do not answer, or are kept for another container";
  }
  return "the others have no driver, or are kept for a virtual machine or another container";
}

void AddUndriven(const std::vector<PciDisplay>& undriven, const NvidiaCards& found,
                 std::size_t displays, Finding& finding, Report& report) {
  const std::vector<NvidiaCard>& cards = found.cards;
  const bool all_lost = std::all_of(cards.begin(), cards.end(), [](const NvidiaCard& card) {
    return !card.lost.empty() && card.lost != kWithoutInstance;
  });
  std::size_t count = 0;
  Fault last = Fault::kNone;
  for (const PciDisplay& display : undriven) {
    const Fault fault = WhyNotShown(display, all_lost, report);
    if (fault == Fault::kLost) {
      AddLostCard(display.name, AtItsSlot(display),
                  "lspci finds nothing that answers at its address (\"rev ff\")", finding, report);
      continue;
    }
    ++count;
    last = fault;
    report.accelerators.push_back({.name = display.name, .fault = fault});
  }
  if (count == 0) return;
  finding.Unknown(absl::StrCat("driver and memory of ", count,
                               count == 1 ? " NVIDIA card are" : " NVIDIA cards are"),
                  absl::StrCat("PCI lists ", displays, " and nvidia-smi ", cards.size(), "; ",
                               InWords(last, all_lost, report)));
}

// "NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684] is kept for a virtual machine
// (vfio-pci)".
std::string HeldCards(const std::vector<PciDisplay>& held) {
  std::vector<std::string> names;
  for (const PciDisplay& card : held) names.push_back(card.name);
  return absl::StrCat(Listed(names), held.size() == 1 ? " is" : " are",
                      " kept for a virtual machine (", held[0].driver, ")");
}

void AddCards(const NvidiaCards& found, bool unified, Finding& finding, Report& report) {
  finding.Found();
  for (std::size_t i = 0; i < found.cards.size(); ++i) {
    AddCard(found.cards[i], i, unified, finding, report);
  }
  const bool names_known =
      std::none_of(found.cards.begin(), found.cards.end(),
                   [](const NvidiaCard& card) { return Contains(card.name, "..."); });
  for (const std::string& oddity : found.oddities) {
    if (StartsWith(oddity, "the table shortens") && names_known) continue;
    finding.Unknown("something nvidia-smi said is", oddity);
  }
}

// The fault of cards none of which nvidia-smi shows, with all that the machine tells.
Fault WhyNoneIsShown(Host& host, const NoCards& no_cards, const std::vector<PciDisplay>& displays,
                     const Report& report) {
  const auto run_by = [&displays](std::string_view driver) {
    return std::any_of(displays.begin(), displays.end(),
                       [driver](const PciDisplay& display) { return display.driver == driver; });
  };
  if (run_by("nouveau")) return Fault::kNoDriver;
  const bool loaded =
      run_by("nvidia") || host.Read("/proc/driver/nvidia/version").value_or("").size() > 0;
  const bool contained = !report.container.empty();
  if (no_cards.absent)
    return contained ? Fault::kHidden : loaded ? Fault::kNoTool : Fault::kNoDriver;
  if (no_cards.hangs || !contained) return no_cards.fault;
  // The host's driver works, or the tool of the host would not be here.
  const bool denied = no_cards.none || no_cards.fault == Fault::kUnknown ||
                      no_cards.fault == Fault::kNoTool ||
                      (no_cards.fault == Fault::kNoDriver && loaded);
  return denied ? Fault::kHidden : no_cards.fault;
}

// What follows from it, in words, behind what nvidia-smi says.
std::string Therefore(Fault fault, const NoCards& no_cards, const std::vector<PciDisplay>& displays,
                      const Report& report) {
  const bool nouveau = std::any_of(displays.begin(), displays.end(), [](const PciDisplay& display) {
    return display.driver == "nouveau";
  });
  if (nouveau) return "; the card is run by nouveau, on which no engine computes";
  const std::string here = absl::StrCat("this ", report.container, " container");
  switch (fault) {
    case Fault::kNoDriver:
      if (no_cards.none) return "; the card is there, and its driver does not take it";
      return report.container.empty()
                 ? "; the card is there, so its driver is missing or broken"
                 : absl::StrCat("; the card is there, so the driver of the host of ", here,
                                " is missing or broken");
    case Fault::kNeedsReboot:
      return report.container.empty() ? "" : absl::StrCat(", of the host of ", here);
    case Fault::kHidden:
      if (report.container.empty()) return "";
      return Contains(no_cards.why, "Unknown Error")
                 ? absl::StrCat("; ", here, " has lost its right to use the card")
                 : absl::StrCat("; ", here, " is not given the card");
    case Fault::kNoTool:
      return "; its driver is loaded";
    case Fault::kUnknown:
      return "; whether its driver works is not known";
    case Fault::kNone:
    case Fault::kLost:
    case Fault::kNoInstance:
      break;
  }
  return "";
}

// Nothing shows an NVIDIA card.
void SayThereIsNoCard(Host& host, const Pci& pci, const NoCards& no_cards, Finding& finding,
                      Report& report) {
  if (!pci.held.empty()) {
    finding.Absent(absl::StrCat("no NVIDIA card for programs here: ", HeldCards(pci.held)));
  } else if (no_cards.none) {
    finding.Absent(absl::StrCat("no NVIDIA card: ", no_cards.why));
  } else if (pci.readable && !pci.paravirtual) {
    finding.Absent(absl::StrCat("no NVIDIA card: no PCI slot holds one, and ", no_cards.why));
  } else {
    report.no_cards =
        no_cards.absent ? Fault::kUnknown : WhyNoneIsShown(host, no_cards, {}, report);
    finding.Unknown(
        "which NVIDIA cards there are is",
        absl::StrCat(no_cards.why, pci.paravirtual ? ", and the GPUs of a WSL or Hyper-V machine "
                                                     "are in no PCI slot"
                                                   : ", and nothing lists the PCI slots"));
  }
}

void AddCardsOfSlots(const std::vector<PciDisplay>& displays, const NoCards& no_cards, Fault fault,
                     Finding& finding, Report& report) {
  const auto off_bus = [](const PciDisplay& display) { return display.off_bus; };
  for (const PciDisplay& display : displays) {
    if (display.off_bus) {
      AddLostCard(display.name, AtItsSlot(display),
                  absl::StrCat(no_cards.why,
                               ", and lspci finds nothing that answers at its address"
                               " (\"rev ff\")"),
                  finding, report);
    } else {
      report.accelerators.push_back({.name = display.name, .fault = fault});
    }
  }
  if (!displays.empty() && std::all_of(displays.begin(), displays.end(), off_bus)) return;
  finding.Unknown("driver and memory of the NVIDIA card are",
                  absl::StrCat(no_cards.why, Therefore(fault, no_cards, displays, report)));
}

}  // namespace

void ProbeCards(Host& host, bool spark, Report& report) {
  const Pci pci = ProbePci(host, report);
  const std::vector<PciDisplay>& displays = pci.displays;
  Finding finding("nvidia-smi");
  NoCards no_cards;
  NvidiaCards found = AskNvidia(host, no_cards);
  bool gb10 = spark || IsGb10(report.machine.product) ||
              std::any_of(displays.begin(), displays.end(),
                          [](const PciDisplay& display) { return display.gb10; });
  for (const NvidiaCard& card : found.cards) gb10 = gb10 || IsGb10(card.name);
  report.memory.unified =
      gb10 || std::any_of(found.cards.begin(), found.cards.end(), SharesSystemMemory);
  if (!found.cards.empty()) {
    const std::vector<PciDisplay> undriven = Undriven(displays, found.cards);
    AddCards(found, report.memory.unified, finding, report);
    AddUndriven(undriven, found, displays.size(), finding, report);
    if (!pci.held.empty()) finding.Absent(HeldCards(pci.held));
  } else if (displays.empty() && !gb10) {
    SayThereIsNoCard(host, pci, no_cards, finding, report);
  } else {
    if (no_cards.absent) finding.Missing();
    report.no_cards = WhyNoneIsShown(host, no_cards, displays, report);
    AddCardsOfSlots(displays, no_cards, report.no_cards, finding, report);
  }
  using Kind = Machine::Kind;
  const bool driven = !found.cards.empty();
  report.machine.kind = gb10 ? Kind::kGb10 : driven ? Kind::kLinuxNvidia : Kind::kLinux;
  report.probes.push_back(finding.Finish());
}

}  // namespace capacity::probe
