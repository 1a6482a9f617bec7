#include "node-agent/probe/nvidia.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

constexpr std::size_t kMostSlices = 16;  // a card has at most seven
constexpr double kMostWatts = 100'000;
constexpr std::size_t kQuoted = 100;             // bytes of a line that is not understood
constexpr std::size_t kLookedForReasons = 2000;  // characters; why there is no card comes first

// ---------------------------------------------------------------- one value

// "24576 MiB"; with nounits "24576", which is MiB.
std::optional<std::uint64_t> Memory(std::string_view value) {
  if (const auto size = ParseMemorySize(value)) return size;
  const auto mebibytes = ParseWhole(value);
  constexpr std::uint64_t kMostMebibytes = std::uint64_t{1} << 30;
  if (!mebibytes || *mebibytes > kMostMebibytes) return std::nullopt;
  return *mebibytes << 20;
}

std::optional<double> Watts(std::string_view value) {
  const auto watts = ParseLeadingNumber(value);
  if (!watts || *watts <= 0 || *watts > kMostWatts) return std::nullopt;
  return watts;
}

std::optional<bool> Enabled(std::string_view value) {
  if (SaysNothing(value)) return std::nullopt;
  return Lower(value) == "enabled";
}

std::optional<double> Celsius(std::string_view value) {
  const auto degrees = ParseLeadingNumber(value);
  if (!degrees || *degrees > 200) return std::nullopt;
  return degrees;
}

// "00000000:01:00.0", "01:00.0" and what follows -> "0000:01:00.0"; empty: it begins with none.
std::string Bus(std::string_view text) {
  text = Trim(text);
  text = text.substr(0, text.find_first_not_of("0123456789abcdefABCDEF:."));
  while (!text.empty() && (text.back() == ':' || text.back() == '.')) text.remove_suffix(1);
  constexpr std::size_t kSlot = 7;         // "01:00.0"
  constexpr std::size_t kMostDomain = 8;   // hex digits
  constexpr std::size_t kLeastDomain = 4;  // hex digits that sysfs and lspci -D print
  if (text.size() < kSlot) return "";
  const std::string_view slot = text.substr(text.size() - kSlot);
  std::string_view domain = text.substr(0, text.size() - kSlot);
  constexpr std::string_view kShape = "00:00.0";
  for (std::size_t i = 0; i < kSlot; ++i) {
    const bool digit = std::isxdigit(static_cast<unsigned char>(slot[i])) != 0;
    if (kShape[i] == '0' ? !digit : slot[i] != kShape[i]) return "";
  }
  if (!domain.empty() && domain.back() != ':') return "";
  if (!domain.empty()) domain.remove_suffix(1);
  if (domain.size() > kMostDomain || Contains(domain, ":") || Contains(domain, ".")) return "";
  while (domain.size() > kLeastDomain && domain.front() == '0') domain.remove_prefix(1);
  const std::string zeros(kLeastDomain - std::min(domain.size(), kLeastDomain), '0');
  return Lower(absl::StrCat(zeros, std::string(domain), ":", std::string(slot)));
}

bool SaysUnknownError(std::string_view value) { return ContainsWord(value, "unknown error"); }

// "[GPU is lost]", "GPU requires reset" in the place of a value.
bool SaysLost(std::string_view value) {
  return ContainsWord(value, "gpu is lost") || ContainsWord(value, "gpu requires reset");
}

void Lose(std::string_view said, NvidiaCard& card) {
  if (card.lost.empty()) card.lost = absl::StrCat("nvidia-smi says \"", Clean(said), "\"");
}

// `column` without its unit: "memory.total [MiB]" -> "memory.total".
void Set(std::string_view column, std::string_view value, NvidiaCard& card) {
  if (column == "memory.total" && SaysNothing(value) && card.memory_said.empty()) {
    card.memory_said = Clean(value, 64);
  }
  if (SaysLost(value)) Lose(value, card);
  if (SaysNothing(value)) return;
  if (column == "pci.bus_id" || column == "gpu_bus_id") card.bus = Bus(value);
  if (column == "name" || column == "gpu_name") card.name = Clean(value);
  if (column == "driver_version" || column == "kmd_version") card.driver_version = Clean(value, 32);
  if (column == "memory.total") card.memory_bytes = Memory(value);
  if (column == "memory.used") card.memory_used_bytes = Memory(value);
  if (column == "power.limit" || column == "enforced.power.limit") {
    card.power_limit_watts = Watts(value);
  }
  if (column == "temperature.gpu") card.celsius = Celsius(value);
  if (column == "mig.mode.current") card.mig_enabled = Enabled(value);
}

// A card of which not even the memory is known, for an error that has no name, does not answer.
void LoseIfSilent(NvidiaCard& card) {
  if (SaysUnknownError(card.memory_said) && !card.memory_bytes && !card.memory_used_bytes &&
      !card.celsius && !card.power_limit_watts) {
    Lose(card.memory_said, card);
  }
}

// ---------------------------------------------------------------- cards that are told of

// "Unable to determine the device handle for GPU1: 0000:34:00.0: Unknown Error", of older drivers
// "... for GPU 0000:01:00.0: GPU is lost.  Reboot the system ..."; "GPU 0000:43:00.0 has fallen off
// the bus".
bool TellsOfALostCard(std::string_view text) {
  const std::string lower = Lower(text);
  return Contains(lower, "determine the device handle") || Contains(lower, "fallen off the bus");
}

// Those that the output says are lost, with number and address as far as it states them. It says so
// before, between or after everything else.
NvidiaCards LostCards(std::string_view text) {
  NvidiaCards lost;
  for (const std::string_view line : Lines(text)) {
    if (!TellsOfALostCard(line) || lost.cards.size() == kMostCards) continue;
    NvidiaCard card;
    Lose(line, card);
    const std::string lower = Lower(line);
    const std::size_t gpu = lower.find("gpu");
    if (gpu != std::string::npos) {
      const std::string_view rest = Trim(std::string_view(lower).substr(gpu + 3));
      card.bus = Bus(rest);
      const auto pair = SplitPair(rest, ':');
      if (card.bus.empty() && pair) {
        card.index = ParseWhole(pair->key);
        card.bus = Bus(pair->value);
      }
    }
    lost.cards.push_back(std::move(card));
  }
  return lost;
}

// `-i 1` asks for one card and says nothing of the others.
bool AsksForOneCard(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
    return argument == "-i" || StartsWith(argument, "-i=") || StartsWith(argument, "--id");
  });
}

// Cards come by number. One that is missing between others is there and not described.
void FillGaps(NvidiaCards& found) {
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < found.cards.size(); ++i, ++next) {
    if (!found.cards[i].index) return;
    for (; next < *found.cards[i].index && found.cards.size() < kMostCards; ++next, ++i) {
      NvidiaCard missing;
      missing.index = next;
      missing.left_out = 1;
      found.cards.insert(found.cards.begin() + static_cast<std::ptrdiff_t>(i), missing);
    }
  }
}

// In the place of the one with its number, else in order of the numbers, else behind the others.
void Put(NvidiaCard card, NvidiaCards& found) {
  auto place = found.cards.end();
  if (card.index) {
    place = std::find_if(found.cards.begin(), found.cards.end(), [&card](const NvidiaCard& other) {
      return other.index && *other.index >= *card.index;
    });
    if (place != found.cards.end() && place->index == card.index) {
      *place = std::move(card);
      return;
    }
  }
  if (found.cards.size() < kMostCards) found.cards.insert(place, std::move(card));
}

// ---------------------------------------------------------------- CSV

std::vector<std::string> QueriedColumns(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    for (const std::string_view option : {"--query-gpu=", "-query-gpu="}) {
      if (!StartsWith(argument, option)) continue;
      std::vector<std::string> columns;
      for (const std::string_view column :
           Split(std::string_view(argument).substr(option.size()), ',')) {
        columns.push_back(Lower(column));
      }
      return columns;
    }
  }
  const auto option = std::find(arguments.begin(), arguments.end(), "--query-gpu");
  if (option == arguments.end() || option + 1 == arguments.end()) return {};
  return QueriedColumns({absl::StrCat("--query-gpu=", *(option + 1))});
}

std::vector<std::string> HeaderColumns(std::string_view line) {
  std::vector<std::string> columns;
  for (const std::string_view column : Split(line, ',')) {
    columns.push_back(Lower(Trim(column.substr(0, column.find('[')))));
  }
  return columns;
}

bool LooksLikeHeader(std::string_view line) {
  static constexpr std::array kColumns = {
      "name", "gpu_name",    "index",           "memory.total", "memory.used",    "driver_version",
      "uuid", "memory.free", "utilization.gpu", "power.draw",   "temperature.gpu"};
  const std::vector<std::string> columns = HeaderColumns(line);
  return std::any_of(columns.begin(), columns.end(), [](const std::string& column) {
    return std::find(kColumns.begin(), kColumns.end(), column) != kColumns.end();
  });
}

// Why a line without a value for every column describes no card, though it stands for one: it is
// cut off ("1, NVIDIA GeFor") or has columns that nobody asked for. Nullopt: it stands for none, as
// a warning or an error about a column.
std::optional<std::string> CutShort(const std::vector<std::string>& columns,
                                    const std::vector<std::string_view>& values) {
  const bool indexed = columns[0] == "index";
  if (indexed ? !ParseWhole(values[0]) : values.size() < 2) return std::nullopt;
  return absl::StrCat("its line of nvidia-smi has ", values.size(),
                      values.size() == 1 ? " value for " : " values for ", columns.size(),
                      " columns: it was cut off, or its format is new");
}

std::optional<NvidiaCards> FromCsv(const std::vector<std::string>& arguments,
                                   std::string_view text) {
  std::vector<std::string> columns = QueriedColumns(arguments);
  NvidiaCards found;
  for (const std::string_view line : Lines(text)) {
    if (Trim(line).empty() || TellsOfALostCard(line)) continue;
    // Warnings come before it.
    if (LooksLikeHeader(line)) {
      columns = HeaderColumns(line);
      continue;
    }
    if (columns.empty()) continue;
    const std::vector<std::string_view> values = Split(line, ',');
    NvidiaCard card;
    if (values.size() != columns.size()) {
      const std::optional<std::string> why = CutShort(columns, values);
      if (!why) {
        found.oddities.push_back(absl::StrCat("a line of nvidia-smi is no row of ", columns.size(),
                                              " columns: \"", Clean(line, kQuoted), "\""));
        continue;
      }
      card.cut_short = *why;
      if (columns[0] == "index") card.index = ParseWhole(values[0]);
    }
    for (std::size_t i = 0; card.cut_short.empty() && i < columns.size(); ++i) {
      Set(columns[i], values[i], card);
      if (columns[i] == "index") card.index = ParseWhole(values[i]);
    }
    if (card.index && *card.index >= kMostCards) break;
    LoseIfSilent(card);
    Put(std::move(card), found);
  }
  if (found.cards.empty()) return std::nullopt;
  if (!AsksForOneCard(arguments)) FillGaps(found);
  return found;
}

// ---------------------------------------------------------------- -L

// Drivers before 470 say in which instance of the GPU a slice is: "(UUID: MIG-GPU-2fa5.../1/0)".
std::optional<std::uint64_t> GpuInstance(std::string_view line) {
  const std::vector<std::string_view> parts = Split(line, '/');
  if (parts.size() != 3 || !Contains(parts[0], "MIG-GPU-")) return std::nullopt;
  return ParseWhole(parts[1]);
}

// "GPU 0: NVIDIA H100 80GB HBM3 (UUID: ...)" and "  MIG 1g.10gb     Device  0: (UUID: ...)".
std::optional<NvidiaCards> FromList(const std::vector<std::string>& arguments,
                                    std::string_view text) {
  NvidiaCards found;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    const std::vector<std::string_view> words = Words(trimmed);
    if (words.size() > 1 && words[0] == "GPU" && ParseLeadingNumber(words[1])) {
      const auto pair = SplitPair(trimmed, ':');
      if (found.cards.size() == kMostCards) continue;
      NvidiaCard card;
      card.index = ParseWhole(words[1].substr(0, words[1].find(':')));
      if (pair && Contains(trimmed, "(UUID")) {
        card.name = Clean(pair->value.substr(0, pair->value.find("(UUID")));
      } else {
        card.cut_short = "its line of nvidia-smi -L has no end";
      }
      found.cards.push_back(std::move(card));
    } else if (StartsWith(trimmed, "MIG ") && Contains(trimmed, "Device") && !found.cards.empty() &&
               found.cards.back().slices.size() < kMostSlices) {
      const std::string_view profile = Trim(trimmed.substr(4, trimmed.find("Device") - 4));
      found.cards.back().slices.push_back({Clean(profile, 32), std::nullopt, GpuInstance(trimmed)});
      found.cards.back().mig_enabled = true;
    }
  }
  if (found.cards.empty()) return std::nullopt;
  if (!AsksForOneCard(arguments)) FillGaps(found);
  return found;
}

// ---------------------------------------------------------------- -q -x

// The text between the first <tag> and </tag> in `xml`; "" when there is none. No attributes.
std::string_view Element(std::string_view xml, std::string_view tag) {
  const std::string open = absl::StrCat("<", std::string(tag), ">");
  const std::size_t start = xml.find(open);
  if (start == std::string_view::npos) return {};
  const std::string_view rest = xml.substr(start + open.size());
  return rest.substr(0, rest.find(absl::StrCat("</", std::string(tag), ">")));
}

// The driver counts its cards before it describes them. Those that it then leaves out are lost,
// unless they were cut off.
void CountAttached(std::optional<std::uint64_t> attached, bool has_end, NvidiaCards& found) {
  if (!attached || *attached > kMostCards) return;
  const std::size_t described = found.cards.size();
  const std::string counted =
      absl::StrCat("nvidia-smi counts ", *attached, " cards and describes ", described);
  while (found.cards.size() < *attached) {
    NvidiaCard& card = found.cards.emplace_back();
    if (has_end) {
      card.lost = counted;
    } else {
      card.cut_short = absl::StrCat(counted, ": its end is missing");
    }
  }
}

std::optional<NvidiaCards> FromXml(std::string_view text) {
  NvidiaCards found;
  const std::string driver = Clean(Element(text, "driver_version"), 32);
  for (std::size_t at = text.find("<gpu id="); at != std::string_view::npos;) {
    const std::size_t next = text.find("<gpu id=", at + 1);
    const std::string_view gpu = text.substr(at, next == std::string_view::npos ? next : next - at);
    at = next;
    if (found.cards.size() == kMostCards) break;
    NvidiaCard card;
    const std::size_t address = gpu.find('"');
    if (address != std::string_view::npos) card.bus = Bus(gpu.substr(address + 1));
    Set("name", Element(gpu, "product_name"), card);
    card.driver_version = driver;
    std::string_view slices = Element(gpu, "mig_devices");
    Set("mig.mode.current", Element(gpu, "current_mig"), card);
    // The card's own memory, not that of its slices.
    std::string own(gpu);
    if (!slices.empty())
      own.erase(static_cast<std::size_t>(slices.data() - gpu.data()), slices.size());
    const std::string_view memory = Element(own, "fb_memory_usage");
    Set("memory.total", Element(memory, "total"), card);
    Set("memory.used", Element(memory, "used"), card);
    for (const char* tag : {"current_power_limit", "power_limit", "enforced_power_limit"}) {
      if (!card.power_limit_watts) Set("power.limit", Element(own, tag), card);
    }
    Set("temperature.gpu", Element(own, "gpu_temp"), card);
    while (card.slices.size() < kMostSlices) {
      const std::string_view slice = Element(slices, "mig_device");
      if (slice.empty()) break;
      card.slices.push_back({"", Memory(Trim(Element(Element(slice, "fb_memory_usage"), "total"))),
                             ParseWhole(Element(slice, "gpu_instance_id"))});
      slices.remove_prefix(static_cast<std::size_t>(slice.data() + slice.size() - slices.data()));
    }
    LoseIfSilent(card);
    found.cards.push_back(std::move(card));
  }
  CountAttached(ParseWhole(Trim(Element(text, "attached_gpus"))),
                Contains(text, "</nvidia_smi_log>"), found);
  if (found.cards.empty()) return std::nullopt;
  return found;
}

// ---------------------------------------------------------------- -q

// "    FB Memory Usage" heads "        Total : 46068 MiB".
std::optional<NvidiaCards> FromQuery(std::string_view text) {
  NvidiaCards found;
  std::string driver;
  std::string heading;
  std::optional<std::uint64_t> attached;
  bool in_slices = false;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    const auto pair = SplitPair(line, ':');
    if (StartsWith(line, "GPU ") && trimmed.back() != ':' && found.cards.size() < kMostCards) {
      NvidiaCard& card = found.cards.emplace_back();
      card.driver_version = driver;
      card.bus = Bus(line.substr(4));
      in_slices = false;
      continue;
    }
    const bool value = pair && Contains(line, " : ");
    if (!value) {
      heading = std::string(trimmed);
      const bool slice = StartsWith(trimmed, "MIG Device");
      if (slice && !found.cards.empty() && found.cards.back().slices.size() < kMostSlices) {
        found.cards.back().slices.emplace_back();
        in_slices = true;
      }
      continue;
    }
    if (pair->key == "Attached GPUs") attached = ParseWhole(pair->value);
    if (pair->key == "Driver Version")
      driver = Clean(Words(pair->value).empty() ? "" : Words(pair->value)[0], 32);
    if (found.cards.empty()) continue;
    NvidiaCard& card = found.cards.back();
    if (in_slices) {
      if (pair->key == "GPU Instance ID") card.slices.back().instance = ParseWhole(pair->value);
      if (heading == "FB Memory Usage" && pair->key == "Total") {
        card.slices.back().memory_bytes = Memory(pair->value);
      }
      if (StartsWith(line, "    ") && line.size() > 4 && line[4] != ' ') in_slices = false;
    } else if (pair->key == "Product Name") {
      Set("name", pair->value, card);
    } else if (heading == "FB Memory Usage" && pair->key == "Total") {
      Set("memory.total", pair->value, card);
    } else if (heading == "FB Memory Usage" && pair->key == "Used") {
      Set("memory.used", pair->value, card);
    } else if (heading == "MIG Mode" && pair->key == "Current") {
      Set("mig.mode.current", pair->value, card);
    } else if ((pair->key == "Current Power Limit" || pair->key == "Power Limit") &&
               !card.power_limit_watts) {
      Set("power.limit", pair->value, card);
    } else if (pair->key == "GPU Current Temp") {
      Set("temperature.gpu", pair->value, card);
    }
  }
  for (NvidiaCard& card : found.cards) LoseIfSilent(card);
  CountAttached(attached, false, found);
  if (found.cards.empty()) return std::nullopt;
  return found;
}

// ---------------------------------------------------------------- the table

// "| NVIDIA-SMI 580.126.09   Driver Version: 580.126.09   CUDA Version: 13.0 |"; newer ones say
// "KMD Version:".
std::string DriverInTable(std::string_view line) {
  for (const std::string_view key : {"Driver Version:", "KMD Version:"}) {
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) continue;
    const std::vector<std::string_view> words = Words(line.substr(at + key.size()));
    if (!words.empty()) return Clean(words[0], 32);
  }
  return "";
}

// Rows of the table below "MIG devices:", "|  0    1   0   0  |  12MiB / 40192MiB | ...": card, GPU
// instance, compute instance, number of the slice.
void ReadMigTable(std::string_view text, NvidiaCards& found) {
  const std::size_t at = text.find("MIG devices:");
  if (at == std::string_view::npos) return;
  for (const std::string_view line : Lines(text.substr(at))) {
    if (Contains(line, "Processes:")) break;
    if (!StartsWith(line, "|")) continue;
    const std::vector<std::string_view> cells = Split(line.substr(1), '|');
    const std::vector<std::string_view> words = Words(cells[0]);
    if (cells.size() < 3 || words.size() != 4) continue;
    const auto card = ParseWhole(words[0]);
    const auto memory = SplitPair(cells[1], '/');
    const auto its =
        std::find_if(found.cards.begin(), found.cards.end(),
                     [&card](const NvidiaCard& other) { return card && other.index == card; });
    if (!ParseWhole(words[3]) || !memory || its == found.cards.end()) continue;
    std::vector<MigSlice>& slices = its->slices;
    if (slices.size() < kMostSlices) {
      slices.push_back({"", Memory(memory->value), ParseWhole(words[1])});
    }
  }
}

// "|   0  NVIDIA GB10                    On  |" over "| N/A   36C    P8   3W /  N/A  | Not
// Supported |".
std::optional<NvidiaCards> FromTable(const std::vector<std::string>& arguments,
                                     std::string_view text) {
  NvidiaCards found;
  std::string driver;
  bool inside = false;
  for (const std::string_view line : Lines(text)) {
    if (driver.empty()) driver = DriverInTable(line);
    if (StartsWith(line, "|====")) inside = found.cards.empty();
    if (Trim(line).empty()) inside = false;  // the table of processes follows
    if (!inside || !StartsWith(line, "|")) continue;
    const std::vector<std::string_view> cells = Split(line.substr(1), '|');
    const std::vector<std::string_view> words = Words(cells[0]);
    if (cells.size() < 3) {
      if (words.size() < 2 || !ParseWhole(words[0]) || found.cards.size() == kMostCards) continue;
      NvidiaCard& card = found.cards.emplace_back();
      card.cut_short = "its row of the table has no end";
      card.index = ParseWhole(words[0]);
      continue;
    }
    if (words.size() >= 2 && ParseWhole(words[0]) && found.cards.size() < kMostCards) {
      NvidiaCard card;
      card.index = ParseWhole(words[0]);
      card.bus = Bus(cells[1]);
      card.driver_version = driver;
      std::vector<std::string> name(words.begin() + 1, words.end());
      // The next column is the persistence mode.
      const bool mode = name.back() == "On" || name.back() == "Off" || name.back() == "N/A";
      if (name.size() > 1 && mode) name.pop_back();
      for (const std::string& word : name)
        absl::StrAppend(&card.name, card.name.empty() ? "" : " ", word);
      card.name = Clean(card.name);
      found.cards.push_back(std::move(card));
    } else if (!found.cards.empty() && !found.cards.back().memory_bytes &&
               found.cards.back().memory_said.empty()) {
      NvidiaCard& card = found.cards.back();
      const auto memory = SplitPair(cells[1], '/');
      if (memory) {
        Set("memory.used", memory->key, card);
        Set("memory.total", memory->value, card);
      } else if (!cells[1].empty()) {
        card.memory_said = Clean(cells[1], 64);
      }
      const auto power = SplitPair(cells[0], '/');
      if (power) Set("power.limit", power->value, card);
      // Fan, temperature and state. A fan alone may fail on a card that works.
      if (words.size() > 2 && words[1] == "ERR!" && words[2] == "ERR!") {
        card.lost = "nvidia-smi says \"ERR!\" for its temperature and its state";
      }
    } else if (!found.cards.empty() && cells[2] == "Enabled") {
      found.cards.back().mig_enabled = true;  // third line of a card: its MIG mode
    }
  }
  ReadMigTable(text, found);
  if (found.cards.empty()) return std::nullopt;
  if (!AsksForOneCard(arguments)) FillGaps(found);
  // "NVIDIA GeForce RTX 2080 ..." is cut to the table's width.
  for (const NvidiaCard& card : found.cards) {
    if (Contains(card.name, "...")) {
      found.oddities.push_back(
          absl::StrCat("the table shortens a card's name to \"", card.name, "\""));
    }
  }
  return found;
}

std::optional<NvidiaCards> Described(const std::vector<std::string>& arguments,
                                     std::string_view text) {
  if (Contains(text, "<nvidia_smi_log>")) return FromXml(text);
  if (Contains(text, "NVSMI LOG")) return FromQuery(text);
  if (Contains(text, "| NVIDIA-SMI") || Contains(text, "|====")) return FromTable(arguments, text);
  if (Contains(text, "(UUID:")) return FromList(arguments, text);
  const std::vector<std::string_view> lines = Lines(text);
  const bool asked = !QueriedColumns(arguments).empty();
  const bool headed = std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    return Contains(line, ",") && LooksLikeHeader(line);
  });
  if (asked || headed) return FromCsv(arguments, text);
  return std::nullopt;
}

}  // namespace

bool SaysNothing(std::string_view value) {
  std::string plain = Lower(Trim(value));
  if (plain.size() >= 2 && plain.front() == '[' && plain.back() == ']') {
    plain = std::string(Trim(std::string_view(plain).substr(1, plain.size() - 2)));
  }
  return plain.empty() || plain == "n/a" || plain == "na" || plain == "-" || plain == "err!" ||
         plain == "none" || plain == "unknown" || Contains(plain, "not supported") ||
         Contains(plain, "not available") || Contains(plain, "unknown error") ||
         Contains(plain, "insufficient permissions") || Contains(plain, "deprecated") ||
         Contains(plain, "requires reset") || Contains(plain, "gpu is lost");
}

std::optional<NvidiaCards> ParseNvidiaSmi(const std::vector<std::string>& arguments,
                                          std::string_view text) {
  const NvidiaCards lost = LostCards(text);
  if (WhyNoCard(text) && lost.cards.empty()) return std::nullopt;
  std::optional<NvidiaCards> found = Described(arguments, text);
  if (lost.cards.empty()) return found;
  if (!found) found.emplace();
  Merge(lost, *found);
  return found;
}

std::optional<Refusal> WhyNoCard(std::string_view text) {
  using Fault = agent::Accelerator::Fault;
  struct Known {
    const char* text;
    const char* why;
    Fault fault;
  };
  static constexpr std::array kKnown = {
      Known{"no devices were found", "nvidia-smi says \"No devices were found\"", Fault::kNoDriver},
      Known{"couldn't communicate with the nvidia driver",
            "nvidia-smi cannot communicate with the NVIDIA driver", Fault::kNoDriver},
      Known{"driver/library version mismatch",
            "the NVIDIA driver and its library have different versions; a reboot mends this",
            Fault::kNeedsReboot},
      Known{"driver not loaded", "nvidia-smi says that the NVIDIA driver is not loaded",
            Fault::kNoDriver},
      Known{"couldn't find libnvidia-ml", "nvidia-smi does not find its library libnvidia-ml.so",
            Fault::kNoTool},
      // Windows denies it to its WSL.
      Known{"gpu access blocked by the operating system",
            "the system around this one keeps the GPU from it (nvidia-smi says \"GPU access "
            "blocked by the operating system\")",
            Fault::kHidden},
      Known{"failed to initialize nvml: insufficient permissions",
            "this user is not allowed to use the NVIDIA driver", Fault::kHidden},
      Known{"failed to initialize nvml: unknown error",
            "nvidia-smi cannot start the NVIDIA management library (\"Unknown Error\")",
            Fault::kUnknown},
      Known{"failed to initialize nvml", "nvidia-smi cannot start the NVIDIA management library",
            Fault::kUnknown}};
  const std::string start = Lower(text.substr(0, kLookedForReasons));
  for (const Known& known : kKnown) {
    if (Contains(start, known.text)) return Refusal{known.why, known.fault};
  }
  return std::nullopt;
}

bool SaysThereIsNoCard(std::string_view text) {
  const std::string start = Lower(text.substr(0, kLookedForReasons));
  return Contains(start, "no devices were found") && !TellsOfALostCard(start);
}

std::vector<PciCard> NvidiaInLspci(std::string_view text) {
  std::vector<PciCard> cards;
  for (const std::string_view line : Lines(text)) {
    const bool display = Contains(line, "VGA compatible controller") ||
                         Contains(line, "3D controller") || Contains(line, "Display controller");
    if (!display || !(Contains(line, "NVIDIA") || Contains(line, "[10de:"))) continue;
    std::string_view name = line;
    const std::size_t controller = line.find("controller");
    const std::size_t colon = line.find(": ", controller);
    if (colon != std::string_view::npos) name = line.substr(colon + 2);
    const std::size_t gone = name.find("(rev ff)");
    const bool off_bus = gone != std::string_view::npos;
    cards.push_back({Bus(line), Clean(name.substr(0, gone)), off_bus});
    if (cards.size() == kMostCards) break;
  }
  return cards;
}

bool SharesSystemMemory(const NvidiaCard& card) {
  if (card.memory_bytes) return false;
  std::string name = Lower(card.name);
  constexpr std::string_view kMaker = "nvidia ";
  if (StartsWith(name, kMaker)) name.erase(0, kMaker.size());
  // "Orin (nvgpu)": nvgpu is the driver of Tegra chips, which have no memory of their own.
  return Contains(name, "(nvgpu)") || name == "orin" || name == "thor" || name == "gb10";
}

host::Command NvidiaQuery() {
  return {{"nvidia-smi",
           "--query-gpu=index,name,pci.bus_id,driver_version,memory.total,memory.used,power.limit,"
           "temperature.gpu,mig.mode.current",
           "--format=csv"},
          kNvidiaPatience};
}

}  // namespace capacity::probe
