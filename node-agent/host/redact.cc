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
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "node-agent/host/field_values.h"

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

// How every EDID begins, what a display says of itself: its serial number is in it, as a number and
// in letters (VESA E-EDID 1.4).
constexpr std::string_view kEdidHeader = "00ffffffffffff00";

// What stands for an octet behind those of `before`: no two octets become one, and two that begin
// with the same bits still do, so that addresses of one subnet stay in one. Each bit is turned or
// not by what precedes it (as in Crypto-PAn; Xu, Fan, Ammar and Moon, 2002).
unsigned OctetPseudonym(std::string_view salt, std::string_view before, unsigned octet) {
  const std::string hex = Pseudonym(salt, before, 64);  // a bit for each of 255 beginnings
  unsigned beginning = 1;
  unsigned pseudonym = 0;
  for (int bit = 7; bit >= 0; --bit) {
    unsigned digit = 0;
    const char* at = hex.data() + beginning / 4;
    std::from_chars(at, at + 1, digit, 16);
    const unsigned told = octet >> bit & 1U;
    pseudonym = pseudonym << 1 | (told ^ (digit >> beginning % 4 & 1U));
    beginning = beginning << 1 | told;
  }
  return pseudonym;
}

// Of an IPv4 address in decimal, 10.x.y.z. A link-local one stays one; loopback, unspecified ones
// and masks stay as they are. Subnets of 16 bits and more are kept apart and together.
std::string Ipv4Pseudonym(std::string_view salt, std::string_view text) {
  std::array<unsigned, 4> octets{};
  std::size_t count = 0;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), '.')) {
    if (count == octets.size() || !absl::SimpleAtoi(part, &octets[count])) return "10.0.0.0";
    ++count;
  }
  const unsigned first = octets[0];
  if (first == 127 || first == 0 || first == 255) return std::string(text);
  const std::string half = absl::StrCat(first, ".", octets[1]);
  const bool link_local = half == "169.254";
  unsigned second = 0;
  const std::string hex = Pseudonym(salt, half, 2);
  std::from_chars(hex.data(), hex.data() + hex.size(), second, 16);
  const unsigned third = OctetPseudonym(salt, half, octets[2]);
  const unsigned fourth = OctetPseudonym(salt, absl::StrCat(half, ".", octets[2]), octets[3]);
  return absl::StrCat(link_local ? "169.254" : absl::StrCat("10.", second), ".", third, ".",
                      fourth);
}

// "Max" behind "Apple M4 ", "Pro" behind "MacBook ": of a product, whoever is called so.
bool IsPartOfAModel(std::string_view before, std::string_view name) {
  constexpr std::array kParts = {"pro", "max", "ultra", "air", "neo"};
  const std::string lower = absl::AsciiStrToLower(ToAbsl(name));
  if (std::find(kParts.begin(), kParts.end(), lower) == kParts.end()) return false;
  if (before.empty() || before.back() != ' ') return false;
  before.remove_suffix(1);
  const std::size_t start = before.find_last_not_of(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
      "UVWXYZ0123456789");
  const std::string word = absl::AsciiStrToLower(
      ToAbsl(start == std::string_view::npos ? before : before.substr(start + 1)));
  const bool chip = word.size() > 1 && word[0] == 'm' && OnlyOf(word.substr(1), "0123456789");
  return chip || word == "mac" || word == "macbook" || word == "imac";
}

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
          ReplaceLongHexWord() || ReplaceName(names_.hosts, "host-") ||
          ReplaceName(names_.users, "user-") || ReplaceName(names_.devices, "device-")) {
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
    const std::string address = Ipv4Pseudonym(salt_, text_.substr(at_ + colon + 1, length));
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
    if (OnlyOf(run, "0:")) {  // "0::/user.slice" is a control group
      Emit(run.size(), std::string(run));
      return true;
    }
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
    Emit(length, Ipv4Pseudonym(salt_, text_.substr(at_, length)));
    address_end_ = at_;
    return true;
  }

  // IPv6 addresses as /proc/net writes them, ids of machines and containers: 32 or 64 digits. A
  // link-local address stays one.
  bool ReplaceLongHexWord() {
    std::size_t end = at_;
    while (end < text_.size() && end - at_ <= 64 && IsHex(text_[end])) ++end;
    const std::string_view digits = text_.substr(at_, end - at_);
    if (digits.size() != 32 && digits.size() != 64) return false;
    if (end < text_.size() && IsWord(text_[end])) return false;
    // Nothing, this machine itself, a mask.
    if (OnlyOf(digits.substr(0, digits.size() - 1), "0") || OnlyOf(digits, "fF")) return false;
    constexpr std::string_view kLinkLocal = "fe80000000000000";
    const bool link_local =
        absl::EqualsIgnoreCase(ToAbsl(digits.substr(0, kLinkLocal.size())), ToAbsl(kLinkLocal));
    const std::size_t kept = link_local ? kLinkLocal.size() : 0;
    if (OnlyOf(digits.substr(kept), "0")) return false;  // of all link-local ones
    Emit(digits.size(), absl::StrCat(ToAbsl(digits.substr(0, kept)),
                                     FillHex(digits.substr(kept), Hash(digits, 64))));
    return true;
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
      if (IsPartOfAModel(text_.substr(0, at_), name)) return false;
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

// "010200C0" of 192.0.2.1 as Linux on a little-endian processor writes it; what is none of 8 digits
// stays.
std::string RouteAddress(const std::string& column, const std::string& salt) {
  std::uint32_t number = 0;
  const char* end = column.data() + column.size();
  const auto parsed = std::from_chars(column.data(), end, number, 16);
  if (column.size() != 8 || parsed.ec != std::errc() || parsed.ptr != end) return column;
  const auto octet = [](std::uint32_t bits, int i) { return bits >> (8 * i) & 0xff; };
  const std::string dotted =
      Ipv4Pseudonym(salt, absl::StrCat(octet(number, 0), ".", octet(number, 1), ".",
                                       octet(number, 2), ".", octet(number, 3)));
  std::uint32_t bits = 0;
  for (const absl::string_view text : absl::StrSplit(dotted, '.')) {
    std::uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    bits = bits >> 8 | value << 24;
  }
  std::string hex = absl::StrCat(absl::Hex(bits, absl::kZeroPad8));
  absl::AsciiStrToUpper(&hex);
  return hex;
}

// The addresses in /proc/net/route look like counters; only their columns tell: interface,
// destination, gateway.
bool IsRouteTable(std::string_view text) {
  const std::string_view heading = text.substr(0, text.find('\n'));
  return heading.substr(0, 5) == "Iface" && heading.find("Gateway") != std::string_view::npos;
}

std::string WithoutRoutes(std::string_view text, const std::string& salt) {
  std::vector<std::string> lines = absl::StrSplit(ToAbsl(text), '\n');
  for (std::size_t line = 1; line < lines.size(); ++line) {
    std::vector<std::string> columns = absl::StrSplit(lines[line], '\t');
    for (std::size_t i = 1; i < 3 && i < columns.size(); ++i) {
      columns[i] = RouteAddress(columns[i], salt);
    }
    lines[line] = absl::StrJoin(columns, "\t");
  }
  return absl::StrJoin(lines, "\n");
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

std::string Redactor::Redact(std::string_view text) const { return Redact(text, names_); }

std::string Redactor::RedactNumbers(std::string_view text) const { return Redact(text, Names()); }

std::string Redactor::Redact(std::string_view text, const Names& names) const {
  if (!IsRouteTable(text)) return Scanner(salt_, names, text).Run();
  const std::string routes = WithoutRoutes(text, salt_);
  return Scanner(salt_, names, routes).Run();
}

}  // namespace capacity::host
