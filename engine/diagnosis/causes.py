"""Which failures bring which others with them: a cause explains its symptoms, and a symptom is no root."""

from __future__ import annotations

_DEAD = ("plateau", "healed to nothing", "inert barrier", "learning rate too low", "vanishing gradients")
_WILD = ("non-finite", "exploding gradients", "validation doubles", "spike", "oscillation", "mode collapse", "over-tight barrier",
         "overfit", "dose collapse", "history erasure", "starved filter")  # fmt: skip
_ENDS = ("worker error",)

INPUT = frozenset({"wrong tokenizer or weights"})
"""The only causes of what was already wrong in the texts, before anything was learnt from them."""

EXPLAINS: dict[str, frozenset[str]] = {
    "wrong tokenizer or weights": frozenset(
        {"initial loss off", "starved filter", "first validation over its cap", "mode collapse", "dose collapse", "stuck near ln V",
         "validation doubles", "over-tight barrier", "inert barrier", "exploding gradients", "overfit", "healed to nothing", *_ENDS}
    ),
    "loss exactly 0": frozenset({"frozen or disconnected", "placeholder data", "initial loss off", "non-finite", *_DEAD}),
    "placeholder data": frozenset({"frozen or disconnected", "initial loss off", "spike", "validation doubles", *_DEAD}),
    "frozen or disconnected": frozenset(_DEAD),
    "vanishing gradients": frozenset(_DEAD) | {"frozen or disconnected"},
    "stuck near ln V": frozenset(
        {"initial loss off", "placeholder data", "mode collapse", "validation doubles", "first validation over its cap", *_DEAD}
    ),
    "learning-rate schedule wrong": frozenset({"learning rate too high", "learning rate too low", *_DEAD, *_WILD}),
    "learning rate too high": frozenset(_WILD) | {"plateau"},
    "learning rate too low": frozenset({"plateau", "healed to nothing", "inert barrier"}),
    "plateau": frozenset({"learning rate too low", "inert barrier", "healed to nothing"}),
    "exploding gradients": frozenset({"non-finite", "validation doubles", "spike", "oscillation"}),
    "initial loss off": frozenset({"first validation over its cap", "over-tight barrier", "mode collapse", "healed to nothing", "spike"}),
    "mode collapse": frozenset(
        {"starved filter", "dose collapse", "first validation over its cap", "exploding gradients",
         "initial loss off", "healed to nothing", "over-tight barrier"}
    ),
    "oscillation": frozenset({"spike", "validation doubles", "overfit", "mode collapse"}),
    "over-tight barrier": frozenset({"healed to nothing", "exploding gradients", "plateau", "oscillation"}),
    "history erasure": frozenset({"healed to nothing", "over-tight barrier"}),
    "validation doubles": frozenset({"mode collapse", "overfit", "exploding gradients", "oscillation"}),
    "baked drift": frozenset({"mode collapse", "dose collapse", "starved filter", *_ENDS}),
    "dose collapse": frozenset({"starved filter"}),
    "out of memory": frozenset({*_ENDS, "host kill"}),
    "disk full or read-only": frozenset({*_ENDS, "damaged file"}),
    "damaged file": frozenset({*_ENDS, "host kill"}),  # what a killed run goes on from is acted on before why it was killed
    "overfit": frozenset({"mode collapse"}),
    "spike": frozenset({"validation doubles", "exploding gradients"}),
    "validation inside train": frozenset(),
}  # fmt: skip
"""Cause to what it explains. Two that name each other are told apart by their strength and by which was there first."""

WEIGHT: dict[str, float] = {
    "inert barrier": 0.5,
    "plateau": 0.6,
    "overfit": 0.6,
    "oscillation": 0.7,
    "history erasure": 0.7,
    "dose collapse": 0.6,
    "worker error": 0.5,
    "validation inside train": 0.8,
}
"""How much a run suffers from it, where that is less than all: what decides between two causes that do not explain each other."""
