#include "node-agent/probe/linux.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_network.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Machine;
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

const Command kUname = {{"uname", "-a"}};
const Command kLscpuJson = {{"lscpu", "-J"}};
const Command kLspci = {{"lspci", "-nn"}};
const Command kDmidecode = {{"dmidecode", "-t", "system"}};
const Command kNvidiaList = {{"nvidia-smi", "-L"}};
const Command kNvidiaXml = {{"nvidia-smi", "-q", "-x"}};

// Firmware that was never filled in.
std::string Meaningful(std::string text) {
  static constexpr std::array kFillers = {"to be filled by o.e.m.",
                                          "default string",
                                          "system product name",
                                          "system manufacturer",
                                          "not specified",
                                          "n/a",
                                          "none",
                                          "empty"};
  const std::string lower = Lower(text);
  const bool filler = std::find(kFillers.begin(), kFillers.end(), lower) != kFillers.end();
  return filler || StartsWith(lower, "cat: ") ? "" : text;
}

// ---------------------------------------------------------------- what it is

void ProbeDmi(Host& host, Report& report) {
  Finding finding("dmi");
  const auto dmi = [&host](const char* name) {
    return Meaningful(ReadLine(host, absl::StrCat("/sys/class/dmi/id/", name)));
  };
  Machine& machine = report.machine;
  machine.vendor = dmi("sys_vendor");
  machine.product = dmi("product_name");
  std::string version = dmi("product_version");
  if (machine.vendor.empty() && machine.product.empty()) {
    std::string why;
    const auto fields = FirstUnderstood(
        host, kDmidecode,
        [](const Output& output) -> std::optional<Fields> {
          Fields parsed = ParseFields(output.text, ':');
          if (Field(parsed, "Product Name").empty()) return std::nullopt;
          return parsed;
        },
        finding, why);
    if (fields) {
      machine.vendor = Meaningful(Clean(Field(*fields, "Manufacturer")));
      machine.product = Meaningful(Clean(Field(*fields, "Product Name")));
      version = Meaningful(Clean(Field(*fields, "Version")));
    }
  }
  if (machine.vendor.empty() && machine.product.empty()) {
    // Machines that start from a device tree.
    const std::optional<std::string> model = host.Read("/proc/device-tree/model");
    if (model) machine.product = Clean(std::string_view(*model).substr(0, model->find('\0')));
  }
  // Lenovo puts the name that people know into the version and its own number into the name.
  if (ContainsWord(machine.vendor, "lenovo") && !version.empty()) {
    machine.model_identifier = machine.product;
    machine.product = version;
  }
  if (!machine.vendor.empty() || !machine.product.empty()) finding.Found();
  if (machine.product.empty()) {
    finding.Missing();
    finding.Unknown("the maker's name of the machine is",
                    "/sys/class/dmi/id does not state it (a virtual machine has none)");
  }
  report.probes.push_back(finding.Finish());
}

// True when the vendor's release file says that this is a DGX Spark or a sibling.
bool ProbeSystem(Host& host, Report& report) {
  Finding finding("system");
  std::string why;
  const auto kernel = FirstUnderstood(
      host, kUname, [](const Output& output) { return ParseUname(output.text); }, finding, why);
  // A capture may hold `uname -r` and `uname -m` apart.
  for (const Output& output : host.Run(kUname)) {
    if (output.how != Output::How::kRan || Words(output.text).size() != 1) continue;
    const std::string word = Clean(output.text, 64);
    if (word[0] >= '0' && word[0] <= '9') report.os.build = word;
    if (word == "x86_64" || word == "aarch64") report.processor.architecture = word;
  }
  if (kernel) {
    if (!kernel->release.empty()) report.os.build = kernel->release;
    if (!kernel->architecture.empty()) report.processor.architecture = kernel->architecture;
    report.hostname = kernel->hostname;
  }
  if (report.os.build.empty()) {
    report.os.build = ReadLine(host, "/proc/sys/kernel/osrelease");
    if (report.os.build.empty()) finding.Unknown("the kernel's release is", why);
  }
  const std::string hostname = ReadLine(host, "/proc/sys/kernel/hostname");
  if (!hostname.empty()) report.hostname = hostname;

  std::optional<std::string> release = host.Read("/etc/os-release");
  if (!release) release = host.Read("/usr/lib/os-release");
  if (release) {
    finding.Found();
    const Fields fields = ParseRelease(*release);
    report.os.name = Clean(Field(fields, "NAME"));
    report.os.version = Clean(Field(fields, "VERSION_ID"), 32);
  } else {
    finding.Unknown("the distribution is", "/etc/os-release is not there");
  }
  bool spark = false;
  if (const auto dgx = host.Read("/etc/dgx-release")) {
    finding.Found();
    const Fields fields = ParseRelease(*dgx);
    spark = ContainsWord(Field(fields, "DGX_NAME"), "spark");
    // Updates are appended; the last one counts.
    std::string version = Field(fields, "DGX_OTA_VERSION");
    if (version.empty()) version = Field(fields, "DGX_SWBUILD_VERSION");
    if (!version.empty()) report.os.vendor_release = Clean(absl::StrCat("DGX OS ", version), 64);
    const std::string platform = Clean(Field(fields, "DGX_PLATFORM"));
    // "DGX Server for KVM" names no machine.
    if (report.machine.product.empty() && !platform.empty() && !Contains(platform, " for ")) {
      report.machine.product = platform;
    }
  }
  if (const auto fastos = host.Read("/etc/fastos-release");
      fastos && report.os.vendor_release.empty()) {
    const Fields fields = ParseRelease(*fastos);
    spark = spark || ContainsWord(Field(fields, "NAME"), "spark");
    report.os.vendor_release =
        Clean(absl::StrCat(Field(fields, "NAME"), " ", Field(fields, "VERSION")), 64);
  }
  report.probes.push_back(finding.Finish());
  return spark;
}

void ProbeProcessor(Host& host, Report& report) {
  Finding finding("processor");
  std::string why;
  auto processor = FirstUnderstood(
      host, kLscpuJson, [](const Output& output) { return ParseLscpu(output.text); }, finding, why);
  const std::optional<std::string> cpuinfo = host.Read("/proc/cpuinfo");
  if ((!processor || processor->name.empty()) && cpuinfo) {
    if (auto parsed = ParseCpuinfo(*cpuinfo)) {
      finding.Found();
      if (processor) {
        processor->name = parsed->name;
        processor->groups = parsed->groups;
      } else {
        processor = parsed;
      }
    }
  }
  if (!processor) {
    finding.Unknown("the processor is", absl::StrCat(why, " and /proc/cpuinfo is not there"));
    report.probes.push_back(finding.Finish());
    return;
  }
  const std::string architecture = report.processor.architecture;
  report.processor = *processor;
  if (report.processor.architecture.empty()) report.processor.architecture = architecture;
  if (processor->name.empty()) {
    const std::vector<Output> outputs = host.Run(kLscpuJson);
    const bool translated = std::any_of(outputs.begin(), outputs.end(), [](const Output& output) {
      return output.how == Output::How::kRan && LabelsAreTranslated(output.text);
    });
    finding.Unknown("the processor's name is",
                    translated ? absl::StrCat("lscpu printed its labels in another language "
                                              "(LC_ALL=C lscpu does not), and /proc/cpuinfo ",
                                              cpuinfo ? "does not state it" : "is not there")
                               : "neither lscpu nor /proc/cpuinfo states it");
  }
  report.probes.push_back(finding.Finish());
}

void ProbeMemory(Host& host, Report& report) {
  Finding finding("memory");
  const std::optional<std::string> text = host.Read("/proc/meminfo");
  if (!text) {
    finding.Missing();
    finding.Unknown("memory is", "/proc/meminfo is not there");
    report.probes.push_back(finding.Finish());
    return;
  }
  const auto values = ParseMeminfo(*text);
  const auto value = [&](std::string_view key,
                         std::string_view what) -> std::optional<std::uint64_t> {
    const auto found = values.find(key);
    if (found != values.end()) {
      finding.Found();
      return found->second;
    }
    finding.Unknown(what, absl::StrCat("/proc/meminfo shows no ", std::string(key)));
    return std::nullopt;
  };
  report.memory.visible_bytes = value("MemTotal", "the memory that the system counts is");
  report.memory.available_bytes = value("MemAvailable", "available memory is");
  report.probes.push_back(finding.Finish());
}

// ---------------------------------------------------------------- accelerators

struct PciDisplay {
  std::string name;
  bool gb10 = false;
  std::string driver;  // the kernel's name of it; empty: none, or not known
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
    displays.push_back(
        {absl::StrCat("NVIDIA device ", id), id == kPciGb10, Clean(Field(uevent, "DRIVER"), 32)});
  }
  std::string why;
  const auto listed = FirstUnderstood(
      host, kLspci,
      [](const Output& output) -> std::optional<std::vector<std::string>> {
        if (output.exit_code != 0 || output.text.empty()) return std::nullopt;
        return NvidiaInLspci(output.text);
      },
      finding, why);
  if (listed && (displays.empty() || listed->size() == displays.size())) {
    displays.resize(listed->size());
    for (std::size_t i = 0; i < displays.size(); ++i) {
      displays[i].name = (*listed)[i];
      displays[i].gb10 = Contains(displays[i].name, "10de:2e12");
    }
  }
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

void AddCard(const NvidiaCard& card, std::size_t index, bool unified, Finding& finding,
             Report& report) {
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
  if (!card.slices.empty()) {
    for (const MigSlice& slice : card.slices) {
      agent::Accelerator part = accelerator;
      part.slice = slice.profile.empty() ? "MIG" : slice.profile;
      part.memory_bytes = slice.memory_bytes;
      part.power_limit_watts.reset();  // of the whole card
      if (!slice.memory_bytes) {
        finding.Unknown(absl::StrCat("memory of slice ", part.slice, " of ", which, " is"),
                        "nvidia-smi -q does not state it");
      }
      report.accelerators.push_back(std::move(part));
    }
    return;
  }
  if (card.mig_enabled.value_or(false)) {
    finding.Unknown(absl::StrCat("the slices of ", which, " are"),
                    "MIG is enabled and nvidia-smi -L lists none");
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
  bool absent = false;  // there is no nvidia-smi
  bool none = false;    // it looked, and there is no card
};

// All outputs of nvidia-smi together.
NvidiaCards AskNvidia(Host& host, NoCards& no_cards) {
  NvidiaCards cards;
  std::string& why = no_cards.why;
  const auto take = [&](const Command& command) {
    const std::vector<Output> outputs = host.Run(command);
    for (const Output& output : outputs) {
      if (output.how != Output::How::kRan) continue;
      if (const auto parsed = ParseNvidiaSmi(output.arguments, output.text)) Merge(*parsed, cards);
    }
    if (!cards.cards.empty() || !why.empty()) return;
    no_cards.absent = outputs[0].how == Output::How::kAbsent;
    for (const Output& output : outputs) {
      if (why.empty()) why = WhyNoCard(output.text);
      no_cards.none = no_cards.none || SaysThereIsNoCard(output.text);
    }
    if (!why.empty()) return;
    why = host::WhyNot(outputs[0], command);
    if (why.empty()) why = "what nvidia-smi printed is not understood";
  };
  take(NvidiaQuery());
  if (no_cards.absent) return cards;
  const bool no_device = no_cards.none || Contains(why, "driver");
  if (cards.cards.empty() && no_device) return cards;
  const bool incomplete = std::any_of(
      cards.cards.begin(), cards.cards.end(),
      [](const NvidiaCard& card) { return card.mig_enabled.value_or(false) || card.name.empty(); });
  // An older driver does not know every column; -q -x tells everything at the price of time.
  if (cards.cards.empty() || incomplete) {
    take(kNvidiaList);
    take(kNvidiaXml);
  }
  return cards;
}

bool IsGb10(std::string_view name) {
  std::string plain = Lower(name);
  std::replace(plain.begin(), plain.end(), '_', ' ');
  return std::any_of(kGb10Products.begin(), kGb10Products.end(),
                     [&plain](const char* product) { return Contains(plain, product); });
}

// Those of `displays` that are none of `cards`. Where names do not tell which, nameless ones.
std::vector<PciDisplay> Undriven(std::vector<PciDisplay> displays,
                                 const std::vector<NvidiaCard>& cards) {
  if (displays.size() <= cards.size()) return {};
  const std::size_t undriven = displays.size() - cards.size();
  for (const NvidiaCard& card : cards) {
    constexpr std::string_view kMaker = "NVIDIA ";
    std::string_view name = card.name;
    if (StartsWith(name, kMaker)) name.remove_prefix(kMaker.size());
    const auto its =
        std::find_if(displays.begin(), displays.end(), [name](const PciDisplay& display) {
          return !name.empty() && Contains(display.name, absl::StrCat("[", std::string(name), "]"));
        });
    if (its != displays.end()) displays.erase(its);
  }
  const bool alike = std::all_of(displays.begin(), displays.end(), [&](const PciDisplay& display) {
    return display.name == displays[0].name;
  });
  const bool known = displays.size() == undriven || alike;
  displays.resize(undriven);
  if (!known) {
    for (PciDisplay& display : displays) display.name = "NVIDIA Corporation card";
  }
  return displays;
}

void AddUndriven(const std::vector<PciDisplay>& displays, const std::vector<NvidiaCard>& cards,
                 Finding& finding, Report& report) {
  const std::vector<PciDisplay> undriven = Undriven(displays, cards);
  for (const PciDisplay& display : undriven) report.accelerators.push_back({.name = display.name});
  if (undriven.empty()) return;
  finding.Unknown(
      absl::StrCat("driver and memory of ", undriven.size(),
                   undriven.size() == 1 ? " NVIDIA card are" : " NVIDIA cards are"),
      absl::StrCat("PCI lists ", displays.size(), " and nvidia-smi ", cards.size(),
                   "; the others have no driver, or are kept for a virtual machine or another "
                   "container"));
}

// "NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684] is kept for a virtual machine
// (vfio-pci)".
std::string HeldCards(const std::vector<PciDisplay>& held) {
  std::vector<std::string> names;
  for (const PciDisplay& card : held) names.push_back(card.name);
  return absl::StrCat(Listed(names), held.size() == 1 ? " is" : " are",
                      " kept for a virtual machine (", held[0].driver, ")");
}

// Nothing shows an NVIDIA card.
void SayThereIsNoCard(const Pci& pci, const NoCards& no_cards, Finding& finding) {
  if (!pci.held.empty()) {
    finding.Absent(absl::StrCat("no NVIDIA card for programs here: ", HeldCards(pci.held)));
  } else if (no_cards.none) {
    finding.Absent(absl::StrCat("no NVIDIA card: ", no_cards.why));
  } else if (pci.readable && !pci.paravirtual) {
    finding.Absent(absl::StrCat("no NVIDIA card: no PCI slot holds one, and ", no_cards.why));
  } else {
    finding.Unknown(
        "which NVIDIA cards there are is",
        absl::StrCat(no_cards.why, pci.paravirtual ? ", and the GPUs of a WSL or Hyper-V machine "
                                                     "are in no PCI slot"
                                                   : ", and nothing lists the PCI slots"));
  }
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

void ProbeNvidia(Host& host, bool spark, Report& report) {
  const Pci pci = ProbePci(host, report);
  const std::vector<PciDisplay>& displays = pci.displays;
  Finding finding("nvidia-smi");
  NoCards no_cards;
  const NvidiaCards found = AskNvidia(host, no_cards);
  bool gb10 = spark || IsGb10(report.machine.product) ||
              std::any_of(displays.begin(), displays.end(),
                          [](const PciDisplay& display) { return display.gb10; });
  for (const NvidiaCard& card : found.cards) gb10 = gb10 || IsGb10(card.name);
  report.memory.unified =
      gb10 || std::any_of(found.cards.begin(), found.cards.end(), SharesSystemMemory);
  if (!found.cards.empty()) {
    AddCards(found, report.memory.unified, finding, report);
    AddUndriven(displays, found.cards, finding, report);
    if (!pci.held.empty()) finding.Absent(HeldCards(pci.held));
  } else if (displays.empty() && !gb10) {
    SayThereIsNoCard(pci, no_cards, finding);
  } else {
    if (no_cards.absent) finding.Missing();
    const bool nouveau =
        std::any_of(displays.begin(), displays.end(),
                    [](const PciDisplay& display) { return display.driver == "nouveau"; });
    finding.Unknown(
        "driver and memory of the NVIDIA card are",
        absl::StrCat(no_cards.why, nouveau
                                       ? "; the card is run by nouveau, on which no engine computes"
                                       : "; the card is there, so its driver is missing or "
                                         "broken"));
    for (const PciDisplay& display : displays) {
      report.accelerators.push_back({.name = display.name});
    }
  }
  using Kind = Machine::Kind;
  const bool driven = !found.cards.empty();
  report.machine.kind = gb10 ? Kind::kGb10 : driven ? Kind::kLinuxNvidia : Kind::kLinux;
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeLinux(Host& host, const Options& /*options*/, Report& report) {
  report.machine.kind = Machine::Kind::kLinux;
  report.os.name = "Linux";
  ProbeDmi(host, report);
  const bool spark = ProbeSystem(host, report);
  ProbeProcessor(host, report);
  ProbeMemory(host, report);
  ProbeNvidia(host, spark, report);
  ProbeNetwork(host, report);
}

}  // namespace capacity::probe
