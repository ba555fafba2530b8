"""repeng: a control vector from the same pairs, and generation under it."""

from __future__ import annotations

from typing import Any

import torch
import workload
from hugging_face import generating
from repeng import ControlModel, ControlVector, DatasetEntry
from transformers import AutoModelForCausalLM, AutoTokenizer

WHO = "repeng"


def main() -> None:
    work = workload.read()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(work.model)
    tokenizer.padding_side = "left"
    vector: list[Any] = []
    model: list[Any] = []

    def extracting() -> tuple[int, float]:
        model[:] = [
            ControlModel(AutoModelForCausalLM.from_pretrained(work.model, dtype=torch.float32).eval(), [work.layer])
        ]
        pairs = [DatasetEntry(positive=p, negative=n) for p, n in zip(work.positive, work.negative, strict=True)]
        found, seconds = workload.timed(
            lambda: ControlVector.train(model[0], tokenizer, pairs, method="pca_diff", batch_size=64)
        )
        vector[:] = [found]
        texts = work.positive + work.negative
        return sum(len(tokenizer(t, add_special_tokens=False)["input_ids"]) for t in texts), seconds

    def steered() -> tuple[int, float]:
        model[0].set_control(vector[0], 0.5)
        return generating(work, model[0], tokenizer, len(work.prompts))

    workload.attempt(WHO, "extract", extracting)
    workload.attempt(WHO, "generate steered", steered)


if __name__ == "__main__":
    main()
