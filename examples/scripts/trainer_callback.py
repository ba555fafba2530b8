"""A Hugging Face Trainer under the cockpit: one callback reports the model, every log and every evaluation.

cockpit run --preflight F.toml -- python examples/scripts/trainer_callback.py --seed 42
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments


class Cockpit(TrainerCallback):
    """Appends what the Trainer logs to $COCKPIT_EVENTS; does nothing without it."""

    def say(self, event: str, **values: Any) -> None:
        if path := os.environ.get("COCKPIT_EVENTS"):
            with open(path, "a") as f:
                f.write(json.dumps({"event": event, **values}) + "\n")

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        about = {"class": type(model).__name__, "parameters": sum(p.numel() for p in model.parameters())}
        self.say("model", **about, batch=args.per_device_train_batch_size, seed=args.seed)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **more: Any) -> None:
        if logs and "loss" in logs:
            self.say("step", step=state.global_step, lr=logs.get("learning_rate"), **logs)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float] | None = None, **more: Any
    ) -> None:
        self.say("eval", split="val", metrics={k.removeprefix("eval_"): v for k, v in (metrics or {}).items()})


class Counting(Dataset[dict[str, torch.Tensor]]):
    """Rows that count upwards from a random number, modulo the vocabulary."""

    def __init__(self, rows: int, seed: int) -> None:
        first = torch.randint(0, 32, (rows, 1), generator=torch.Generator().manual_seed(seed))
        self._rows = (first + torch.arange(12)) % 32

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self._rows[index], "labels": self._rows[index]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--steps", type=int, default=20)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    shape = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=args.steps, logging_steps=5, eval_steps=10, eval_strategy="steps", save_strategy="no",
            per_device_train_batch_size=8, learning_rate=1e-2, seed=args.seed, report_to=[], use_cpu=True, disable_tqdm=True,
        )  # fmt: skip
        data = {"train_dataset": Counting(64, 1), "eval_dataset": Counting(16, 2)}
        Trainer(LlamaForCausalLM(shape), arguments, callbacks=[Cockpit()], **data).train()


if __name__ == "__main__":
    main()
