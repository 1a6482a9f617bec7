#include "planner/catalog/recognize.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace capacity::catalog {
namespace {

using WordList = std::vector<std::string>;

constexpr double kSameParameters = 0.04;  // counts differ by whether tied embeddings are counted
// Real files differ by up to this from the arithmetic of mixed quantizations: which layers get the
// wider type changes with llama.cpp's version.
constexpr double kSameBytes = 0.08;
// Of a file that calls itself something else, so that nothing but its size speaks for it.
constexpr double kSameBytesAlone = 0.02;

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

bool IsNumber(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), IsDigit);
}

// A number behind `prefix`: "q4", "gs32".
bool IsNumbered(std::string_view word, std::string_view prefix) {
  return word.size() > prefix.size() && word.substr(0, prefix.size()) == prefix &&
         IsNumber(word.substr(prefix.size()));
}

// A number, perhaps with a point, before `suffix`: "4bit", "2.5bpw", "128k".
bool IsNumberOf(std::string_view word, std::string_view suffix) {
  if (word.size() <= suffix.size() || word.substr(word.size() - suffix.size()) != suffix) {
    return false;
  }
  word.remove_suffix(suffix.size());
  return IsDigit(word.front()) &&
         std::all_of(word.begin(), word.end(), [](char c) { return IsDigit(c) || c == '.'; });
}

// The words of a name, lower case. A point joins digits ("qwen2.5", "v0.1") and separates anything
// else ("7b.Q4_0").
WordList Words(std::string_view text) {
  WordList words(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool decimal = text[i] == '.' && i > 0 && i + 1 < text.size() && IsDigit(text[i - 1]) &&
                         IsDigit(text[i + 1]);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (std::isalnum(byte) != 0 || decimal) {
      words.back() += static_cast<char>(std::tolower(byte));
    } else {
      words.emplace_back();
    }
  }
  std::erase(words, "");
  return words;
}

// The last part of a path or repository name.
std::string_view LastPart(std::string_view name) {
  const std::size_t slash = name.find_last_of("/\\");
  const bool has_more = slash != std::string_view::npos && slash + 1 < name.size();
  return has_more ? name.substr(slash + 1) : name;
}

// "qwen" in "Qwen/Qwen3-8B" and in "hf.co/Qwen/Qwen3-8B"; "" where there is none.
std::string OwnerOf(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return "";
  std::string owner(LastPart(name.substr(0, slash)));
  std::transform(owner.begin(), owner.end(), owner.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return owner;
}

// What names add to a model without making it one of another shape. Base and instruction-tuned,
// quantization-aware and imatrix files have the same tensors, and so has one whose positions were
// stretched to a longer context.
bool SaysNothing(const std::string& word) {
  static const std::set<std::string> kNothing = {
      "instruct", "it", "chat", "base", "pt",  "hf",   "gguf",    "mlx",
      "latest",   "i1", "imat", "qat",  "dwq", "text", "unsloth", "preview"};
  return kNothing.count(word) > 0 || IsNumberOf(word, "k");
}

// Parts of quantizations' names: q4, k, m, 4bit, mxfp4, int4, awq, g32 ...
bool IsOfQuantization(const std::string& word) {
  static const std::set<std::string> kParts = {
      "k",     "s",    "m",     "l",         "xl",      "xs",    "xxs",  "nl",   "0",
      "1",     "moe",  "ud",    "awq",       "gptq",    "bf16",  "f16",  "fp16", "f32",
      "fp32",  "fp4",  "fp8",   "nvfp4",     "mxfp4",   "mxfp8", "int4", "int8", "q",
      "w4a16", "w8a8", "w8a16", "quantized", "dynamic", "block"};
  if (kParts.count(word) > 0) return true;
  constexpr std::array<std::string_view, 5> kNumbered = {"q", "iq", "tq", "g", "gs"};
  return std::any_of(kNumbered.begin(), kNumbered.end(),
                     [&](std::string_view prefix) { return IsNumbered(word, prefix); }) ||
         IsNumberOf(word, "bit") || IsNumberOf(word, "bpw");
}

std::string Joined(const WordList& words) { return absl::StrJoin(words, "-"); }

// Without "-00001-of-00003", without "text" (the language half of a model that also sees) and the
// dates behind "dwq".
WordList WordsOfName(std::string_view name) {
  WordList words = Words(LastPart(name));
  if (!words.empty() && words.back() == "gguf") words.pop_back();
  constexpr std::size_t kPartDigits = 5;
  const std::size_t n = words.size();
  const auto is_part = [&](std::size_t i) {
    return IsNumber(words[i]) && words[i].size() == kPartDigits;
  };
  if (n >= 4 && words[n - 2] == "of" && is_part(n - 1) && is_part(n - 3)) words.resize(n - 3);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "dwq" && IsNumber(words[i + 1])) words[i + 1].clear();
  }
  std::erase(words, "");
  std::erase(words, "text");
  return words;
}

WordList WithoutAdditions(WordList words) {
  std::erase_if(words, SaysNothing);
  return words;
}

bool StartsWith(const WordList& words, const WordList& prefix) {
  return words.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), words.begin());
}

WordList From(const WordList& words, std::size_t at) {
  return {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()};
}

// ---------------------------------------------------------------- quantizations

// What quantizations are called, by words: "q4-k-m". MLX's are called "4bit" for "mlx-4bit".
std::vector<std::string> NamesOf(const Quantization& quant) {
  std::vector<std::string> names;
  for (const std::string& name : quant.aliases) names.push_back(Joined(Words(name)));
  names.push_back(Joined(Words(quant.id)));
  for (std::string& name : names) {
    if (absl::StartsWith(name, "mlx-")) name.erase(0, 4);
  }
  return names;
}

bool IsCalled(const Quantization& quant, const std::string& words) {
  // The catalogue lets people write "q4" for the usual one of its kind; in the name of a file it
  // may as well be q4_0 or q4_k_s.
  if (words == "q4" || words == "q5") return false;
  const std::vector<std::string> names = NamesOf(quant);
  return std::find(names.begin(), names.end(), words) != names.end();
}

// What remains of a name behind its model.
struct Rest {
  WordList words;     // without additions
  bool quant = true;  // whether they can be a quantization's
};

Rest RestOf(const Catalog& catalog, const WordList& words) {
  Rest rest;
  rest.words = WithoutAdditions(words);
  rest.quant =
      std::all_of(rest.words.begin(), rest.words.end(), IsOfQuantization) ||
      std::any_of(catalog.quantizations.begin(), catalog.quantizations.end(),
                  [&](const Quantization& quant) { return IsCalled(quant, Joined(rest.words)); });
  return rest;
}

Engine EngineOf(const SeenModel& seen) { return ParseEngine(seen.engine).value_or(Engine::kOther); }

// Whether the engine reads the format. Ollama reads llama.cpp's.
bool Reads(Engine engine, const Quantization& quant) {
  if (engine == Engine::kOther) return true;
  if (engine == Engine::kOllama) engine = Engine::kLlamaCpp;
  return std::find(quant.engines.begin(), quant.engines.end(), engine) != quant.engines.end();
}

bool RunsMlx(Engine engine) { return engine == Engine::kMlx || engine == Engine::kExo; }

bool IsNative(const Quantization& quant, const Model& model) {
  return std::find(quant.native_to.begin(), quant.native_to.end(), model.id) !=
         quant.native_to.end();
}

// Whether such a file of the model exists. llama.cpp makes MXFP4 experts of any mixture; all other
// native formats come from their makers only.
bool Exists(const Quantization& quant, const Model* model, Engine engine) {
  if (quant.native_to.empty() || model == nullptr || IsNative(quant, *model)) return true;
  const bool gguf = !RunsMlx(engine) && engine != Engine::kVllm;
  return gguf && quant.family == "gguf" && model->architecture.is_moe();
}

// The quantization that is called so and that engine reads: the model's own before MLX's on MLX;
// null also where formats of several families are called so.
const Quantization* CalledSo(const Catalog& catalog, const Model* model, Engine engine,
                             const std::string& words) {
  const Quantization* best = nullptr;
  bool unclear = false;
  const auto rank = [&](const Quantization& quant) {
    if (model != nullptr && IsNative(quant, *model)) return 2;
    return RunsMlx(engine) && quant.family == "mlx" ? 1 : 0;
  };
  for (const Quantization& quant : catalog.quantizations) {
    if (!Reads(engine, quant) || !Exists(quant, model, engine) || !IsCalled(quant, words)) continue;
    if (best != nullptr && rank(quant) < rank(*best)) continue;
    unclear = best != nullptr && rank(quant) == rank(*best) && quant.family != best->family;
    best = &quant;
  }
  return unclear ? nullptr : best;
}

// The words as the catalogue has them, where makers of files have names of their own.
std::string InTheCataloguesWords(const std::string& owner, const WordList& words) {
  const std::string joined = Joined(words);
  // NVIDIA's first NVFP4 files were called FP4.
  if (owner == "nvidia" && joined == "fp4") return "nvfp4";
  // Ollama's tags of Unsloth's files leave out "UD-"; nobody else's "XL" is theirs.
  if (owner == "unsloth" && absl::EndsWith(joined, "-k-xl") && words.front() != "ud") {
    return "ud-" + joined;
  }
  return joined;
}

// "Q4_K - Medium" as "q4-k-m", "IQ4_XS - 4.25 bpw" as "iq4-xs".
std::string PlainQuant(std::string_view quant_name) {
  WordList words = Words(quant_name);
  std::erase(words, "mlx");
  if (words.size() > 2 && words.back() == "bpw") words.resize(words.size() - 2);
  for (std::string& word : words) {
    if (word == "medium") word = "m";
    if (word == "small") word = "s";
    if (word == "large") word = "l";
  }
  return Joined(words);
}

// ---------------------------------------------------------------- models

struct Match {
  const Model* model = nullptr;
  std::size_t words = 0;  // how many of the name's are the model's
  WordList rest;          // behind them, without additions
};

// Models' names by words, without what says nothing at their ends.
std::vector<WordList> NamesOf(const Model& model) {
  std::vector<std::string> names = model.aliases;
  names.push_back(model.id);
  names.push_back(model.name);
  names.push_back(model.hf_id);
  std::vector<WordList> out;
  for (const std::string& name : names) {
    WordList words = Words(LastPart(name));
    // NVIDIA names the unquantized repository "-BF16".
    while (!words.empty() && (SaysNothing(words.back()) || words.back() == "bf16")) {
      words.pop_back();
    }
    if (!words.empty()) out.push_back(std::move(words));
  }
  return out;
}

Match MatchOf(const Catalog& catalog, const Model& model, const WordList& seen) {
  const WordList owner = Words(OwnerOf(model.hf_id));
  Match best;
  for (const std::size_t skipped : {std::size_t{0}, owner.size()}) {
    if (skipped > 0 && !StartsWith(seen, owner)) continue;
    const WordList words = From(seen, skipped);
    for (const WordList& name : NamesOf(model)) {
      if (!StartsWith(words, name) || skipped + name.size() <= best.words) continue;
      Rest rest = RestOf(catalog, From(words, name.size()));
      if (rest.quant) best = {&model, skipped + name.size(), std::move(rest.words)};
    }
  }
  return best;
}

// Ollama calls the usual size by the family's name alone: "llama3.2" is llama3.2:3b.
Match FamilyMatchOf(const Catalog& catalog, const Model& model, const WordList& seen) {
  for (const std::string& alias : model.aliases) {
    const std::size_t colon = alias.find(':');
    if (colon == std::string::npos) continue;
    const WordList family = Words(alias.substr(0, colon));
    if (!StartsWith(seen, family)) continue;
    Rest rest = RestOf(catalog, From(seen, family.size()));
    if (rest.quant) return {&model, 0, std::move(rest.words)};
  }
  return {};
}

// Engines count encoders or leave them out, and llama.cpp a head that is the embedding twice where
// the file holds both.
bool SameSize(const Model& model, const std::optional<std::uint64_t>& parameters) {
  if (!parameters || !model.parameters.total) return true;
  const bool tied = model.architecture.tied_embeddings.value_or(false);
  const std::array<double, 3> more = {0, model.parameters.towers.value_or(0),
                                      tied ? model.parameters.head.value_or(0) : 0};
  return std::any_of(more.begin(), more.end(), [&](double extra) {
    return std::abs(static_cast<double>(*parameters) / (*model.parameters.total + extra) - 1) <=
           kSameParameters;
  });
}

Match FindModel(const Catalog& catalog, const SeenModel& seen, std::string& why) {
  const WordList words = WordsOfName(seen.name);
  Match best;
  bool unclear = false;
  const Model* wrong_size = nullptr;
  bool family = false;
  for (const Model& model : catalog.models) {
    Match match = MatchOf(catalog, model, words);
    if (match.model == nullptr) {
      match = FamilyMatchOf(catalog, model, words);
      family = family || match.model != nullptr;
      if (!seen.parameters || !model.parameters.total) continue;
    }
    if (match.model == nullptr || match.words < best.words) continue;
    if (!SameSize(model, seen.parameters)) {
      wrong_size = &model;
      continue;
    }
    unclear = best.model != nullptr && best.words == match.words;
    best = std::move(match);
  }
  if (best.model != nullptr && !unclear) return best;
  why = absl::StrCat("no model of the catalogue is called \"", seen.name, "\"");
  if (unclear) {
    why = absl::StrCat("several models of the catalogue are called \"", seen.name, "\"");
  } else if (wrong_size != nullptr) {
    absl::StrAppend(&why, " and has ", *seen.parameters, " parameters (", wrong_size->id, " has ",
                    std::llround(*wrong_size->parameters.total), ")");
  } else if (family && !seen.parameters) {
    absl::StrAppend(&why, ", and which size of that family it is, it does not say");
  }
  return {};
}

// ---------------------------------------------------------------- the two together

// The words at the end of the name that can be a quantization's, for a model that is not known.
// None where the word before them may belong to it ("mixed-3-6bit", "bnb-4bit").
WordList QuantAtTheEnd(const WordList& words) {
  static const std::set<std::string> kMethods = {"mixed",     "bnb",  "hqq",
                                                 "autoround", "exl2", "exl3"};
  const WordList plain = WithoutAdditions(words);
  std::size_t at = plain.size();
  while (at > 0 && IsOfQuantization(plain[at - 1])) --at;
  if (at > 0 && (IsNumber(plain[at - 1]) || kMethods.count(plain[at - 1]) > 0)) return {};
  // "0" and "m" do not begin one.
  while (at < plain.size() && (plain[at].size() == 1 || plain[at] == "xl")) ++at;
  return From(plain, at);
}

// What the maker of a model published it in: vLLM's name of that repository says nothing else.
const Quantization* AsReleased(const Catalog& catalog, const SeenModel& seen, const Model& model) {
  const std::string owner = OwnerOf(seen.name);
  const bool plain_name = std::count(seen.name.begin(), seen.name.end(), '/') == 1;
  if (EngineOf(seen) != Engine::kVllm || !plain_name || owner != OwnerOf(model.hf_id)) {
    return nullptr;
  }
  if (!model.released_as.empty()) return catalog.FindQuantization(model.released_as);
  for (const Quantization& quant : catalog.quantizations) {
    if (IsNative(quant, model) && Reads(Engine::kVllm, quant)) return &quant;
  }
  return catalog.FindQuantization("bf16");
}

class Weigher {
 public:
  Weigher(const SeenModel& seen, const Model& model, const WeightBytesOf& weight_bytes)
      : seen_(seen), model_(model), weight_bytes_(weight_bytes) {}

  // Whether the bytes that were seen are those of `quant` within `tolerance`; nullopt: one of the
  // two is not known. Engines count encoders or leave them out.
  std::optional<bool> Fits(const Quantization& quant, double tolerance) const {
    const std::optional<double> expected = Expected(quant);
    if (!seen_.bytes || !expected) return std::nullopt;
    constexpr double kTowerBytes = 2;  // a parameter; 16 bits
    const double towers = model_.parameters.towers.value_or(0) * kTowerBytes;
    const double bytes = static_cast<double>(*seen_.bytes);
    return bytes >= *expected * (1 - tolerance) && bytes <= (*expected + towers) * (1 + tolerance);
  }

  std::optional<double> Expected(const Quantization& quant) const {
    if (!weight_bytes_) return std::nullopt;
    const std::optional<Bytes> bytes = weight_bytes_(model_, quant, EngineOf(seen_));
    if (!bytes || bytes->count <= 0) return std::nullopt;
    return static_cast<double>(bytes->count);
  }

 private:
  const SeenModel& seen_;
  const Model& model_;
  const WeightBytesOf& weight_bytes_;
};

// The format that GGUF files of this model keep its experts in, whatever they are called; null for
// models of which every tensor is requantized.
const Quantization* KeptInGguf(const Catalog& catalog, const Model& model, Engine engine) {
  if (RunsMlx(engine) || engine == Engine::kVllm) return nullptr;
  for (const Quantization& quant : catalog.quantizations) {
    if (quant.family == "gguf" && IsNative(quant, model) && Reads(engine, quant)) return &quant;
  }
  return nullptr;
}

// `named` if what is known of the bytes does not contradict it, else what they say, else null.
const Quantization* CheckBytes(const Catalog& catalog, const SeenModel& seen, const Model& model,
                               const Quantization* named, const WeightBytesOf& weight_bytes,
                               std::string& why) {
  const Weigher weigher(seen, model, weight_bytes);
  const Quantization* kept = KeptInGguf(catalog, model, EngineOf(seen));
  const bool mlx = named != nullptr && named->family == "mlx";
  if (kept != nullptr && named != kept && !mlx) {
    if (weigher.Fits(*kept, kSameBytesAlone).value_or(false)) return kept;
    why = absl::StrCat("GGUF files of ", model.id, " keep its experts in ", kept->id,
                       ", and what else \"", seen.name, "\" is in, its size does not say");
    return nullptr;
  }
  if (named == nullptr || weigher.Fits(*named, kSameBytes).value_or(true)) return named;
  constexpr double kGigabyte = 1e9;
  why = absl::StrFormat("weights of %.2f GB are not %s in %s, which has %.2f GB",
                        static_cast<double>(*seen.bytes) / kGigabyte, model.id, named->id,
                        *weigher.Expected(*named) / kGigabyte);
  return nullptr;
}

const Quantization* FindQuant(const Catalog& catalog, const SeenModel& seen, const Model* model,
                              const WordList& rest, const WeightBytesOf& weight_bytes,
                              std::string& why) {
  const Engine engine = EngineOf(seen);
  std::string words = InTheCataloguesWords(OwnerOf(seen.name), rest);
  if (words.empty()) words = PlainQuant(seen.quant_name);
  const Quantization* named = CalledSo(catalog, model, engine, words);
  const bool says_none = words.empty() || words == "unknown";
  if (named == nullptr && says_none && model != nullptr) named = AsReleased(catalog, seen, *model);
  why = says_none ? absl::StrCat("nothing says in which quantization \"", seen.name, "\" is")
                  : absl::StrCat("no quantization of the catalogue that ",
                                 engine == Engine::kOther ? "engines read" : Name(engine),
                                 engine == Engine::kOther ? "" : " reads", " is called \"",
                                 rest.empty() ? seen.quant_name : seen.name, "\"");
  if (model == nullptr || says_none) return named;
  return CheckBytes(catalog, seen, *model, named, weight_bytes, why);
}

}  // namespace

Recognized Recognize(const Catalog& catalog, const SeenModel& seen,
                     const WeightBytesOf& weight_bytes) {
  std::string no_model;
  std::string no_quant;
  Match match = FindModel(catalog, seen, no_model);
  Recognized found{seen.stated_model != nullptr ? seen.stated_model : match.model, nullptr, ""};
  if (match.model == nullptr) match.rest = QuantAtTheEnd(WordsOfName(seen.name));
  if (seen.stated_quant == nullptr) {
    found.quant = FindQuant(catalog, seen, found.model, match.rest, weight_bytes, no_quant);
  } else if (Reads(EngineOf(seen), *seen.stated_quant)) {
    found.quant = seen.stated_quant;
  } else {
    no_quant = absl::StrCat(seen.engine, " does not read ", seen.stated_quant->id);
  }
  if (found.model == nullptr) {
    found.why = no_model;
  } else if (found.quant == nullptr) {
    found.why = no_quant;
  }
  return found;
}

}  // namespace capacity::catalog
