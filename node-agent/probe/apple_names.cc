// Which names of network ports people made.
#include <algorithm>
#include <array>
#include <cstddef>

#include "node-agent/probe/apple.h"

namespace capacity::probe {
namespace {

template <class Words>
bool IsOneOf(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsListed(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"wi-fi",  "airport",   "ethernet", "thunderbolt", "bridge",    "adapter", "adaptor",
       "slot",   "usb",       "usb-c",    "lan",         "bluetooth", "pan",     "dun",
       "iphone", "ipad",      "firewire", "modem",       "gigabit",   "display", "dock",
       "apple",  "belkin",    "caldigit", "lg",          "dell",      "realtek", "controller",
       "port",   "universal", "studio",   "pci",         "serial",    "network", "wlan",
       "gbe",    "rtl",       "雷雳",     "以太网"});
  return IsOneOf(kWords, Lower(word));
}

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

// "(en3)", "10/100/1G/2.5G", "AX88179A", "USB3.0"; not "Anna1".
bool IsNumber(std::string_view word) {
  if (word.find_first_of("0123456789") == std::string_view::npos) return false;
  constexpr std::ptrdiff_t kMostLetters = 2;
  for (auto at = word.begin(); at != word.end();) {
    at = std::find_if(at, word.end(), IsLetter);
    const auto end = std::find_if_not(at, word.end(), IsLetter);
    const std::string letters(at, end);
    if (end - at > kMostLetters && !IsListed(letters)) return false;
    at = end;
  }
  return true;
}

// What stands beside "Thunderbolt" and "Ethernet" in the place of "Bridge", "Adapter" and "Slot":
// German, French, Spanish, Portuguese, Italian, Dutch, Scandinavian languages, Polish and Czech,
// Russian, Chinese, Japanese, Korean. Alone some are names of people.
bool IsTranslated(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"brücke", "pont",   "adaptateur", "puente", "adaptador", "ponte",    "adattatore",
       "brug",   "brygga", "bro",        "most",   "Мост",      "网桥",     "桥接",
       "适配器", "转换器", "插槽",       "橋接器", "ブリッジ",  "アダプタ", "브리지"});
  return IsOneOf(kWords, Lower(word));
}

// "Ethernet Adapter (en3)", "USB 10/100/1000 LAN", "AX88179A", "iPhone USB"; "Pont Thunderbolt",
// and what other languages write as one word: "Thunderbolt-Bridge", "雷雳网桥".
bool OfKnownWords(std::string_view name) {
  constexpr auto kFirst =
      std::to_array<std::string_view>({"Thunderbolt", "雷雳", "Ethernet", "以太网"});
  const bool translated = std::any_of(kFirst.begin(), kFirst.end(), [name](std::string_view first) {
    return Contains(name, first);
  });
  const auto known = [translated](std::string_view part) {
    return part.empty() || IsListed(part) || IsNumber(part) || (translated && IsTranslated(part));
  };
  const std::vector<std::string_view> words = Words(name);
  return std::all_of(words.begin(), words.end(), [&](std::string_view word) {
    if (known(word)) return true;
    for (const std::string_view first : kFirst) {
      if (StartsWith(word, first)) word.remove_prefix(first.size());
    }
    const std::vector<std::string_view> parts = Split(word, '-');
    return std::all_of(parts.begin(), parts.end(), known);
  });
}

}  // namespace

std::vector<std::string> ParseNamesOfPeople(std::string_view hardware_ports) {
  std::vector<std::string> names;
  for (const std::string_view line : Lines(hardware_ports)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    const bool names_one = pair->key == "Hardware Port" || pair->key == "VLAN User Defined Name";
    if (names_one && !OfKnownWords(pair->value)) names.emplace_back(pair->value);
  }
  return names;
}

}  // namespace capacity::probe
