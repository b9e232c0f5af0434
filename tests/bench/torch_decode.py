"""PyTorch's side of `cargo xtask bench model --torch`: the same Llama, greedy decoding with a preallocated cache.

What an expert would write without compiling: inference mode, fused attention that reads a slice of the cache, and fused
normalisation. Speaks lines with the benchmark: reads
`{"config": .., "threads": ..}` and answers `ready`; then for each `{"batch": .., "prompt": .., "new_tokens": ..}` it
generates once and answers `{"prefill": seconds, "steps": [seconds, ..]}`.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F


class Block(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        linear = lambda i, o: torch.nn.Linear(i, o, bias=False)
        width, inner, self.head_dim = c["hidden_size"], c["intermediate_size"], c["head_dim"]
        queries, keys = c["num_attention_heads"] * self.head_dim, c["num_key_value_heads"] * self.head_dim
        self.grouped = queries != keys
        self.q, self.k, self.v, self.o = linear(width, queries), linear(width, keys), linear(width, keys), linear(queries, width)
        self.gate, self.up, self.down = linear(width, inner), linear(width, inner), linear(inner, width)
        self.norm_1, self.norm_2 = torch.nn.RMSNorm(width, c["norm_epsilon"]), torch.nn.RMSNorm(width, c["norm_epsilon"])

    def forward(self, x, cos, sin, keys, values, start):
        b, s, _ = x.shape
        end = start + s
        split = lambda y: y.view(b, s, -1, self.head_dim).transpose(1, 2)
        def rotate(y):
            first, second = y.chunk(2, -1)
            return y * cos + torch.cat([-second, first], -1) * sin
        y = self.norm_1(x)
        q = rotate(split(self.q(y)))
        keys[:, :, start:end] = rotate(split(self.k(y)))
        values[:, :, start:end] = split(self.v(y))
        y = F.scaled_dot_product_attention(q, keys[:, :, :end], values[:, :, :end], is_causal=s > 1, enable_gqa=self.grouped)
        x = x + self.o(y.transpose(1, 2).reshape(b, s, -1))
        y = self.norm_2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Model(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embed = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = torch.nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = torch.nn.RMSNorm(c["hidden_size"], c["norm_epsilon"])
        d = c["head_dim"]
        angles = torch.arange(c["max_position_embeddings"])[:, None] * c["rope_theta"] ** (-torch.arange(0, d, 2) / d)
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1))
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1))

    def step(self, tokens, cache, start):
        end = start + tokens.shape[1]
        cos, sin = self.cos[start:end], self.sin[start:end]
        x = self.embed(tokens)
        for block, (keys, values) in zip(self.blocks, cache):
            x = block(x, cos, sin, keys, values, start)
        # Tied embeddings, and of a prompt only the last column.
        return F.linear(self.norm(x[:, -1:]), self.embed.weight).argmax(-1)


@torch.inference_mode()
def generate(model, batch, prompt, new_tokens):
    c = model.c
    tokens = torch.randint(0, c["vocab_size"], (batch, prompt))
    start = time.perf_counter()
    empty = lambda: torch.zeros(batch, c["num_key_value_heads"], prompt + new_tokens, c["head_dim"])
    cache = [(empty(), empty()) for _ in range(c["num_hidden_layers"])]
    chosen = [model.step(tokens, cache, 0)]
    chosen[0].tolist()
    prefilled = time.perf_counter()
    steps = []
    for position in range(prompt, prompt + new_tokens - 1):
        before = time.perf_counter()
        chosen.append(model.step(chosen[-1], cache, position))
        steps.append(time.perf_counter() - before)
    return {"prefill": prefilled - start, "steps": steps}


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    model = Model(job["config"]).eval()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(generate(model, **json.loads(line))), flush=True)


main()
