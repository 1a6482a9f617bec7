#include "planner/catalog/recognize.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace capacity::catalog {
namespace {

constexpr double kSameParameters = 0.04;  // counts differ by whether tied embeddings are counted

// The last part of a path or repository name, lower case, words joined by '-'.
std::string Plain(std::string_view text) {
  const std::size_t slash = text.find_last_of("/\\");
  if (slash != std::string_view::npos && slash + 1 < text.size()) text.remove_prefix(slash + 1);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '.') {
      out += static_cast<char>(std::tolower(byte));
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  constexpr std::string_view kFile = ".gguf";
  if (out.size() > kFile.size() && out.compare(out.size() - kFile.size(), kFile.size(), kFile) == 0)
    out.resize(out.size() - kFile.size());
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == '-') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  std::erase(words, "");
  return words;
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// What names add to a model without making it another one.
bool SaysNothing(const std::string& word) {
  static const std::set<std::string> kNothing = {
      "instruct", "it",  "chat",  "hf",   "gguf",    "mlx",  "latest", "of",
      "ud",       "dwq", "model", "imat", "unsloth", "text", "preview"};
  constexpr std::size_t kPartDigits = 5;  // 00001-of-00003
  return kNothing.count(word) > 0 || (IsNumber(word) && word.size() == kPartDigits);
}

// Parts of quantizations' names: q4, k, m, 4bit, mxfp4, int4, awq, g32 ...
bool IsOfQuantization(const std::string& word) {
  static const std::set<std::string> kParts = {
      "k",    "s",    "m",   "l",    "xl",  "xs",    "xxs",   "nl",    "0",    "1",    "moe", "awq",
      "gptq", "bf16", "f16", "fp16", "fp8", "nvfp4", "mxfp4", "mxfp8", "int4", "int8", "f32", "q"};
  if (kParts.count(word) > 0) return true;
  const auto all_digits_after = [&](std::string_view prefix) {
    return word.size() > prefix.size() && word.compare(0, prefix.size(), prefix) == 0 &&
           IsNumber(std::string_view(word).substr(prefix.size()));
  };
  if (all_digits_after("q") || all_digits_after("iq") || all_digits_after("g") ||
      all_digits_after("gs")) {
    return true;
  }
  constexpr std::string_view kBit = "bit";
  return word.size() > kBit.size() &&
         word.compare(word.size() - kBit.size(), kBit.size(), kBit) == 0 &&
         std::isdigit(static_cast<unsigned char>(word[0])) != 0;
}

// Whether all words from `from` on are such as names add.
bool OnlyAdditions(const std::vector<std::string>& words, std::size_t from) {
  for (std::size_t i = from; i < words.size(); ++i) {
    if (!SaysNothing(words[i]) && !IsOfQuantization(words[i])) return false;
  }
  return true;
}

bool StartsWith(const std::vector<std::string>& words, const std::vector<std::string>& prefix) {
  return words.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), words.begin());
}

std::vector<std::string> NamesOf(const Model& model) {
  std::vector<std::string> names = model.aliases;
  names.push_back(model.id);
  names.push_back(model.name);
  names.push_back(model.hf_id);
  return names;
}

// How many words of the name are the model's; 0: it is another model.
std::size_t WordsOf(const Model& model, const std::vector<std::string>& seen) {
  std::size_t most = 0;
  for (const std::string& name : NamesOf(model)) {
    std::vector<std::string> words = Words(Plain(name));
    while (!words.empty() && SaysNothing(words.back())) words.pop_back();
    if (words.empty() || !StartsWith(seen, words)) continue;
    if (OnlyAdditions(seen, words.size())) most = std::max(most, words.size());
  }
  return most;
}

// Ollama calls the usual size by the family's name alone: "llama3.2" is llama3.2:3b.
bool IsFamilyOf(const Model& model, const std::vector<std::string>& seen) {
  for (const std::string& alias : model.aliases) {
    const std::size_t colon = alias.find(':');
    if (colon == std::string::npos) continue;
    const std::vector<std::string> family = Words(Plain(alias.substr(0, colon)));
    if (StartsWith(seen, family) && OnlyAdditions(seen, family.size())) return true;
  }
  return false;
}

bool SameSize(const Model& model, const std::optional<std::uint64_t>& parameters) {
  if (!parameters || !model.parameters.total) return true;
  return std::abs(static_cast<double>(*parameters) / *model.parameters.total - 1) <=
         kSameParameters;
}

const Model* FindModel(const Catalog& catalog, const SeenModel& seen, std::string& why) {
  const std::vector<std::string> words = Words(Plain(seen.name));
  const Model* best = nullptr;
  std::size_t most = 0;
  const Model* wrong_size = nullptr;
  for (const Model& model : catalog.models) {
    std::size_t matched = WordsOf(model, words);
    if (matched == 0 && seen.parameters && IsFamilyOf(model, words)) matched = 1;
    if (matched == 0 || matched < most) continue;
    if (!SameSize(model, seen.parameters)) {
      wrong_size = &model;
      continue;
    }
    best = &model;
    most = matched;
  }
  if (best != nullptr) return best;
  why = absl::StrCat("no model of the catalogue is called \"", seen.name, "\"");
  if (wrong_size != nullptr) {
    absl::StrAppend(&why, " and has ", *seen.parameters, " parameters (", wrong_size->id, " has ",
                    std::llround(*wrong_size->parameters.total), ")");
  }
  return nullptr;
}

// "Q4_K - Medium" as "q4-k-m".
std::string PlainQuant(std::string_view text) {
  std::string out;
  for (const std::string& word : Words(Plain(text))) {
    if (word == "moe") continue;
    if (!out.empty()) out += '-';
    out += word == "medium" ? "m" : word == "small" ? "s" : word == "large" ? "l" : word;
  }
  return out;
}

// Whether an engine of this name reads the format. Ollama reads llama.cpp's.
bool Reads(const std::string& engine, const Quantization& quant) {
  std::optional<Engine> known = ParseEngine(engine);
  if (!known || *known == Engine::kOther) return true;
  if (*known == Engine::kOllama) known = Engine::kLlamaCpp;
  return std::find(quant.engines.begin(), quant.engines.end(), *known) != quant.engines.end();
}

// The quantization whose name is the longest run of the words, of the formats that engine reads.
const Quantization* FindQuant(const Catalog& catalog, const std::string& engine,
                              const std::vector<std::string>& words) {
  const Quantization* best = nullptr;
  std::size_t longest = 0;
  for (const Quantization& quant : catalog.quantizations) {
    std::vector<std::string> names = quant.aliases;
    names.push_back(quant.id);
    if (!Reads(engine, quant)) continue;
    for (const std::string& name : names) {
      std::vector<std::string> own = Words(Plain(name));
      if (own.size() > 1 && own.front() == "mlx") own.erase(own.begin());
      const auto at = std::search(words.begin(), words.end(), own.begin(), own.end());
      if (at == words.end() || own.size() < longest) continue;
      if (own.size() == longest && best != nullptr && best->id.size() <= quant.id.size()) continue;
      best = &quant;
      longest = own.size();
    }
  }
  return best;
}

}  // namespace

Recognized Recognize(const Catalog& catalog, const SeenModel& seen) {
  Recognized found;
  found.model = FindModel(catalog, seen, found.why);
  found.quant = FindQuant(catalog, seen.engine, Words(PlainQuant(seen.quant_name)));
  if (found.quant == nullptr) {
    found.quant = FindQuant(catalog, seen.engine, Words(PlainQuant(seen.name)));
  }
  if (found.quant == nullptr && found.why.empty()) {
    found.why = absl::StrCat("no quantization of the catalogue is called \"",
                             seen.quant_name.empty() ? seen.name : seen.quant_name, "\"");
  }
  return found;
}

}  // namespace capacity::catalog
