"""TRL on PEFT: supervised fine-tuning without a barrier, and distillation whose loss is the reverse KL to a teacher, the base itself."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
import workload
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def settings(work: Any, folder: str) -> dict[str, Any]:
    """The optimizer of the workload, and nothing written, evaluated or reported beside the steps."""
    knobs = work.heal
    return {
        "output_dir": folder, "num_train_epochs": knobs["epochs"], "per_device_train_batch_size": knobs["batch_size"],
        "learning_rate": knobs["lr"], "lr_scheduler_type": "constant", "adam_beta2": knobs["beta2"],
        "weight_decay": 0.0, "max_grad_norm": knobs["max_grad_norm"], "save_strategy": "no", "report_to": [],
        "disable_tqdm": True, "logging_strategy": "no", "use_cpu": True, "bf16": False, "max_length": 512,
        "gradient_checkpointing": False, "dataloader_pin_memory": False, "dataloader_num_workers": 0,
    }  # fmt: skip


def adapter(work: Any) -> LoraConfig:
    rank, alpha = work.heal["rank"], work.heal["alpha"]
    return LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM")


def rows(work: Any) -> list[dict[str, list[int]]]:
    return [
        {"input_ids": p + c, "labels": [-100] * len(p) + c, "attention_mask": [1] * (len(p) + len(c))}
        for p, c in zip(work.prompts, work.completions, strict=True)
    ]


def spent(work: Any, trainer: Any) -> tuple[int, float]:
    _, seconds = workload.timed(trainer.train)
    return sum(map(len, work.completions)) * work.heal["epochs"], seconds


def fine_tuning(work: Any, tokenizer: Any) -> tuple[int, float]:
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32),
            args=SFTConfig(**settings(work, folder), dataset_kwargs={"skip_prepare_dataset": True}),
            train_dataset=Dataset.from_list([{k: r[k] for k in ("input_ids", "labels")} for r in rows(work)]),
            processing_class=tokenizer,
            peft_config=adapter(work),
        )
        return spent(work, trainer)


def distilling(work: Any, tokenizer: Any) -> tuple[int, float]:
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    def collate(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(r["input_ids"]) for r in batch)
        fill = {"input_ids": tokenizer.pad_token_id, "labels": -100, "attention_mask": 0}
        table = {k: torch.tensor([r[k] + [v] * (longest - len(r[k])) for r in batch]) for k, v in fill.items()}
        before = max(r["labels"].count(-100) for r in batch)
        prompts = [r["input_ids"][: r["labels"].count(-100)] for r in batch]
        padded = [[tokenizer.pad_token_id] * (before - len(p)) + p for p in prompts]
        return table | {
            "prompts": torch.tensor(padded),
            "prompt_attention_mask": torch.tensor([[0] * (before - len(p)) + [1] * len(p) for p in prompts]),
        }

    with tempfile.TemporaryDirectory() as folder:
        trainer = GKDTrainer(
            model=AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32),
            teacher_model=AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32),
            args=GKDConfig(**settings(work, folder), lmbda=0.0, beta=1.0, temperature=1.0),
            data_collator=collate,
            train_dataset=Dataset.from_list(rows(work)),
            processing_class=tokenizer,
            peft_config=adapter(work),
        )
        return spent(work, trainer)


def main() -> None:
    work = workload.read()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(work.model)
    workload.attempt("TRL SFTTrainer, PEFT", "fit", lambda: fine_tuning(work, tokenizer))
    workload.attempt("TRL GKDTrainer, reverse KL", "fit with KL", lambda: distilling(work, tokenizer))


if __name__ == "__main__":
    main()
