#include "node-agent/host/redact.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace capacity::host {
namespace {

// Words that name no one, though a host or a user may be called so.
constexpr std::array kCommonWords = {
    "root",   "localhost", "linux",  "darwin",  "debian",  "ubuntu",      "fedora",   "spark",
    "mac",    "macos",     "apple",  "nvidia",  "amd",     "intel",       "user",     "admin",
    "system", "host",      "server", "local",   "asus",    "dell",        "lenovo",   "port",
    "memory", "name",      "bus",    "display", "monitor", "thunderbolt", "ethernet", "chip",
    "type",   "model",     "status", "studio",  "mini",    "macbook",     "imac"};
constexpr std::size_t kShortestName = 3;

bool IsHex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Written in the case of `original`.
std::string InCaseOf(std::string_view original, std::string pseudonym) {
  const bool upper =
      std::any_of(original.begin(), original.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  if (upper) absl::AsciiStrToUpper(&pseudonym);
  return pseudonym;
}

// Puts hexadecimal digits in the place of those of `shape`, leaving its separators.
std::string FillHex(std::string_view shape, const std::string& digits) {
  std::string filled;
  std::size_t next = 0;
  for (const char c : shape) filled += IsHex(c) ? digits[next++ % digits.size()] : c;
  return InCaseOf(shape, filled);
}

bool OnlyOf(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// Masked by somebody already, or a way of saying nothing.
bool SaysNothing(std::string_view value) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(value.data(), value.size()));
  return value.empty() || OnlyOf(lower, "x-0*. []:") || lower == "n/a" || lower == "[n/a]" ||
         lower == "none" || lower == "not available" || lower == "unknown" || lower == "true" ||
         lower == "false" || lower == "null";
}

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

std::size_t UuidLength(std::string_view text) {
  constexpr std::array kGroups = {8, 4, 4, 4, 12};
  std::size_t at = 0;
  for (std::size_t group = 0; group < kGroups.size(); ++group) {
    if (group > 0) {
      if (at >= text.size() || text[at] != '-') return 0;
      ++at;
    }
    for (int i = 0; i < kGroups[group]; ++i, ++at) {
      if (at >= text.size() || !IsHex(text[at])) return 0;
    }
  }
  return at < text.size() && IsWord(text[at]) ? 0 : at;
}

std::size_t Ipv4Length(std::string_view text) {
  std::size_t at = 0;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (at >= text.size() || text[at] != '.') return 0;
      ++at;
    }
    const std::size_t start = at;
    int value = 0;
    while (at < text.size() && IsDigit(text[at]) && at - start < 4)
      value = value * 10 + text[at++] - '0';
    const std::size_t digits = at - start;
    if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text[start] == '0')) return 0;
  }
  if (at < text.size() && (IsWord(text[at]))) return 0;
  if (at + 1 >= text.size() || (text[at] != '.' && text[at] != '-') || !IsWord(text[at + 1])) {
    return at;
  }
  // "1.2.3.4.5" and "1.2.3.4-1" are versions; "1.2.3.4-1.2.3.9" is a range.
  return text[at] == '-' && Ipv4Length(text.substr(at + 1)) > 0 ? at : 0;
}

std::vector<std::string_view> Groups(std::string_view run) {
  std::vector<std::string_view> groups;
  while (true) {
    const std::size_t colon = run.find(':');
    groups.push_back(run.substr(0, colon));
    if (colon == std::string_view::npos) return groups;
    run.remove_prefix(colon + 1);
  }
}

bool AllOfLength(const std::vector<std::string_view>& groups, std::size_t length) {
  return std::all_of(groups.begin(), groups.end(),
                     [length](std::string_view group) { return group.size() == length; });
}

// What the fields are called that hold a device's number; lower case.
constexpr std::array<std::string_view, 10> kFieldWords = {
    "serial", "udid", "uid_key",   " uid:", "uid :",
    "asset",  "edid", "displayid", "guid",  "ifalias" /* what people write of a network card */};
// How every EDID begins, what a display says of itself: its serial number is in it, as a number and
// in letters (VESA E-EDID 1.4).
constexpr std::string_view kEdidHeader = "00ffffffffffff00";
// Between such a word and the value: "Serial Number (system): ".
constexpr std::size_t kLongestFieldName = 64;

// The values of such fields in a text of any form: "Serial: X", `"serial" : "X"`,
// <serial>X</serial>, one a line or all on one.
class FieldValues {
 public:
  struct Range {
    std::size_t start = std::string_view::npos;
    std::size_t end = std::string_view::npos;
  };

  explicit FieldValues(std::string_view text)
      : text_(absl::AsciiStrToLower(absl::string_view(text.data(), text.size()))) {
    next_.fill(0);
    for (std::size_t word = 0; word < next_.size(); ++word) Find(word, 0);
  }

  // The first value of a field that is named at `from` or later.
  Range After(std::size_t from) {
    while (true) {
      for (std::size_t word = 0; word < next_.size(); ++word) {
        if (next_[word] < from) Find(word, from);
      }
      const std::size_t key = *std::min_element(next_.begin(), next_.end());
      if (key == std::string::npos) return {};
      const Range range = ValueOf(key);
      if (range.start != std::string_view::npos) return range;
      from = key + 1;
    }
  }

 private:
  // Found once and kept, so that a long line costs no more than a short one.
  void Find(std::size_t word, std::size_t from) {
    next_[word] = text_.find(kFieldWords[word].data(), from, kFieldWords[word].size());
  }

  // Starts at npos when the word at `key` names no field.
  Range ValueOf(std::size_t key) const {
    if (InClosingTag(key)) return {};
    std::string_view name = std::string_view(text_).substr(key, kLongestFieldName);
    name = name.substr(0, name.find_first_of(":=>"));
    const std::size_t separator = key + name.size();
    if (name.size() == kLongestFieldName || separator >= text_.size()) return {};
    // The word is part of a value, and the separator that of another field.
    if (name.find_first_of(",;{}[]<\n") != std::string_view::npos) return {};
    if (std::count(name.begin(), name.end(), '"') > 1) return {};
    const std::size_t from = text_.find_first_not_of(" \t\"'[", separator + 1);
    if (from == std::string::npos || text_[from] == '\n' || text_[from] == '{') return {};
    const std::string_view before = std::string_view(text_).substr(separator, from - separator);
    const bool list = before.find('[') != std::string_view::npos;
    std::size_t to = text_.find_first_of(list ? "\"'<\r\n,;}]" : "\"'<\r\n,;}", from);
    to = std::min(to, text_.size());
    while (to > from && text_[to - 1] == ' ') --to;
    return {from, to};
  }

  // "</serial>" names nothing.
  bool InClosingTag(std::size_t key) const {
    const std::size_t tag = key == 0 ? std::string::npos : text_.find_last_of("<> \n", key - 1);
    return tag != std::string::npos && text_.compare(tag, 2, "</") == 0;
  }

  const std::string text_;
  std::array<std::size_t, kFieldWords.size()> next_{};
};

class Scanner {
 public:
  Scanner(const std::string& salt, const Names& names, std::string_view text)
      : salt_(salt), names_(names), text_(text), fields_(text), value_(fields_.After(0)) {}

  std::string Run() {
    while (at_ < text_.size()) {
      // Something else was replaced across its start.
      if (at_ > value_.start) value_ = fields_.After(at_);
      if (!Replace()) {
        out_ += text_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  char Before() const { return at_ == 0 ? '\n' : text_[at_ - 1]; }
  std::string Hash(std::string_view value, int digits) const {
    return Pseudonym(salt_, value, digits);
  }
  void Emit(std::size_t length, const std::string& replacement) {
    out_ += replacement;
    at_ += length;
  }

  bool Replace() {
    if (at_ == value_.start) return ReplaceFieldValue();
    const bool starts_word = !IsWord(Before());
    if (starts_word) {
      if (ReplaceEdid() || ReplaceUuid() || ReplaceColons() || ReplaceIpv4() || ReplaceHexWord() ||
          ReplaceName(names_.hosts, "host-") || ReplaceName(names_.users, "user-") ||
          ReplaceName(names_.devices, "device-")) {
        return true;
      }
    }
    return (text_[at_] == ':' && ReplaceColons()) || ReplaceHome();
  }

  bool ReplaceFieldValue() {
    const std::string_view value = text_.substr(value_.start, value_.end - value_.start);
    value_ = fields_.After(value_.end);
    // Where an identifier of a known shape stands as the value, it keeps its shape.
    if (SaysNothing(value) || UuidLength(value) == value.size() ||
        value.find(':') != std::string_view::npos) {
      return Replace();
    }
    const int digits = static_cast<int>(std::min<std::size_t>(value.size(), 16));
    const bool prefixed = value.size() > 2 && value[0] == '0' && (value[1] | 0x20) == 'x';
    if (prefixed && std::all_of(value.begin() + 2, value.end(), IsHex)) {
      Emit(value.size(), "0x" + HexPseudonym(value.substr(2)));
    } else if (prefixed) {
      Emit(value.size(), "0x" + Hash(value, digits));
    } else {
      std::string pseudonym = Hash(value, digits);
      absl::AsciiStrToUpper(&pseudonym);
      Emit(value.size(), pseudonym);
    }
    return true;
  }

  // "0x00ffffffffffff0010ac...", "00ffffff ffffff00 10ace841 ... 00fe".
  bool ReplaceEdid() {
    const bool prefixed = text_.substr(at_, 2) == "0x";
    std::size_t end = at_ + (prefixed ? 2 : 0);
    std::string header;
    while (end < text_.size()) {
      std::size_t next = std::min(text_.find_first_not_of(" .", end), text_.size());
      const std::size_t start = next;
      while (next < text_.size() && IsHex(text_[next])) ++next;
      if (next == start || (next < text_.size() && IsWord(text_[next]))) break;
      if (header.size() < kEdidHeader.size()) {
        header += absl::AsciiStrToLower(
            ToAbsl(text_.substr(start, std::min(next - start, kEdidHeader.size()))));
        const std::size_t compared = std::min(header.size(), kEdidHeader.size());
        if (header.substr(0, compared) != kEdidHeader.substr(0, compared)) return false;
      }
      end = next;
    }
    if (header.size() < kEdidHeader.size()) return false;
    const std::string_view edid = text_.substr(at_, end - at_);
    Emit(edid.size(), absl::StrCat(prefixed ? "0x" : "", Hash(edid, 16)));
    return true;
  }

  bool ReplaceUuid() {
    const std::size_t length = UuidLength(text_.substr(at_, 40));
    if (length == 0) return false;
    const std::string_view uuid = text_.substr(at_, length);
    if (OnlyOf(uuid, "0-")) return false;
    Emit(length, FillHex(uuid, Hash(uuid, 32)));
    return true;
  }

  // MAC addresses, GUIDs and IPv6 addresses are groups between colons.
  bool ReplaceColons() {
    std::size_t end = at_;
    constexpr std::size_t kLongest = 64;
    while (end < text_.size() && end - at_ < kLongest && (IsHex(text_[end]) || text_[end] == ':')) {
      ++end;
    }
    if (end < text_.size() && IsWord(text_[end])) return false;
    if (ReplaceMappedIpv4(text_.substr(at_, end - at_))) return true;
    std::string_view run = text_.substr(at_, end - at_);
    while (run.size() > 1 && run.back() == ':' && run[run.size() - 2] != ':') run.remove_suffix(1);
    if (run.find(':') == std::string_view::npos) return false;
    const std::vector<std::string_view> groups = Groups(run);
    const bool mac = groups.size() >= 6 && AllOfLength(groups, 2);
    const bool guid = groups.size() == 4 && AllOfLength(groups, 4);
    if (mac || guid) {
      if (OnlyOf(run, "0:") || OnlyOf(run, "fF:")) {
        Emit(run.size(), std::string(run));
        return true;
      }
      // The same number without its colons gets the same digits: "enx0011223344ff".
      std::string digits(run);
      digits.erase(std::remove(digits.begin(), digits.end(), ':'), digits.end());
      std::string filled = FillHex(run, Hash(digits, 64));
      // Locally administered, so that no maker's name is in it.
      if (mac && groups.size() == 6) filled[0] = '0', filled[1] = '2';
      Emit(run.size(), filled);
      return true;
    }
    return ReplaceIpv6(run, groups);
  }

  // "::ffff:192.168.1.20", "64:ff9b::192.0.2.33": `run` ends with the first octet. The IPv4 address
  // gets the pseudonym that it has elsewhere.
  bool ReplaceMappedIpv4(std::string_view run) {
    const std::size_t colon = run.rfind(':');
    if (run.find("::") == std::string_view::npos) return false;
    const std::string_view rest = text_.substr(at_ + colon + 1, 64);
    const std::size_t length = Ipv4Length(rest);
    const std::string_view prefix = run.substr(0, colon + 1);
    if (length == 0) {
      // netstat of a Mac writes the port behind a dot: "fe80::1.5353", "::ffff:192.168.1.20.53".
      std::size_t end = std::min(rest.find_first_not_of("0123456789."), rest.size());
      while (end > 0 && rest[end - 1] == '.') --end;
      if (rest.substr(0, end).find('.') == std::string_view::npos) return false;
      const std::string_view all = text_.substr(at_, prefix.size() + end);
      const std::string hash = Hash(all, 8);
      Emit(all.size(), absl::StrCat("fd00::", hash.substr(0, 4), ":", hash.substr(4, 4)));
      return true;
    }
    const std::string lower =
        absl::AsciiStrToLower(absl::string_view(prefix.data(), prefix.size()));
    const std::string address = Ipv4Pseudonym(text_.substr(at_ + colon + 1, length));
    const bool well_known = lower == "::ffff:" || lower == "64:ff9b::" || lower == "::";
    Emit(prefix.size() + length,
         absl::StrCat(well_known ? lower : absl::StrCat("fd00:", Hash(prefix, 4), "::"), address));
    return true;
  }

  bool ReplaceIpv6(std::string_view run, const std::vector<std::string_view>& groups) {
    const bool shortened = run.find("::") != std::string_view::npos;
    const bool fits = std::all_of(groups.begin(), groups.end(),
                                  [](std::string_view group) { return group.size() <= 4; });
    if (!fits || (!shortened && groups.size() != 8)) return false;
    if (groups.size() < 3 || groups.size() > 9 || run == "::" || run == "::1") return false;
    const std::string lower = absl::AsciiStrToLower(absl::string_view(run.data(), run.size()));
    const std::string hash = Hash(run, 16);
    const char* prefix = absl::StartsWith(lower, "fe80:") ? "fe80::" : "fd00::";
    Emit(run.size(), absl::StrCat(prefix, hash.substr(0, 4), ":", hash.substr(4, 4), ":",
                                  hash.substr(8, 4), ":", hash.substr(12, 4)));
    return true;
  }

  bool ReplaceIpv4() {
    if (!IsDigit(text_[at_]) || Before() == '.') return false;
    if (Before() == '-' && at_ != address_end_ + 1) return false;  // of a version
    const std::size_t length = Ipv4Length(text_.substr(at_, 40));
    if (length == 0) return false;
    Emit(length, Ipv4Pseudonym(text_.substr(at_, length)));
    address_end_ = at_;
    return true;
  }

  std::string Ipv4Pseudonym(std::string_view text) const {
    const std::string address(text);
    if (absl::StartsWith(address, "127.") || absl::StartsWith(address, "0.") ||
        absl::StartsWith(address, "255.")) {
      return address;
    }
    const std::string hex = Hash(address, 6);
    std::uint32_t bits = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
    const auto octet = [bits](int i) { return bits >> (16 - 8 * i) & 0xff; };
    return absl::StartsWith(address, "169.254.")
               ? absl::StrCat("169.254.", octet(1), ".", octet(2))
               : absl::StrCat("10.", octet(0), ".", octet(1), ".", octet(2));
  }

  // "8096a9d9edbaac05", "0x05AC897E0A474D02", "enx0011223344ff".
  bool ReplaceHexWord() {
    std::size_t start = at_;
    const std::string_view rest = text_.substr(at_);
    std::size_t wanted = 16;
    if (rest.substr(0, 2) == "0x" || rest.substr(0, 2) == "0X") {
      start += 2;
    } else if (rest.substr(0, 3) == "enx" || rest.substr(0, 3) == "wlx") {
      start += 3;
      wanted = 12;
    }
    std::size_t end = start;
    while (end < text_.size() && end - start <= wanted && IsHex(text_[end])) ++end;
    if (end - start != wanted || (end < text_.size() && IsWord(text_[end]))) return false;
    const std::string_view digits = text_.substr(start, wanted);
    // Counters and masks, written at full width.
    if (OnlyOf(digits.substr(0, 8), "0") || OnlyOf(digits, "0123456789")) return false;
    Emit(end - at_,
         absl::StrCat(std::string(text_.substr(at_, start - at_)), HexPseudonym(digits)));
    return true;
  }

  // In the shape of a MAC address or a GUID without colons.
  std::string HexPseudonym(std::string_view digits) const {
    std::string filled = FillHex(digits, Hash(digits, 64));
    if (digits.size() == 12) filled[0] = '0', filled[1] = '2';
    return filled;
  }

  bool ReplaceName(const std::vector<std::string>& names, const char* prefix) {
    // "-json" is an option, whatever a user is called; "vm-anna" is named after somebody.
    if (Before() == '-' && (at_ < 2 || !IsWord(text_[at_ - 2]))) return false;
    for (const std::string& name : names) {
      if (text_.size() - at_ < name.size()) continue;
      const absl::string_view here(text_.data() + at_, name.size());
      if (!absl::EqualsIgnoreCase(here, name)) continue;
      const std::size_t after = at_ + name.size();
      if (after < text_.size() && IsWord(text_[after])) continue;
      Emit(name.size(), prefix + Hash(name, 8));
      return true;
    }
    return false;
  }

  // "/Users/alice/...", "/home/alice".
  bool ReplaceHome() {
    for (const std::string_view home : {"/Users/", "/home/"}) {
      if (text_.substr(at_, home.size()) != home) continue;
      std::size_t end = at_ + home.size();
      while (end < text_.size() && (IsWord(text_[end]) || text_[end] == '.' || text_[end] == '-'))
        ++end;
      const std::string_view user = text_.substr(at_ + home.size(), end - at_ - home.size());
      if (user.empty() || user == "Shared") return false;
      Emit(end - at_, absl::StrCat(std::string(home), "user-", Hash(user, 8)));
      return true;
    }
    return false;
  }

  const std::string& salt_;
  const Names& names_;
  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  std::size_t address_end_ = std::string_view::npos - 1;  // of the last IPv4 address
  FieldValues fields_;
  FieldValues::Range value_;  // the next one; starts at npos when there is none
};

// What runs on a machine is nobody's business, and command lines hold passwords. `nvidia-smi -q -x`
// lists the processes of every card, which no probe reads.
std::string WithoutProcesses(std::string text) {
  for (const std::string_view tag : {"processes", "accounted_processes"}) {
    const std::string open = absl::StrCat("<", std::string(tag), ">");
    const std::string close = absl::StrCat("</", std::string(tag), ">");
    for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
      const std::size_t end = text.find(close, at);
      text.erase(at, end == std::string::npos ? end : end + close.size() - at);
    }
  }
  return text;
}

void Tidy(std::vector<std::string>& names) {
  for (std::string& name : names) {
    name = std::string(absl::StripAsciiWhitespace(name));
    // "mac.example.com" also appears as "mac".
  }
  std::vector<std::string> all = names;
  for (const std::string& name : names) {
    const std::size_t dot = name.find('.');
    if (dot != std::string::npos) all.push_back(name.substr(0, dot));
  }
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const std::string& name) {
                             const std::string lower = absl::AsciiStrToLower(name);
                             return name.size() < kShortestName ||
                                    std::find(kCommonWords.begin(), kCommonWords.end(), lower) !=
                                        kCommonWords.end();
                           }),
            all.end());
  std::sort(all.begin(), all.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;  // the longest match wins
  });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  names = std::move(all);
}

}  // namespace

std::string Pseudonym(std::string_view salt, std::string_view value, int digits) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(value.data(), value.size()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
       reinterpret_cast<const unsigned char*>(lower.data()), lower.size(), hash.data(), &length);
  const std::string hex =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash.data()), length));
  return hex.substr(0, static_cast<std::size_t>(std::max(digits, 0)));
}

std::string RandomSalt() {
  std::random_device device;
  std::string salt;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&salt, absl::Hex(static_cast<std::uint32_t>(device()), absl::kZeroPad8));
  }
  return salt;
}

Redactor::Redactor(std::string salt, Names names)
    : salt_(std::move(salt)), names_(std::move(names)) {
  Tidy(names_.hosts);
  Tidy(names_.users);
  Tidy(names_.devices);
}

std::string Redactor::Redact(std::string_view text) const {
  return Scanner(salt_, names_, text).Run();
}

Names NamesIn(const Capture& capture) {
  Names names;
  if (const auto file = capture.files.find("/proc/sys/kernel/hostname");
      file != capture.files.end()) {
    names.hosts.push_back(file->second);
  }
  for (const Output& output : capture.commands) {
    const std::string_view program = ProgramName(output.arguments);
    if (program == "uname") {
      // "Linux NAME 6.14.0 ...", "Darwin NAME 25.2.0 ..."
      const std::size_t first = output.text.find(' ');
      if (first == std::string::npos) continue;
      const std::size_t second = output.text.find(' ', first + 1);
      const std::string word = output.text.substr(first + 1, second - first - 1);
      if (!word.empty() && !IsDigit(word[0])) names.hosts.push_back(word);
    } else if (program == "sysctl") {
      const std::size_t at = output.text.find("kern.hostname");
      if (at == std::string::npos) continue;
      std::size_t from = output.text.find_first_not_of(" :=", at + 13);
      if (from == std::string::npos) continue;
      names.hosts.push_back(output.text.substr(from, output.text.find('\n', from) - from));
    } else if (program == "hostname") {
      names.hosts.push_back(output.text);
    }
  }
  return names;
}

Capture Redact(const Capture& capture, const Redactor& redactor) {
  Capture redacted;
  for (const auto& [path, text] : capture.files) {
    redacted.files[redactor.Redact(path)] = redactor.Redact(text);
  }
  for (const std::string& path : capture.directories) {
    redacted.directories.insert(redactor.Redact(path));
  }
  for (Output output : capture.commands) {
    for (std::string& argument : output.arguments) argument = redactor.Redact(argument);
    output.text = redactor.Redact(WithoutProcesses(std::move(output.text)));
    redacted.commands.push_back(std::move(output));
  }
  return redacted;
}

}  // namespace capacity::host
