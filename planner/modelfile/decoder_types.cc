#include "planner/modelfile/decoder_types.h"

#include <algorithm>
#include <iterator>

namespace capacity::modelfile {
namespace {

// Defaults of the decoders that stand inside others (huggingface/transformers,
// src/transformers/models/*/configuration_*.py of each type, read in November 2026). 0: none; of
// the key heads that means one for each head.
struct Defaults {
  std::string_view type;
  int layers;
  int hidden;
  int heads;
  int kv_heads;
  int head_dim;
  int ffn;
  int vocab;
  int context;  // tokens
  int window;   // tokens
};
constexpr Defaults kDefaults[] = {
    {"llama", 32, 4'096, 32, 0, 0, 11'008, 32'000, 2'048, 0},
    {"mistral", 32, 4'096, 32, 8, 0, 14'336, 32'000, 131'072, 4'096},
    {"gemma", 28, 3'072, 16, 16, 256, 24'576, 256'000, 8'192, 0},
    {"gemma2", 26, 2'304, 8, 4, 256, 9'216, 256'000, 8'192, 4'096},
    {"gemma3_text", 26, 2'304, 8, 4, 256, 9'216, 262'208, 131'072, 4'096},
    {"gemma3n_text", 35, 2'048, 8, 2, 256, 16'384, 262'400, 32'768, 512},
    {"qwen2", 32, 4'096, 32, 32, 0, 22'016, 151'936, 32'768, 0},
    {"qwen3", 32, 4'096, 32, 32, 128, 22'016, 151'936, 32'768, 0},
};

template <class List>
bool Holds(const List& list, std::string_view type) {
  return std::find(std::begin(list), std::end(list), type) != std::end(list);
}

struct Field {
  std::string_view name;
  int Defaults::* value;
};
constexpr Field kFields[] = {
    {"num_hidden_layers", &Defaults::layers},  {"hidden_size", &Defaults::hidden},
    {"num_attention_heads", &Defaults::heads}, {"num_key_value_heads", &Defaults::kv_heads},
    {"head_dim", &Defaults::head_dim},         {"intermediate_size", &Defaults::ffn},
    {"vocab_size", &Defaults::vocab},          {"max_position_embeddings", &Defaults::context},
    {"sliding_window", &Defaults::window},
};

}  // namespace

bool KnowsCaches(std::string_view model_type) {
  // transformers 4.57 and 5, mlx-lm 0.28: their configuration files.
  static constexpr std::string_view kKnown[] = {
      "apertus",
      "arcee",
      "baichuan",
      "bailing_moe",
      "bailing_moe_v2",
      "bamba",
      "bloom",
      "chatglm",
      "codegen",
      "codeshell",
      "cohere",
      "cohere2",
      "command-r",
      "dbrx",
      "deepseek",
      "deepseek_v2",
      "deepseek_v3",
      "deepseek_v32",
      "dots1",
      "ernie4_5",
      "ernie4_5_moe",
      "exaone",
      "exaone4",
      "falcon",
      "falcon_h1",
      "falcon_mamba",
      "gemma",
      "gemma2",
      "gemma3",
      "gemma3_text",
      "gemma3n",
      "gemma3n_text",
      "gemma4",
      "gemma4_text",
      "glm",
      "glm4",
      "glm4_moe",
      "glm4_moe_lite",
      "glm4v_moe",
      "glm_moe_dsa",
      "gpt2",
      "gpt_bigcode",
      "gpt_neox",
      "gpt_oss",
      "gptj",
      "granite",
      "granitemoe",
      "granitemoehybrid",
      "granitemoeshared",
      "hunyuan_v1_dense",
      "hunyuan_v1_moe",
      "internlm2",
      "internlm3",
      "jamba",
      "kimi_k2",
      "kimi_linear",
      "lfm2",
      "lfm2_moe",
      "llama",
      "llama4",
      "llama4_text",
      "mamba",
      "mamba2",
      "mimo_v2_flash",
      "minicpmo",
      "minicpmv",
      "minimax",
      "minimax_m1",
      "minimax_m2",
      "minimax_text_01",
      "ministral",
      "ministral3",
      "mistral",
      "mistral3",
      "mixtral",
      "mpt",
      "nemotron",
      "nemotron-nas",
      "nemotron_h",
      "olmo",
      "olmo2",
      "olmo3",
      "olmoe",
      "opt",
      "persimmon",
      "phi",
      "phi3",
      "phi4mm",
      "phimoe",
      "qwen2",
      "qwen2_5_omni_text",
      "qwen2_5_omni_thinker",
      "qwen2_5_vl",
      "qwen2_5_vl_text",
      "qwen2_moe",
      "qwen2_vl",
      "qwen2_vl_text",
      "qwen3",
      "qwen3_5",
      "qwen3_5_moe",
      "qwen3_5_moe_text",
      "qwen3_5_text",
      "qwen3_moe",
      "qwen3_next",
      "qwen3_omni_moe_text",
      "qwen3_vl",
      "qwen3_vl_moe",
      "qwen3_vl_moe_text",
      "qwen3_vl_text",
      "recurrent_gemma",
      "rwkv",
      "rwkv5",
      "rwkv6",
      "rwkv7",
      "seed_oss",
      "smollm3",
      "solar",
      "stablelm",
      "starcoder2",
      "zamba",
      "zamba2",
  };
  return Holds(kKnown, model_type);
}

bool IgnoresWindow(std::string_view model_type) {
  return model_type == "mistral" || model_type == "mixtral" || model_type == "phi3" ||
         model_type == "phimoe" || model_type == "starcoder2" || model_type == "minimax" ||
         model_type == "ministral" || model_type == "ministral3";
}

std::string_view NoDecoder(std::string_view model_type) {
  static constexpr std::string_view kEncoders[] = {
      "albert",
      "bert",
      "bert-generation",
      "big_bird",
      "camembert",
      "canine",
      "clip",
      "clip_text_model",
      "convbert",
      "data2vec-text",
      "deberta",
      "deberta-v2",
      "distilbert",
      "electra",
      "ernie",
      "esm",
      "eurobert",
      "flaubert",
      "fnet",
      "funnel",
      "gte",
      "ibert",
      "jina_bert",
      "layoutlm",
      "layoutlmv2",
      "layoutlmv3",
      "longformer",
      "luke",
      "markuplm",
      "megatron-bert",
      "mobilebert",
      "modernbert",
      "mpnet",
      "neobert",
      "new",
      "nezha",
      "nomic_bert",
      "nystromformer",
      "qdqbert",
      "rembert",
      "roberta",
      "roberta-prelayernorm",
      "roformer",
      "siglip",
      "siglip_text_model",
      "squeezebert",
      "t5encoder",
      "vit",
      "wav2vec2",
      "xlm",
      "xlm-roberta",
      "xlm-roberta-xl",
      "xmod",
      "yoso",
  };
  static constexpr std::string_view kBoth[] = {
      "bart",
      "bigbird_pegasus",
      "blenderbot",
      "blenderbot-small",
      "led",
      "longt5",
      "m2m_100",
      "marian",
      "mbart",
      "moonshine",
      "mt5",
      "mvp",
      "nllb-moe",
      "pegasus",
      "pegasus_x",
      "plbart",
      "pop2piano",
      "prophetnet",
      "seamless_m4t",
      "seamless_m4t_v2",
      "speech_to_text",
      "switch_transformers",
      "t5",
      "t5gemma",
      "udop",
      "umt5",
      "whisper",
      "xlm-prophetnet",
  };
  if (Holds(kEncoders, model_type)) return "an encoder, which generates no tokens";
  if (Holds(kBoth, model_type)) {
    return "an encoder with a decoder; only models that are decoders alone are planned";
  }
  return "";
}

std::string_view TextTypeOf(std::string_view model_type) {
  struct Inside {
    std::string_view model;
    std::string_view text;
  };
  constexpr Inside kInside[] = {
      {"llava", "llama"},          {"llava_next", "llama"},      {"llava_next_video", "llama"},
      {"vipllava", "llama"},       {"video_llava", "llama"},     {"idefics3", "llama"},
      {"smolvlm", "llama"},        {"multi_modality", "llama"},  {"mistral3", "mistral"},
      {"idefics2", "mistral"},     {"paligemma", "gemma"},       {"gemma3", "gemma3_text"},
      {"gemma3n", "gemma3n_text"}, {"llava_onevision", "qwen2"}, {"qwen2_audio", "qwen2"},
      {"internvl", "qwen2"},
  };
  for (const Inside& inside : kInside) {
    if (inside.model == model_type) return inside.text;
  }
  return "";
}

std::optional<int> DefaultOf(std::string_view model_type, std::string_view field) {
  for (const Defaults& defaults : kDefaults) {
    if (defaults.type != model_type) continue;
    for (const Field& known : kFields) {
      if (known.name != field || defaults.*known.value == 0) continue;
      return defaults.*known.value;
    }
  }
  return std::nullopt;
}

}  // namespace capacity::modelfile
