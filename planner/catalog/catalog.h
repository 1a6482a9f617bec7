// What exists: models, quantizations, chips, machines, links, prices. Facts, each with its source.
//
// A Catalog is a value read once (inventory/catalog_yaml.h) and never changed. A fact that is not
// known is an empty optional; whoever needs it says so instead of assuming a default.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/units.h"

namespace capacity::catalog {

// Where a fact came from and when it was true ("2026-02" or "2026-02-05").
struct Provenance {
  std::string source;
  std::string as_of;
};

// ---------------------------------------------------------------- engines

enum class Engine { kLlamaCpp, kMlx, kVllm, kExo, kOllama, kOther };
inline constexpr Engine kAllEngines[] = {Engine::kLlamaCpp, Engine::kMlx,    Engine::kVllm,
                                         Engine::kExo,      Engine::kOllama, Engine::kOther};
// "llama.cpp", "mlx", "vllm", "exo", "ollama", "other".
const char* Name(Engine engine);
std::optional<Engine> ParseEngine(std::string_view name);

// ---------------------------------------------------------------- models

enum class AttentionKind {
  kGqa,             // full attention, grouped KV heads
  kMla,             // multi-head latent attention: one latent vector per token and layer
  kMlaSparse,       // MLA with an indexer (DSA): the latent cache plus an index key
  kSliding,         // some layers see a window only
  kChunked,         // some layers see their own chunk only (Llama 4)
  kHybridDeltaNet,  // linear attention with a recurrent state; a few full-attention layers
  kHybridMamba2,    // state-space layers; a few full-attention layers
};

// "gqa", "mla", "mla-sparse", "sliding", "chunked", "hybrid-deltanet", "hybrid-mamba2".
const char* Name(AttentionKind kind);
std::optional<AttentionKind> ParseAttentionKind(std::string_view name);

// Architecture fields as published in a model's config. Counts; zero experts means dense.
struct Architecture {
  AttentionKind attention = AttentionKind::kGqa;
  int layers = 0;
  int hidden_size = 0;
  int heads = 0;
  int kv_heads = 0;
  std::optional<int> head_dim;         // a field of its own: never hidden_size / heads
  std::optional<int> global_head_dim;  // of the layers that see the whole context, where it differs
  std::optional<int> ffn_size;
  int vocab = 0;
  std::optional<bool> tied_embeddings;
  int experts = 0;
  int experts_per_token = 0;
  int shared_experts = 0;
  std::optional<int> shared_expert_ffn;
  std::optional<int> expert_ffn_size;
  std::optional<int> first_dense_layers;
  std::optional<int> moe_layers;
  std::optional<int> expert_matrices;    // 3 (gate, up, down), or 2 for squared-ReLU experts
  std::optional<int> expert_input_size;  // of a latent MoE; otherwise hidden_size
  // Routers trained with a sigmoid gate and a load-balancing bias (DeepSeek-V3 and its followers)
  // spread tokens evenly over experts; softmax routers are skewed.
  bool balanced_routing = false;
  std::optional<int> recurrent_layers;  // of a hybrid
  std::optional<int> mlp_layers;        // dense MLP blocks, where blocks are not whole layers
  int norms_per_layer = 2;              // 4: normalised before and after (Gemma)
  std::optional<int> index_heads;       // sparse attention's indexer
  std::optional<int> index_head_dim;
  std::optional<int> index_top_k;  // tokens that sparse attention keeps
  std::optional<int> kv_lora_rank;
  std::optional<int> qk_rope_head_dim;
  std::optional<int> qk_nope_head_dim;
  std::optional<int> v_head_dim;
  std::optional<int> q_lora_rank;
  std::optional<int> sliding_window;  // tokens
  std::string window_pattern;         // prose: "5 sliding : 1 full"
  std::optional<int> full_attention_layers;
  std::string linear_state;  // prose
  int mtp_layers = 0;

  bool is_moe() const { return experts > 0; }
  bool is_mla() const {
    return attention == AttentionKind::kMla || attention == AttentionKind::kMlaSparse;
  }
  bool is_hybrid() const {
    return attention == AttentionKind::kHybridDeltaNet || attention == AttentionKind::kHybridMamba2;
  }
};

// Parameter counts by tensor class. `total` is the text decoder that a planner must hold in memory;
// a published total may add vision towers and multi-token-prediction blocks.
struct ParameterCounts {
  std::optional<double> published_total;
  std::optional<double> published_active;
  std::optional<double> total;           // text decoder
  std::optional<double> decode_read;     // read for one token of one stream, head included
  std::optional<double> routed_experts;  // all routed experts of all layers; absent when dense
  std::optional<double> head;            // vocab x hidden
  std::optional<double> embedding;       // vocab x hidden; the same tensor as head when tied
  std::optional<double> not_read;        // stored, but not read for a token; absent: none
  std::optional<double> towers;          // vision and audio encoders beside `total`; absent: none

  // `total` where known, else `published_total`: what a weight file holds.
  std::optional<double> stored() const { return total ? total : published_total; }
};

// What one layer keeps of what it has seen. Cells are numbers of the cache, whose type is chosen
// when the engine starts; a state has a type of its own.
struct LayerCache {
  int key_cells_per_token = 0;
  int value_cells_per_token = 0;  // 0 of MLA's one latent vector, which stands under keys
  bool windowed = false;          // keeps the last Architecture::sliding_window tokens only
  double state_bytes = 0;         // recurrent, per sequence
};

// Cache sizes in bytes per cached token at 16 bits, summed over layers; state is per sequence.
struct KvCache {
  std::optional<double> global_bytes_per_token_bf16;  // layers that see the whole context
  double window_bytes_per_token_bf16 = 0;  // layers that keep at most sliding_window tokens
  double recurrent_state_bytes = 0;
  // Traffic where it differs from storage (layers that re-read another layer's cache).
  std::optional<double> decode_traffic_global_bytes_per_token_bf16;
  std::optional<double> decode_traffic_window_bytes_per_token_bf16;
  // Layer by layer, first to last, where the model's own files say it; empty: only the sums are
  // known.
  std::vector<LayerCache> layers;
};

// A model of which the user has a file: what exists of it is that file.
struct OwnFile {
  std::string path;             // a GGUF (of a split one the first), or a directory
  std::string quant;            // id of the quantization it is in
  std::vector<Engine> engines;  // that load it
  std::string same_as;          // id of the catalogue's model that it is; empty: of none
};

struct Model {
  std::string id;
  std::string name;
  std::string hf_id;
  std::string model_type;  // of the maker's config.json: what MLX and EXO choose their code by
  std::vector<std::string> aliases;
  std::string license;
  std::optional<int> max_context;  // tokens
  Architecture architecture;
  // The vendor's FP8 files carry one scale per 128 x 128 block, which costs matrix speed.
  bool fp8_block_scales = false;
  // Quantization of the maker's own repository. Empty: a native one where there is any, else BF16.
  std::string released_as;
  ParameterCounts parameters;
  KvCache kv_cache;
  std::optional<OwnFile> own_file;
  // Planned from the sizes of its tensors: nothing is known of how it computes.
  bool unknown_architecture = false;
  std::string notes;
  Provenance provenance;
  // Whose prices and hosts are its own: the model that an own file is, else itself.
  const std::string& priced_as() const {
    return own_file && !own_file->same_as.empty() ? own_file->same_as : id;
  }
  bool released_quantized = false;  // some quantization is native to it; set by Catalog::Index
};

// ---------------------------------------------------------------- quantizations

// Effective bits per weight by tensor class, scales included.
struct TensorBits {
  double experts = 0;
  double dense = 0;  // attention, dense and shared MLPs, routers
  double head = 0;
  double embedding = 0;
  std::optional<double> mixer;  // attention and recurrent mixers, where they differ from `dense`
};

struct Quantization {
  std::string id;
  std::vector<std::string> aliases;
  std::string family;  // gguf | mlx | safetensors
  std::vector<Engine> engines;
  std::vector<std::string> platforms;         // metal, cuda, ...; empty: wherever its engines run
  std::vector<std::string> native_to;         // model ids it exists for; empty: any model
  std::vector<std::string> chip_generations;  // that can run it ("blackwell"); empty: any
  bool uncommon = false;  // few checkpoints are published in it: never proposed, only answered
  std::optional<TensorBits> bits;
  std::map<Engine, TensorBits> bits_by_engine;
  // Of the experts where their width is no multiple of 256, so that a wider type must replace this
  // one in part of them (GGUF k-quants). Absent: the same bits.
  std::optional<double> unaligned_expert_bits;
  // Recipes that depend on the architecture.
  std::optional<TensorBits> bits_moe;        // for mixtures of experts
  std::optional<TensorBits> bits_unaligned;  // where hidden_size is no multiple of `row_multiple`
  std::optional<int> row_multiple;           // weights that a block of the format spans
  bool mamba_attention_16_bit = false;  // a Mamba hybrid keeps each attention layer, and one mixer
                                        // beside it, at 16 bits
  std::optional<double> nominal_bits;
  std::optional<double> whole_file_bits_per_weight;
  std::string notes;
  Provenance provenance;

  // The bits that `engine` keeps in memory; null when unknown.
  const TensorBits* BitsFor(Engine engine) const;
  // The same for a model of this architecture, recipes applied.
  std::optional<TensorBits> BitsFor(Engine engine, const Architecture& architecture) const;
};

struct KvCacheType {
  std::string id;
  std::vector<std::string> aliases;
  double bits = 16;
  std::vector<Engine> engines;  // that offer it; empty: all
  std::string notes;
  Provenance provenance;
};

// Where the bytes of a weight file belong.
struct FileLayout {
  Bytes input;                // token embedding; of a tied model this is the head, too
  std::vector<Bytes> layers;  // first to last
  Bytes output;               // final norm and head; only the norm of a tied model
  bool tied = false;          // the file has no head of its own
  Bytes other;                // what the text decoder does not load: towers, MTP blocks
};

// A real weight file.
struct Artifact {
  std::string model;
  std::string quant;
  std::string name;
  Bytes bytes;
  bool exact = false;  // false: a rounded size that must not be trusted to better than 8 %
  std::optional<FileLayout> layout;  // where the file itself was read
  std::optional<TensorBits> bits;    // of this file; absent: as its quantization has them
  std::string notes;
  Provenance provenance;
};

// ---------------------------------------------------------------- hardware

enum class Platform { kMetal, kCuda, kRocm, kCpu };
const char* Name(Platform platform);  // "metal", "cuda", "rocm", "cpu"

struct Chip {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string vendor;      // apple | nvidia | amd
  std::string family;      // apple-ultra, apple-max, apple-pro, apple-base, gb10, rtx, nv-dc, other
  std::string generation;  // m1 .. m6, turing, ampere, ada, hopper, blackwell, rdna3.5
  std::optional<int> gpu_cores;
  std::optional<BytesPerSecond> memory_bandwidth;  // vendor's peak
  std::optional<FlopsPerSecond> fp16_dense;        // dense matrix rate, FP32 accumulate
  std::optional<FlopsPerSecond> fp8_dense;
  std::optional<FlopsPerSecond> fp4_dense;
  std::optional<FlopsPerSecond> fp16_accumulate_dense;  // FP16 accumulate, where that is faster
  std::optional<FlopsPerSecond> int8_dense;             // integer operations
  std::optional<Watts> power_limit;                     // the vendor's, of chip or card
  bool unified_memory = true;
  std::vector<Bytes> memory_options;     // sold with; empty: not known
  std::vector<std::string> reported_as;  // what the driver or the system prints
  std::string notes;
  Provenance provenance;

  Platform platform() const;
};

struct ThunderboltPorts {
  int version = 0;  // 3, 4 or 5
  int count = 0;
  int rdma = 0;  // how many of them can do RDMA
};
struct ConnectX7Ports {
  int cages = 0;
  double gbps = 0;  // Gbit/s in all: the twins of one cage are one link
};
struct Ports {
  std::optional<ThunderboltPorts> thunderbolt;
  std::optional<ConnectX7Ports> connectx7;
  std::optional<double> ethernet_gbps;
};

enum class OperatingSystem { kMacos, kLinux, kWindows };
const char* Name(OperatingSystem os);

struct Machine {
  std::string id;
  std::string name;
  std::vector<std::string> aliases;
  std::string chip;                            // default id; empty: each owner states the cards
  std::vector<std::string> other_chips;        // the same machine was also sold with these
  std::vector<std::string> model_identifiers;  // of a Mac: "Mac15,14"
  std::vector<std::string> reported_as;        // what firmware or driver prints
  OperatingSystem os = OperatingSystem::kLinux;
  int accelerators = 1;
  Bytes memory;  // installed: unified, or host memory beside the cards; zero: not known
  std::optional<Bytes> vram_per_accelerator;  // discrete cards only
  std::optional<Bytes> memory_visible;        // what the operating system shows as total
  std::optional<Bytes> memory_available;      // what a fresh system leaves to programs
  Ports ports;
  std::optional<Watts> idle_power;
  std::optional<Watts> load_power;
  std::optional<bool> sold_new;  // by its maker today; nullopt: not known
  std::string withdrawn;         // date, when no longer sold new
  std::string released;          // date
  std::string notes;
  Provenance provenance;
};

// How much of a Mac's memory Metal will wire by default.
struct MetalLimit {
  Bytes ram;
  int macos_min = 0;  // first major version it holds for
  int macos_max = 0;  // last major version; 0: no end
  Bytes working_set;
  Provenance provenance;
};

// ---------------------------------------------------------------- links

enum class Transport { kNone, kRdma, kTcp, kPcie };
const char* Name(Transport transport);

struct Link {
  std::string id;  // rdma-tb5, tcp-tb5, rdma-cx7-200g, tcp-10gbe, ...
  std::string name;
  std::vector<std::string> aliases;
  Transport transport = Transport::kTcp;
  std::string medium;  // thunderbolt5 | connectx7 | ethernet | wifi | pcie
  std::optional<BitsPerSecond> bandwidth;
  std::string direct_cable;           // item id; empty: none to buy
  std::vector<std::string> switches;  // item ids that join more nodes than cables can
  int ports_used = 1;                 // of each node, by one connection
  std::vector<Engine> engines;        // that can use it; empty: any
  std::string required_os;            // macos | linux | windows; empty: any
  std::string min_os_version;         // "26.2"; empty: any
  std::string notes;
  Provenance provenance;
};

// A cable, a DAC, a switch or a network card.
struct InterconnectItem {
  std::string id;
  std::string name;
  std::string kind;  // cable | dac | switch | card
  std::optional<int> ports;
  std::optional<Watts> power;
  Provenance provenance;
};

// ---------------------------------------------------------------- money

enum class Condition { kNew, kUsed, kRefurbished };
const char* Name(Condition condition);
std::optional<Condition> ParseCondition(std::string_view name);

// One dated price of a machine or an interconnect item.
struct PriceOffer {
  std::string id;
  std::string item;  // machine or interconnect item id
  Condition condition = Condition::kNew;
  Usd price;
  std::optional<Usd> price_low;
  std::optional<Usd> price_high;
  bool available = true;
  Provenance provenance;
};

// A model that is rented by the token.
struct CloudModel {
  std::string id;
  std::string provider;
  UsdPerMtok input;
  UsdPerMtok output;
  std::optional<UsdPerMtok> cached_input;
  std::string tier;  // small | mid | frontier
  Provenance provenance;
};

// An open model offered by somebody's API.
struct HostedOffer {
  std::string model;  // catalogue model id
  std::string provider;
  UsdPerMtok input;
  UsdPerMtok output;
  std::optional<UsdPerMtok> cached_input;
  Provenance provenance;
};

// The cloud model whose tokens a local model is taken to replace.
struct FrontierEquivalent {
  std::string model;
  std::string cloud_model;
  std::string basis;  // article | extrapolated
  Provenance provenance;
};

// Annual decline of a baseline's price, as a fraction (0.5: halves every year).
struct PriceDecline {
  std::string baseline;  // frontier-equivalent | same-model-hosted
  double low = 0;
  double mid = 0;
  double high = 0;
  Provenance provenance;
};

// A kind of work that many people have, for a workload to start from.
struct WorkloadPreset {
  std::string id;
  std::string description;
  double input_per_output = 0;    // tokens
  double cached_input_share = 0;  // of input tokens
  int context_tokens = 0;         // cached tokens while decoding
  int prompt_tokens = 0;
  int concurrency = 1;                // simultaneous streams
  std::optional<double> utilization;  // share of all hours; nullopt: depends on the person
  Provenance provenance;
};

// ---------------------------------------------------------------- the whole

// The facts together. Vectors are in file order; the Find functions resolve ids and aliases,
// ignoring case, with spaces and underscores read as hyphens; null when nothing matches.
class Catalog {
 public:
  std::vector<Model> models;
  std::vector<Quantization> quantizations;
  std::vector<KvCacheType> kv_cache_types;
  std::vector<Artifact> artifacts;
  std::vector<Chip> chips;
  std::vector<Machine> machines;
  std::vector<MetalLimit> metal_limits;
  std::vector<Link> links;
  std::vector<InterconnectItem> items;
  std::vector<PriceOffer> offers;
  std::vector<CloudModel> cloud_models;
  std::vector<HostedOffer> hosted;
  std::vector<FrontierEquivalent> frontier_equivalents;
  std::vector<PriceDecline> declines;
  std::vector<WorkloadPreset> workload_presets;

  // Builds the look-up tables. Call once after the vectors are filled; they must not change later.
  void Index();

  const Model* FindModel(std::string_view name) const;
  const Quantization* FindQuantization(std::string_view name) const;
  const Chip* FindChip(std::string_view name) const;
  const Machine* FindMachine(std::string_view name) const;
  const Link* FindLink(std::string_view name) const;
  const InterconnectItem* FindItem(std::string_view name) const;
  const CloudModel* FindCloudModel(std::string_view name) const;
  // The exact artifact of (model, quant), else a rounded one, else null. Ids, not aliases.
  const Artifact* FindArtifact(std::string_view model, std::string_view quant) const;
  // The cloud model that `model` is mapped to; null when the catalogue maps it to none.
  const FrontierEquivalent* FindFrontierEquivalent(std::string_view model) const;
  const WorkloadPreset* FindWorkloadPreset(std::string_view name) const;
  // The newest available offer of `item` in `condition`; null when none is on sale.
  const PriceOffer* FindOffer(std::string_view item, Condition condition) const;

 private:
  std::map<std::string, int, std::less<>> model_index_;
  std::map<std::string, int, std::less<>> quant_index_;
  std::map<std::string, int, std::less<>> chip_index_;
  std::map<std::string, int, std::less<>> machine_index_;
  std::map<std::string, int, std::less<>> link_index_;
  std::map<std::string, int, std::less<>> item_index_;
  std::map<std::string, int, std::less<>> cloud_index_;
  std::map<std::string, int, std::less<>> equivalent_index_;
  std::map<std::string, int, std::less<>> preset_index_;
  std::map<std::pair<std::string, std::string>, int> artifact_index_;
};

// Lower case, spaces and underscores to hyphens: how ids are compared.
std::string NormalizeId(std::string_view name);

}  // namespace capacity::catalog
