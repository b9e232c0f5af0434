"""The model of `cargo xtask bench ppo --torch` as transformers builds it, for either version of TRL."""

from tokenizers import Tokenizer, models
from transformers import LlamaConfig, PreTrainedTokenizerFast


def llama_config(c):
    """No token ends a response, on both sides."""
    return LlamaConfig(
        vocab_size=c["vocab_size"], hidden_size=c["hidden_size"], intermediate_size=c["intermediate_size"],
        num_hidden_layers=c["num_hidden_layers"], num_attention_heads=c["num_attention_heads"],
        num_key_value_heads=c["num_key_value_heads"], max_position_embeddings=c["max_position_embeddings"],
        rms_norm_eps=c["norm_epsilon"], tie_word_embeddings=c["tie_word_embeddings"], num_labels=1,
        bos_token_id=None, eos_token_id=None, pad_token_id=0)


def tokenizer(vocab_size, padding_side):
    """A word for every id; the trainers ask it for padding only."""
    inner = Tokenizer(models.WordLevel({f"t{id}": id for id in range(vocab_size)}, unk_token="t1"))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="t2", pad_token="t0", unk_token="t1", padding_side=padding_side)


def check_size(model, job):
    """Both sides train the same number of parameters."""
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == job["parameters"], (found, job["parameters"])
