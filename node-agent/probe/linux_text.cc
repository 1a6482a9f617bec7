#include "node-agent/probe/linux_text.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/probe/lenient_json.h"

namespace capacity::probe {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostCores = 65536;
constexpr std::size_t kMostGroups = 8;
constexpr std::size_t kMostInterfaces = 512;
constexpr int kDeepestField = 8;

// Cores of the machines that this program is for, by implementer and primary part number: fields of
// MIDR_EL1 in each core's technical reference manual, and Linux, arch/arm64/include/asm/cputype.h.
// Apple's are called as lscpu calls them.
struct ArmPart {
  std::string_view implementer;
  std::string_view part;
  std::string_view name;
};
constexpr std::string_view kArm = "0x41";
constexpr std::string_view kApple = "0x61";
constexpr std::array kArmParts = {
    ArmPart{kArm, "0xd85", "Cortex-X925"},                                               // GB10
    ArmPart{kArm, "0xd87", "Cortex-A725"},       ArmPart{kArm, "0xd4f", "Neoverse-V2"},  // Grace
    ArmPart{kArm, "0xd83", "Neoverse-V3AE"},                                             // Thor
    ArmPart{kArm, "0xd84", "Neoverse-V3"},       ArmPart{kArm, "0xd0c", "Neoverse-N1"},
    ArmPart{kArm, "0xd40", "Neoverse-V1"},       ArmPart{kArm, "0xd49", "Neoverse-N2"},
    ArmPart{kArm, "0xd42", "Cortex-A78AE"},  // Orin
    ArmPart{kArm, "0xd08", "Cortex-A72"},        ArmPart{kArm, "0xd0b", "Cortex-A76"},
    ArmPart{kApple, "0x022", "Icestorm-M1"},     ArmPart{kApple, "0x023", "Firestorm-M1"},
    ArmPart{kApple, "0x024", "Icestorm-M1-Pro"}, ArmPart{kApple, "0x025", "Firestorm-M1-Pro"},
    ArmPart{kApple, "0x028", "Icestorm-M1-Max"}, ArmPart{kApple, "0x029", "Firestorm-M1-Max"},
    ArmPart{kApple, "0x032", "Blizzard-M2"},     ArmPart{kApple, "0x033", "Avalanche-M2"},
    ArmPart{kApple, "0x034", "Blizzard-M2-Pro"}, ArmPart{kApple, "0x035", "Avalanche-M2-Pro"},
    ArmPart{kApple, "0x038", "Blizzard-M2-Max"}, ArmPart{kApple, "0x039", "Avalanche-M2-Max"},
};

// An implementer that is not stated is Arm.
std::string ArmName(std::string_view implementer, std::string_view part) {
  if (implementer.empty()) implementer = kArm;
  for (const ArmPart& known : kArmParts) {
    if (known.implementer == implementer && known.part == part) return std::string(known.name);
  }
  const std::string maker = implementer == kArm ? "Arm"
                            : implementer == kApple
                                ? "Apple"
                                : absl::StrCat("implementer ", Clean(implementer, 16));
  return Clean(absl::StrCat(maker, " part ", Clean(part, 16)));
}

std::optional<std::uint32_t> Count(std::string_view text) {
  const auto count = ParseWhole(text);
  if (!count || *count > kMostCores) return std::nullopt;
  return static_cast<std::uint32_t>(*count);
}

// How many "0-3,8,10-11" are; nullopt when it is no such list.
std::optional<std::uint32_t> CountList(std::string_view list) {
  std::uint64_t sum = 0;
  for (const std::string_view range : Split(list, ',')) {
    const std::size_t dash = range.find('-');
    const auto first = Count(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : Count(range.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    sum += *last - *first + 1;
    if (sum > kMostCores) return std::nullopt;
  }
  return static_cast<std::uint32_t>(sum);
}

// "Cortex-X925 + Cortex-A725" of groups that have names of their own.
void NameAfterGroups(agent::Processor& processor) {
  processor.name.clear();
  for (const agent::CoreGroup& group : processor.groups) {
    absl::StrAppend(&processor.name, processor.name.empty() ? "" : " + ", group.name);
  }
}

// lscpu's fields in order: a "Model name" opens a block, "Core(s) per socket" fills it.
class LscpuReader {
 public:
  void Take(std::string_view key, std::string_view value) {
    if (!key.empty() && key.back() == ':') key.remove_suffix(1);
    if (key == "Architecture") processor_.architecture = Clean(value, 32);
    if (key == "CPU(s)") processor_.logical_cores = Count(value).value_or(0);
    // After "CPU(s)", which counts those too that are off line.
    if (key == "On-line CPU(s) list") {
      processor_.logical_cores = CountList(value).value_or(processor_.logical_cores);
    }
    if (key == "Model name") {
      Close();
      name_ = Clean(value);
    } else if (key == "Core(s) per socket" || key == "Core(s) per cluster") {
      per_socket_ = Count(value);
    } else if (key == "Socket(s)" || key == "Cluster(s)") {
      // "-" where the firmware does not say.
      sockets_ = Count(value);
    }
  }

  std::optional<agent::Processor> Finish() {
    Close();
    if (processor_.architecture.empty() && processor_.logical_cores == 0 && blocks_.empty()) {
      return std::nullopt;
    }
    if (blocks_.size() == 1) {
      processor_.name = blocks_[0].name;
    } else {
      processor_.groups = blocks_;
      NameAfterGroups(processor_);
    }
    return processor_;
  }

 private:
  void Close() {
    if (!name_.empty() && name_ != "-" && blocks_.size() < kMostGroups) {
      const std::uint64_t cores = std::uint64_t{per_socket_.value_or(0)} * sockets_.value_or(1);
      blocks_.push_back({name_, static_cast<std::uint32_t>(std::min(cores, kMostCores))});
    }
    name_.clear();
    per_socket_.reset();
    sockets_.reset();
  }

  agent::Processor processor_;
  std::vector<agent::CoreGroup> blocks_;
  std::string name_;
  std::optional<std::uint32_t> per_socket_;
  std::optional<std::uint32_t> sockets_;
};

void TakeJsonFields(const json& fields, int depth, LscpuReader& reader) {
  if (!fields.is_array() || depth > kDeepestField) return;
  for (const json& field : fields) {
    reader.Take(TextAt(field, "field"), TextAt(field, "data"));
    TakeJsonFields(At(field, "children"), depth + 1, reader);
  }
}

bool IsGlobal(std::string_view address) {
  return !address.empty() && !StartsWith(address, "fe80") && !StartsWith(address, "127.") &&
         address != "::1";
}

std::optional<bool> OperState(std::string_view state) {
  const std::string lower = Lower(Trim(state));
  if (lower == "up") return true;
  if (lower == "down" || lower == "lowerlayerdown" || lower == "dormant") return false;
  return std::nullopt;
}

// "<BROADCAST,MULTICAST,UP,LOWER_UP>": whether the interface was brought up; nullopt where no flags
// are listed.
class Flags {
 public:
  void Add(std::string_view flag) {
    any_ = true;
    up_ = up_ || flag == "UP";
    carrier_ = carrier_ || flag == "LOWER_UP";
  }
  // Nullopt where the flags and the state contradict each other, too.
  std::optional<bool> brought_up(std::optional<bool> state) const {
    const bool contradicts = state && *state != carrier_;
    return any_ && !contradicts ? std::optional<bool>(up_) : std::nullopt;
  }
  // Of a driver that keeps no state.
  std::optional<bool> Or(std::optional<bool> state, std::string_view said) const {
    return state || Lower(said) != "unknown" || !carrier_ ? state : true;
  }

 private:
  bool any_ = false;
  bool up_ = false;
  bool carrier_ = false;
};

// "192.168.177.0/24" of "192.168.177.11" and 24; "" for what is no IPv4 address.
std::string SubnetOf(std::string_view address, std::uint64_t prefix) {
  const std::vector<std::string_view> octets = Split(address, '.');
  if (octets.size() != 4 || prefix > 32) return "";
  std::string subnet;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto octet = ParseWhole(octets[i]);
    if (!octet || *octet > 255) return "";
    const std::uint64_t kept =
        std::min<std::uint64_t>(prefix - std::min<std::uint64_t>(prefix, 8 * i), 8);
    absl::StrAppend(&subnet, i == 0 ? "" : ".", *octet & (0xff00U >> kept & 0xffU));
  }
  return absl::StrCat(subnet, "/", prefix);
}

void AddAddress(const std::string& address, std::optional<std::uint64_t> prefix,
                NetInterface& interface) {
  interface.addresses_listed = true;
  if (!IsGlobal(address)) return;
  interface.addresses.push_back(address);
  const std::string subnet = SubnetOf(address, prefix.value_or(32));
  if (!subnet.empty()) interface.subnets.push_back(subnet);
}

// "10.0.0.2/24".
void AddAddress(std::string_view word, NetInterface& interface) {
  const std::size_t slash = word.find('/');
  AddAddress(Clean(word.substr(0, slash), 64),
             slash == std::string_view::npos ? std::nullopt : ParseWhole(word.substr(slash + 1)),
             interface);
}

bool Holds(const json& object, std::string_view flag) {
  const json& value = At(object, flag);
  return value.is_boolean() && value.get<bool>();
}

void AddAddressesOfJson(const json& addresses, NetInterface& interface) {
  if (!addresses.is_array()) return;
  interface.addresses_listed = true;
  for (const json& address : addresses) {
    if (Holds(address, "dadfailed") || Holds(address, "tentative")) continue;
    const auto prefix = ParseWhole(TextAt(address, "prefixlen"));
    AddAddress(Clean(TextAt(address, "local"), 64), prefix, interface);
  }
}

std::map<std::string, NetInterface> IpFromJson(std::string_view text) {
  std::map<std::string, NetInterface> interfaces;
  bool cut = false;
  const json root = ParseJson(text, cut);
  if (!root.is_array()) return interfaces;
  for (const json& entry : root) {
    const std::string name = Clean(TextAt(entry, "ifname"), 32);
    if (name.empty() || interfaces.size() == kMostInterfaces) continue;
    NetInterface& interface = interfaces[name];
    Flags flags;
    if (const json& listed = At(entry, "flags"); listed.is_array()) {
      for (const json& flag : listed) {
        if (flag.is_string()) flags.Add(flag.get_ref<const std::string&>());
      }
    }
    const std::string state = TextAt(entry, "operstate");
    interface.up = flags.Or(OperState(state), state);
    interface.brought_up = flags.brought_up(interface.up);
    interface.master = Clean(TextAt(entry, "master"), 32);
    interface.lower = Clean(TextAt(entry, "link"), 32);
    interface.elsewhere = interface.lower.empty() && !TextAt(entry, "link_index").empty();
    AddAddressesOfJson(At(entry, "addr_info"), interface);
  }
  return interfaces;
}

void AddFlags(std::string_view word, Flags& flags) {
  if (word.empty() || word.front() != '<') return;
  for (const std::string_view flag : Split(word.substr(1, word.find('>') - 1), ',')) {
    flags.Add(flag);
  }
}

// What stands behind the "@" of a name: "eth0" of "eth0.100@eth0".
void AddLower(std::string_view name, NetInterface& interface) {
  const std::size_t at = name.find('@');
  if (at == std::string_view::npos) return;
  const std::string_view lower = name.substr(at + 1);
  interface.lower = Clean(lower.substr(0, lower.find(':')), 32);
  // "eth0@if12": number 12 of another namespace. "eth0@NONE": its card is in another one.
  const std::string_view number = std::string_view(interface.lower).substr(0, 2) == "if"
                                      ? std::string_view(interface.lower).substr(2)
                                      : std::string_view();
  interface.elsewhere = ParseWhole(number).has_value() || interface.lower == "NONE";
  if (interface.elsewhere) interface.lower.clear();
}

// "2: eth0: <BROADCAST,UP> mtu 1500 ... state UP ...".
void ReadHead(const std::vector<std::string_view>& words, NetInterface& interface) {
  const auto after = [&words](std::string_view key) {
    const auto found = std::find(words.begin(), words.end(), key);
    return found == words.end() || found + 1 == words.end() ? std::string_view() : *(found + 1);
  };
  Flags flags;
  if (words.size() > 2) AddFlags(words[2], flags);
  interface.up = flags.Or(OperState(after("state")), after("state"));
  interface.brought_up = flags.brought_up(interface.up);
  interface.master = Clean(after("master"), 32);
  AddLower(words[1], interface);
}

bool IsSure(const std::vector<std::string_view>& words) {
  return std::none_of(words.begin(), words.end(), [](std::string_view word) {
    return word == "tentative" || word == "dadfailed";
  });
}

// Heads over "    inet 10.0.0.2/24 ..."; with -o "2: eth0    inet 10.0.0.2/24 ..." on one line.
std::map<std::string, NetInterface> IpFromText(std::string_view text) {
  std::map<std::string, NetInterface> interfaces;
  NetInterface* current = nullptr;
  bool addresses = false;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 2) continue;
    std::size_t family = 0;  // where in the line it stands
    if (line[0] >= '0' && line[0] <= '9') {
      const bool head = words[1].back() == ':';
      family = 2;
      const bool address = words.size() > 3 && (words[2] == "inet" || words[2] == "inet6");
      const std::string_view name = words[1].substr(0, words[1].find_first_of(":@"));
      const bool listed = words[0].back() == ':' && (head || address) && !name.empty();
      current =
          listed && interfaces.size() < kMostInterfaces ? &interfaces[Clean(name, 32)] : nullptr;
      if (current != nullptr && head) ReadHead(words, *current);
    }
    if (current == nullptr || words.size() < family + 2) continue;
    if (words[family] != "inet" && words[family] != "inet6") continue;
    addresses = true;
    if (IsSure(words)) AddAddress(words[family + 1], *current);
  }
  for (auto& [name, interface] : interfaces) interface.addresses_listed = addresses;
  return interfaces;
}

// -br: "eth0@if12  UP  10.0.0.2/24 fe80::1/64"; of links "eth0  UP  02:00:00:00:00:01 <UP,...>".
std::map<std::string, NetInterface> IpFromBrief(std::string_view text) {
  std::map<std::string, NetInterface> interfaces;
  bool addresses = false;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 2 || (!OperState(words[1]) && words[1] != "UNKNOWN")) continue;
    const std::string name = Clean(words[0].substr(0, words[0].find('@')), 32);
    if (name.empty() || interfaces.size() == kMostInterfaces) continue;
    NetInterface& interface = interfaces[name];
    interface.up = OperState(words[1]);
    AddLower(words[0], interface);
    Flags flags;
    for (std::size_t i = 2; i < words.size(); ++i) {
      AddFlags(words[i], flags);
      if (words[i].find('/') == std::string_view::npos) continue;
      addresses = true;
      AddAddress(words[i], interface);
    }
    interface.brought_up = flags.brought_up(interface.up);
  }
  for (auto& [name, interface] : interfaces) interface.addresses_listed = addresses;
  return interfaces;
}

}  // namespace

std::optional<agent::Processor> ParseLscpu(std::string_view text) {
  LscpuReader reader;
  if (Contains(text.substr(0, 200), "{")) {
    bool cut = false;
    const json root = ParseJson(text, cut);
    TakeJsonFields(At(root, "lscpu"), 0, reader);
  } else {
    for (const std::string_view line : Lines(text)) {
      if (const auto pair = SplitPair(line, ':')) reader.Take(pair->key, pair->value);
    }
  }
  return reader.Finish();
}

bool LabelsAreTranslated(std::string_view lscpu) {
  // What lscpu always prints, in the order in which it does; translations keep some of it.
  static constexpr std::array kEnglish = {"CPU(s)",     "Model name",     "Vendor ID",
                                          "Byte Order", "CPU op-mode(s)", "Thread(s) per core"};
  constexpr int kFewLines = 3;
  int pairs = 0;
  int known = 0;
  bool architecture = false;
  for (const std::string_view line : Lines(lscpu)) {
    const auto pair = SplitPair(line, ':');
    if (!pair || pair->value.empty()) continue;
    ++pairs;
    architecture = architecture || pair->key == "Architecture";
    known += std::find(kEnglish.begin(), kEnglish.end(), pair->key) != kEnglish.end() ? 1 : 0;
  }
  // German says "CPU(s)" and "Thread(s) pro Kern", French "Architecture".
  return pairs >= kFewLines && (known == 0 || (known == 1 && !architecture));
}

std::optional<agent::Processor> ParseCpuinfo(std::string_view text) {
  agent::Processor processor;
  std::vector<agent::CoreGroup> parts;
  std::string name;
  std::string implementer;
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    if (pair->key == "CPU implementer") implementer = Lower(pair->value);
    if (pair->key == "processor" && ParseWhole(pair->value)) ++processor.logical_cores;
    if (pair->key == "model name" && name.empty()) name = Clean(pair->value);
    if (pair->key != "CPU part" || pair->value.empty()) continue;
    const std::string part = ArmName(implementer, Lower(pair->value));
    const auto known = std::find_if(parts.begin(), parts.end(),
                                    [&part](const auto& group) { return group.name == part; });
    if (known != parts.end()) {
      ++known->cores;
    } else if (parts.size() < kMostGroups) {
      parts.push_back({part, 1});
    }
  }
  if (processor.logical_cores == 0) return std::nullopt;
  if (!name.empty()) {
    processor.name = name;
  } else {
    // Larger cores first, as lscpu names them: part numbers do not tell, so by name.
    std::sort(parts.begin(), parts.end(),
              [](const auto& a, const auto& b) { return a.name > b.name; });
    processor.groups = parts;
    NameAfterGroups(processor);
    if (parts.size() == 1) processor.groups.clear();
  }
  return processor;
}

std::map<std::string, std::uint64_t, std::less<>> ParseMeminfo(std::string_view text) {
  std::map<std::string, std::uint64_t, std::less<>> values;
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    const std::vector<std::string_view> words = Words(pair->value);
    if (words.empty() || (words.size() > 1 && Lower(words[1]) != "kb")) continue;
    const auto count = ParseWhole(words[0]);
    constexpr std::uint64_t kMostKibibytes = std::uint64_t{1} << 50;
    if (!count || *count > kMostKibibytes) continue;
    values[std::string(pair->key)] = words.size() > 1 ? *count << 10 : *count;
  }
  return values;
}

Fields ParseRelease(std::string_view text) {
  Fields fields;
  for (const std::string_view line : Lines(text)) {
    auto pair = SplitPair(line, '=');
    if (!pair || pair->key.empty() || pair->key[0] == '#') continue;
    std::string_view value = pair->value;
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    fields[std::string(pair->key)] = std::string(value);
  }
  return fields;
}

std::optional<Kernel> ParseUname(std::string_view text) {
  static constexpr std::array kArchitectures = {"x86_64",  "aarch64", "arm64", "riscv64",
                                                "ppc64le", "armv7l",  "i686",  "s390x"};
  const std::vector<std::string_view> words = Words(text);
  if (words.empty() || (words[0] != "Linux" && words[0] != "Darwin")) return std::nullopt;
  Kernel kernel;
  kernel.system = std::string(words[0]);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool number = words[i][0] >= '0' && words[i][0] <= '9';
    if (kernel.release.empty() && number && Contains(words[i], ".")) {
      kernel.release = Clean(words[i], 64);
      if (i == 2) kernel.hostname = Clean(words[1], 64);
    }
    if (std::find(kArchitectures.begin(), kArchitectures.end(), words[i]) != kArchitectures.end()) {
      kernel.architecture = std::string(words[i]);
    }
  }
  return kernel;
}

std::optional<std::map<std::string, NetInterface>> ParseIp(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  std::map<std::string, NetInterface> interfaces =
      StartsWith(trimmed, "[") ? IpFromJson(text) : IpFromText(text);
  if (interfaces.empty()) interfaces = IpFromBrief(text);
  if (interfaces.empty()) return std::nullopt;
  return interfaces;
}

bool IsCutJson(std::string_view text) {
  const std::string_view trimmed = Trim(text);
  if (!StartsWith(trimmed, "[") && !StartsWith(trimmed, "{")) return false;
  bool cut = false;
  ParseJson(text, cut);
  return cut;
}

Ethtool ParseEthtool(std::string_view text) {
  Ethtool ethtool;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    constexpr std::string_view kHeading = "Settings for ";
    if (StartsWith(trimmed, kHeading)) {
      const std::string_view name = trimmed.substr(kHeading.size());
      ethtool.interface = Clean(name.substr(0, name.find(':')), 32);
    }
    const auto pair = SplitPair(trimmed, ':');
    if (!pair || pair->key != "Speed") continue;
    if (const auto speed = ParseSpeed(pair->value); speed && speed->leads) {
      ethtool.bits_per_second = speed->bits_per_second;
    }
  }
  return ethtool;
}

}  // namespace capacity::probe
