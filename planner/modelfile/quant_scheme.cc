#include "planner/modelfile/quant_scheme.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}
bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}
bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A word of the file for a message or a name.
std::string Word(std::string_view text) {
  constexpr std::size_t kMost = 120;
  return Printable(text, kMost);
}

// ---------------------------------------------------------------- configs

class Reader {
 public:
  Reader(const JsonValue& root, const JsonValue& text, const std::string& file)
      : root_(root), text_(text), file_(file) {}

  absl::StatusOr<QuantScheme> Run() {
    out_.number_type = Word(text_.Text("torch_dtype"));
    for (const JsonValue* part : {&text_, &root_}) {
      if (out_.number_type.empty()) out_.number_type = Word(part->Text("dtype"));
      if (out_.number_type.empty()) out_.number_type = Word(part->Text("torch_dtype"));
    }
    if (absl::Status status = Block(); !status.ok()) return status;
    return std::move(out_);
  }

  absl::Status ModelOpt(QuantScheme& scheme) {
    const JsonValue* block = root_.Find("quantization");
    if (block == nullptr || !block->is_object()) {
      return Wrong("quantization", "missing; ModelOpt states quant_algo there");
    }
    out_ = scheme;
    out_.method = "modelopt";
    if (absl::Status status = Algorithm(block->Text("quant_algo"), "quantization/quant_algo");
        !status.ok()) {
      return status;
    }
    if (const std::optional<int> group = Count(block->Number("group_size")); group.value_or(0) > 0)
      out_.usual.group = *group;
    scheme = std::move(out_);
    return absl::OkStatus();
  }

 private:
  absl::Status Wrong(std::string_view path, std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_, ": /", std::string(path), ": ", std::string(what)));
  }

  const JsonValue* Find(std::string_view key) const {
    const JsonValue* held = text_.Find(key);
    return held != nullptr ? held : root_.Find(key);
  }

  absl::Status Block() {
    const JsonValue* mlx = Find("quantization");
    const JsonValue* block = Find("quantization_config");
    if (block == nullptr) block = Find("compression_config");
    // MLX writes its own block under both names; Hugging Face's always states a method.
    if (mlx != nullptr && mlx->is_object() && mlx->Number("group_size")) return Mlx(*mlx);
    if (block == nullptr || !block->is_object()) return absl::OkStatus();
    if (block->Text("quant_method").empty() && block->Number("group_size") &&
        block->Number("bits")) {
      return Mlx(*block);
    }
    return HuggingFace(*block);
  }

  absl::StatusOr<GroupBits> ReadGroup(const JsonValue& value, const std::string& path,
                                      const GroupBits& usual) const {
    GroupBits out = usual;
    if (const std::optional<double> bits = value.Number("bits")) {
      out.bits = Count(bits).value_or(0);
    }
    if (const std::optional<double> group = value.Number("group_size")) {
      out.group = Count(group).value_or(0);
    }
    if (!value.Text("mode").empty()) out.mode = Word(value.Text("mode"));
    if (out.bits < 1 || out.bits > 8) return Wrong(path + "/bits", "1 to 8 would be right");
    if (out.group < 1 || out.group > 65'536) {
      return Wrong(path + "/group_size", "1 to 65536 would be right");
    }
    return out;
  }

  absl::Status Mlx(const JsonValue& block) {
    out_.packing = Packing::kMlx;
    out_.method = "mlx";
    absl::StatusOr<GroupBits> usual = ReadGroup(block, "quantization", {0, 64, "affine"});
    if (!usual.ok()) return usual.status();
    out_.usual = *std::move(usual);
    for (std::size_t i = 0; i < block.items.size(); ++i) {
      if (!block.items[i].is_object()) continue;  // false: that module is not quantized
      absl::StatusOr<GroupBits> own =
          ReadGroup(block.items[i], "quantization/" + Word(block.keys[i]), out_.usual);
      if (!own.ok()) return own.status();
      out_.overrides[block.keys[i]] = *std::move(own);
    }
    return absl::OkStatus();
  }

  absl::Status HuggingFace(const JsonValue& block) {
    out_.method = Word(block.Text("quant_method"));
    if (out_.method.empty()) out_.method = Word(block.Text("quant_algo"));
    const std::string& method = out_.method;
    out_.usual.bits = 4;
    if (const std::optional<int> bits = Count(block.Number("bits"))) out_.usual.bits = *bits;
    if (const std::optional<int> group = Count(block.Number("group_size"))) {
      out_.usual.group = *group;
    }
    if (method == "fp8" || method == "fbgemm_fp8" || method == "FP8") {
      out_.packing = Packing::kFp8;
      out_.usual.bits = 8;
      out_.block_scales = block.Find("weight_block_size") != nullptr;
    } else if (method == "awq" || method == "gptq" || method == "auto-round" ||
               method == "intel/auto-round") {
      out_.packing = Packing::kAwq;
    } else if (method == "mxfp4") {
      out_.packing = Packing::kMxfp4;
      out_.usual.group = 32;
    } else if (method == "compressed-tensors") {
      return CompressedTensors(block);
    } else if (method == "modelopt" || method == "modelopt_fp4" || method == "NVFP4") {
      std::string_view algorithm = block.Text("quant_algo");
      if (const JsonValue* inner = block.Find("quantization");
          algorithm.empty() && inner != nullptr) {
        algorithm = inner->Text("quant_algo");
      }
      return Algorithm(algorithm.empty() ? "NVFP4" : algorithm, "quantization_config/quant_algo");
    } else if (method == "bitsandbytes") {
      out_.packing = Packing::kBitsAndBytes;
      out_.usual.bits = block.Flag("load_in_8bit").value_or(false) ? 8 : 4;
      out_.usual.group = 64;
    } else {
      return Wrong("quantization_config/quant_method",
                   absl::StrCat("\"", method,
                                "\" is not known; fp8, awq, gptq, mxfp4, "
                                "compressed-tensors, modelopt and bitsandbytes are"));
    }
    if (out_.usual.bits < 1 || out_.usual.bits > 16) {
      return Wrong("quantization_config/bits", "1 to 16 would be right");
    }
    return absl::OkStatus();
  }

  // The formats of ModelOpt's export (NVIDIA/Model-Optimizer,
  // modelopt/torch/export/model_config.py, read in November 2026), in capitals as its configs have
  // them.
  absl::Status Algorithm(std::string_view algorithm, std::string_view path) {
    if (StartsWith(algorithm, "FP8") || algorithm == "MXFP8") {
      out_.packing = Packing::kFp8;
      out_.usual = {8, 0, ""};
      out_.block_scales = StartsWith(algorithm, "FP8_PB");
    } else if (Contains(algorithm, "NVFP4")) {
      out_.packing = Packing::kNvfp4;
      out_.usual = {4, 16, ""};
    } else if (Contains(algorithm, "MXFP4")) {
      out_.packing = Packing::kMxfp4;
      out_.usual = {4, 32, ""};
    } else if (algorithm == "W4A16_AWQ" || algorithm == "W4A8_AWQ") {
      out_.packing = Packing::kPacked;
      out_.usual = {4, 128, ""};
    } else if (algorithm == "MIXED_PRECISION") {
      out_.packing = Packing::kMixed;
      out_.usual = {4, 16, ""};
    } else {
      return Wrong(path, absl::StrCat("\"", Word(algorithm),
                                      "\" is not known; FP8, MXFP8, NVFP4, MXFP4, W4A16_AWQ and "
                                      "MIXED_PRECISION are"));
    }
    return absl::OkStatus();
  }

  absl::Status CompressedTensors(const JsonValue& block) {
    const std::string format = Word(block.Text("format"));
    if (absl::Status status = Groups(block); !status.ok()) return status;
    if (format == "nvfp4-pack-quantized") {
      out_.packing = Packing::kNvfp4;
    } else if (format == "mxfp4-pack-quantized") {
      out_.packing = Packing::kMxfp4;
    } else if (format == "pack-quantized" || format == "marlin-24") {
      out_.packing = Packing::kPacked;
    } else if (format == "float-quantized" || format == "naive-quantized") {
      out_.packing = Packing::kFp8;
    } else if (format == "int-quantized") {
      out_.packing = Packing::kInt8;
    } else if (format == "mixed-precision") {
      out_.packing = Packing::kMixed;
    } else {
      return Wrong(
          "quantization_config/format",
          absl::StrCat("\"", format,
                       "\" is not known; pack-quantized, float-quantized, int-quantized, "
                       "nvfp4-pack-quantized, mxfp4-pack-quantized and mixed-precision are"));
    }
    return absl::OkStatus();
  }

  absl::Status Groups(const JsonValue& block) {
    constexpr std::size_t kMostGroups = 64;
    constexpr std::size_t kMostTargets = 64;  // further ones go by the tensors' shapes alone
    const JsonValue* groups = block.Find("config_groups");
    if (groups == nullptr) return absl::OkStatus();
    if (groups->items.size() > kMostGroups) {
      return Wrong("quantization_config/config_groups",
                   absl::StrCat("more than ", kMostGroups, " groups"));
    }
    for (const JsonValue& item : groups->items) {
      const JsonValue* weights = item.Find("weights");
      if (weights == nullptr) continue;  // activations only
      ModuleGroup group;
      group.bits.bits = Count(weights->Number("num_bits")).value_or(4);
      group.bits.group = Count(weights->Number("group_size")).value_or(0);
      if (group.bits.bits < 1 || group.bits.bits > 16) {
        return Wrong("quantization_config/config_groups", "num_bits of 1 to 16 would be right");
      }
      if (const JsonValue* targets = item.Find("targets"); targets != nullptr) {
        for (std::size_t i = 0; i < targets->items.size() && i < kMostTargets; ++i) {
          group.targets.push_back(targets->items[i].text);
        }
      }
      out_.block_scales = out_.block_scales || weights->Find("block_structure") != nullptr;
      out_.groups.push_back(std::move(group));
    }
    if (!out_.groups.empty()) out_.usual = out_.groups.front().bits;
    return absl::OkStatus();
  }

  const JsonValue& root_;
  const JsonValue& text_;
  const std::string& file_;
  QuantScheme out_;
};

// ---------------------------------------------------------------- tensors

// How closely a target means a module: 3 by its name, 2 by an expression, 1 by its class, 0 not.
// Expressions are read as far as ".*" and plain text go, which is what is published; a stranger's
// expression is never run.
int Closeness(std::string_view module, std::string_view target) {
  constexpr std::string_view kExpression = "re:";
  if (target == "Linear") return 1;
  if (!StartsWith(target, kExpression)) {
    const bool inner = EndsWith(module, target) && module.size() > target.size() &&
                       module[module.size() - target.size() - 1] == '.';
    return module == target || inner ? 3 : 0;
  }
  target.remove_prefix(kExpression.size());
  const bool at_end = EndsWith(target, "$");
  std::string plain;
  for (const char c : target) {
    if (c != '\\' && c != '^' && c != '$') plain += c;
  }
  std::string_view rest = plain;
  while (!rest.empty()) {
    const std::size_t end = rest.find(".*");
    const std::string_view piece = rest.substr(0, end);
    const std::size_t at = module.find(piece);
    if (at == std::string_view::npos) return 0;
    module.remove_prefix(at + piece.size());
    if (end == std::string_view::npos) return !at_end || module.empty() ? 2 : 0;
    rest.remove_prefix(end + 2);
  }
  return 2;
}

// Bits of a weight by the numbers of words and scales: every group of weights has one scale.
// Nullopt where they do not fit.
std::optional<int> BitsByShapes(const SafetensorsTensor& words, const SafetensorsTensor* scale,
                                int group) {
  if (scale == nullptr || scale->numbers == 0 || group <= 0) return std::nullopt;
  const double bits =
      static_cast<double>(words.numbers) * 32 / (static_cast<double>(scale->numbers) * group);
  if (bits < 1 || bits > 8 || bits != std::floor(bits)) return std::nullopt;
  return static_cast<int>(bits);
}

std::string IntName(int bits, int group) {
  return group > 0 ? absl::StrCat("int", bits, " g", group) : absl::StrCat("int", bits);
}

}  // namespace

absl::StatusOr<QuantScheme> ReadQuantScheme(const JsonValue& root, const JsonValue& text,
                                            const std::string& file) {
  return Reader(root, text, file).Run();
}

absl::Status ReadModelOptConfig(const JsonValue& root, const std::string& file,
                                QuantScheme& scheme) {
  return Reader(root, root, file).ModelOpt(scheme);
}

Named SplitName(std::string_view name) {
  // bitsandbytes: "up_proj.weight.absmax" belongs to "up_proj.weight".
  constexpr std::string_view kWithin = ".weight.";
  if (const std::size_t at = name.find(kWithin); at != std::string_view::npos) {
    return {name.substr(0, at), name.substr(at + kWithin.size())};
  }
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {"", name};
  Named named{name.substr(0, dot), name.substr(dot + 1)};
  // gpt-oss: "mlp.experts.gate_up_proj_blocks" and "..._scales" belong together.
  for (std::string_view suffix : {"_blocks", "_scales"}) {
    if (named.leaf.size() <= suffix.size() || !EndsWith(named.leaf, suffix)) continue;
    named.module = name.substr(0, name.size() - suffix.size());
    named.leaf = name.substr(name.size() - suffix.size());
    return named;
  }
  return named;
}

bool IsScale(std::string_view leaf) {
  return leaf == "scales" || leaf == "_scales" || leaf == "weight_scale" ||
         leaf == "weight_scale_inv" || leaf == "absmax";
}

bool IsCompanion(std::string_view leaf) {
  static constexpr std::string_view kLeaves[] = {
      "biases",
      "weight_scale_2",
      "weight_global_scale",
      "input_global_scale",
      "input_scale",
      "output_scale",
      "k_scale",
      "v_scale",
      "kv_scale",
      "q_scale",
      "prob_output_scale",
      "qzeros",
      "g_idx",
      "weight_shape",
      "weight_zero_point",
      "zeros",
      "weight_g_idx",
      "quant_map",
      "nested_absmax",
      "nested_quant_map",
      "SCB",
      "weight_format",
      "activation_scale",
      "pre_quant_scale",
      "input_zero_point",
      "weight_scale_max",
  };
  return IsScale(leaf) ||
         std::find(std::begin(kLeaves), std::end(kLeaves), leaf) != std::end(kLeaves) ||
         Contains(leaf, "quant_state") || Contains(leaf, "bitsandbytes");
}

GroupBits Packer::GroupOf(const Named& named, const SafetensorsTensor& words,
                          const SafetensorsTensor* scale) const {
  if (const auto own = scheme_.overrides.find(named.module); own != scheme_.overrides.end()) {
    return own->second;
  }
  if (scheme_.groups.empty()) return scheme_.usual;
  // Of several groups one whose sizes fit the tensor's; among those the one that means it closest.
  constexpr int kFits = 10;
  int best = 0;
  GroupBits out = scheme_.usual;
  const std::uint64_t rows = words.shape.empty() ? 0 : words.shape.front();
  for (const ModuleGroup& group : scheme_.groups) {
    const bool fits = group.bits.group > 0
                          ? BitsByShapes(words, scale, group.bits.group) == group.bits.bits
                          : scale != nullptr && scale->numbers == rows;
    int score = fits ? kFits : 0;
    for (const std::string& target : group.targets) {
      score = std::max(score, (fits ? kFits : 0) + Closeness(named.module, target));
    }
    if (score <= best) continue;
    best = score;
    out = group.bits;
  }
  return out;
}

absl::StatusOr<Weights> Packer::Words32(const Named& named, const SafetensorsTensor& words,
                                        const SafetensorsTensor* scale) const {
  GroupBits group = GroupOf(named, words, scale);
  if (const std::optional<int> bits = BitsByShapes(words, scale, group.group)) group.bits = *bits;
  if (group.bits <= 0 || group.bits > 16) {
    return absl::InvalidArgumentError(
        "its words are packed and config.json has no quantization block that says how; the block "
        "of the model's maker would be right");
  }
  const double parameters = static_cast<double>(words.numbers) * 32 / group.bits;
  if (scheme_.packing != Packing::kMlx)
    return Weights{parameters, IntName(group.bits, group.group)};
  const bool affine = group.mode == "affine" || group.mode.empty();
  return Weights{parameters, affine ? absl::StrCat(group.bits, "-bit g", group.group) : group.mode};
}

// Two weights in a byte; what the scales are of tells the format.
absl::StatusOr<Weights> Packer::Halves(const SafetensorsTensor& bytes,
                                       const SafetensorsTensor* scale) const {
  const double parameters = static_cast<double>(bytes.numbers) * 2;
  if (scale == nullptr || scale->numbers <= 1) {
    return absl::InvalidArgumentError(
        "its bytes have no scales for groups of weights, so that nothing says how many weights a "
        "byte holds");
  }
  const std::string_view type = scale->type->name;
  if (type == "F8_E4M3") return Weights{parameters, "NVFP4"};
  if (type == "U8" || type == "F8_E8M0") return Weights{parameters, "MXFP4"};
  const double group = parameters / static_cast<double>(scale->numbers);
  return Weights{parameters, IntName(4, static_cast<int>(std::min(group, 65'536.0)))};
}

absl::StatusOr<Weights> Packer::Of(const SafetensorsTensor& tensor, bool has_companions,
                                   const SafetensorsTensor* scale) const {
  const Named named = SplitName(tensor.name);
  const std::string_view type = tensor.type->name;
  const auto numbers = static_cast<double>(tensor.numbers);
  if (StartsWith(type, "F8")) return Weights{numbers, "FP8"};
  if (!has_companions || named.leaf == "bias") return Weights{numbers, std::string(type)};
  if (type == "U32" || type == "I32") return Words32(named, tensor, scale);
  if (type == "F4") return Weights{numbers, scheme_.packing == Packing::kMxfp4 ? "MXFP4" : "NVFP4"};
  if (type == "I8" && scheme_.packing != Packing::kBitsAndBytes) return Weights{numbers, "INT8"};
  if (type != "U8" && type != "I8") return Weights{numbers, std::string(type)};
  if (scheme_.packing == Packing::kBitsAndBytes) {
    return Weights{numbers * 8 / scheme_.usual.bits,
                   absl::StrCat("bnb-", scheme_.usual.bits, "bit")};
  }
  return Halves(tensor, scale);
}

}  // namespace capacity::modelfile
