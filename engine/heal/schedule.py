"""The learning rate of an optimizer step: linear warmup, then linear to a tenth, constant, or cosine to a tenth."""

from __future__ import annotations

import math

from engine.contract.config import Heal

FLOOR = 0.1


def learning_rate(config: Heal, step: int, steps: int) -> float:
    """Rate applied at `step` (from 0) of `steps` optimizer steps."""
    warm = max(1, round(config.warmup * steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    if config.schedule == "constant":
        return config.lr
    done = (step - warm) / max(1, steps - warm)
    shape = 1.0 - done if config.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return config.lr * (FLOOR + (1.0 - FLOOR) * shape)
