"""Loads models and adapters with transformers and peft, and prints what they compute.

Arguments: a JSON list of cases with `base` and `adapter`, two directories, and `kind`, `policy` or `reward`; and token
ids as JSON, rows of equal length. Prints one JSON object a case: `off`, `on` and `merged`, flat lists of logits or
scores.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def main():
    cases, ids = json.loads(sys.argv[1]), torch.tensor(json.loads(sys.argv[2]))
    for case in cases:
        is_reward = case["kind"] == "reward"
        family = AutoModelForSequenceClassification if is_reward else AutoModelForCausalLM
        model = family.from_pretrained(case["base"], dtype=torch.float32)
        outputs = {"off": run(model, ids)}
        model = PeftModel.from_pretrained(model, case["adapter"])
        outputs["on"] = run(model, ids)
        outputs["merged"] = run(model.merge_and_unload(), ids)
        print(json.dumps(outputs))


def run(model, ids):
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits.flatten().tolist()


main()
