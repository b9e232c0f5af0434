"""TRL 1.12's side of `cargo xtask bench ppo --torch`: one update of its experimental PPO trainer.

Policy and value model, frozen reference, reward model; one optimiser step. `PPOTrainer.train` does everything in one
loop, so the loop is stopped where it begins to write, and waits there for its turn.
Speaks lines with the benchmark: reads the job and answers `ready`; then for each line it does one update and answers
seconds by phase, and what was done, so that the benchmark can see that both sides did the same.
Phases: writing is `batch_generation`; scores go from there to the first permutation; the update is the rest, up to the
next writing. Log-probabilities of the policy come from its writing here, so its scores need one pass less than ours.
"""

import json
import os
import sys
import tempfile
import time
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
warnings.filterwarnings("ignore")
answers, sys.stdout = sys.stdout, sys.stderr  # Libraries print.

import copy

import numpy as np
import torch
import transformers
import trl.experimental.ppo.ppo_trainer as ppo
from datasets import Dataset
from transformers import LlamaForCausalLM, LlamaForSequenceClassification
from trl_models import check_size, llama_config, tokenizer

transformers.logging.set_verbosity_error()
ENDLESS = 1_000_000


def trainer(job, folder):
    shape = llama_config(job["config"])
    policy = LlamaForCausalLM(shape)
    check_size(policy, job)
    config = ppo.PPOConfig(
        output_dir=folder, per_device_train_batch_size=job["micro_batch"],
        gradient_accumulation_steps=job["batch"] // job["micro_batch"], num_mini_batches=1, num_ppo_epochs=1,
        local_rollout_forward_batch_size=job["batch"], total_episodes=ENDLESS * job["batch"], response_length=job["new_tokens"],
        temperature=1.0, learning_rate=job["learning_rate"], num_sample_generations=0, seed=0, bf16=False, use_cpu=True,
        gradient_checkpointing=False, report_to="none", save_strategy="no", disable_tqdm=True)
    # Many batches: at the end of the data accelerate would step after every micro-batch.
    rows = torch.randint(1, shape.vocab_size, (100 * job["batch"], job["prompt"])).tolist()
    data = Dataset.from_dict({"input_ids": rows})
    return ppo.PPOTrainer(
        args=config, processing_class=tokenizer(shape.vocab_size, "left"), model=policy, ref_model=copy.deepcopy(policy),
        reward_model=LlamaForSequenceClassification(shape), value_model=LlamaForSequenceClassification(shape),
        train_dataset=data, eval_dataset=data)


class Turns:
    """Stops the loop where it begins to write, and tells what the last turn took."""

    def __init__(self, trainer):
        self.trainer, self.start = trainer, None
        generation, permutation, step = ppo.batch_generation, np.random.permutation, trainer.optimizer.step

        def wait_and_write(model, queries, *args):
            self.end_turn()
            self.start, self.optimizer_steps = time.perf_counter(), 0
            rows, logits = generation(model, queries, *args)
            self.written, self.new_tokens = time.perf_counter(), rows[:, queries.shape[1]:].numel()
            return rows, logits

        def noted_permutation(n):
            self.update_start = time.perf_counter()
            return permutation(n)

        def counted_step(*args, **kwargs):
            self.optimizer_steps += trainer.accelerator.sync_gradients
            return step(*args, **kwargs)

        ppo.batch_generation, np.random.permutation, trainer.optimizer.step = wait_and_write, noted_permutation, counted_step
        trainer.log = self.log

    def log(self, metrics, *_):
        self.loss = metrics["loss/policy_avg"] + self.trainer.args.vf_coef * metrics["loss/value_avg"]

    def end_turn(self):
        if self.start is not None:
            print(json.dumps({
                "rollout": self.written - self.start, "scores": self.update_start - self.written,
                "update": time.perf_counter() - self.update_start, "new_tokens": self.new_tokens,
                "optimizer_steps": self.optimizer_steps, "loss": self.loss,
            }), file=answers, flush=True)
        if not sys.stdin.readline():
            sys.exit(0)


def main():
    job = json.loads(sys.stdin.readline())
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        turns = Turns(trainer(job, folder))
        print("ready", file=answers, flush=True)
        turns.trainer.train()


main()
