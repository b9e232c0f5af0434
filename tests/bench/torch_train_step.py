"""PyTorch's side of `cargo xtask bench train-step --torch`: the same model, batch and step, in eager mode.

Speaks lines with the benchmark: reads `{"config": .., "trainer": .., "batch": .., "seq_len": .., "threads": ..}`,
answers `ready`; then for each number N it runs N steps and answers their milliseconds as a JSON list.
Attention, normalisation and loss are PyTorch's own fused functions, and so is AdamW.
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
        self.c, width, inner = c, c["hidden_size"], c["intermediate_size"]
        queries, keys = c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
        self.q, self.k, self.v, self.o = linear(width, queries), linear(width, keys), linear(width, keys), linear(queries, width)
        self.gate, self.up, self.down = linear(width, inner), linear(width, inner), linear(inner, width)
        self.norm_1, self.norm_2 = torch.nn.RMSNorm(width, c["norm_epsilon"]), torch.nn.RMSNorm(width, c["norm_epsilon"])

    def forward(self, x, cos, sin):
        b, s, _ = x.shape
        split = lambda y: y.view(b, s, -1, self.c["head_dim"]).transpose(1, 2)
        def rotate(y):
            first, second = y.chunk(2, -1)
            return y * cos + torch.cat([-second, first], -1) * sin
        y = self.norm_1(x)
        q, k, v = rotate(split(self.q(y))), rotate(split(self.k(y))), split(self.v(y))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, s, -1))
        y = self.norm_2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Model(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = torch.nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = torch.nn.RMSNorm(c["hidden_size"], c["norm_epsilon"])
        self.head = None if c["tie_word_embeddings"] else torch.nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)
        d = c["head_dim"]
        angles = torch.arange(c["max_position_embeddings"])[:, None] * c["rope_theta"] ** (-torch.arange(0, d, 2) / d)
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1))
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1))

    def forward(self, tokens):
        x, s = self.embed(tokens), tokens.shape[1]
        for block in self.blocks:
            x = block(x, self.cos[:s], self.sin[:s])
        return F.linear(self.norm(x), self.embed.weight if self.head is None else self.head.weight)


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    c, t = job["config"], job["trainer"]
    model = Model(c)
    optimizer = torch.optim.AdamW(model.parameters(), lr=t["learning_rate"], betas=(t["beta_1"], t["beta_2"]),
                                  eps=t["epsilon"], weight_decay=t["weight_decay"], fused=True)
    tokens = torch.randint(0, c["vocab_size"], (job["batch"], job["seq_len"]))
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            logits = model(tokens)
            loss = F.cross_entropy(logits[:, :-1].reshape(-1, c["vocab_size"]), tokens[:, 1:].reshape(-1))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), t["max_grad_norm"])
            optimizer.step()
            loss.item()
            times.append((time.perf_counter() - start) * 1000)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
