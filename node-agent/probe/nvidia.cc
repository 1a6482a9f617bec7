#include "node-agent/probe/nvidia.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

constexpr std::size_t kMostCards = 64;
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

// `column` without its unit: "memory.total [MiB]" -> "memory.total".
void Set(std::string_view column, std::string_view value, NvidiaCard& card) {
  if (column == "memory.total" && SaysNothing(value) && card.memory_said.empty()) {
    card.memory_said = Clean(value, 64);
  }
  if (SaysNothing(value)) return;
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

// "Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot the system ..."
bool TellsOfALostCard(std::string_view text) {
  const std::string lower = Lower(text);
  return Contains(lower, "gpu is lost") || Contains(lower, "determine the device handle");
}

// Why a line without a value for every column describes no card, though it stands for one: it is
// cut off ("1, NVIDIA GeFor"), has columns that nobody asked for, or tells of a card that fell off
// its bus. Nullopt: it stands for none, as a warning or an error about a column.
std::optional<std::string> CutShort(const std::vector<std::string>& columns,
                                    const std::vector<std::string_view>& values,
                                    std::string_view line) {
  if (TellsOfALostCard(line)) return absl::StrCat("nvidia-smi says \"", Clean(line), "\"");
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
  bool first = true;
  for (const std::string_view line : Lines(text)) {
    if (Trim(line).empty()) continue;
    if (first && LooksLikeHeader(line)) {
      columns = HeaderColumns(line);
      first = false;
      continue;
    }
    first = false;
    if (columns.empty()) return std::nullopt;
    const std::vector<std::string_view> values = Split(line, ',');
    NvidiaCard card;
    std::optional<std::uint64_t> index;
    if (values.size() != columns.size()) {
      const std::optional<std::string> why = CutShort(columns, values, line);
      if (!why) {
        found.oddities.push_back(absl::StrCat("a line of nvidia-smi is no row of ", columns.size(),
                                              " columns: \"", Clean(line, kQuoted), "\""));
        continue;
      }
      card.cut_short = *why;
      if (columns[0] == "index") index = ParseWhole(values[0]);
    }
    for (std::size_t i = 0; card.cut_short.empty() && i < columns.size(); ++i) {
      Set(columns[i], values[i], card);
      if (columns[i] == "index") index = ParseWhole(values[i]);
    }
    // Rows come by index; one that was cut away leaves a gap.
    const std::size_t place = index && *index < kMostCards ? *index : found.cards.size();
    if (place >= kMostCards) break;
    if (found.cards.size() <= place) found.cards.resize(place + 1);
    found.cards[place] = std::move(card);
  }
  if (found.cards.empty()) return std::nullopt;
  return found;
}

// ---------------------------------------------------------------- -L

// "GPU 0: NVIDIA H100 80GB HBM3 (UUID: ...)" and "  MIG 1g.10gb     Device  0: (UUID: ...)".
std::optional<NvidiaCards> FromList(std::string_view text) {
  NvidiaCards found;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    const std::vector<std::string_view> words = Words(trimmed);
    if (words.size() > 1 && words[0] == "GPU" && ParseLeadingNumber(words[1])) {
      const auto pair = SplitPair(trimmed, ':');
      if (found.cards.size() == kMostCards) continue;
      NvidiaCard card;
      if (pair && Contains(trimmed, "(UUID")) {
        card.name = Clean(pair->value.substr(0, pair->value.find("(UUID")));
      } else {
        card.cut_short = "its line of nvidia-smi -L has no end";
      }
      found.cards.push_back(std::move(card));
    } else if (StartsWith(trimmed, "MIG ") && Contains(trimmed, "Device") && !found.cards.empty() &&
               found.cards.back().slices.size() < kMostSlices) {
      const std::string_view profile = Trim(trimmed.substr(4, trimmed.find("Device") - 4));
      found.cards.back().slices.push_back({Clean(profile, 32), std::nullopt});
      found.cards.back().mig_enabled = true;
    }
  }
  if (found.cards.empty()) return std::nullopt;
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

// The driver counts its cards before it describes them.
void CountAttached(std::optional<std::uint64_t> attached, NvidiaCards& found) {
  if (!attached || *attached > kMostCards) return;
  while (found.cards.size() < *attached) {
    found.cards.emplace_back().cut_short =
        absl::StrCat("nvidia-smi counts ", *attached, " cards and describes ",
                     found.cards.size() - 1, ": its end is missing");
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
      card.slices.push_back(
          {"", Memory(Trim(Element(Element(slice, "fb_memory_usage"), "total")))});
      slices.remove_prefix(static_cast<std::size_t>(slice.data() + slice.size() - slices.data()));
    }
    found.cards.push_back(std::move(card));
  }
  CountAttached(ParseWhole(Trim(Element(text, "attached_gpus"))), found);
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
      found.cards.emplace_back().driver_version = driver;
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
  CountAttached(attached, found);
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
    if (!card || !ParseWhole(words[3]) || !memory || *card >= found.cards.size()) continue;
    std::vector<MigSlice>& slices = found.cards[*card].slices;
    if (slices.size() < kMostSlices) slices.push_back({"", Memory(memory->value)});
  }
}

// "|   0  NVIDIA GB10                    On  |" over "| N/A   36C    P8   3W /  N/A  | Not
// Supported |".
std::optional<NvidiaCards> FromTable(std::string_view text) {
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
      found.cards.emplace_back().cut_short = "its row of the table has no end";
      continue;
    }
    if (words.size() >= 2 && ParseWhole(words[0]) && found.cards.size() < kMostCards) {
      NvidiaCard card;
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
    } else if (!found.cards.empty() && cells[2] == "Enabled") {
      found.cards.back().mig_enabled = true;  // third line of a card: its MIG mode
    }
  }
  ReadMigTable(text, found);
  if (found.cards.empty()) return std::nullopt;
  // "NVIDIA GeForce RTX 2080 ..." is cut to the table's width.
  for (const NvidiaCard& card : found.cards) {
    if (Contains(card.name, "...")) {
      found.oddities.push_back(
          absl::StrCat("the table shortens a card's name to \"", card.name, "\""));
    }
  }
  return found;
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
  if (!WhyNoCard(text).empty() && !TellsOfALostCard(text.substr(0, kLookedForReasons))) {
    return std::nullopt;
  }
  if (Contains(text, "<nvidia_smi_log>")) return FromXml(text);
  if (Contains(text, "NVSMI LOG")) return FromQuery(text);
  if (Contains(text, "| NVIDIA-SMI") || Contains(text, "|====")) return FromTable(text);
  if (Contains(text, "(UUID:")) return FromList(text);
  const std::vector<std::string_view> lines = Lines(Trim(text));
  const bool asked = !QueriedColumns(arguments).empty();
  if (asked || (!lines.empty() && LooksLikeHeader(lines[0]) && Contains(lines[0], ","))) {
    return FromCsv(arguments, text);
  }
  return std::nullopt;
}

void Merge(const NvidiaCards& other, NvidiaCards& cards) {
  if (cards.cards.size() < other.cards.size()) cards.cards.resize(other.cards.size());
  for (std::size_t i = 0; i < other.cards.size(); ++i) {
    const NvidiaCard& from = other.cards[i];
    NvidiaCard& to = cards.cards[i];
    const bool shortened = Contains(to.name, "...");
    if (to.name.empty() || (shortened && !from.name.empty())) to.name = from.name;
    if (to.cut_short.empty()) to.cut_short = from.cut_short;
    if (to.driver_version.empty()) to.driver_version = from.driver_version;
    if (!to.memory_bytes) to.memory_bytes = from.memory_bytes;
    if (!to.memory_used_bytes) to.memory_used_bytes = from.memory_used_bytes;
    if (to.memory_said.empty()) to.memory_said = from.memory_said;
    if (!to.power_limit_watts) to.power_limit_watts = from.power_limit_watts;
    if (!to.celsius) to.celsius = from.celsius;
    if (!to.mig_enabled) to.mig_enabled = from.mig_enabled;
    if (to.slices.size() < from.slices.size()) to.slices.resize(from.slices.size());
    for (std::size_t s = 0; s < from.slices.size(); ++s) {
      if (to.slices[s].profile.empty()) to.slices[s].profile = from.slices[s].profile;
      if (!to.slices[s].memory_bytes) to.slices[s].memory_bytes = from.slices[s].memory_bytes;
    }
  }
  cards.oddities.insert(cards.oddities.end(), other.oddities.begin(), other.oddities.end());
}

std::string WhyNoCard(std::string_view text) {
  const std::string start = Lower(text.substr(0, kLookedForReasons));
  if (Contains(start, "no devices were found")) return "nvidia-smi says \"No devices were found\"";
  if (Contains(start, "couldn't communicate with the nvidia driver")) {
    return "nvidia-smi cannot communicate with the NVIDIA driver";
  }
  if (Contains(start, "driver/library version mismatch")) {
    return "the NVIDIA driver and its library have different versions; a reboot mends this";
  }
  if (Contains(start, "failed to initialize nvml")) {
    return "nvidia-smi cannot start the NVIDIA management library";
  }
  return "";
}

bool SaysThereIsNoCard(std::string_view text) {
  const std::string start = Lower(text.substr(0, kLookedForReasons));
  return Contains(start, "no devices were found") && !TellsOfALostCard(start);
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
           "--query-gpu=index,name,driver_version,memory.total,memory.used,power.limit,"
           "temperature.gpu,mig.mode.current",
           "--format=csv"}};
}

}  // namespace capacity::probe
