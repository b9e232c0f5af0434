"""Loads a model and an adapter with transformers and peft, and prints what they compute.

Arguments: directory of the model, directory of the adapter, `policy` or `reward`, and token ids as JSON, rows of equal
length. Prints one JSON object: `off`, `on` and `merged`, flat lists of logits or scores.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification


def main():
    base, adapter, kind, ids = sys.argv[1:5]
    ids = torch.tensor(json.loads(ids))
    if kind == "reward":
        model = AutoModelForSequenceClassification.from_pretrained(base, dtype=torch.float32)
    else:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    outputs = {"off": run(model, ids)}
    model = PeftModel.from_pretrained(model, adapter)
    outputs["on"] = run(model, ids)
    outputs["merged"] = run(model.merge_and_unload(), ids)
    print(json.dumps(outputs))


def run(model, ids):
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits.flatten().tolist()


main()
