// Weight bytes: docs/model.md 1.1 to 1.3.
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/fit/fit.h"

namespace capacity::fit {
namespace {

// An artifact is one engine's file. An engine for which the quantization keeps bits of its own
// (vLLM holds gpt-oss's dense layers in BF16) loads another.
bool LoadsTheArtifact(const catalog::Quantization& quant, catalog::Engine engine) {
  return quant.bits_by_engine.count(engine) == 0;
}

Bytes FromBits(double bits) { return Bytes{1} * (bits / 8); }

// Parameters of each tensor class, or nullopt where the catalogue does not tell them apart.
struct ClassCounts {
  double experts = 0;
  double dense = 0;
  double head = 0;
  double embedding = 0;
};

std::optional<ClassCounts> CountByClass(const catalog::Model& model) {
  const catalog::ParameterCounts& counts = model.parameters;
  if (!counts.total || !counts.head) return std::nullopt;
  if (model.architecture.is_moe() && !counts.routed_experts) return std::nullopt;
  const bool tied = model.architecture.tied_embeddings.value_or(false);
  if (!tied && !counts.embedding) return std::nullopt;
  ClassCounts classes{
      .experts = counts.routed_experts.value_or(0),
      .head = *counts.head,
      .embedding = tied ? 0 : *counts.embedding,
  };
  classes.dense = std::max(0.0, *counts.total - classes.experts - classes.head - classes.embedding);
  return classes;
}

constexpr int kGgufBlock = 256;  // weights that a k-quant packs together along a row
constexpr double kTowerBits = 16;

double ExpertBits(const catalog::Model& model, const catalog::Quantization& quant,
                  const catalog::TensorBits& bits) {
  const std::optional<int> width = model.architecture.expert_ffn_size;
  const bool aligned = !width || *width % kGgufBlock == 0;
  return aligned ? bits.experts : quant.unaligned_expert_bits.value_or(bits.experts);
}

// llama.cpp keeps encoders in a file of their own; the others carry them with the text decoder.
double TowerBits(const catalog::Model& model, catalog::Engine engine) {
  if (engine == catalog::Engine::kLlamaCpp || engine == catalog::Engine::kOllama) return 0;
  return model.parameters.towers.value_or(0) * kTowerBits;
}

}  // namespace

absl::StatusOr<WeightBytes> ComputedWeightBytes(const catalog::Model& model,
                                                const catalog::Quantization& quant,
                                                catalog::Engine engine) {
  const catalog::TensorBits* bits = quant.BitsFor(engine);
  const std::optional<ClassCounts> classes = CountByClass(model);
  if (bits != nullptr && classes) {
    const double decoder = classes->experts * ExpertBits(model, quant, *bits) +
                           classes->dense * bits->dense + classes->head * bits->head +
                           classes->embedding * bits->embedding;
    return WeightBytes{FromBits(decoder + TowerBits(model, engine)),
                       "parameters x bits by tensor class"};
  }
  const std::optional<double> stored = model.parameters.stored();
  if (!stored) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no parameter count in the catalogue"));
  }
  if (quant.whole_file_bits_per_weight) {
    return WeightBytes{FromBits(*stored * *quant.whole_file_bits_per_weight),
                       absl::StrCat("all parameters x ", *quant.whole_file_bits_per_weight,
                                    " bits of a whole file")};
  }
  if (bits != nullptr) {
    // The classes are unknown: the mean of the matrices stands for all.
    const double per_weight = model.architecture.is_moe() ? bits->experts : bits->dense;
    return WeightBytes{FromBits(*stored * per_weight),
                       absl::StrCat("all parameters x ", per_weight, " bits of the main matrices")};
  }
  return absl::FailedPreconditionError(absl::StrCat("quantization ", quant.id,
                                                    " has no bits per weight for ", Name(engine),
                                                    " in the catalogue"));
}

std::optional<Tables> TablesOf(const catalog::Model& model, const catalog::Quantization& quant,
                               catalog::Engine engine) {
  const catalog::TensorBits* bits = quant.BitsFor(engine);
  const std::optional<ClassCounts> classes = CountByClass(model);
  if (bits == nullptr || !classes) return std::nullopt;
  if (model.architecture.tied_embeddings.value_or(false)) {
    return Tables{FromBits(classes->head * bits->head), Bytes{}, true};
  }
  return Tables{FromBits(classes->embedding * bits->embedding),
                FromBits(classes->head * bits->head), false};
}

const catalog::Artifact* ArtifactFor(const catalog::Catalog& catalog, const catalog::Model& model,
                                     const catalog::Quantization& quant, catalog::Engine engine) {
  if (!model.own_file && !LoadsTheArtifact(quant, engine)) return nullptr;
  const catalog::Artifact* artifact = catalog.FindArtifact(model.id, quant.id);
  return artifact != nullptr && artifact->exact ? artifact : nullptr;
}

absl::StatusOr<WeightBytes> ModelWeightBytes(const catalog::Catalog& catalog,
                                             const catalog::Model& model,
                                             const catalog::Quantization& quant,
                                             catalog::Engine engine) {
  if (const catalog::Artifact* artifact = ArtifactFor(catalog, model, quant, engine)) {
    return WeightBytes{artifact->bytes, absl::StrCat("artifact ", artifact->name)};
  }
  return ComputedWeightBytes(model, quant, engine);
}

}  // namespace capacity::fit
