"""TRL 0.7.2's side of `cargo xtask bench ppo --torch`: one PPO iteration, as the scripts of that time write it.

`PPOTrainer.generate`, a reward model, `PPOTrainer.step`; policy with a value head, frozen reference, one optimiser step.
Speaks lines with the benchmark: reads the job and answers `ready`; then for each line it does one iteration and answers
seconds by phase, and what was done, so that the benchmark can see that both sides did the same.
Phases are cut as ours are: `PPOTrainer.step` up to its first permutation measures and belongs to the scores.
"""

import json
import os
import sys
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")
answers, sys.stdout = sys.stdout, sys.stderr  # Libraries print.

import copy
import logging

import numpy as np
import torch
from transformers import LlamaForCausalLM, LlamaForSequenceClassification
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer
from trl_models import check_size, llama_config, tokenizer

logging.disable(logging.WARNING)


class Bench:
    def __init__(self, job):
        self.job, shape = job, llama_config(job["config"])
        lm = LlamaForCausalLM(shape)
        check_size(lm, job)
        policy = AutoModelForCausalLMWithValueHead.from_pretrained(lm, summary_dropout_prob=0.0)
        self.reward_model = LlamaForSequenceClassification(shape).eval()
        config = PPOConfig(
            batch_size=job["batch"], mini_batch_size=job["micro_batch"],
            gradient_accumulation_steps=job["batch"] // job["micro_batch"], ppo_epochs=1, learning_rate=job["learning_rate"],
            optimize_cuda_cache=False, seed=0, accelerator_kwargs={"cpu": True})
        self.trainer = PPOTrainer(config, policy, copy.deepcopy(policy), tokenizer(shape.vocab_size, "right"))
        self.prompts = [torch.randint(1, shape.vocab_size, (job["prompt"],)) for _ in range(job["batch"])]
        self.watch()

    def watch(self):
        """Notes the beginning of the update, and counts optimiser steps that change weights."""
        permutation, step, trainer = np.random.permutation, self.trainer.optimizer.step, self.trainer

        def noted_permutation(n):
            self.update_start = time.perf_counter()
            return permutation(n)

        def counted_step(*args, **kwargs):
            self.optimizer_steps += trainer.accelerator.sync_gradients
            return step(*args, **kwargs)

        np.random.permutation, trainer.optimizer.step = noted_permutation, counted_step

    def iteration(self):
        job, self.optimizer_steps = self.job, 0
        start = time.perf_counter()
        responses = self.trainer.generate(
            self.prompts, batch_size=job["batch"], return_prompt=False, remove_padding=False,
            max_new_tokens=job["new_tokens"], do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0)
        written = time.perf_counter()
        with torch.no_grad():
            rows = torch.stack([torch.cat(row) for row in zip(self.prompts, responses)])
            scores = torch.cat([self.reward_model(part).logits[:, 0] for part in rows.split(job["micro_batch"])])
        stats = self.trainer.step(self.prompts, responses, list(scores))
        end = time.perf_counter()
        return {
            "rollout": written - start, "scores": self.update_start - written, "update": end - self.update_start,
            "new_tokens": sum(len(response) for response in responses), "optimizer_steps": self.optimizer_steps,
            "loss": float(stats["ppo/loss/total"]),
        }


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    bench = Bench(job)
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        print(json.dumps(bench.iteration()), file=answers, flush=True)


main()
