#!/usr/bin/env python3
"""Models without a mind: GGUF files of real shapes with made-up weights.

    make_model.py --list
    make_model.py SHAPE FILE

llama.cpp computes as much with them as with a real model of that shape; what it says is noise. A
file depends on its shape alone: the same bytes every time. Needs python3-gguf and python3-numpy
(0.19 and 2.4 were used; make_chroot.sh installs both).
"""

import dataclasses
import os
import sys

import gguf
import numpy

Type = gguf.GGMLQuantizationType


@dataclasses.dataclass(frozen=True)
class Shape:
    arch: str  # as llama.cpp calls it
    name: str  # general.name
    layers: int
    width: int  # of the residual stream
    heads: int
    kv_heads: int
    head: int  # width of one head
    ff: int  # width of the feed-forward block; of one expert where there are experts
    vocabulary: int
    weights: Type  # of every matrix but what `expert_weights` says
    context: int = 8192
    experts: int = 0
    experts_used: int = 0
    expert_weights: Type | None = None
    window: int = 0  # of sliding-window attention
    tied: bool = False  # the embedding is the output matrix


# The small ones run in seconds on two cores. The last has the dimensions of a model of the
# catalogue (https://huggingface.co/Qwen/Qwen3-0.6B/blob/main/config.json), so that a planner has an
# estimate to compare its speed with.
SHAPES = {
    "dense": Shape("llama", "Synthetic Dense", 8, 512, 8, 8, 64, 1408, 8000, Type.F16),
    "gqa": Shape("llama", "Synthetic GQA", 12, 768, 12, 4, 64, 2048, 16000, Type.Q8_0),
    "moe": Shape("qwen3moe", "Synthetic MoE", 8, 512, 8, 2, 64, 256, 16000, Type.Q8_0,
                 experts=16, experts_used=4),
    "gpt-oss": Shape("gpt-oss", "Synthetic GPT-OSS", 6, 512, 8, 2, 64, 512, 16000, Type.Q8_0,
                     experts=8, experts_used=4, expert_weights=Type.MXFP4, window=128),
    "qwen3-0.6b": Shape("qwen3", "Qwen3 0.6B", 28, 1024, 16, 8, 128, 3072, 151936, Type.Q8_0,
                        context=40960, tied=True),
}

FILE_TYPES = {Type.F16: gguf.LlamaFileType.MOSTLY_F16, Type.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0}

# Every role's words between the marks that end it.
CHAT_TEMPLATE = ("{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] "
                 "+ '</s>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}")


class Writer:
    def __init__(self, shape: Shape, path: str):
        self.shape = shape
        self.file = gguf.GGUFWriter(path, shape.arch)
        self.random = numpy.random.default_rng(20261122)

    def write(self):
        self.facts()
        self.tokenizer()
        self.tensors()
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()

    def facts(self):
        file, shape = self.file, self.shape
        file.add_name(shape.name)
        file.add_file_type(FILE_TYPES[shape.weights])
        file.add_quantization_version(gguf.GGML_QUANT_VERSION)
        file.add_context_length(shape.context)
        file.add_embedding_length(shape.width)
        file.add_block_count(shape.layers)
        file.add_feed_forward_length(shape.ff)
        file.add_head_count(shape.heads)
        file.add_head_count_kv(shape.kv_heads)
        file.add_key_length(shape.head)
        file.add_value_length(shape.head)
        file.add_rope_dimension_count(shape.head)
        file.add_layer_norm_rms_eps(1e-6)
        file.add_vocab_size(shape.vocabulary)
        if shape.experts:
            file.add_expert_count(shape.experts)
            file.add_expert_used_count(shape.experts_used)
            file.add_expert_feed_forward_length(shape.ff)
        if shape.window:
            file.add_sliding_window(shape.window)

    # Any text is some tokens, by the 256 bytes; " w0", " w1" and so on are one token each, joined
    # from the left: " w" first, then digit by digit.
    def tokenizer(self):
        kind = gguf.TokenType
        tokens = [(b"<unk>", 0.0, kind.UNKNOWN), (b"<s>", 0.0, kind.CONTROL),
                  (b"</s>", 0.0, kind.CONTROL)]
        tokens += [(f"<0x{byte:02X}>".encode(), 0.0, kind.BYTE) for byte in range(256)]
        pieces = [" w", " ", "w", *"0123456789"]
        pieces += [f" w{i}" for i in range(self.shape.vocabulary - len(tokens) - len(pieces))]
        tokens += [(piece.replace(" ", "\u2581").encode(), -float(i), kind.NORMAL)
                   for i, piece in enumerate(pieces)]
        file = self.file
        file.add_tokenizer_model("llama")
        file.add_tokenizer_pre("default")
        file.add_token_list([token for token, _, _ in tokens])
        file.add_token_scores([score for _, score, _ in tokens])
        file.add_token_types([int(type_) for _, _, type_ in tokens])
        file.add_unk_token_id(0)
        file.add_bos_token_id(1)
        file.add_eos_token_id(2)
        file.add_add_bos_token(True)
        file.add_chat_template(CHAT_TEMPLATE)

    def tensors(self):
        shape = self.shape
        self.matrix("token_embd.weight", (shape.vocabulary, shape.width), shape.weights)
        self.ones("output_norm.weight", shape.width)
        if not shape.tied:
            self.matrix("output.weight", (shape.vocabulary, shape.width), shape.weights)
        for layer in range(shape.layers):
            block = f"blk.{layer}."
            self.attention(block)
            if shape.experts:
                self.experts(block)
            else:
                self.feed_forward(block)

    def attention(self, block: str):
        shape = self.shape
        query, key = shape.heads * shape.head, shape.kv_heads * shape.head
        self.ones(block + "attn_norm.weight", shape.width)
        for name, rows, columns in (("attn_q", query, shape.width), ("attn_k", key, shape.width),
                                    ("attn_v", key, shape.width), ("attn_output", shape.width, query)):
            self.matrix(f"{block}{name}.weight", (rows, columns), shape.weights)
            if shape.arch == "gpt-oss":
                self.zeros(f"{block}{name}.bias", rows)
        if shape.arch in ("qwen3", "qwen3moe"):
            self.ones(block + "attn_q_norm.weight", shape.head)
            self.ones(block + "attn_k_norm.weight", shape.head)
        if shape.arch == "gpt-oss":
            self.zeros(block + "attn_sinks.weight", shape.heads)

    def feed_forward(self, block: str):
        shape = self.shape
        self.ones(block + "ffn_norm.weight", shape.width)
        self.matrix(block + "ffn_gate.weight", (shape.ff, shape.width), shape.weights)
        self.matrix(block + "ffn_up.weight", (shape.ff, shape.width), shape.weights)
        self.matrix(block + "ffn_down.weight", (shape.width, shape.ff), shape.weights)

    def experts(self, block: str):
        shape = self.shape
        weights = shape.expert_weights or shape.weights
        gpt_oss = shape.arch == "gpt-oss"
        self.ones(block + ("post_attention_norm.weight" if gpt_oss else "ffn_norm.weight"), shape.width)
        self.matrix(block + "ffn_gate_inp.weight", (shape.experts, shape.width), Type.F32)
        if gpt_oss:
            self.zeros(block + "ffn_gate_inp.bias", shape.experts)
        for name, rows, columns in (("ffn_gate_exps", shape.ff, shape.width),
                                    ("ffn_up_exps", shape.ff, shape.width),
                                    ("ffn_down_exps", shape.width, shape.ff)):
            self.matrix(f"{block}{name}.weight", (shape.experts, rows, columns), weights)
            if gpt_oss:
                self.zeros(f"{block}{name}.bias", shape.experts, rows)

    # A few rows of noise over and over: no engine's speed depends on what the weights are, and
    # making each anew takes minutes.
    def matrix(self, name: str, size: tuple[int, ...], type_: Type):
        columns = size[-1]
        noise = self.random.normal(0.0, columns**-0.5, (64, columns)).astype(numpy.float32)
        rows = gguf.quants.quantize(noise, type_)
        data = numpy.resize(rows, (*size[:-1], rows.shape[-1]))
        self.file.add_tensor(name, data, raw_dtype=type_)

    def ones(self, name: str, *size: int):
        self.file.add_tensor(name, numpy.ones(size, numpy.float32))

    def zeros(self, name: str, *size: int):
        self.file.add_tensor(name, numpy.zeros(size, numpy.float32))


def main(arguments: list[str]) -> int:
    if arguments == ["--list"]:
        print("\n".join(SHAPES))
        return 0
    if len(arguments) != 2 or arguments[0] not in SHAPES:
        print("usage: make_model.py --list | " + "|".join(SHAPES) + " FILE", file=sys.stderr)
        return 2
    name, path = arguments
    Writer(SHAPES[name], path + ".new").write()
    os.replace(path + ".new", path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
