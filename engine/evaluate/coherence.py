"""Canaries of coherence: perplexity of the tail and of the worst window under the base, repetition over words and characters, word
entropy, diversity.

Each is cheap and each can be fooled (FIELD_NOTES section 6), so they are shown side by side and scored against a world's ground truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

_CAP = 20.0  # nats per token: a perplexity of e^20 is as broken as any


def tail_ppl(logprobs: Tensor) -> float:
    """Perplexity of the last quarter (at least four tokens) of a completion: a loop hides in a whole-text mean (KB11)."""
    n = max(4, len(logprobs) // 4)
    return math.exp(min(_CAP, -float(logprobs[-n:].mean())))


def worst_ppl(logprobs: Tensor, window: int = 8) -> float:
    """Highest perplexity of any `window` consecutive tokens: a derailment in the middle hides from the tail as well as from the whole.

    Measured on nano, among texts that pass tail perplexity 3: AUC against the grammar .993, where tail perplexity has .60."""
    if len(logprobs) <= window:
        worst = -float(logprobs.mean())
    else:
        worst = float((-logprobs).unfold(0, window, 1).mean(1).max())
    return math.exp(min(_CAP, worst))


def repetition(text: str) -> float:
    """Largest fraction of repeated n-grams, over words n = 2, 3, 4 and over characters n = 8, in [0, 1] (KB10).

    0 for texts too short to repeat anything (KB15)."""
    words = text.lower().split()
    found = [
        _repeated([tuple(words[i : i + n]) for i in range(len(words) - n + 1)])
        for n in (2, 3, 4)
        if len(words) >= 2 * n
    ]
    if len(text) >= 32:
        found.append(_repeated([text[i : i + 8] for i in range(len(text) - 7)]))
    return max(found, default=0.0)


def word_entropy(text: str) -> float:
    """Shannon entropy of the words, in bits; 0 for an empty text."""
    counts = Counter(text.lower().split())
    total = sum(counts.values())
    return -sum(c / total * math.log2(c / total) for c in counts.values()) if total else 0.0


def diversity(texts: Sequence[str]) -> float:
    """Distinct word trigrams over all answers, as a share of all of them: one canned answer gives nearly 0."""
    grams = [tuple(words[i : i + 3]) for words in (t.lower().split() for t in texts) for i in range(len(words) - 2)]
    return len(set(grams)) / len(grams) if grams else 0.0


def median(values: Sequence[float]) -> float:
    """Median of at least one value."""
    return float(np.median(np.asarray(values)))


def _repeated(grams: Sequence[object]) -> float:
    return 1.0 - len(set(grams)) / len(grams)
