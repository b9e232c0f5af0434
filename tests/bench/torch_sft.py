"""PyTorch's side of `cargo xtask bench sft --torch`: the same model, batch and step, in eager mode.

Speaks lines with the benchmark: reads `{"config": .., "optimizer": .., "batch": .., "prompt": .., "response": ..,
"threads": ..}`, answers `ready`; then for each number N it runs N steps and answers their milliseconds and the last
loss as a JSON object. The model is that of `torch_train_step.py`; as in transformers and TRL the logits of all tokens
are computed, and the loss leaves out those of the prompts.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

from torch_train_step import Model


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    c, o = job["config"], job["optimizer"]
    model = Model(c)
    for parameter in model.parameters():
        if parameter.dim() == 2:
            torch.nn.init.normal_(parameter, std=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=o["learning_rate"], betas=(o["beta_1"], o["beta_2"]),
                                  eps=o["epsilon"], weight_decay=o["weight_decay"], fused=True)
    tokens = torch.randint(0, c["vocab_size"], (job["batch"], job["prompt"] + job["response"]))
    labels = tokens[:, 1:].clone()
    labels[:, : job["prompt"] - 1] = -100
    print("ready", flush=True)
    for line in sys.stdin:
        times, last = [], 0.0
        for _ in range(int(line)):
            start = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            logits = model(tokens[:, :-1])
            loss = F.cross_entropy(logits.reshape(-1, c["vocab_size"]), labels.reshape(-1), ignore_index=-100)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            last = loss.item()
            times.append((time.perf_counter() - start) * 1000)
        print(json.dumps({"milliseconds": times, "loss": last}), flush=True)


main()
