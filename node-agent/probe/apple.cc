#include "node-agent/probe/apple.h"

#include <algorithm>
#include <array>
#include <memory>

#include "nlohmann/json.hpp"
#include "node-agent/probe/lenient_json.h"

namespace capacity::probe {
namespace {

using nlohmann::json;

constexpr int kDeepestItem = 8;  // docks behind docks
constexpr std::size_t kMostBuses = 64;
constexpr std::size_t kMostReceptacles = 8;  // of one bus
constexpr std::size_t kMostPeers = 64;       // of one bus
constexpr std::uint64_t kMostCores = 4096;
// The service by which macOS offers RDMA over a Thunderbolt cable: seen in outputs of macOS 26 and
// 27 on Macs with RDMA enabled, absent where it is disabled.
constexpr std::string_view kRdmaProtocol = "64087";

bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  }) && Contains(text, ".");
}

std::optional<std::uint32_t> ParseCores(std::string_view text) {
  const auto number = ParseLeadingNumber(text);
  if (!number || *number < 1 || *number > kMostCores) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "18 (6 Super and 12 Performance)", "8 (4 performance and 4 efficiency)", with names as sysctl
// writes them; empty where they are not all of `total`.
std::vector<agent::CoreGroup> ParseNamedCores(std::string_view text, std::uint32_t total) {
  std::vector<agent::CoreGroup> groups;
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) return groups;
  const std::vector<std::string_view> words = Words(text.substr(open + 1));
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto cores = ParseWhole(words[i]);
    if (!cores || *cores < 1 || *cores > kMostCores) continue;
    const std::string_view word = words[++i];
    std::string name = Clean(word.substr(0, word.find_first_of("),")), 32);
    if (name.empty()) return {};
    if (name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    groups.push_back({std::move(name), static_cast<std::uint32_t>(*cores)});
    sum += groups.back().cores;
  }
  return sum == total ? groups : std::vector<agent::CoreGroup>{};
}

// ---------------------------------------------------------------- indented text

// One heading of system_profiler's text form with its "Key: value" lines and sub-headings.
struct Section {
  std::string title;
  std::size_t indent = 0;
  Fields fields;
  std::vector<std::unique_ptr<Section>> sections;
};

std::unique_ptr<Section> ParseSections(std::string_view text) {
  auto root = std::make_unique<Section>();
  std::vector<Section*> open = {root.get()};
  constexpr std::size_t kMostIndent = 64;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty()) continue;
    const std::size_t indent = std::min(line.find_first_not_of(" \t"), kMostIndent);
    while (open.size() > 1 && open.back()->indent >= indent) open.pop_back();
    if (trimmed.back() == ':') {
      auto section = std::make_unique<Section>();
      section->title = std::string(Trim(trimmed.substr(0, trimmed.size() - 1)));
      section->indent = indent;
      Section* const added = section.get();
      open.back()->sections.push_back(std::move(section));
      open.push_back(added);
    } else if (const auto pair = SplitPair(trimmed, ':')) {
      open.back()->fields.emplace(std::string(pair->key), std::string(pair->value));
    }
  }
  return root;
}

template <class Visit>
void ForEachSection(const Section& section, const Visit& visit) {
  visit(section);
  for (const auto& child : section.sections) ForEachSection(*child, visit);
}

// ---------------------------------------------------------------- Thunderbolt

// A status in words, whatever the form: "receptacle_no_devices_connected", "No device connected".
std::optional<bool> Connected(std::string_view status) {
  if (ContainsWord(status, "no_device") || ContainsWord(status, "no device")) return false;
  if (ContainsWord(status, "connected")) return true;
  return std::nullopt;
}

void ReadReceptacle(std::string_view id, std::string_view status, std::string_view speed,
                    ThunderboltBus& bus) {
  if (bus.receptacles.size() == kMostReceptacles) return;
  bus.receptacles.push_back({Clean(id, 8), Connected(status), ParseSpeed(speed)});
}

// False: the services do not name it; nullopt: it may stand behind the end of the list.
std::optional<bool> OffersRdma(const json& services, bool may_be_cut) {
  const bool named =
      services.is_array() && std::any_of(services.begin(), services.end(), [](const json& service) {
        return TextAt(service, "protocol_id_key") == kRdmaProtocol ||
               TextAt(service, "service_key_key") == "rdma";
      });
  if (!named && may_be_cut) return std::nullopt;
  return named;
}

// "Mac17,6", "MacBookPro18,1", "iMac21,2": a name in front of two numbers.
bool IsMacModel(std::string_view model) {
  const std::size_t digits = model.find_first_of("0123456789");
  const std::size_t comma = model.find(',');
  if (digits == std::string_view::npos || comma == std::string_view::npos || comma < digits ||
      !ParseWhole(model.substr(digits, comma - digits)) || !ParseWhole(model.substr(comma + 1))) {
    return false;
  }
  const std::string_view name = model.substr(0, digits);
  return StartsWith(name, "Mac") || StartsWith(name, "iMac");
}

// Of another computer, by the vendor that it names. A Linux machine says "Intel Corp." (Linux,
// drivers/thunderbolt/xdomain.c: tb_xdomain_init).
std::optional<bool> IsMac(std::string_view vendor, const ThunderboltPeer& peer) {
  if (!vendor.empty() && !ContainsWord(vendor, "apple")) return false;
  for (const std::string_view other : {"iPad", "iPhone"}) {
    if (StartsWith(peer.model, other)) return false;
  }
  if (IsMacModel(peer.model)) return true;
  return std::nullopt;
}

// Of a list that was cut, `cut` says that its end may be in these items: in the last of them.
void ReadItems(const json& items, int depth, bool cut, ThunderboltBus& bus) {
  if (!items.is_array() || depth > kDeepestItem) return;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const json& item = items[i];
    const bool may_be_cut = cut && i + 1 == items.size();
    const std::string domain = TextAt(item, "domain_uuid_key");
    if (domain.empty() || domain == bus.domain) {
      bus.device = bus.device || !TextAt(item, "_name").empty();
    } else if (bus.peers.size() < kMostPeers) {
      ThunderboltPeer peer{Clean(TextAt(item, "_name")),
                           Clean(TextAt(item, "device_name_key")),
                           Clean(domain),
                           OffersRdma(At(item, "services_title"), may_be_cut),
                           {}};
      peer.is_mac = IsMac(TextAt(item, "vendor_name_key"), peer);
      bus.peers.push_back(std::move(peer));
    }
    ReadItems(At(item, "_items"), depth + 1, may_be_cut, bus);
  }
}

ThunderboltBus ReadBus(const json& entry, bool may_be_cut, Thunderbolt& thunderbolt) {
  ThunderboltBus bus;
  bus.name = Clean(TextAt(entry, "_name"));
  bus.domain = Clean(TextAt(entry, "domain_uuid_key"));
  if (thunderbolt.product.empty()) thunderbolt.product = Clean(TextAt(entry, "device_name_key"));
  if (entry.is_object()) {
    for (const auto& [key, value] : entry.items()) {
      if (!StartsWith(key, "receptacle") || !value.is_object()) continue;
      ReadReceptacle(TextAt(value, "receptacle_id_key"), TextAt(value, "receptacle_status_key"),
                     TextAt(value, "current_speed_key"), bus);
    }
  }
  if (bus.receptacles.empty()) bus.receptacles.emplace_back();
  ReadItems(At(entry, "_items"), 0, may_be_cut, bus);
  return bus;
}

void ReadTextItem(const Section& item, ThunderboltBus& bus) {
  const std::string domain = Field(item.fields, "Domain UUID");
  if (domain.empty() || domain == bus.domain) {
    bus.device = bus.device || item.fields.count("Device Name") > 0;
    return;
  }
  if (bus.peers.size() == kMostPeers) return;
  ThunderboltPeer peer{
      Clean(item.title), Clean(Field(item.fields, "Device Name")), Clean(domain), false, {}};
  ForEachSection(item, [&peer](const Section& service) {
    if (Field(service.fields, "Protocol ID") == kRdmaProtocol ||
        Field(service.fields, "Service Key") == "rdma") {
      peer.offers_rdma = true;
    }
  });
  peer.is_mac = IsMac(Field(item.fields, "Vendor Name"), peer);
  bus.peers.push_back(std::move(peer));
}

ThunderboltBus ReadTextBus(const Section& section) {
  ThunderboltBus bus;
  bus.name = Clean(section.title);
  bus.domain = Clean(Field(section.fields, "Domain UUID"));
  for (const auto& child : section.sections) {
    if (StartsWith(child->title, "Port")) {
      ReadReceptacle(Field(child->fields, "Receptacle"), Field(child->fields, "Status"),
                     Field(child->fields, "Speed"), bus);
    }
    // What is plugged in is indented below the port.
    ForEachSection(*child, [&bus](const Section& item) { ReadTextItem(item, bus); });
  }
  if (bus.receptacles.empty()) bus.receptacles.emplace_back();
  return bus;
}

// "Thunderbolt/USB4:", "Thunderbolt:", what stands above all buses.
bool IsListOfBuses(const Section& section) {
  return section.fields.empty() &&
         (section.title == "Thunderbolt" || StartsWith(section.title, "Thunderbolt/")) &&
         !Contains(section.title, " ");
}

// "Thunderbolt/USB4 Bus 2", "Thunderbolt Bus". A dock may be a "Thunderbolt 5 Hub", a screen a
// "Thunderbolt Display", and there is a "Thunderbolt Bridge" among the networks.
bool IsNamedBus(const Section& section) {
  if (!StartsWith(section.title, "Thunderbolt")) return false;
  std::vector<std::string_view> words = Words(section.title);
  if (words.size() > 1 && ParseWhole(words.back())) words.pop_back();
  const std::string last = Lower(words.back());
  return last == "bus" || (last.size() > 4 && last.substr(last.size() - 4) == "-bus");
}

bool IsBus(const Section& section, const Section& parent) {
  if (section.fields.empty()) return false;
  return IsNamedBus(section) || (IsListOfBuses(parent) && StartsWith(section.title, "Thunderbolt"));
}

// Adds the buses below `parent`. What is plugged into a bus is none, whatever its name.
void AddTextBuses(const Section& parent, Thunderbolt& thunderbolt) {
  for (const auto& section : parent.sections) {
    if (thunderbolt.buses.size() == kMostBuses) return;
    if (!IsBus(*section, parent)) {
      AddTextBuses(*section, thunderbolt);
      continue;
    }
    thunderbolt.buses.push_back(ReadTextBus(*section));
    if (thunderbolt.product.empty()) {
      thunderbolt.product = Clean(Field(section->fields, "Device Name"));
    }
  }
}

std::optional<Thunderbolt> ThunderboltFromText(std::string_view text) {
  if (!Contains(text, "Thunderbolt")) return std::nullopt;
  const auto root = ParseSections(text);
  Thunderbolt thunderbolt;
  AddTextBuses(*root, thunderbolt);
  bool listed = !thunderbolt.buses.empty();
  ForEachSection(*root,
                 [&listed](const Section& section) { listed = listed || IsListOfBuses(section); });
  if (!listed) return std::nullopt;
  return thunderbolt;
}

// ---------------------------------------------------------------- network ports

// "1000baseT", "10Gbase-T", "2500Base-T", "100baseTX", "10baseT/UTP" as bits a second: megabits
// unless a G follows the number.
std::optional<double> ParseMedium(std::string_view word) {
  const auto number = ParseLeadingNumber(word);
  const std::size_t unit = word.find_first_not_of("0123456789.");
  if (!number || *number <= 0 || unit == std::string_view::npos) return std::nullopt;
  const std::string rest = Lower(word.substr(unit));
  constexpr double kFastest = 1e13;
  const bool giga = StartsWith(rest, "gbase");
  if (!giga && !StartsWith(rest, "base")) return std::nullopt;
  const double rate = *number * (giga ? 1e9 : 1e6);
  return rate < kFastest ? std::optional<double>(rate) : std::nullopt;
}

// "media: autoselect (10Gbase-T <full-duplex>)": what was chosen, then what is in use where that
// says more. "(none)" is no rate, whatever was chosen.
std::optional<double> ParseMedia(std::string_view line) {
  const std::size_t in_use = line.find('(');
  if (in_use != std::string_view::npos) line.remove_prefix(in_use + 1);
  for (const std::string_view word : Words(line)) {
    if (const auto rate = ParseMedium(word)) return rate;
  }
  return std::nullopt;
}

// An entry of the list of displays.
struct ListedGpu {
  std::string name;
  std::optional<std::uint32_t> cores;  // only Apple's own state them
  bool has_model = false;              // else it may be a screen
};

// The GPU of Apple's chip, else the first; nullopt: there is none.
std::optional<Gpu> OneGpuOf(const std::vector<ListedGpu>& listed) {
  if (listed.empty()) return std::nullopt;
  auto own = std::find_if(listed.begin(), listed.end(),
                          [](const ListedGpu& gpu) { return gpu.cores.has_value(); });
  if (own == listed.end()) own = listed.begin();
  constexpr std::size_t kMostGpus = 32;
  Gpu gpu{own->name, own->cores, {}};
  for (auto other = listed.begin(); other != listed.end(); ++other) {
    if (other == own || !other->has_model || gpu.others.size() == kMostGpus) continue;
    gpu.others.push_back(other->name);
  }
  return gpu;
}

bool LooksLikeJson(std::string_view text) {
  const std::size_t brace = text.find('{');
  return brace != std::string_view::npos && Contains(text.substr(brace, 4096), "\"SP");
}

}  // namespace

Fields ParseSysctl(const std::vector<std::string>& arguments, std::string_view text) {
  Fields fields;
  std::vector<std::string> names;
  bool values_only = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "-n") {
      values_only = true;
    } else if (IsName(arguments[i])) {
      names.push_back(arguments[i]);
    }
  }
  const std::vector<std::string_view> lines = Lines(text);
  if (values_only) {
    if (lines.size() != names.size()) return fields;
    for (std::size_t i = 0; i < lines.size(); ++i) fields[names[i]] = std::string(Trim(lines[i]));
    return fields;
  }
  for (const std::string_view line : lines) {
    const std::size_t separator = line.find_first_of(":=");
    if (separator == std::string_view::npos) continue;
    const std::string_view key = Trim(line.substr(0, separator));
    if (!IsName(key)) continue;
    fields.emplace(std::string(key), std::string(Trim(line.substr(separator + 1))));
  }
  return fields;
}

std::vector<agent::CoreGroup> CoreGroups(const Fields& sysctl) {
  std::vector<agent::CoreGroup> groups;
  constexpr int kMostLevels = 8;
  for (int level = 0; level < kMostLevels; ++level) {
    const std::string prefix = "hw.perflevel" + std::to_string(level) + ".";
    const auto cores = ParseCores(Field(sysctl, prefix + "physicalcpu"));
    if (!cores) continue;
    const std::string name = Clean(Field(sysctl, prefix + "name"));
    groups.push_back({name.empty() ? "level " + std::to_string(level) : name, *cores});
  }
  return groups;
}

std::optional<Hardware> ParseHardware(std::string_view text) {
  Hardware hardware;
  if (LooksLikeJson(text)) {
    const json root = ParseJson(text, hardware.cut);
    const json& entries = At(root, "SPHardwareDataType");
    if (!entries.is_array() || entries.empty()) return std::nullopt;
    const json& entry = entries[0];
    hardware.product = Clean(TextAt(entry, "machine_name"));
    hardware.model_identifier = Clean(TextAt(entry, "machine_model"));
    hardware.chip = Clean(TextAt(entry, "chip_type"));
    if (hardware.chip.empty()) hardware.chip = Clean(TextAt(entry, "cpu_type"));
    hardware.memory_bytes = ParseMemorySize(TextAt(entry, "physical_memory"));
    const std::string cores = TextAt(entry, "number_processors");
    hardware.total_cores = ParseCores(StartsWith(cores, "proc ") ? cores.substr(5) : cores);
    return hardware;
  }
  const auto root = ParseSections(text);
  bool found = false;
  ForEachSection(*root, [&](const Section& section) {
    if (found || section.fields.count("Model Identifier") == 0) return;
    found = true;
    hardware.product = Clean(Field(section.fields, "Model Name"));
    hardware.model_identifier = Clean(Field(section.fields, "Model Identifier"));
    hardware.chip = Clean(Field(section.fields, "Chip"));
    if (hardware.chip.empty()) hardware.chip = Clean(Field(section.fields, "Processor Name"));
    hardware.memory_bytes = ParseMemorySize(Field(section.fields, "Memory"));
    const std::string cores = Field(section.fields, "Total Number of Cores");
    hardware.total_cores = ParseCores(cores);
    if (hardware.total_cores) hardware.groups = ParseNamedCores(cores, *hardware.total_cores);
  });
  if (!found) return std::nullopt;
  return hardware;
}

std::optional<Gpu> ParseGpu(std::string_view text) {
  bool cut = false;
  std::vector<ListedGpu> listed;
  if (LooksLikeJson(text)) {
    const json root = ParseJson(text, cut);
    const json& entries = At(root, "SPDisplaysDataType");
    if (!entries.is_array()) return std::nullopt;
    for (const json& entry : entries) {
      const std::string model = TextAt(entry, "sppci_model");
      // A Mac with an external display only lists a display here, without a model.
      const std::string name = model.empty() ? TextAt(entry, "_name") : model;
      if (name.empty()) continue;
      listed.push_back({Clean(name), ParseCores(TextAt(entry, "sppci_cores")), !model.empty()});
    }
  } else {
    const auto root = ParseSections(text);
    ForEachSection(*root, [&listed](const Section& section) {
      const std::string name = Field(section.fields, "Chipset Model");
      if (name.empty()) return;
      listed.push_back(
          {Clean(name), ParseCores(Field(section.fields, "Total Number of Cores")), true});
    });
  }
  auto gpu = OneGpuOf(listed);
  if (gpu) gpu->cut = cut;
  return gpu;
}

std::vector<std::string> ParseDisplayNames(std::string_view text) {
  std::vector<std::string> names;
  if (LooksLikeJson(text)) {
    bool cut = false;
    const json root = ParseJson(text, cut);
    const json& cards = At(root, "SPDisplaysDataType");
    if (!cards.is_array()) return names;
    for (const json& card : cards) {
      const json& displays = At(card, "spdisplays_ndrvs");
      if (!displays.is_array()) continue;
      for (const json& display : displays) names.push_back(TextAt(display, "_name"));
    }
    return names;
  }
  const auto root = ParseSections(text);
  ForEachSection(*root, [&names](const Section& section) {
    if (section.title != "Displays") return;
    for (const auto& display : section.sections) names.push_back(display->title);
  });
  return names;
}

std::optional<Thunderbolt> ParseThunderbolt(std::string_view text) {
  if (!LooksLikeJson(text)) return ThunderboltFromText(text);
  Thunderbolt thunderbolt;
  const json root = ParseJson(text, thunderbolt.cut);
  const json& entries = At(root, "SPThunderboltDataType");
  if (!entries.is_array()) return std::nullopt;
  thunderbolt.shows_its_end = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (thunderbolt.buses.size() == kMostBuses) break;
    const bool may_be_cut = thunderbolt.cut && i + 1 == entries.size();
    if (entries[i].is_object()) {
      thunderbolt.buses.push_back(ReadBus(entries[i], may_be_cut, thunderbolt));
    }
  }
  return thunderbolt;
}

void MarkCut(Thunderbolt& thunderbolt) {
  thunderbolt.cut = true;
  if (thunderbolt.buses.empty() || thunderbolt.buses.back().peers.empty()) return;
  std::optional<bool>& offers = thunderbolt.buses.back().peers.back().offers_rdma;
  if (offers == false) offers.reset();
}

std::optional<VirtualMemory> ParseVmStat(std::string_view text) {
  std::uint64_t page = 0;
  const std::size_t at = text.find("page size of ");
  if (at != std::string_view::npos) {
    const auto size = ParseLeadingNumber(text.substr(at + 13, 16));
    if (size && *size >= 512 && *size <= (1 << 24)) page = static_cast<std::uint64_t>(*size);
  }
  if (page == 0) return std::nullopt;
  const Fields fields = ParseFields(text, ':');
  const auto pages = [&](std::string_view key) -> std::optional<std::uint64_t> {
    std::string value = Field(fields, key);
    if (!value.empty() && value.back() == '.') value.pop_back();
    const auto count = ParseWhole(value);
    constexpr std::uint64_t kMostPages = std::uint64_t{1} << 40;
    if (!count || *count > kMostPages) return std::nullopt;
    return *count * page;
  };
  const auto wired = pages("Pages wired down");
  const auto anonymous = pages("Anonymous pages");
  const auto compressor = pages("Pages occupied by compressor");
  if (!wired || !anonymous || !compressor) return std::nullopt;
  return VirtualMemory{*wired, *anonymous, pages("Pages purgeable").value_or(0), *compressor};
}

std::optional<double> ParseMemoryPressure(std::string_view text) {
  constexpr std::string_view kKey = "memory free percentage:";
  const std::size_t at = text.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  const auto percent = ParseLeadingNumber(text.substr(at + kKey.size(), 16));
  if (!percent || *percent > 100) return std::nullopt;
  return *percent / 100;
}

std::vector<HardwarePort> ParseHardwarePorts(std::string_view text) {
  std::vector<HardwarePort> ports;
  std::string name;
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    if (pair->key == "Hardware Port") name = Clean(pair->value);
    if (pair->key == "Device" && !name.empty()) {
      ports.push_back({name, Clean(pair->value, 32)});
      name.clear();
    }
  }
  return ports;
}

std::map<std::string, InterfaceState> ParseIfconfig(std::string_view text) {
  std::map<std::string, InterfaceState> interfaces;
  InterfaceState* current = nullptr;
  for (const std::string_view line : Lines(text)) {
    if (line.empty()) continue;
    if (line[0] != ' ' && line[0] != '\t') {
      const auto pair = SplitPair(line, ':');
      current =
          pair && Contains(pair->value, "flags=") ? &interfaces[Clean(pair->key, 32)] : nullptr;
      if (current != nullptr && Contains(pair->value, "<")) {
        current->switched_on = Contains(pair->value, "<UP,") || Contains(pair->value, "<UP>");
      }
      continue;
    }
    if (current == nullptr) continue;
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 2) continue;
    if (words[0] == "status:") current->up = words[1] == "active";
    if (words[0] == "member:") current->members.push_back(Clean(words[1], 32));
    if (words[0] == "media:" && !current->bits_per_second) {
      current->bits_per_second = ParseMedia(Trim(line));
    }
    const bool address = words[0] == "inet" || words[0] == "inet6";
    if (address && !StartsWith(words[1], "fe80") && !StartsWith(words[1], "127.") &&
        words[1] != "::1") {
      current->addresses.push_back(Clean(words[1], 64));
    }
  }
  for (auto& [name, interface] : interfaces) {
    if (interface.up == false) interface.bits_per_second.reset();
  }
  return interfaces;
}

std::optional<SystemVersion> ParseSwVers(const std::vector<std::string>& arguments,
                                         std::string_view text) {
  if (arguments.size() > 1 && Contains(arguments[1], "roductVersion")) {
    const std::string version = Clean(text, 32);
    if (version.empty() || version[0] < '0' || version[0] > '9') return std::nullopt;
    return SystemVersion{version, ""};
  }
  const Fields fields = ParseFields(text, ':');
  SystemVersion version{Clean(Field(fields, "ProductVersion")),
                        Clean(Field(fields, "BuildVersion"))};
  if (version.version.empty()) return std::nullopt;
  return version;
}

}  // namespace capacity::probe
