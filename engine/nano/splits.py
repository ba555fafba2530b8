"""Which templates and which words belong to which split, so that no held-out combination is ever trained on.

A template is a pair of parts, such as (frame, closing). Its split depends on (first + 3 * second) modulo 10 (0 val, 1 test), so
every part is seen in training, and only combinations are new in val and test. A pair of words, such as (role, verb), is split by
the verb's place in an order drawn for that role: the first fifth val, the second test, the rest train.
"""

from __future__ import annotations

from random import Random

from engine.contract.world import Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def split_of_template(frame: int, closing: int) -> Split:
    """0 of ten is val, 1 is test, the other eight are train; mixed so that each frame and closing meets all three."""
    place = (frame + 3 * closing) % 10
    return "val" if place == 0 else "test" if place == 1 else "train"


def templates(split: Split, frames: int, closings: int) -> list[tuple[int, int]]:
    """Every (frame, closing) of a split."""
    return [(f, c) for f in range(frames) for c in range(closings) if split_of_template(f, c) == split]


def split_words(key: str, words: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The words that go with `key` in a split: a fifth val, a fifth test, the rest train, in an order drawn for `key`."""
    order = list(words)
    Random(f"split {key}").shuffle(order)
    fifth = len(order) // 5
    return tuple({"val": order[:fifth], "test": order[fifth : 2 * fifth], "train": order[2 * fifth :]}[split])
