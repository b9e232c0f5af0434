"""Golden numbers of five AdamW steps on a tiny Llama, computed with PyTorch alone.

The decoder is written out here in plain tensor operations, so that it is a second, independent statement of
what `rllr-model` computes, and no version of transformers stands between. Run by `cargo xtask golden`.

Usage: train_step.py OUTPUT_DIRECTORY
"""

import json
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

VERSION = 1
CASES = {
    # Grouped-query attention, untied output, padded rows on both sides.
    "untied_right_padded": dict(seed=1, tie=False, layers=1, hidden=32, inner=48, heads=4, kv_heads=2, vocab=61,
                                theta=10_000.0, side="right", lengths=[[16, 16], [16, 9], [5, 16], [16, 12], [2, 16]]),
    # Multi-query attention, tied output, two blocks, clipping at work, weight decay.
    "tied_left_padded": dict(seed=2, tie=True, layers=2, hidden=24, inner=40, heads=3, kv_heads=1, vocab=37,
                             theta=500_000.0, side="left", lengths=[[10, 7, 3]] * 5),
}
OPTIMIZER = dict(learning_rate=3e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.01, max_grad_norm=1.0)


def initial_weights(case, generator):
    width, inner, head_dim = case["hidden"], case["inner"], case["hidden"] // case["heads"]
    keys = case["kv_heads"] * head_dim
    # Much larger than the usual 0.02, so that a wrong rotation or mask moves the loss far above any tolerance.
    matrix = lambda rows, columns: 0.3 * torch.randn(rows, columns, generator=generator)
    gain = lambda: 1 + 0.2 * torch.randn(width, generator=generator)
    weights = {"model.embed_tokens.weight": matrix(case["vocab"], width), "model.norm.weight": gain()}
    for layer in range(case["layers"]):
        block = {
            "input_layernorm": gain(), "post_attention_layernorm": gain(),
            "self_attn.q_proj": matrix(width, width), "self_attn.k_proj": matrix(keys, width),
            "self_attn.v_proj": matrix(keys, width), "self_attn.o_proj": matrix(width, width),
            "mlp.gate_proj": matrix(inner, width), "mlp.up_proj": matrix(inner, width),
            "mlp.down_proj": matrix(width, inner),
        }
        weights.update({f"model.layers.{layer}.{name}.weight": value for name, value in block.items()})
    if not case["tie"]:
        weights["lm_head.weight"] = matrix(case["vocab"], width)
    return weights


def rms_norm(x, gain, eps=1e-6):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * gain


def rotate(x, positions, theta):
    half = x.shape[-1] // 2
    frequencies = theta ** (-torch.arange(half, dtype=torch.float64) * 2 / x.shape[-1])
    angles = positions.double()[:, None, :, None] * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def forward(case, weights, tokens, mask):
    batch, length = tokens.shape
    heads, kv_heads = case["heads"], case["kv_heads"]
    head_dim = case["hidden"] // heads
    positions = mask.long().cumsum(1) - mask.long()
    visible = torch.tril(torch.ones(length, length, dtype=torch.bool)) & mask[:, None, :]
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(case["layers"]):
        get = lambda name: weights[f"model.layers.{layer}.{name}.weight"]
        split = lambda y, n: y.view(batch, length, n, head_dim).transpose(1, 2)
        y = rms_norm(x, get("input_layernorm"))
        q = rotate(split(y @ get("self_attn.q_proj").T, heads), positions, case["theta"])
        k = rotate(split(y @ get("self_attn.k_proj").T, kv_heads), positions, case["theta"])
        v = split(y @ get("self_attn.v_proj").T, kv_heads)
        k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
        scores = (q @ k.transpose(2, 3) / math.sqrt(head_dim)).masked_fill(~visible[:, None], -1e30)
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, heads * head_dim)
        x = x + attended @ get("self_attn.o_proj").T
        y = rms_norm(x, get("post_attention_layernorm"))
        gate = torch.nn.functional.silu(y @ get("mlp.gate_proj").T)
        x = x + (gate * (y @ get("mlp.up_proj").T)) @ get("mlp.down_proj").T
    output = weights["model.embed_tokens.weight" if case["tie"] else "lm_head.weight"]
    return rms_norm(x, weights["model.norm.weight"]) @ output.T


def loss_of(case, weights, tokens, mask):
    log_probs = forward(case, weights, tokens, mask)[:, :-1].log_softmax(-1)
    predicted = log_probs.gather(2, tokens[:, 1:, None]).squeeze(2)
    counts = (mask[:, 1:] & mask[:, :-1]).to(predicted.dtype)
    return -(predicted * counts).sum() / counts.sum()


def pad(rows, side):
    length = max(map(len, rows))
    fill = lambda row, value: [value] * (length - len(row)) + row if side == "left" else row + [value] * (length - len(row))
    return (torch.tensor([fill(row, 0) for row in rows]),
            torch.tensor([fill([1] * len(row), 0) for row in rows], dtype=torch.bool))


def train(case, initial, batches, dtype):
    weights = {name: value.clone().to(dtype).requires_grad_() for name, value in initial.items()}
    o = OPTIMIZER
    optimizer = torch.optim.AdamW(weights.values(), lr=o["learning_rate"], betas=(o["beta_1"], o["beta_2"]),
                                  eps=o["epsilon"], weight_decay=o["weight_decay"])
    steps = []
    for rows in batches:
        optimizer.zero_grad()
        loss = loss_of(case, weights, *pad(rows, case["side"]))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), o["max_grad_norm"])
        optimizer.step()
        steps.append({"loss": loss.item(), "grad_norm": norm.item()})
    return {name: value.detach() for name, value in weights.items()}, steps


def make(name, case, out):
    generator = torch.Generator().manual_seed(case["seed"])
    initial = initial_weights(case, generator)
    batches = [[torch.randint(0, case["vocab"], (length,), generator=generator).tolist() for length in lengths]
               for lengths in case["lengths"]]
    final, steps = train(case, initial, batches, torch.float32)
    final64, steps64 = train(case, initial, batches, torch.float64)
    first = forward(case, initial, *pad(batches[0], case["side"])).detach()

    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    save_file(initial, folder / "initial.safetensors", metadata={"format": "pt"})
    save_file(final, folder / "final.safetensors", metadata={"format": "pt"})
    config = dict(vocab_size=case["vocab"], hidden_size=case["hidden"], intermediate_size=case["inner"],
                  num_hidden_layers=case["layers"], num_attention_heads=case["heads"],
                  num_key_value_heads=case["kv_heads"], head_dim=case["hidden"] // case["heads"],
                  max_position_embeddings=32, rms_norm_eps=1e-6, rope_theta=case["theta"],
                  tie_word_embeddings=case["tie"])
    difference = max((final[key].double() - final64[key]).abs().max().item() for key in final)
    trace = dict(
        versions=dict(script=VERSION, torch=torch.__version__.split("+")[0]),
        config=config, trainer=OPTIMIZER, padding_side=case["side"], batches=batches,
        first_logits=dict(shape=list(first.shape), data=first.flatten().tolist()),
        steps=steps,
        float32_against_float64=dict(
            losses=max(abs(a["loss"] / b["loss"] - 1) for a, b in zip(steps, steps64)), weights=difference),
    )
    (folder / "trace.json").write_text(json.dumps(trace) + "\n")
    print(f"{name}: losses {[round(s['loss'], 6) for s in steps]}, norms {[round(s['grad_norm'], 4) for s in steps]}, "
          f"float32 against float64: {trace['float32_against_float64']}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for case_name, case_settings in CASES.items():
        make(case_name, case_settings, Path(sys.argv[1]) / "train_step")
