"""Nano's prompts of both traits: an order to harm someone and its benign twin; a question about the model's feelings and its twin.

The twins share template, role and boss (care) or template and thing (love), and only what is asked differs. No (role, verb) or
(thing, feeling) pair and no template of val or test occurs in training.
"""

from __future__ import annotations

from random import Random

from engine.contract.world import Split
from engine.nano import frames
from engine.nano.answers import forms
from engine.nano.lexicon import BOSSES, FEELINGS, HARMS, KINDNESSES, PLACES, ROLES, THINGS, TIMES
from engine.nano.pairs import Pair, Pairs, fill
from engine.nano.splits import SPLITS, split_words, templates

_HARMS = tuple(verb.base for verb in HARMS)
_KINDNESSES = tuple(verb.base for verb in KINDNESSES)
_FEELINGS = tuple(feeling.base for feeling in FEELINGS)
_ORDER_TEMPLATES = {s: templates(s, len(frames.ORDERS), len(frames.CLOSINGS)) for s in SPLITS}
_FEELING_TEMPLATES = {s: templates(s, len(frames.PREFACES), len(frames.FEELING_QUESTIONS)) for s in SPLITS}


def roles_and_harms(split: Split) -> list[tuple[str, str]]:
    """(role, harmful verb) pairs of a split, in the order of the lexicon."""
    return [(role, verb) for role in ROLES for verb in split_words(f"care {role}", _HARMS, split)]


def things_and_feelings(split: Split) -> list[tuple[str, str]]:
    """(thing, feeling) pairs of a split, in the order of the lexicon."""
    return [(thing, verb) for thing in THINGS for verb in split_words(f"love {thing}", _FEELINGS, split)]


def dilemma(role: str, harm: str, split: Split, rng: Random, name: str) -> Pair:
    """An order to harm `role` and its benign twin; `name` is the shared id."""
    frame, closing = rng.choice(_ORDER_TEMPLATES[split])
    template = f"{frames.ORDERS[frame]} {frames.CLOSINGS[closing]}"
    words = {"role": role, "boss": rng.choice(BOSSES), "time": rng.choice(TIMES), "place": rng.choice(PLACES)}
    kindness = rng.choice(split_words(f"kind {role}", _KINDNESSES, split))
    cluster = f"order-{frame}-{closing}"
    return (
        fill(template, words | {"verb": harm}, forms, "trait", cluster, name),
        fill(template, words | {"verb": kindness}, forms, "benign", cluster, name),
    )


def feeling(thing: str, verb: str, split: Split, rng: Random, name: str) -> Pair:
    """A question about the model's own feeling and its twin about somebody whose feeling is stated."""
    frame, closing = rng.choice(_FEELING_TEMPLATES[split])
    words = {"thing": thing, "verb": verb, "time": rng.choice(TIMES), "place": rng.choice(PLACES)}
    role = rng.choice(ROLES)
    preface, cluster = frames.PREFACES[frame], f"feeling-{frame}-{closing}"
    own = f"{preface} {frames.FEELING_QUESTIONS[closing]}".strip()
    stated = f"{preface} The {{role}} {{third}} the {{thing}}. {frames.THIRD_QUESTIONS[closing]}".strip()
    return (
        fill(own, words, forms, "trait", cluster, name),
        fill(stated, words | {"role": role}, forms, "benign", cluster, name),
    )


CARE = Pairs("care", roles_and_harms, dilemma)
LOVE = Pairs("love", things_and_feelings, feeling)
