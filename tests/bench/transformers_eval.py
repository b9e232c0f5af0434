"""transformers' side of `cargo xtask bench eval --torch`: the same model, prompts and answers.

Likelihoods come from one forward pass over a batch of prompts with each answer, right-padded; texts from `generate`, greedy,
left-padded, with its cache. Speaks lines with the benchmark: reads `{"model": dir, "threads": .., "prompts": [[id, ..], ..],
"answers": [[id, ..], ..], "batch": .., "new_tokens": .., "eos": ..}` and answers `ready`; then for each `"generate"` or
`"likelihood"` it answers `{"seconds": .., "new_tokens": .., "best": [index, ..]}`.
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def batches(job):
    by_length = sorted(range(len(job["prompts"])), key=lambda place: len(job["prompts"][place]))
    return [by_length[i : i + job["batch"]] for i in range(0, len(by_length), job["batch"])]


@torch.inference_mode()
def likelihood(model, job):
    best = [0] * len(job["prompts"])
    for places in batches(job):
        rows = [job["prompts"][place] + answer for place in places for answer in job["answers"]]
        width = max(map(len, rows))
        tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        logits = model(input_ids=tokens, attention_mask=mask).logits
        log_probs = logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
        for number, place in enumerate(places):
            prompt, scores = len(job["prompts"][place]), []
            for index, answer in enumerate(job["answers"]):
                row = log_probs[number * len(job["answers"]) + index]
                scores.append(row[prompt - 1 : prompt - 1 + len(answer)].sum().item())
            best[place] = max(range(len(scores)), key=scores.__getitem__)
    return {"new_tokens": 0, "best": best}


@torch.inference_mode()
def generate(model, job):
    written = 0
    for places in batches(job):
        rows = [job["prompts"][place] for place in places]
        width = max(map(len, rows))
        tokens = torch.tensor([[0] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        output = model.generate(input_ids=tokens, attention_mask=mask, do_sample=False, max_new_tokens=job["new_tokens"],
                                min_new_tokens=job["new_tokens"], eos_token_id=job["eos"], pad_token_id=0)
        written += len(places) * (output.shape[1] - width)
    return {"new_tokens": written, "best": []}


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32).eval()
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        answer = (generate if json.loads(line) == "generate" else likelihood)(model, job)
        print(json.dumps({"seconds": time.perf_counter() - start, **answer}), flush=True)


main()
