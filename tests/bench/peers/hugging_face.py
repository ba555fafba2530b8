"""Hugging Face generate, sampling in one batch and one row at a time."""

from __future__ import annotations

from typing import Any

import torch
import workload
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed


def left_padded(prompts: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, prompts))
    ids = torch.tensor([[pad] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    return ids, mask


def said(out: torch.Tensor, stop: int) -> int:
    """Tokens of the completions [n, t], each up to and with its stop."""
    ended = (out == stop).int()
    return int((ended.cumsum(1) - ended == 0).sum())


def generating(work: Any, model: Any, tokenizer: Any, rows: int) -> tuple[int, float]:
    """Sample for `len(prompts)` prompts, `rows` at once."""
    set_seed(0)
    total = seconds = 0.0
    for start in range(0, len(work.prompts), rows):
        ids, mask = left_padded(work.prompts[start : start + rows], tokenizer.pad_token_id)
        out, took = workload.timed(
            lambda ids=ids, mask=mask: model.generate(
                input_ids=ids, attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=work.longest,
                eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
            )
        )  # fmt: skip
        total += said(out[:, ids.shape[1] :], tokenizer.eos_token_id)
        seconds += took
    return int(total), seconds


def main() -> None:
    work = workload.read()
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(work.model)
    workload.attempt("transformers generate", "generate", lambda: generating(work, model, tokenizer, len(work.prompts)))
    workload.attempt("transformers generate, one by one", "generate", lambda: generating(work, model, tokenizer, 1))


if __name__ == "__main__":
    main()
