#!/usr/bin/env python3
"""Small model files for the fuzzers to start from.

    model_file_seeds.py DIRECTORY

writes DIRECTORY/gguf, DIRECTORY/safetensors and DIRECTORY/config. Needs nothing but Python.
"""

import json
import pathlib
import struct
import sys

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
Q8_0, Q4_K, MXFP4 = 8, 12, 39
BLOCK = {0: (1, 4), 1: (1, 2), Q8_0: (32, 34), Q4_K: (256, 144), MXFP4: (32, 17)}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    if isinstance(value, bool):
        return text(key) + struct.pack("<IB", BOOL, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", U32, value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", F32, value)
    if isinstance(value, str):
        return text(key) + struct.pack("<I", STRING) + text(value)
    if value and isinstance(value[0], str):
        return (text(key) + struct.pack("<IIQ", ARRAY, STRING, len(value))
                + b"".join(text(item) for item in value))
    return (text(key) + struct.pack("<IIQ", ARRAY, I32, len(value))
            + struct.pack(f"<{len(value)}i", *value))


def gguf(metadata, tensors, version=3):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    out += b"".join(entry(key, value) for key, value in metadata.items())
    offset = 0
    for name, shape, kind in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        out += struct.pack("<IQ", kind, offset)
        numbers = 1
        for length in shape:
            numbers *= length
        block, size = BLOCK[kind]
        offset += -(-(numbers // block * size) // 32) * 32
    out += b"\0" * (-len(out) % 32)
    return out + b"\0" * offset


def plain(arch, more, layer_tensors, layers=2):
    metadata = {"general.architecture": arch, "general.name": "Seed", "general.file_type": 7,
                f"{arch}.block_count": layers, f"{arch}.context_length": 4096,
                f"{arch}.embedding_length": 32, f"{arch}.attention.head_count": 4,
                f"{arch}.attention.head_count_kv": 2, f"{arch}.feed_forward_length": 32}
    metadata.update({key.replace("*", arch): value for key, value in more.items()})
    tensors = [("token_embd.weight", [32, 4], Q8_0), ("output.weight", [32, 4], Q8_0)]
    for layer in range(layers):
        tensors += [(f"blk.{layer}.{name}", shape, kind) for name, shape, kind in layer_tensors]
    return gguf(metadata, tensors)


ATTENTION = [("attn_q.weight", [32, 1], Q8_0), ("attn_k.weight", [32, 1], Q8_0),
             ("attn_v.weight", [32, 1], Q8_0)]
GGUFS = {
    "dense": plain("llama", {}, ATTENTION + [("ffn_up.weight", [32, 2], Q8_0)]),
    "moe": plain("qwen3moe", {"*.expert_count": 2, "*.expert_used_count": 1,
                              "*.attention.key_length": 8},
                 ATTENTION + [("ffn_gate_exps.weight", [32, 1, 2], MXFP4),
                              ("ffn_down_exps.weight", [32, 1, 2], MXFP4),
                              ("ffn_gate_inp.weight", [32, 1], 0)]),
    "window": plain("gemma3", {"*.attention.sliding_window": 16,
                               "*.attention.sliding_window_pattern": [1, 0]}, ATTENTION),
    "mla": plain("deepseek2", {"*.attention.kv_lora_rank": 16, "*.rope.dimension_count": 4,
                               "*.attention.key_length_mla": 8, "*.nextn_predict_layers": 1},
                 [("attn_kv_a_mqa.weight", [32, 1], Q8_0), ("attn_k_b.weight", [32, 1], Q8_0)]),
    "hybrid": plain("granitehybrid", {"*.attention.head_count_kv": [0, 2], "*.ssm.state_size": 8,
                                      "*.ssm.inner_size": 16, "*.ssm.conv_kernel": 4},
                    ATTENTION + [("ssm_in.weight", [32, 1], 0)]),
    "unknown": plain("novel", {"tokenizer.ggml.tokens": ["a", "b"], "*.rope": 1.0, "*.flag": True},
                     ATTENTION),
    "split": plain("llama", {"split.count": 2, "split.no": 0, "split.tensors.count": 9}, ATTENTION),
    "old": gguf({"general.architecture": "llama"}, [], version=2),
}


def header(tensors):
    out, offset = {"__metadata__": {"format": "pt"}}, 0
    sizes = {"BF16": 2, "U32": 4, "U8": 1, "F8_E4M3": 1, "F32": 4, "I32": 4}
    for name, dtype, shape in tensors:
        size = sizes[dtype]
        for length in shape:
            size *= length
        out[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    return json.dumps(out).encode(), offset


def layer(names, dtype="BF16"):
    return [(f"model.layers.0.{name}.weight", dtype, [8, 8]) for name in names]


ENDS = [("model.embed_tokens.weight", "BF16", [16, 8]), ("lm_head.weight", "BF16", [16, 8])]
DENSE = layer(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.up_proj"])
BASE = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "num_hidden_layers": 1,
        "hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 16,
        "intermediate_size": 8, "max_position_embeddings": 64}
CHECKPOINTS = {
    "dense": (BASE, ENDS + DENSE),
    "moe": ({**BASE, "model_type": "deepseek_v3", "n_routed_experts": 2, "num_experts_per_tok": 1,
             "kv_lora_rank": 4, "qk_rope_head_dim": 2, "first_k_dense_replace": 0,
             "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}},
            ENDS + layer(["self_attn.kv_a_proj_with_mqa", "mlp.experts.0.down_proj",
                          "mlp.experts.1.down_proj", "mlp.gate"], "F8_E4M3")),
    "mlx": ({**BASE, "quantization": {"group_size": 64, "bits": 4,
                                      "model.embed_tokens": {"group_size": 64, "bits": 8}}},
            [("model.embed_tokens.weight", "U32", [16, 2]),
             ("model.embed_tokens.scales", "BF16", [16, 1])] + DENSE),
    "awq": ({**BASE, "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}},
            ENDS + [("model.layers.0.mlp.up_proj.qweight", "I32", [8, 1]),
                    ("model.layers.0.mlp.up_proj.scales", "BF16", [1, 8])]),
    "gptoss": ({**BASE, "model_type": "gpt_oss", "num_local_experts": 2, "num_experts_per_tok": 1,
                "sliding_window": 8, "layer_types": ["sliding_attention"],
                "quantization_config": {"quant_method": "mxfp4"}},
               ENDS + [("model.layers.0.mlp.experts.gate_up_proj_blocks", "U8", [2, 8, 1, 16]),
                       ("model.layers.0.mlp.experts.gate_up_proj_scales", "U8", [2, 8, 1])]),
    "nested": ({"model_type": "llava", "text_config": BASE}, ENDS + DENSE),
    "hybrid": ({**BASE, "model_type": "nemotron_h", "hybrid_override_pattern": "M", "n_groups": 1,
                "mamba_num_heads": 2, "mamba_head_dim": 4, "ssm_state_size": 8, "conv_kernel": 4},
               ENDS + layer(["mixer.in_proj"])),
    "delta": ({**BASE, "model_type": "qwen3_next", "full_attention_interval": 4,
               "linear_num_value_heads": 2, "linear_num_key_heads": 1, "linear_key_head_dim": 4,
               "linear_value_head_dim": 4, "linear_conv_kernel_dim": 4},
              ENDS + layer(["linear_attn.in_proj_qkvz"])),
    "unknown": ({"model_type": "novel", "num_hidden_layers": 1, "hidden_size": 8}, ENDS + DENSE),
    "defaults": ({"model_type": "gemma3", "text_config": {
        "model_type": "gemma3_text", "hidden_size": 8, "num_hidden_layers": 1,
        "sliding_window": 4}}, ENDS + DENSE),
    "falcon": ({"model_type": "falcon", "hidden_size": 8, "num_attention_heads": 2,
                "num_hidden_layers": 1, "num_kv_heads": 2, "multi_query": True},
               ENDS + [("transformer.h.0.self_attention.query_key_value.weight", "BF16", [16, 8])]),
    "dbrx": ({"model_type": "dbrx", "d_model": 8, "n_heads": 2, "n_layers": 1,
              "attn_config": {"kv_n_heads": 1},
              "ffn_config": {"moe_num_experts": 2, "moe_top_k": 1, "ffn_hidden_size": 8}},
             ENDS + [("transformer.blocks.0.ffn.experts.mlp.v1", "BF16", [16, 8])]),
    "nas": ({**BASE, "model_type": "nemotron-nas", "num_hidden_layers": 2, "block_configs": [
        {"attention": {"n_heads_in_group": 2}, "ffn": {}},
        {"attention": {"no_op": True}, "ffn": {"no_op": True}}]}, ENDS + DENSE),
    "griffin": ({**BASE, "model_type": "recurrent_gemma", "block_types": ["recurrent", "attention"],
                 "lru_width": 8, "attention_window_size": 4, "time_step_limit": [0.0, float("inf")]},
                ENDS + layer(["temporal_block.linear_x"])),
    "lists": ({**BASE, "model_type": "hunyuan_v1_moe", "num_experts": 2, "moe_topk": [1],
               "num_shared_expert": [1], "num_key_value_heads": [1], "moe_intermediate_size": [8]},
              ENDS + layer(["self_attn.k_proj", "mlp.experts.0.up_proj", "mlp.shared_mlp.up_proj"])),
    "mixed": ({**BASE, "quantization_config": {
        "quant_method": "compressed-tensors", "format": "mixed-precision", "config_groups": {
            "group_0": {"targets": ["re:.*mlp.*$"], "weights": {"num_bits": 8}},
            "group_1": {"targets": ["Linear", "up_proj"],
                        "weights": {"num_bits": 4, "group_size": 8}}}}},
              ENDS + [("model.layers.0.self_attn.k_proj.weight_packed", "I32", [4, 1]),
                      ("model.layers.0.self_attn.k_proj.weight_scale", "BF16", [4, 1]),
                      ("model.layers.0.mlp.up_proj.weight", "F8_E4M3", [8, 8]),
                      ("model.layers.0.mlp.up_proj.weight_scale", "BF16", [8, 1])]),
    "modelopt": (BASE, ENDS + [("model.layers.0.mlp.up_proj.weight", "U8", [8, 8]),
                               ("model.layers.0.mlp.up_proj.weight_scale", "F8_E4M3", [8, 1])]),
    "ct": ({**BASE, "quantization_config": {
        "quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized",
        "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 16}}}}},
           ENDS + [("model.layers.0.mlp.up_proj.weight_packed", "U8", [8, 4]),
                   ("model.layers.0.mlp.up_proj.weight_scale", "F8_E4M3", [8, 1])]),
}


def main():
    root = pathlib.Path(sys.argv[1])
    for folder in ("gguf", "safetensors", "config"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, data in GGUFS.items():
        (root / "gguf" / name).write_bytes(data)
    for name, (config, tensors) in CHECKPOINTS.items():
        head, size = header(tensors)
        (root / "safetensors" / name).write_bytes(struct.pack("<Q", len(head)) + head + b"\0" * size)
        index = {"metadata": {"total_size": size},
                 "weight_map": {tensor[0]: "a.safetensors" for tensor in tensors}}
        quant = {"quantization": {"quant_algo": "NVFP4", "group_size": 16}}
        more = json.dumps(quant).encode() if name == "modelopt" else b""
        parts = [json.dumps(config).encode(), json.dumps(index).encode(), head, b"", more]
        (root / "config" / name).write_bytes(b"\0".join(parts))
        (root / "config" / (name + "-listed")).write_bytes(b"\0".join([parts[0], b"", head, b"", more]))


if __name__ == "__main__":
    main()
