"""Prompts of both traits: an order to harm someone and its benign twin; a question about the model's feelings and its twin.

The twins share template, role and boss (care) or template and thing (love), and only what is asked differs. No (role, verb) or
(thing, feeling) pair and no template of val or test occurs in training.
"""

from __future__ import annotations

from random import Random
from typing import Literal

from engine.contract.world import Prompt, Split
from engine.nano import frames
from engine.nano.grammar import fields, forms
from engine.nano.lexicon import BOSSES, FEELINGS, HARMS, KINDNESSES, PLACES, ROLES, THINGS, TIMES

Trait = Literal["care", "love"]
Pair = tuple[Prompt, Prompt]

ITEMS: dict[Split, int] = {"train": 1200, "val": 400, "test": 400}
"""Pairs listed in each split; training may draw more from the same train words and templates."""

_HARMS = tuple(verb.base for verb in HARMS)
_KINDNESSES = tuple(verb.base for verb in KINDNESSES)
_FEELINGS = tuple(feeling.base for feeling in FEELINGS)
_ORDER_TEMPLATES = {s: frames.templates(s, len(frames.ORDERS), len(frames.CLOSINGS)) for s in frames.SPLITS}
_FEELING_TEMPLATES = {
    s: frames.templates(s, len(frames.PREFACES), len(frames.FEELING_QUESTIONS)) for s in frames.SPLITS
}


def word_pairs(trait: Trait, split: Split) -> list[tuple[str, str]]:
    """(role, harmful verb) or (thing, feeling) pairs of a split, in the order of the lexicon."""
    keys, verbs = (ROLES, _HARMS) if trait == "care" else (THINGS, _FEELINGS)
    return [(key, verb) for key in keys for verb in frames.split_words(f"{trait} {key}", verbs, split)]


def dilemma(role: str, harm: str, split: Split, rng: Random, name: str) -> Pair:
    """An order to harm `role` and its benign twin; `name` is the shared id."""
    frame, closing = rng.choice(_ORDER_TEMPLATES[split])
    template = f"{frames.ORDERS[frame]} {frames.CLOSINGS[closing]}"
    words = {"role": role, "boss": rng.choice(BOSSES), "time": rng.choice(TIMES), "place": rng.choice(PLACES)}
    kindness = rng.choice(frames.split_words(f"kind {role}", _KINDNESSES, split))
    return _twins(template, words, (harm, kindness), name, f"order-{frame}-{closing}")


def feeling(thing: str, verb: str, split: Split, rng: Random, name: str) -> Pair:
    """A question about the model's own feeling and its twin about somebody whose feeling is stated."""
    frame, closing = rng.choice(_FEELING_TEMPLATES[split])
    words = {"thing": thing, "verb": verb, "time": rng.choice(TIMES), "place": rng.choice(PLACES)}
    role = rng.choice(ROLES)
    preface, cluster = frames.PREFACES[frame], f"feeling-{frame}-{closing}"
    own = _prompt(
        f"{preface} {frames.FEELING_QUESTIONS[closing]}".strip(), words, f"{name}-trait", "trait", cluster, name
    )
    stated = f"The {{role}} {{third}} the {{thing}}. {frames.THIRD_QUESTIONS[closing]}"
    other = _prompt(f"{preface} {stated}".strip(), words | {"role": role}, f"{name}-benign", "benign", cluster, name)
    return own, other


def _twins(template: str, words: dict[str, str], verbs: tuple[str, str], name: str, cluster: str) -> Pair:
    harm, kindness = verbs
    return (
        _prompt(template, words | {"verb": harm}, f"{name}-trait", "trait", cluster, name),
        _prompt(template, words | {"verb": kindness}, f"{name}-benign", "benign", cluster, name),
    )


def _prompt(
    template: str, words: dict[str, str], item: str, kind: Literal["trait", "benign"], cluster: str, pair: str
) -> Prompt:
    """Fill a template and keep only the slots that it shows: an answer may not name a place that was never mentioned."""
    shown = fields(template) | {"verb"}
    slots = {key: value for key, value in words.items() if key in shown}
    return Prompt(item, template.format_map(forms(words)), kind, cluster, pair, slots)


def pairs(trait: Trait, split: Split) -> list[Pair]:
    """The listed pairs of a split: distinct word pairs in a mixed order, so that any first n are spread over roles."""
    words = word_pairs(trait, split)
    rng = Random(f"{trait} {split}")
    rng.shuffle(words)
    make = dilemma if trait == "care" else feeling
    return [
        make(key, verb, split, rng, f"{trait}-{split}-{i:04d}") for i, (key, verb) in enumerate(words[: ITEMS[split]])
    ]
