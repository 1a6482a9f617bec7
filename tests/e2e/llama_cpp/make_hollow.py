#!/usr/bin/env python3
"""Hollow models: GGUF files of real models' shapes whose tensors are a hole in the file.

    make_hollow.py --list
    make_hollow.py SHAPE FILE

A file has every key and every tensor that llama.cpp asks for, and no byte of weights: a model of 20
GB takes some kilobytes of disk. llama.cpp reserves as much memory for it as for the real model; what
it would compute is zero. There is no vocabulary either. Needs python3-gguf (0.19 was used;
make_chroot.sh installs it).
"""

import os
import sys

import gguf
import numpy

Type = gguf.GGMLQuantizationType


class Hollow:
    """One file in the making: keys under the architecture's name, then tensors."""

    def __init__(self, arch: str, name: str, weights: Type, *, layers: int, width: int, heads: int,
                 kv_heads: int | list[int], vocabulary: int, context: int = 262144,
                 head: int = 128, ff: int | list[int] = 0, eps: float = 1e-6):
        self.arch, self.name, self.weights = arch, name, weights
        self.layers, self.width, self.heads, self.vocabulary = layers, width, heads, vocabulary
        self.kv_heads, self.head, self.ff = kv_heads, head, ff
        self.keys: list[tuple[str, object]] = []
        self.tensors: list[tuple[str, tuple[int, ...], Type]] = []
        self.key("context_length", context)
        self.key("embedding_length", width)
        self.key("block_count", layers)
        self.key("feed_forward_length", ff)
        self.key("attention.head_count", heads)
        self.key("attention.head_count_kv", kv_heads)
        self.key("attention.layer_norm_rms_epsilon", eps)
        self.key("attention.layer_norm_epsilon", eps)
        self.key("vocab_size", vocabulary)

    def key(self, name: str, value):
        self.keys.append((name, value))

    def heads_are(self, width: int, rope: int | None = None):
        self.key("attention.key_length", width)
        self.key("attention.value_length", width)
        self.key("rope.dimension_count", rope or width)

    # Sizes are written rows first, as numpy has them; llama.cpp's own order is the other way round.
    def matrix(self, name: str, *size: int, weights: Type | None = None):
        self.tensors.append((name + ".weight", size, weights or self.weights))

    def vector(self, name: str, *size: int):
        self.tensors.append((name, size, Type.F32))

    def tables(self, *, tied: bool = False, head: Type | None = None, embedding: Type | None = None):
        self.matrix("token_embd", self.vocabulary, self.width, weights=embedding)
        self.vector("output_norm.weight", self.width)
        if not tied:
            self.matrix("output", self.vocabulary, self.width, weights=head)

    def kv_heads_of(self, layer: int) -> int:
        return self.kv_heads[layer] if isinstance(self.kv_heads, list) else self.kv_heads

    def ff_of(self, layer: int) -> int:
        return self.ff[layer] if isinstance(self.ff, list) else self.ff

    def block(self, layer: int, *names: str):
        for name in names:
            self.vector(f"blk.{layer}.{name}.weight", self.width)

    def attention(self, layer: int, *, norms: bool = False, biases: bool = False, gated: bool = False):
        block = f"blk.{layer}."
        query, key = self.heads * self.head, self.kv_heads_of(layer) * self.head
        self.matrix(block + "attn_q", query * (2 if gated else 1), self.width)
        self.matrix(block + "attn_k", key, self.width)
        self.matrix(block + "attn_v", key, self.width)
        self.matrix(block + "attn_output", self.width, query)
        if norms:
            self.vector(block + "attn_q_norm.weight", self.head)
            self.vector(block + "attn_k_norm.weight", self.head)
        if biases:
            for name, size in (("q", query), ("k", key), ("v", key)):
                self.vector(f"{block}attn_{name}.bias", size)

    # `kind`: "" of a dense block, "_shexp" of shared experts.
    def feed_forward(self, layer: int, ff: int | None = None, kind: str = "", *, gate: bool = True):
        block, ff = f"blk.{layer}.", ff or self.ff_of(layer)
        if gate:
            self.matrix(f"{block}ffn_gate{kind}", ff, self.width)
        self.matrix(f"{block}ffn_up{kind}", ff, self.width)
        self.matrix(f"{block}ffn_down{kind}", self.width, ff)

    def experts_are(self, count: int, used: int, ff: int, shared: int = 0, shared_ff: int = 0):
        self.key("expert_count", count)
        self.key("expert_used_count", used)
        self.key("expert_feed_forward_length", ff)
        if shared:
            self.key("expert_shared_count", shared)
        if shared_ff:
            self.key("expert_shared_feed_forward_length", shared_ff)

    def experts(self, layer: int, count: int, ff: int, *, gate: bool = True, bias: bool = False,
                weights: Type | None = None):
        block = f"blk.{layer}."
        self.matrix(block + "ffn_gate_inp", count, self.width, weights=Type.F32)
        if bias:
            self.vector(block + "exp_probs_b.bias", count)
        if gate:
            self.matrix(block + "ffn_gate_exps", count, ff, self.width, weights=weights)
        self.matrix(block + "ffn_up_exps", count, ff, self.width, weights=weights)
        self.matrix(block + "ffn_down_exps", count, self.width, ff, weights=weights)

    def mamba_is(self, *, kernel: int, inner: int, state: int, heads: int, groups: int):
        self.mamba_sizes = (kernel, inner, state, heads, groups)
        self.key("ssm.conv_kernel", kernel)
        self.key("ssm.inner_size", inner)
        self.key("ssm.state_size", state)
        self.key("ssm.time_step_rank", heads)
        self.key("ssm.group_count", groups)

    def mamba(self, layer: int):
        block = f"blk.{layer}."
        kernel, inner, state, heads, groups = self.mamba_sizes
        wide = inner + 2 * groups * state
        self.matrix(block + "ssm_in", inner + wide + heads, self.width)
        self.vector(block + "ssm_conv1d.weight", wide, kernel)
        self.vector(block + "ssm_conv1d.bias", wide)
        self.vector(block + "ssm_dt.bias", heads)
        self.vector(block + "ssm_a", heads, 1)
        self.vector(block + "ssm_d", heads, 1)
        self.vector(block + "ssm_norm.weight", groups, inner // groups)
        self.matrix(block + "ssm_out", self.width, inner)

    def delta_net(self, layer: int):
        block = f"blk.{layer}."
        kernel, inner, state, heads, groups = self.mamba_sizes
        keys = state * groups
        self.matrix(block + "attn_qkv", 2 * keys + inner, self.width)
        self.matrix(block + "attn_gate", inner, self.width)
        self.vector(block + "ssm_conv1d.weight", 2 * keys + inner, kernel)
        self.vector(block + "ssm_dt.bias", heads)
        self.vector(block + "ssm_a", heads)
        self.matrix(block + "ssm_ba", 2 * heads, self.width)
        self.vector(block + "ssm_norm.weight", inner // heads)
        self.matrix(block + "ssm_out", self.width, inner)

    def write(self, path: str):
        file = gguf.GGUFWriter(path, self.arch)
        file.add_name(self.name)
        file.add_quantization_version(gguf.GGML_QUANT_VERSION)
        file.add_tokenizer_model("no_vocab")
        for name, value in self.keys:
            add(file, f"{self.arch}.{name}", value)
        end = 0
        for name, size, type_ in self.tensors:
            elements, bytes_ = gguf.GGML_QUANT_SIZES[type_]
            count = int(numpy.prod(size, dtype=numpy.int64)) // elements * bytes_
            file.add_tensor_info(name, size, numpy.dtype(numpy.float32), count, raw_dtype=type_)
            end += (count + 31) // 32 * 32
        file.write_header_to_file()
        file.write_kv_data_to_file()
        file.write_ti_data_to_file()
        file.close()
        start = (os.path.getsize(path) + 31) // 32 * 32
        os.truncate(path, start + end)


def add(file: gguf.GGUFWriter, key: str, value):
    if isinstance(value, bool):
        file.add_bool(key, value)
    elif isinstance(value, int):
        file.add_uint32(key, value)
    elif isinstance(value, float):
        file.add_float32(key, value)
    elif isinstance(value, list):
        file.add_array(key, value)
    else:
        raise TypeError(key)


# ---------------------------------------------------------------- shapes

def llama(name, weights, head_weights, tied=False, **sizes):
    m = Hollow("llama", name, weights, **sizes)
    m.heads_are(m.head)
    m.tables(tied=tied, head=head_weights)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i)
        m.feed_forward(i)
    return m


def qwen2(name, weights, tied=False, **sizes):
    m = Hollow("qwen2", name, weights, **sizes)
    m.tables(tied=tied)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i, biases=True)
        m.feed_forward(i)
    return m


def qwen3(name, weights, tied=False, **sizes):
    m = Hollow("qwen3", name, weights, **sizes)
    m.heads_are(m.head)
    m.tables(tied=tied)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i, norms=True)
        m.feed_forward(i)
    return m


def gemma(name, weights, **sizes):
    m = Hollow("gemma", name, weights, **sizes)
    m.heads_are(m.head)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i)
        m.feed_forward(i)
    return m


def gemma_windowed(arch, name, weights, window, **sizes):
    m = Hollow(arch, name, weights, **sizes)
    m.heads_are(m.head)
    m.key("attention.sliding_window", window)
    if arch == "gemma2":
        m.key("attn_logit_softcapping", 50.0)
        m.key("final_logit_softcapping", 30.0)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
        m.attention(i, norms=arch == "gemma3")
        m.feed_forward(i)
    return m


def cohere2(name, weights, window, **sizes):
    m = Hollow("cohere2", name, weights, **sizes)
    m.heads_are(m.head)
    m.key("attention.sliding_window", window)
    m.key("logit_scale", 0.25)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm")
        m.attention(i)
        m.feed_forward(i)
    return m


def phi3(name, weights, **sizes):
    m = Hollow("phi3", name, weights, **sizes)
    m.key("rope.dimension_count", m.head)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        query, key = m.heads * m.head, m.kv_heads_of(i) * m.head
        m.matrix(f"blk.{i}.attn_qkv", query + 2 * key, m.width)
        m.matrix(f"blk.{i}.attn_output", m.width, query)
        m.matrix(f"blk.{i}.ffn_up", 2 * m.ff_of(i), m.width)
        m.matrix(f"blk.{i}.ffn_down", m.width, m.ff_of(i))
    return m


def qwen3moe(name, weights, experts, used, expert_ff, **sizes):
    m = Hollow("qwen3moe", name, weights, **sizes)
    m.heads_are(m.head)
    m.experts_are(experts, used, expert_ff)
    m.tables(head=Type.Q6_K)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i, norms=True)
        m.experts(i, experts, expert_ff)
    return m


def qwen2moe(name, weights, experts, used, expert_ff, shared_ff, **sizes):
    m = Hollow("qwen2moe", name, weights, **sizes)
    m.experts_are(experts, used, expert_ff, shared_ff=shared_ff)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i, biases=True)
        m.experts(i, experts, expert_ff)
        m.vector(f"blk.{i}.ffn_gate_inp_shexp.weight", m.width)
        m.feed_forward(i, shared_ff, "_shexp")
    return m


def glm4moe(name, weights, experts, used, expert_ff, dense, **sizes):
    m = Hollow("glm4moe", name, weights, **sizes)
    m.heads_are(m.head, m.head // 2)
    m.experts_are(experts, used, expert_ff, shared=1)
    m.key("leading_dense_block_count", dense)
    m.key("expert_gating_func", 2)
    m.key("expert_weights_norm", True)
    m.key("expert_weights_scale", 1.0)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm", "post_attention_norm")
        m.attention(i, biases=True)
        if i < dense:
            m.feed_forward(i)
        else:
            m.experts(i, experts, expert_ff, bias=True)
            m.feed_forward(i, expert_ff, "_shexp")
    return m


def gpt_oss(name, weights, experts, used, window, **sizes):
    m = Hollow("gpt-oss", name, weights, **sizes)
    m.heads_are(m.head)
    m.experts_are(experts, used, m.ff_of(0))
    m.key("attention.sliding_window", window)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm", "post_attention_norm")
        m.attention(i, biases=True)
        m.vector(f"blk.{i}.attn_output.bias", m.width)
        m.vector(f"blk.{i}.attn_sinks.weight", m.heads)
        m.experts(i, experts, m.ff_of(i), weights=Type.MXFP4)
        m.vector(f"blk.{i}.ffn_gate_inp.bias", experts)
        for part, width in (("gate", m.ff_of(i)), ("up", m.ff_of(i)), ("down", m.width)):
            m.vector(f"blk.{i}.ffn_{part}_exps.bias", experts, width)
    return m


def deepseek2(name, weights, experts, used, shared, expert_ff, dense, query_rank, latent=512, rope=64,
              nope=128, value=128, **sizes):
    m = Hollow("deepseek2", name, weights, kv_heads=1, **sizes)
    m.experts_are(experts, used, expert_ff, shared=shared)
    m.key("leading_dense_block_count", dense)
    m.key("expert_weights_scale", 1.0)
    m.key("expert_gating_func", 2 if query_rank else 1)
    m.key("attention.kv_lora_rank", latent)
    m.key("attention.key_length", latent + rope)
    m.key("attention.value_length", latent)
    m.key("attention.key_length_mla", nope + rope)
    m.key("attention.value_length_mla", value)
    m.key("rope.dimension_count", rope)
    if query_rank:
        m.key("attention.q_lora_rank", query_rank)
    m.tables()
    for i in range(m.layers):
        block = f"blk.{i}."
        m.block(i, "attn_norm", "ffn_norm")
        if query_rank:
            m.matrix(block + "attn_q_a", query_rank, m.width)
            m.vector(block + "attn_q_a_norm.weight", query_rank)
            m.matrix(block + "attn_q_b", m.heads * (nope + rope), query_rank)
        else:
            m.matrix(block + "attn_q", m.heads * (nope + rope), m.width)
        m.matrix(block + "attn_kv_a_mqa", latent + rope, m.width)
        m.vector(block + "attn_kv_a_norm.weight", latent)
        m.matrix(block + "attn_k_b", m.heads, latent, nope, weights=Type.Q8_0)
        m.matrix(block + "attn_v_b", m.heads, value, latent)
        m.matrix(block + "attn_output", m.width, m.heads * value)
        if i < dense:
            m.feed_forward(i)
        else:
            m.experts(i, experts, expert_ff, bias=bool(query_rank))
            m.feed_forward(i, expert_ff * shared, "_shexp")
    return m


def qwen3next(name, weights, experts, used, expert_ff, **sizes):
    m = Hollow("qwen3next", name, weights, **sizes)
    m.heads_are(m.head, m.head // 4)
    m.experts_are(experts, used, expert_ff, shared_ff=expert_ff)
    m.mamba_is(kernel=4, inner=4096, state=128, heads=32, groups=16)
    m.key("full_attention_interval", 4)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm", "post_attention_norm")
        if (i + 1) % 4:
            m.delta_net(i)
        else:
            m.attention(i, norms=True, gated=True)
        m.experts(i, experts, expert_ff)
        m.vector(f"blk.{i}.ffn_gate_inp_shexp.weight", m.width)
        m.feed_forward(i, expert_ff, "_shexp")
    return m


def granite_hybrid(name, weights, experts, used, shared_ff, attention, inner, ssm_heads, **sizes):
    m = Hollow("granitehybrid", name, weights, **sizes,
               kv_heads=[4 if i in attention else 0 for i in range(sizes["layers"])])
    m.experts_are(experts, used, m.ff_of(0), shared_ff=shared_ff)
    m.mamba_is(kernel=4, inner=inner, state=128, heads=ssm_heads, groups=1)
    m.key("rope.dimension_count", m.head)
    m.key("attention.key_length", m.head)
    m.key("attention.value_length", m.head)
    for scale in ("embedding_scale", "residual_scale", "logit_scale", "attention.scale"):
        m.key(scale, 0.5)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        if i in attention:
            m.attention(i)
        else:
            m.mamba(i)
        m.experts(i, experts, m.ff_of(i))
        m.feed_forward(i, shared_ff, "_shexp")
    return m


def nemotron_h(name, weights, pattern, ff, **sizes):
    m = Hollow("nemotron_h", name, weights, layers=len(pattern),
               kv_heads=[8 if c == "*" else 0 for c in pattern],
               ff=[ff if c == "-" else 0 for c in pattern], **sizes)
    m.heads_are(m.head)
    m.mamba_is(kernel=4, inner=128 * 80, state=128, heads=128, groups=8)
    m.tables()
    for i, kind in enumerate(pattern):
        m.block(i, "attn_norm")
        if kind == "*":
            m.attention(i)
        elif kind == "-":
            m.feed_forward(i, gate=False)
        else:
            m.mamba(i)
    return m


def mamba2(name, weights, inner, ssm_heads, **sizes):
    m = Hollow("mamba2", name, weights, heads=0, kv_heads=0, **sizes)
    m.mamba_is(kernel=4, inner=inner, state=128, heads=ssm_heads, groups=1)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm")
        m.mamba(i)
    return m


def falcon_h1(name, weights, **sizes):
    m = Hollow("falcon-h1", name, weights, **sizes)
    m.heads_are(m.head)
    m.mamba_is(kernel=4, inner=3072, state=256, heads=24, groups=1)
    m.tables()
    for i in range(m.layers):
        m.block(i, "attn_norm")
        m.vector(f"blk.{i}.ffn_norm", m.width)
        m.attention(i)
        m.mamba(i)
        m.feed_forward(i)
    return m


def ernie_moe(name, weights, experts, used, shared, expert_ff, **sizes):
    m = Hollow("ernie4_5-moe", name, weights, **sizes)
    m.heads_are(m.head)
    m.experts_are(experts, used, expert_ff, shared=shared, shared_ff=expert_ff * shared)
    m.key("leading_dense_block_count", 1)
    m.key("interleave_moe_layer_step", 1)
    m.tables(tied=True)
    for i in range(m.layers):
        m.block(i, "attn_norm", "ffn_norm")
        m.attention(i)
        if i < 1:
            m.feed_forward(i)
        else:
            m.experts(i, experts, expert_ff, bias=True)
            m.feed_forward(i, expert_ff * shared, "_shexp")
    return m


def exaone4(name, weights, window, **sizes):
    m = Hollow("exaone4", name, weights, **sizes)
    m.heads_are(m.head)
    m.key("attention.sliding_window", window)
    m.tables()
    for i in range(m.layers):
        m.block(i, "post_attention_norm", "post_ffw_norm")
        m.attention(i, norms=True)
        m.feed_forward(i)
    return m


# The dimensions are those of published models, from their config.json at huggingface.co; names say
# which. Where a model would take more memory than a test machine has, it has fewer layers or experts.
SHAPES = {
    "llama-8b": lambda: llama("Llama 3.1 8B", Type.Q4_K, Type.Q6_K, layers=32, width=4096, heads=32,
                              kv_heads=8, ff=14336, vocabulary=128256),
    "llama-7b": lambda: llama("Llama 2 7B", Type.Q4_0, Type.Q6_K, layers=32, width=4096, heads=32,
                              kv_heads=32, ff=11008, vocabulary=32000),
    "qwen2.5-3b": lambda: qwen2("Qwen2.5 3B", Type.Q8_0, tied=True, layers=36, width=2048, heads=16,
                                kv_heads=2, ff=11008, vocabulary=151936),
    "qwen3-4b": lambda: qwen3("Qwen3 4B", Type.F16, tied=True, layers=36, width=2560, heads=32,
                              kv_heads=8, ff=9728, vocabulary=151936),
    "gemma-2b": lambda: gemma("Gemma 2B", Type.F16, layers=18, width=2048, heads=8, kv_heads=1,
                              head=256, ff=16384, vocabulary=256000),
    "gemma2-2b": lambda: gemma_windowed("gemma2", "Gemma 2 2B", Type.Q8_0, 4096, layers=26, width=2304,
                                        heads=8, kv_heads=4, head=256, ff=9216, vocabulary=256000),
    "gemma3-4b": lambda: gemma_windowed("gemma3", "Gemma 3 4B", Type.Q4_0, 1024, layers=34, width=2560,
                                        heads=8, kv_heads=4, head=256, ff=10240, vocabulary=262208),
    "command-r7b": lambda: cohere2("Command R7B", Type.Q4_K, 4096, layers=32, width=4096, heads=32,
                                   kv_heads=8, ff=14336, vocabulary=256000),
    "phi-3-mini": lambda: phi3("Phi-3 mini", Type.Q8_0, layers=32, width=3072, heads=32, kv_heads=32,
                               head=96, ff=8192, vocabulary=32064),
    "qwen3-30b-a3b": lambda: qwen3moe("Qwen3 30B A3B", Type.Q4_K, 128, 8, 768, layers=48, width=2048,
                                      heads=32, kv_heads=4, ff=6144, vocabulary=151936),
    "qwen1.5-moe": lambda: qwen2moe("Qwen1.5 MoE A2.7B", Type.Q8_0, 60, 4, 1408, 5632, layers=24,
                                    width=2048, heads=16, kv_heads=16, ff=5632, vocabulary=151936),
    "glm-4.5-air": lambda: glm4moe("GLM-4.5 Air, 12 layers of 46", Type.Q5_1, 128, 8, 1408, 1, layers=12,
                                   width=4096, heads=96, kv_heads=8, ff=10944, vocabulary=151552),
    "gpt-oss-20b": lambda: gpt_oss("gpt-oss 20B", Type.Q8_0, 32, 4, 128, layers=24, width=2880, heads=64,
                                   kv_heads=8, head=64, ff=2880, vocabulary=201088),
    "deepseek-v2-lite": lambda: deepseek2("DeepSeek V2 Lite", Type.Q4_0, 64, 6, 2, 1408, 1, 0, layers=27,
                                          width=2048, heads=16, ff=10944, vocabulary=102400),
    "deepseek-v3": lambda: deepseek2("DeepSeek V3, 6 layers of 61, 64 experts of 256", Type.Q4_K, 64, 8, 1,
                                     2048, 3, 1536, layers=6, width=7168, heads=128, ff=18432,
                                     vocabulary=129280),
    "qwen3-next": lambda: qwen3next("Qwen3 Next 80B A3B, 24 layers of 48, 128 experts of 512", Type.Q4_K,
                                    128, 10, 512, layers=24, width=2048, heads=16, kv_heads=2, head=256,
                                    ff=5120, vocabulary=151936),
    "granite-4-tiny": lambda: granite_hybrid("Granite 4.0 H Tiny", Type.Q8_0, 64, 6, 1024,
                                             (5, 15, 25, 35), 3072, 48, layers=40, width=1536, heads=12,
                                             ff=512, vocabulary=100352),
    "nemotron-nano": lambda: nemotron_h("Nemotron Nano 9B v2", Type.Q4_0,
                                        "M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-", 15680,
                                        width=4480, heads=40, vocabulary=131072),
    "mamba2-2.7b": lambda: mamba2("Mamba2 2.7B", Type.F16, 5120, 80, layers=64, width=2560,
                                  vocabulary=50288),
    "falcon-h1-1.5b": lambda: falcon_h1("Falcon H1 1.5B", Type.Q8_0, layers=24, width=2048, heads=8,
                                        kv_heads=2, ff=4096, vocabulary=65537),
    # Shapes that no formula was made for: they judge those that were found with the ones above.
    "mistral-small-24b": lambda: llama("Mistral Small 24B", Type.Q4_K, Type.Q6_K, layers=40, width=5120,
                                       heads=32, kv_heads=8, ff=32768, vocabulary=131072),
    "smollm2-1.7b": lambda: llama("SmolLM2 1.7B", Type.Q8_0, None, tied=True, layers=24, width=2048,
                                  heads=32, kv_heads=32, head=64, ff=8192, vocabulary=49152),
    "gemma3-12b": lambda: gemma_windowed("gemma3", "Gemma 3 12B", Type.Q4_0, 1024, layers=48, width=3840,
                                         heads=16, kv_heads=8, head=256, ff=15360, vocabulary=262208),
    "exaone4-32b": lambda: exaone4("EXAONE 4.0 32B", Type.Q4_K, 4096, layers=64, width=5120, heads=40,
                                   kv_heads=8, ff=27392, vocabulary=102400),
    "ernie-4.5-21b": lambda: ernie_moe("ERNIE 4.5 21B A3B", Type.Q4_0, 64, 6, 2, 1536, layers=28,
                                       width=2560, heads=20, kv_heads=4, ff=12288, vocabulary=103424),
    "qwen3-235b": lambda: qwen3moe("Qwen3 235B A22B, 12 layers of 94", Type.Q4_K, 128, 8, 1536, layers=12,
                                   width=4096, heads=64, kv_heads=4, ff=12288, vocabulary=151936),
    "kimi-k2": lambda: deepseek2("Kimi K2, 8 layers of 61, 48 experts of 384", Type.Q4_0, 48, 8, 1, 2048, 1,
                                 1536, layers=8, width=7168, heads=64, ff=18432, vocabulary=163840),
    "granite-4-small": lambda: granite_hybrid("Granite 4.0 H Small, 20 layers of 40", Type.Q4_K, 72, 10, 1536,
                                              (5, 15), 8192, 128, layers=20, width=4096, heads=32, ff=768,
                                              vocabulary=100352),
}


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        print("\n".join(SHAPES))
        return 0
    if len(arguments) != 2 or arguments[0] not in SHAPES:
        print("usage: make_hollow.py --list | " + "|".join(SHAPES) + " FILE", file=sys.stderr)
        return 2
    name, path = arguments
    SHAPES[name]().write(path + ".new")
    os.replace(path + ".new", path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
