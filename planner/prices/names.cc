#include "planner/prices/names.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::prices {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return c >= 'a' && c <= 'z'; }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

// "us.anthropic.claude-..." -> "claude-...": words before a point that hold no digit name a region
// or a vendor.
std::string_view WithoutVendorPrefix(std::string_view name) {
  while (true) {
    const std::size_t point = name.find('.');
    if (point == std::string_view::npos || point == 0) return name;
    const std::string_view prefix = name.substr(0, point);
    if (!std::all_of(prefix.begin(), prefix.end(), IsLetter)) return name;
    name.remove_prefix(point + 1);
  }
}

// "...-v1:0" as Bedrock versions its entries.
std::string_view WithoutBedrockVersion(std::string_view name) {
  const std::size_t at = name.rfind("-v");
  const std::size_t colon = name.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at + 3)
    return name;
  if (!AllDigits(name.substr(at + 2, colon - at - 2)) || !AllDigits(name.substr(colon + 1))) {
    return name;
  }
  return name.substr(0, at);
}

// The words of the last part of a path: "accounts/fireworks/models/llama-v3p3-70b-instruct" ->
// llama, v3, 3, 70b, instruct.
std::vector<std::string> Words(std::string_view listing) {
  const std::string lower = Lower(listing.substr(listing.rfind('/') + 1));
  const std::string_view name = WithoutBedrockVersion(WithoutVendorPrefix(lower));
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    // Fireworks writes the point of a version as "p".
    const bool point_p =
        c == 'p' && i > 0 && IsDigit(name[i - 1]) && i + 1 < name.size() && IsDigit(name[i + 1]);
    if (IsDigit(c) || (IsLetter(c) && !point_p)) {
      words.back().push_back(c);
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool IsYear(std::string_view word) {
  return word.size() == 4 && AllDigits(word) && word.substr(0, 2) == "20";
}

// Removes days ("20251101", "2024-08-06"); true when there was one.
bool DropDays(std::vector<std::string>& words) {
  const std::size_t before = words.size();
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (IsYear(words[i]) && words[i + 1].size() == 2 && AllDigits(words[i + 1]) &&
        words[i + 2].size() == 2 && AllDigits(words[i + 2])) {
      words.erase(words.begin() + static_cast<std::ptrdiff_t>(i),
                  words.begin() + static_cast<std::ptrdiff_t>(i + 3));
      break;
    }
  }
  std::erase_if(words, [](const std::string& word) { return word.size() == 8 && AllDigits(word); });
  return words.size() != before;
}

// "2507", "0528": the month or day of a release.
bool IsRelease(std::string_view word) { return word.size() == 4 && AllDigits(word); }

// Words that say how an open model is served or formatted, not which model it is.
bool SaysNothingAboutTheModel(const std::string& word) {
  static const std::set<std::string> kWords = {
      "instruct", "chat", "it",   "hf",  "turbo", "lite", "fast",     "tput",   "versatile",
      "instant",  "fp8",  "bf16", "awq", "maas",  "exp",  "terminus", "latest", "meta"};
  return kWords.count(word) > 0;
}

// Words in order of the alphabet, numbers in their own order: "claude-4.5-haiku" and
// "claude-haiku-4-5" are one, "llama-3.1-8b" and "llama-8-3.1b" are not.
std::string Canonical(const std::vector<std::string>& words) {
  std::vector<std::string> letters;
  std::vector<std::string> numbers;
  for (const std::string& word : words) {
    for (std::size_t i = 0; i < word.size();) {
      std::size_t end = i;
      while (end < word.size() && IsDigit(word[end]) == IsDigit(word[i])) ++end;
      const std::string part = word.substr(i, end - i);
      const bool version_mark = part == "v" && i == 0 && end < word.size();  // "v3"
      if (IsDigit(word[i])) {
        numbers.push_back(part);
      } else if (!version_mark) {
        letters.push_back(part);
      }
      i = end;
    }
  }
  std::sort(letters.begin(), letters.end());
  return absl::StrCat(absl::StrJoin(letters, " "), "|", absl::StrJoin(numbers, " "));
}

std::string OpenKey(std::string_view name) {
  std::vector<std::string> words = Words(name);
  DropDays(words);
  std::erase_if(words, [](const std::string& word) {
    return IsRelease(word) || SaysNothingAboutTheModel(word);
  });
  return Canonical(words);
}

std::string CloudKey(std::string_view name, bool& dated) {
  std::vector<std::string> words = Words(name);
  dated = DropDays(words);
  std::erase_if(words,
                [](const std::string& word) { return word == "latest" || word == "default"; });
  return Canonical(words);
}

}  // namespace

std::string ProviderKey(std::string_view provider) {
  static const std::map<std::string, std::string> kSpellings = {
      {"together-ai", "together"},
      {"togetherai", "together"},
      {"fireworks-ai", "fireworks"},
      {"novita-ai", "novita"},
      {"moonshotai", "moonshot"},
      {"moonshot-ai", "moonshot"},
      {"z-ai", "zai"},
      {"z.ai", "zai"},
      {"x-ai", "xai"},
      {"mistralai", "mistral"},
      {"gemini", "google"},
      {"meta-ai", "meta"},
      {"meta-llama", "meta"},
      {"bedrock-converse", "bedrock"},
      {"amazon-bedrock", "bedrock"},
      {"text-completion-openai", "openai"},
      {"text-completion-codestral", "mistral"},
  };
  const std::string key = catalog::NormalizeId(provider);
  const auto it = kSpellings.find(key);
  return it == kSpellings.end() ? key : it->second;
}

std::string ProductKey(std::string_view listing) {
  std::vector<std::string> words = Words(listing);
  DropDays(words);
  return absl::StrJoin(words, "-");
}

NameResolver::NameResolver(const catalog::Catalog& catalog) {
  bool dated = false;
  for (const catalog::CloudModel& model : catalog.cloud_models) {
    cloud_.try_emplace(CloudKey(model.id, dated), model.id);
  }
  for (const catalog::Model& model : catalog.models) {
    open_.try_emplace(OpenKey(model.id), model.id);
  }
  for (const catalog::Model& model : catalog.models) {
    if (!model.hf_id.empty()) open_.try_emplace(OpenKey(model.hf_id), model.id);
  }
}

Resolved NameResolver::Resolve(std::string_view listing) const {
  bool dated = false;
  if (auto it = cloud_.find(CloudKey(listing, dated)); it != cloud_.end()) {
    return {Resolved::Kind::kCloudModel, it->second, dated};
  }
  if (auto it = open_.find(OpenKey(listing)); it != open_.end()) {
    return {Resolved::Kind::kOpenModel, it->second, dated};
  }
  return {};
}

}  // namespace capacity::prices
