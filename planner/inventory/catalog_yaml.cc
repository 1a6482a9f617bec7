#include "planner/inventory/catalog_yaml.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"
#include "planner/fleet/scenario.h"

namespace capacity::inventory {
namespace {

using catalog::AttentionKind;
using catalog::Engine;

// Bounds that only a slip of the pen exceeds.
constexpr Range kCount = Between(0, 1e9);
constexpr Range kPositiveCount = Between(1, 1e9);
constexpr Range kParameters = Between(0, 1e15);
constexpr Range kBits = Above(0, 64);
constexpr Range kGigabytesPerSecond = Above(0, 1e6);
constexpr Range kTeraflops = Above(0, 1e6);
constexpr Range kUsdPerMtok = Between(0, 1e5);
constexpr Range kFraction = Between(0, 1);

catalog::Provenance ReadProvenance(Fields& fields) {
  fields.Require({"source", "as_of"});
  return {.source = fields.Text("source").value_or(""), .as_of = fields.Text("as_of").value_or("")};
}

template <class Unit>
std::optional<Unit> Scaled(std::optional<double> number, double factor) {
  if (!number) return std::nullopt;
  return Unit{*number * factor};
}

std::vector<Engine> ReadEngines(Fields& fields, Problems& problems) {
  std::vector<Engine> engines;
  for (const Word& word : fields.References("engines")) {
    if (const std::optional<Engine> engine = catalog::ParseEngine(word.text)) {
      engines.push_back(*engine);
      continue;
    }
    std::vector<std::string> names;
    for (Engine engine : catalog::kAllEngines) names.push_back(Name(engine));
    problems.AddUnknown(*word.at, "engine", word.text, names);
  }
  return engines;
}

// ---------------------------------------------------------------- models

catalog::Architecture ReadArchitecture(const Value& value, Problems& problems) {
  Fields fields(value, "architecture", problems);
  catalog::Architecture out;
  fields.Require({"attention", "layers"});
  out.attention =
      fields
          .Choice("attention", {AttentionKind::kGqa, AttentionKind::kMla, AttentionKind::kMlaSparse,
                                AttentionKind::kSliding, AttentionKind::kChunked,
                                AttentionKind::kHybridDeltaNet, AttentionKind::kHybridMamba2})
          .value_or(AttentionKind::kGqa);
  out.layers = fields.Integer("layers", kPositiveCount).value_or(0);
  out.hidden_size = fields.Integer("hidden_size", kPositiveCount).value_or(0);
  out.heads = fields.Integer("heads", kCount).value_or(0);
  out.kv_heads = fields.Integer("kv_heads", kCount).value_or(0);
  out.head_dim = fields.Integer("head_dim", kPositiveCount);
  out.global_head_dim = fields.Integer("global_head_dim", kPositiveCount);
  out.ffn_size = fields.Integer("ffn_size", kCount);
  out.vocab = fields.Integer("vocab", kPositiveCount).value_or(0);
  out.tied_embeddings = fields.Flag("tied_embeddings");
  out.experts = fields.Integer("experts", kCount).value_or(0);
  out.experts_per_token = fields.Integer("experts_per_token", kCount).value_or(0);
  out.shared_experts = fields.Integer("shared_experts", kCount).value_or(0);
  out.shared_expert_ffn = fields.Integer("shared_expert_ffn", kCount);
  out.expert_ffn_size = fields.Integer("expert_ffn_size", kCount);
  out.first_dense_layers = fields.Integer("first_dense_layers", kCount);
  out.moe_layers = fields.Integer("moe_layers", kCount);
  out.expert_matrices = fields.Integer("expert_matrices", Between(1, 8));
  out.expert_input_size = fields.Integer("expert_input_size", kPositiveCount);
  out.balanced_routing = fields.Flag("balanced_routing").value_or(false);
  out.recurrent_layers = fields.Integer("recurrent_layers", kCount);
  out.mlp_layers = fields.Integer("mlp_layers", kCount);
  out.norms_per_layer = fields.Integer("norms_per_layer", Between(1, 8)).value_or(2);
  out.index_heads = fields.Integer("index_heads", kPositiveCount);
  out.index_head_dim = fields.Integer("index_head_dim", kPositiveCount);
  out.index_top_k = fields.Integer("index_top_k", kPositiveCount);
  out.kv_lora_rank = fields.Integer("kv_lora_rank", kPositiveCount);
  out.qk_rope_head_dim = fields.Integer("qk_rope_head_dim", kCount);
  out.qk_nope_head_dim = fields.Integer("qk_nope_head_dim", kCount);
  out.v_head_dim = fields.Integer("v_head_dim", kCount);
  out.q_lora_rank = fields.Integer("q_lora_rank", kCount);
  out.sliding_window = fields.Integer("sliding_window", kPositiveCount);
  out.window_pattern = fields.Text("window_pattern").value_or("");
  out.full_attention_layers = fields.Integer("full_attention_layers", kCount);
  out.linear_state = fields.Text("linear_state").value_or("");
  out.mtp_layers = fields.Integer("mtp_layers", kCount).value_or(0);
  fields.ReportUnknown();
  return out;
}

catalog::ParameterCounts ReadParameters(const Value& value, Problems& problems) {
  Fields fields(value, "parameters", problems);
  catalog::ParameterCounts out;
  out.published_total = fields.Number("published_total", kParameters);
  out.published_active = fields.Number("published_active", kParameters);
  out.total = fields.Number("total", kParameters);
  out.decode_read = fields.Number("decode_read", kParameters);
  out.routed_experts = fields.Number("routed_experts", kParameters);
  out.head = fields.Number("head", kParameters);
  out.embedding = fields.Number("embedding", kParameters);
  out.not_read = fields.Number("not_read", kParameters);
  out.towers = fields.Number("towers", kParameters);
  fields.ReportUnknown();
  return out;
}

// A run of like layers: {count: 12, keys: 1024, values: 1024, windowed: true, state_bytes: 0}.
void ReadLayerRun(const Value& value, catalog::KvCache& cache, Problems& problems) {
  Fields fields(value, "layer_cache", problems);
  fields.Require({"count"});
  const int count = fields.Integer("count", Between(1, 4096)).value_or(0);
  catalog::LayerCache layer;
  layer.key_cells_per_token = fields.Integer("keys", kCount).value_or(0);
  layer.value_cells_per_token = fields.Integer("values", kCount).value_or(0);
  layer.windowed = fields.Flag("windowed").value_or(false);
  layer.state_bytes = fields.Number("state_bytes", Between(0, 1e12)).value_or(0);
  fields.ReportUnknown();
  constexpr std::size_t kMostLayers = 65'536;
  if (cache.layers.size() + static_cast<std::size_t>(count) > kMostLayers) {
    problems.Add(value, "more layers than any model has");
    return;
  }
  cache.layers.insert(cache.layers.end(), static_cast<std::size_t>(count), layer);
}

catalog::KvCache ReadKvCache(const Value& value, Problems& problems) {
  Fields fields(value, "kv_cache", problems);
  catalog::KvCache out;
  constexpr Range kBytes = Between(0, 1e12);
  out.global_bytes_per_token_bf16 = fields.Number("global_bytes_per_token_bf16", kBytes);
  out.window_bytes_per_token_bf16 =
      fields.Number("window_bytes_per_token_bf16", kBytes).value_or(0);
  out.recurrent_state_bytes = fields.Number("recurrent_state_bytes", kBytes).value_or(0);
  out.decode_traffic_global_bytes_per_token_bf16 =
      fields.Number("decode_traffic_global_bytes_per_token_bf16", kBytes);
  out.decode_traffic_window_bytes_per_token_bf16 =
      fields.Number("decode_traffic_window_bytes_per_token_bf16", kBytes);
  for (const Value* run : fields.List("layers")) ReadLayerRun(*run, out, problems);
  fields.ReportUnknown();
  return out;
}

catalog::OwnFile ReadOwnFile(const Value& value, Problems& problems) {
  Fields fields(value, "own_file", problems);
  fields.Require({"path", "quant", "engines"});
  catalog::OwnFile file;
  file.path = fields.Text("path").value_or("");
  file.quant = fields.Text("quant").value_or("");
  file.engines = ReadEngines(fields, problems);
  file.same_as = fields.Text("same_as").value_or("");
  fields.ReportUnknown();
  return file;
}

catalog::Model ReadModel(Fields& fields, Problems& problems) {
  catalog::Model model;
  fields.Require({"id", "name", "architecture"});
  model.id = fields.Text("id").value_or("");
  model.name = fields.Text("name").value_or("");
  model.hf_id = fields.Text("hf_id").value_or("");
  model.model_type = fields.Text("model_type").value_or("");
  model.aliases = fields.Texts("aliases");
  model.license = fields.Text("license").value_or("");
  model.max_context = fields.Integer("max_context", kPositiveCount);
  if (const Value* value = fields.Find("architecture")) {
    model.architecture = ReadArchitecture(*value, problems);
  }
  model.fp8_block_scales = fields.Flag("fp8_block_scales").value_or(false);
  model.released_as = fields.Text("released_as").value_or("");
  if (const Value* value = fields.Find("parameters")) {
    model.parameters = ReadParameters(*value, problems);
  }
  if (const Value* value = fields.Find("kv_cache")) model.kv_cache = ReadKvCache(*value, problems);
  if (const Value* value = fields.Find("own_file")) model.own_file = ReadOwnFile(*value, problems);
  model.unknown_architecture = fields.Flag("unknown_architecture").value_or(false);
  const std::size_t described = model.kv_cache.layers.size();
  if (described > 0 && described != static_cast<std::size_t>(model.architecture.layers)) {
    problems.Add(fields.value(), absl::StrCat("kv_cache describes ", described, " layers of ",
                                              model.architecture.layers));
  }
  model.notes = fields.Text("notes").value_or("");
  model.provenance = ReadProvenance(fields);
  return model;
}

// ---------------------------------------------------------------- quantizations

catalog::TensorBits ReadTensorBits(const Value& value, Problems& problems) {
  Fields fields(value, "bits", problems);
  fields.Require({"experts", "dense", "head", "embedding"});
  catalog::TensorBits bits;
  bits.experts = fields.Number("experts", kBits).value_or(0);
  bits.dense = fields.Number("dense", kBits).value_or(0);
  bits.head = fields.Number("head", kBits).value_or(0);
  bits.embedding = fields.Number("embedding", kBits).value_or(0);
  bits.mixer = fields.Number("mixer", kBits);
  fields.ReportUnknown();
  return bits;
}

std::map<Engine, catalog::TensorBits> ReadBitsByEngine(const Value& value, Problems& problems) {
  Fields fields(value, "bits_by_engine", problems);
  std::map<Engine, catalog::TensorBits> bits;
  for (Engine engine : catalog::kAllEngines) {
    if (const Value* of_engine = fields.Find(Name(engine))) {
      bits[engine] = ReadTensorBits(*of_engine, problems);
    }
  }
  fields.ReportUnknown();
  return bits;
}

catalog::Quantization ReadQuantization(Fields& fields, Problems& problems) {
  catalog::Quantization quant;
  fields.Require({"id", "family", "engines"});
  quant.id = fields.Text("id").value_or("");
  quant.aliases = fields.Texts("aliases");
  quant.family = fields.OneOf("family", {"gguf", "mlx", "safetensors"}).value_or("");
  quant.engines = ReadEngines(fields, problems);
  quant.platforms = fields.Texts("platforms");
  quant.native_to = fields.Texts("native_to");
  quant.chip_generations = fields.Texts("chip_generations");
  quant.uncommon = fields.Flag("uncommon").value_or(false);
  if (const Value* value = fields.Find("bits")) quant.bits = ReadTensorBits(*value, problems);
  if (const Value* value = fields.Find("bits_by_engine")) {
    quant.bits_by_engine = ReadBitsByEngine(*value, problems);
  }
  quant.unaligned_expert_bits = fields.Number("unaligned_expert_bits", kBits);
  if (const Value* value = fields.Find("bits_moe")) {
    quant.bits_moe = ReadTensorBits(*value, problems);
  }
  if (const Value* value = fields.Find("bits_unaligned")) {
    quant.bits_unaligned = ReadTensorBits(*value, problems);
  }
  quant.row_multiple = fields.Integer("row_multiple", kPositiveCount);
  quant.mamba_attention_16_bit = fields.Flag("mamba_attention_16_bit").value_or(false);
  quant.nominal_bits = fields.Number("nominal_bits", kBits);
  quant.whole_file_bits_per_weight = fields.Number("whole_file_bits_per_weight", kBits);
  quant.notes = fields.Text("notes").value_or("");
  quant.provenance = ReadProvenance(fields);
  return quant;
}

catalog::KvCacheType ReadKvCacheType(Fields& fields, Problems& problems) {
  catalog::KvCacheType type;
  fields.Require({"id", "bits"});
  type.id = fields.Text("id").value_or("");
  type.aliases = fields.Texts("aliases");
  type.bits = fields.Number("bits", kBits).value_or(16);
  type.engines = ReadEngines(fields, problems);
  type.notes = fields.Text("notes").value_or("");
  type.provenance = ReadProvenance(fields);
  return type;
}

catalog::FileLayout ReadLayout(const Value& value, Problems& problems) {
  constexpr Range kBytes = Between(0, 1e15);
  Fields fields(value, "layout", problems);
  fields.Require({"input", "layers", "output"});
  const auto bytes = [](std::optional<double> number) {
    return Bytes{static_cast<std::int64_t>(number.value_or(0))};
  };
  catalog::FileLayout layout;
  layout.input = bytes(fields.Number("input", kBytes));
  for (const Value* run : fields.List("layers")) {  // {count: 12, bytes: 1000}
    Fields run_fields(*run, "layout_run", problems);
    run_fields.Require({"count", "bytes"});
    const int count = run_fields.Integer("count", Between(1, 4096)).value_or(0);
    const Bytes each = bytes(run_fields.Number("bytes", kBytes));
    run_fields.ReportUnknown();
    layout.layers.insert(layout.layers.end(), static_cast<std::size_t>(count), each);
  }
  layout.output = bytes(fields.Number("output", kBytes));
  layout.tied = fields.Flag("tied").value_or(false);
  layout.other = bytes(fields.Number("other", kBytes));
  fields.ReportUnknown();
  return layout;
}

catalog::Artifact ReadArtifact(Fields& fields, Problems& problems) {
  catalog::Artifact artifact;
  fields.Require({"model", "quant", "bytes", "exact"});
  artifact.model = fields.Text("model").value_or("");
  artifact.quant = fields.Text("quant").value_or("");
  artifact.name = fields.Text("artifact").value_or("");
  artifact.bytes = {
      static_cast<std::int64_t>(fields.Number("bytes", Between(1, 1e15)).value_or(0))};
  artifact.exact = fields.Flag("exact").value_or(false);
  if (const Value* value = fields.Find("bits")) artifact.bits = ReadTensorBits(*value, problems);
  if (const Value* value = fields.Find("layout")) artifact.layout = ReadLayout(*value, problems);
  artifact.notes = fields.Text("notes").value_or("");
  artifact.provenance = ReadProvenance(fields);
  return artifact;
}

// ---------------------------------------------------------------- hardware

catalog::Chip ReadChip(Fields& fields, Problems& problems) {
  catalog::Chip chip;
  fields.Require({"id", "name", "vendor", "family", "memory"});
  chip.id = fields.Text("id").value_or("");
  chip.name = fields.Text("name").value_or("");
  chip.aliases = fields.Texts("aliases");
  chip.vendor = fields.OneOf("vendor", {"apple", "nvidia", "amd", "intel"}).value_or("");
  chip.family = fields.Text("family").value_or("");
  chip.generation = fields.Text("generation").value_or("");
  chip.gpu_cores = fields.Integer("gpu_cores", Between(1, 1e6));
  chip.memory_bandwidth =
      Scaled<BytesPerSecond>(fields.Number("memory_bandwidth_gbps", kGigabytesPerSecond), 1e9);
  chip.fp16_dense = Scaled<FlopsPerSecond>(fields.Number("fp16_dense_tflops", kTeraflops), 1e12);
  chip.fp8_dense = Scaled<FlopsPerSecond>(fields.Number("fp8_dense_tflops", kTeraflops), 1e12);
  chip.fp4_dense = Scaled<FlopsPerSecond>(fields.Number("fp4_dense_tflops", kTeraflops), 1e12);
  chip.fp16_accumulate_dense =
      Scaled<FlopsPerSecond>(fields.Number("fp16_accumulate_dense_tflops", kTeraflops), 1e12);
  chip.int8_dense = Scaled<FlopsPerSecond>(fields.Number("int8_dense_tops", kTeraflops), 1e12);
  chip.power_limit = fields.Power("tdp_w");
  chip.unified_memory = fields.OneOf("memory", {"unified", "discrete"}) != "discrete";
  for (const Word& option : fields.References("memory_options")) {
    const absl::StatusOr<Bytes> size = ParseBytes(option.text);
    if (size.ok()) {
      chip.memory_options.push_back(*size);
    } else {
      problems.Add(*option.at, std::string(size.status().message()));
    }
  }
  chip.reported_as = fields.Texts("reported_as");
  chip.notes = fields.Text("notes").value_or("");
  chip.provenance = ReadProvenance(fields);
  return chip;
}

catalog::Ports ReadPorts(const Value& value, Problems& problems) {
  Fields fields(value, "ports", problems);
  catalog::Ports ports;
  if (const Value* at = fields.Find("thunderbolt")) {
    Fields thunderbolt(*at, "thunderbolt", problems);
    thunderbolt.Require({"version", "count", "rdma"});
    ports.thunderbolt = {
        .version = thunderbolt.Integer("version", Between(1, 5)).value_or(0),
        .count = thunderbolt.Integer("count", Between(0, 64)).value_or(0),
        .rdma = thunderbolt.Integer("rdma", Between(0, 64)).value_or(0),
    };
    thunderbolt.ReportUnknown();
  }
  if (const Value* at = fields.Find("connectx7")) {
    Fields connectx7(*at, "connectx7", problems);
    connectx7.Require({"cages", "gbps"});
    ports.connectx7 = {
        .cages = connectx7.Integer("cages", Between(0, 64)).value_or(0),
        .gbps = connectx7.Number("gbps", Between(0, 1e5)).value_or(0),
    };
    connectx7.ReportUnknown();
  }
  ports.ethernet_gbps = fields.Number("ethernet_gbps", Above(0, 1e5));
  fields.ReportUnknown();
  return ports;
}

catalog::Machine ReadMachine(Fields& fields, Problems& problems) {
  using catalog::OperatingSystem;
  catalog::Machine machine;
  fields.Require({"id", "name", "os"});
  machine.id = fields.Text("id").value_or("");
  machine.name = fields.Text("name").value_or("");
  machine.aliases = fields.Texts("aliases");
  machine.chip = fields.Text("chip").value_or("");
  machine.other_chips = fields.Texts("other_chips");
  machine.model_identifiers = fields.Texts("model_identifiers");
  machine.reported_as = fields.Texts("reported_as");
  machine.os = fields
                   .Choice("os", {OperatingSystem::kMacos, OperatingSystem::kLinux,
                                  OperatingSystem::kWindows})
                   .value_or(OperatingSystem::kLinux);
  machine.accelerators = fields.Integer("accelerators", Between(1, 64)).value_or(1);
  const std::optional<Bytes> memory = fields.Size("memory");
  const std::optional<Bytes> system_memory = fields.Size("system_memory");
  machine.vram_per_accelerator = fields.Size("vram_per_accelerator");
  // Beside cards with memory of their own, what is installed is the host's.
  machine.memory =
      machine.vram_per_accelerator && system_memory ? *system_memory : memory.value_or(Bytes{});
  const bool owner_states_cards = machine.chip.empty();
  if (fields.valid() && !machine.vram_per_accelerator && !memory && !owner_states_cards) {
    fields.Require({"memory"});
  }
  machine.memory_visible = fields.Size("memory_visible");
  machine.memory_available = fields.Size("memory_available");
  if (const Value* value = fields.Find("ports")) machine.ports = ReadPorts(*value, problems);
  if (const Value* value = fields.Find("power")) {
    Fields power(*value, "power", problems);
    machine.idle_power = power.Power("idle_w");
    machine.load_power = power.Power("load_w");
    power.ReportUnknown();
  }
  machine.sold_new = fields.Flag("sold_new");
  machine.withdrawn = fields.Text("withdrawn").value_or("");
  machine.released = fields.Text("released").value_or("");
  machine.notes = fields.Text("notes").value_or("");
  machine.provenance = ReadProvenance(fields);
  return machine;
}

catalog::MetalLimit ReadMetalLimit(Fields& fields) {
  catalog::MetalLimit limit;
  fields.Require({"ram"});
  limit.ram = fields.Size("ram").value_or(Bytes{});
  limit.macos_min = fields.Integer("macos_min", Between(0, 1000)).value_or(0);
  limit.macos_max = fields.Integer("macos_max", Between(0, 1000)).value_or(0);
  const std::optional<double> fraction = fields.Number("fraction", Above(0, 1));
  const std::optional<double> mib = fields.Number("working_set_mib", Above(0, 1e9));
  limit.working_set = mib ? Bytes{1 << 20} * *mib : fraction ? limit.ram * *fraction : Bytes{};
  if (!mib && !fraction) fields.Require({"working_set_mib"});
  fields.Text("notes");
  limit.provenance = ReadProvenance(fields);
  return limit;
}

// ---------------------------------------------------------------- links and items

catalog::Link ReadLink(Fields& fields, Problems& problems) {
  using catalog::Transport;
  catalog::Link link;
  fields.Require({"id", "name", "transport", "medium"});
  link.id = fields.Text("id").value_or("");
  link.name = fields.Text("name").value_or("");
  link.aliases = fields.Texts("aliases");
  link.transport = fields
                       .Choice("transport", {Transport::kNone, Transport::kRdma, Transport::kTcp,
                                             Transport::kPcie})
                       .value_or(Transport::kTcp);
  link.medium = fields
                    .OneOf("medium", {"none", "thunderbolt5", "thunderbolt4", "thunderbolt",
                                      "connectx7", "ethernet", "wifi", "pcie"})
                    .value_or("");
  link.bandwidth = Scaled<BitsPerSecond>(fields.Number("bandwidth_gbps", Between(0, 1e6)), 1e9);
  link.direct_cable = fields.Text("direct_cable").value_or("");
  link.switches = fields.Texts("switch");
  link.ports_used = fields.Integer("ports_used", Between(0, 16)).value_or(1);
  link.engines = ReadEngines(fields, problems);
  if (const Value* value = fields.Find("requirements")) {
    Fields requirements(*value, "requirements", problems);
    link.required_os = requirements.OneOf("os", {"macos", "linux", "windows"}).value_or("");
    link.min_os_version = requirements.Text("min_os_version").value_or("");
    requirements.ReportUnknown();
  }
  link.notes = fields.Text("notes").value_or("");
  link.provenance = ReadProvenance(fields);
  return link;
}

catalog::InterconnectItem ReadItem(Fields& fields) {
  catalog::InterconnectItem item;
  fields.Require({"id", "name", "kind"});
  item.id = fields.Text("id").value_or("");
  item.name = fields.Text("name").value_or("");
  item.kind = fields.OneOf("kind", {"cable", "dac", "switch", "card"}).value_or("");
  item.ports = fields.Integer("ports", Between(1, 10000));
  item.power = fields.Power("power_w");
  fields.Text("notes");
  item.provenance = ReadProvenance(fields);
  return item;
}

// ---------------------------------------------------------------- money

catalog::PriceOffer ReadOffer(Fields& fields) {
  using catalog::Condition;
  catalog::PriceOffer offer;
  fields.Require({"id", "item", "condition", "price_usd"});
  offer.id = fields.Text("id").value_or("");
  offer.item = fields.Text("item").value_or("");
  offer.condition =
      fields.Choice("condition", {Condition::kNew, Condition::kUsed, Condition::kRefurbished})
          .value_or(Condition::kNew);
  offer.price = fields.Dollars("price_usd").value_or(Usd{});
  offer.price_low = fields.Dollars("price_low_usd");
  offer.price_high = fields.Dollars("price_high_usd");
  offer.available = fields.Flag("available").value_or(true);
  fields.Text("withdrawn");
  fields.Text("notes");
  offer.provenance = ReadProvenance(fields);
  return offer;
}

struct TokenPrices {
  UsdPerMtok input;
  UsdPerMtok output;
  std::optional<UsdPerMtok> cached_input;
};

TokenPrices ReadTokenPrices(Fields& fields) {
  fields.Require({"input_usd_per_mtok", "output_usd_per_mtok"});
  TokenPrices prices;
  prices.input = {fields.Number("input_usd_per_mtok", kUsdPerMtok).value_or(0)};
  prices.output = {fields.Number("output_usd_per_mtok", kUsdPerMtok).value_or(0)};
  prices.cached_input =
      Scaled<UsdPerMtok>(fields.Number("cached_input_usd_per_mtok", kUsdPerMtok), 1);
  return prices;
}

catalog::CloudModel ReadCloudModel(Fields& fields) {
  catalog::CloudModel model;
  fields.Require({"id", "provider", "tier"});
  model.id = fields.Text("id").value_or("");
  model.provider = fields.Text("provider").value_or("");
  const TokenPrices prices = ReadTokenPrices(fields);
  model.input = prices.input;
  model.output = prices.output;
  model.cached_input = prices.cached_input;
  model.tier = fields.OneOf("tier", {"small", "mid", "frontier"}).value_or("");
  fields.Text("notes");
  model.provenance = ReadProvenance(fields);
  return model;
}

catalog::HostedOffer ReadHostedOffer(Fields& fields) {
  catalog::HostedOffer offer;
  fields.Require({"provider"});
  offer.provider = fields.Text("provider").value_or("");
  const TokenPrices prices = ReadTokenPrices(fields);
  offer.input = prices.input;
  offer.output = prices.output;
  offer.cached_input = prices.cached_input;
  fields.Text("notes");
  offer.provenance = ReadProvenance(fields);
  return offer;
}

catalog::FrontierEquivalent ReadFrontierEquivalent(Fields& fields) {
  catalog::FrontierEquivalent equivalent;
  fields.Require({"model", "cloud_model", "basis"});
  equivalent.model = fields.Text("model").value_or("");
  equivalent.cloud_model = fields.Text("cloud_model").value_or("");
  equivalent.basis = fields.Text("basis").value_or("");
  equivalent.provenance = ReadProvenance(fields);
  return equivalent;
}

catalog::PriceDecline ReadDecline(Fields& fields) {
  catalog::PriceDecline decline;
  fields.Require({"baseline", "low", "mid", "high"});
  decline.baseline = fields
                         .OneOf("baseline", {Name(fleet::Baseline::kFrontierEquivalent),
                                             Name(fleet::Baseline::kSameModelHosted)})
                         .value_or("");
  decline.low = fields.Number("low", kFraction).value_or(0);
  decline.mid = fields.Number("mid", kFraction).value_or(0);
  decline.high = fields.Number("high", kFraction).value_or(0);
  fields.Text("notes");
  decline.provenance = ReadProvenance(fields);
  return decline;
}

catalog::WorkloadPreset ReadWorkloadPreset(Fields& fields) {
  constexpr Range kTokens = Between(1, 1e8);
  catalog::WorkloadPreset preset;
  fields.Require({"id", "description", "input_per_output", "context", "prompt"});
  preset.id = fields.Text("id").value_or("");
  preset.description = fields.Text("description").value_or("");
  preset.input_per_output = fields.Number("input_per_output", Between(0, 1e6)).value_or(0);
  preset.cached_input_share = fields.Number("cached_input_share", kFraction).value_or(0);
  preset.context_tokens = static_cast<int>(fields.Tokens("context", kTokens).value_or(1));
  preset.prompt_tokens = static_cast<int>(fields.Tokens("prompt", kTokens).value_or(1));
  preset.concurrency = fields.Integer("concurrency", Between(1, 100'000)).value_or(1);
  preset.utilization = fields.Number("utilization", Above(0, 1));
  preset.provenance = ReadProvenance(fields);
  return preset;
}

// What makes an entry the same as one of an earlier file.
template <class Entry>
std::string KeyOf(const Entry& entry) {
  return entry.id;
}
std::string KeyOf(const catalog::MetalLimit& limit) {
  return absl::StrCat(limit.ram.count, " bytes from macOS ", limit.macos_min);
}
std::string KeyOf(const catalog::FrontierEquivalent& equivalent) { return equivalent.model; }
std::string KeyOf(const catalog::PriceDecline& decline) { return decline.baseline; }

template <class Entry>
std::vector<std::string> Ids(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

}  // namespace

class CatalogReader::State {
 public:
  explicit State(Problems& problems) : problems_(problems) {}

  void Read(const Document& document);
  catalog::Catalog Finish();

 private:
  // Something that an entry refers to by id, checked once all files are read.
  enum class Target { kModel, kQuantization, kChip, kOfferItem, kInterconnectItem, kCloudModel };
  struct PendingReference {
    Target target;
    Word word;
  };

  // Where an entry stands in its list.
  struct Place {
    std::size_t index;
    const Value* at;
  };

  // Adds `entry`, or replaces the one of the same key from an earlier file.
  template <class Entry>
  void Keep(std::vector<Entry>& list, std::string_view section, const Value& at, Entry entry) {
    const std::string key = KeyOf(entry);
    if (key.empty()) return;  // reported as missing
    const auto [it, added] =
        places_.try_emplace(absl::StrCat(std::string(section), "/", key), Place{list.size(), &at});
    if (added) {
      list.push_back(std::move(entry));
      return;
    }
    if (it->second.at->file == at.file) {
      problems_.Add(at, absl::StrCat("a second ", std::string(section), " \"", key, "\""),
                    absl::StrCat("the first is on line ", it->second.at->line));
      return;
    }
    it->second.at = &at;
    list[it->second.index] = std::move(entry);
  }

  void Refer(Target target, const Value& entry, std::string_view key);
  void ReferToEach(Target target, const Value& entry, std::string_view key);
  void Resolve(const PendingReference& reference);
  template <class Entry, class Belongs>
  void MakeRoom(std::vector<Entry>& list, std::string key, const Value& at, Belongs belongs);
  void KeepArtifact(const Value& at, catalog::Artifact artifact);
  void ReadHosted(const Value& value);
  void ReadEntry(std::string_view section, const Value& value);

  Problems& problems_;
  catalog::Catalog catalog_;
  std::map<std::string, Place> places_;
  std::vector<PendingReference> references_;
  std::map<std::string, const std::string*> list_files_;  // which file last gave a whole list
};

void CatalogReader::State::Refer(Target target, const Value& entry, std::string_view key) {
  const Value* value = entry.Find(key);
  if (value != nullptr && value->is_scalar()) {
    references_.push_back({target, {value->text, value}});
  }
}

void CatalogReader::State::ReferToEach(Target target, const Value& entry, std::string_view key) {
  const Value* list = entry.Find(key);
  if (list == nullptr) return;
  for (const Value* item : list->items) {
    if (item->is_scalar()) references_.push_back({target, {item->text, item}});
  }
}

// A list that one file gives for `key` as a whole: the rows of an earlier file go.
template <class Entry, class Belongs>
void CatalogReader::State::MakeRoom(std::vector<Entry>& list, std::string key, const Value& at,
                                    Belongs belongs) {
  const auto [it, added] = list_files_.try_emplace(std::move(key), at.file);
  if (added || it->second == at.file) return;
  it->second = at.file;
  std::erase_if(list, belongs);
}

void CatalogReader::State::KeepArtifact(const Value& at, catalog::Artifact artifact) {
  MakeRoom(catalog_.artifacts, absl::StrCat("artifact/", artifact.model, "/", artifact.quant), at,
           [&](const catalog::Artifact& held) {
             return held.model == artifact.model && held.quant == artifact.quant;
           });
  catalog_.artifacts.push_back(std::move(artifact));
}

void CatalogReader::State::ReadHosted(const Value& value) {
  Fields fields(value, "hosted", problems_);
  fields.Require({"model", "offers"});
  const std::string model = fields.Text("model").value_or("");
  Refer(Target::kModel, value, "model");
  MakeRoom(catalog_.hosted, absl::StrCat("hosted/", model), value,
           [&](const catalog::HostedOffer& held) { return held.model == model; });
  for (const Value* item : fields.List("offers")) {
    Fields offer_fields(*item, "hosted_offer", problems_);
    catalog::HostedOffer offer = ReadHostedOffer(offer_fields);
    offer_fields.ReportUnknown();
    offer.model = model;
    catalog_.hosted.push_back(std::move(offer));
  }
  fields.ReportUnknown();
}

void CatalogReader::State::ReadEntry(std::string_view section, const Value& value) {
  if (section == "hosted") return ReadHosted(value);
  Fields fields(value, section, problems_);
  if (!fields.valid()) return;
  catalog::Catalog& out = catalog_;
  if (section == "model") {
    catalog::Model model = ReadModel(fields, problems_);
    Refer(Target::kQuantization, value, "released_as");
    if (const Value* file = value.Find("own_file")) {
      Refer(Target::kModel, *file, "same_as");
      Refer(Target::kQuantization, *file, "quant");
    }
    Keep(out.models, section, value, std::move(model));
  } else if (section == "quantization") {
    catalog::Quantization quant = ReadQuantization(fields, problems_);
    ReferToEach(Target::kModel, value, "native_to");
    Keep(out.quantizations, section, value, std::move(quant));
  } else if (section == "kv_cache_type") {
    catalog::KvCacheType type = ReadKvCacheType(fields, problems_);
    Keep(out.kv_cache_types, section, value, std::move(type));
  } else if (section == "artifact") {
    Refer(Target::kModel, value, "model");
    Refer(Target::kQuantization, value, "quant");
    KeepArtifact(value, ReadArtifact(fields, problems_));
  } else if (section == "chip") {
    catalog::Chip chip = ReadChip(fields, problems_);
    Keep(out.chips, section, value, std::move(chip));
  } else if (section == "machine") {
    catalog::Machine machine = ReadMachine(fields, problems_);
    Refer(Target::kChip, value, "chip");
    ReferToEach(Target::kChip, value, "other_chips");
    Keep(out.machines, section, value, std::move(machine));
  } else if (section == "metal_limit") {
    catalog::MetalLimit limit = ReadMetalLimit(fields);
    Keep(out.metal_limits, section, value, std::move(limit));
  } else if (section == "link") {
    catalog::Link link = ReadLink(fields, problems_);
    Refer(Target::kInterconnectItem, value, "direct_cable");
    ReferToEach(Target::kInterconnectItem, value, "switch");
    Keep(out.links, section, value, std::move(link));
  } else if (section == "item") {
    catalog::InterconnectItem item = ReadItem(fields);
    Keep(out.items, section, value, std::move(item));
  } else if (section == "offer") {
    catalog::PriceOffer offer = ReadOffer(fields);
    Refer(Target::kOfferItem, value, "item");
    Keep(out.offers, section, value, std::move(offer));
  } else if (section == "cloud_model") {
    catalog::CloudModel model = ReadCloudModel(fields);
    Keep(out.cloud_models, section, value, std::move(model));
  } else if (section == "frontier_equivalent") {
    catalog::FrontierEquivalent equivalent = ReadFrontierEquivalent(fields);
    Refer(Target::kModel, value, "model");
    Refer(Target::kCloudModel, value, "cloud_model");
    Keep(out.frontier_equivalents, section, value, std::move(equivalent));
  } else if (section == "decline") {
    catalog::PriceDecline decline = ReadDecline(fields);
    Keep(out.declines, section, value, std::move(decline));
  } else if (section == "workload_preset") {
    catalog::WorkloadPreset preset = ReadWorkloadPreset(fields);
    Keep(out.workload_presets, section, value, std::move(preset));
  }
  fields.ReportUnknown();
}

void CatalogReader::State::Read(const Document& document) {
  // The list's key in the file, and what one of its entries is called.
  static constexpr std::pair<std::string_view, std::string_view> kSections[] = {
      {"models", "model"},
      {"quantizations", "quantization"},
      {"kv_cache_types", "kv_cache_type"},
      {"artifacts", "artifact"},
      {"chips", "chip"},
      {"machines", "machine"},
      {"metal_limits", "metal_limit"},
      {"links", "link"},
      {"items", "item"},
      {"offers", "offer"},
      {"cloud_models", "cloud_model"},
      {"hosted", "hosted"},
      {"frontier_equivalents", "frontier_equivalent"},
      {"declines", "decline"},
      {"workload_presets", "workload_preset"},
  };
  Fields fields(document.root(), "catalogue", problems_);
  fields.Require({"schema"});
  fields.OneOf("schema", {std::string(kCatalogSchema)});
  for (const auto& [key, section] : kSections) {
    for (const Value* value : fields.List(key)) ReadEntry(section, *value);
  }
  fields.ReportUnknown();
}

void CatalogReader::State::Resolve(const PendingReference& reference) {
  const std::string& text = reference.word.text;
  const Value& at = *reference.word.at;
  const auto missing = [&](const auto* found, std::string_view what, auto& list) {
    if (found == nullptr) problems_.AddUnknown(at, what, text, Ids(list));
  };
  switch (reference.target) {
    case Target::kModel:
      return missing(catalog_.FindModel(text), "model", catalog_.models);
    case Target::kQuantization:
      return missing(catalog_.FindQuantization(text), "quantization", catalog_.quantizations);
    case Target::kChip:
      return missing(catalog_.FindChip(text), "chip", catalog_.chips);
    case Target::kInterconnectItem:
      return missing(catalog_.FindItem(text), "item", catalog_.items);
    case Target::kCloudModel:
      return missing(catalog_.FindCloudModel(text), "cloud model", catalog_.cloud_models);
    case Target::kOfferItem:
      if (catalog_.FindItem(text) != nullptr) return;
      return missing(catalog_.FindMachine(text), "machine or item", catalog_.machines);
  }
}

catalog::Catalog CatalogReader::State::Finish() {
  catalog_.Index();
  for (const PendingReference& reference : references_) Resolve(reference);
  return std::move(catalog_);
}

CatalogReader::CatalogReader(Problems& problems) : state_(std::make_unique<State>(problems)) {}
CatalogReader::~CatalogReader() = default;
void CatalogReader::Read(const Document& document) { state_->Read(document); }
catalog::Catalog CatalogReader::Finish() { return state_->Finish(); }

}  // namespace capacity::inventory
