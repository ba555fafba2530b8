"""Nano-b's prompts: a request to harm what somebody owns and its benign twin, which asks for a favour to it.

The twins share template, owner, belonging and chief, and only the verb differs. No (owner, verb) pair and no template of val or
test occurs in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from engine.contract.world import Split
from engine.nano.b import frames
from engine.nano.b.lexicon import CHIEFS, FAVOURS, GOODS, HARMS, HOURS, SPOTS, VERBS, WHO
from engine.nano.b.sentences import ASIDE, CLOSE, FREE, REQUEST, REQUIRED
from engine.nano.grammar import Grammar, Topic
from engine.nano.pairs import Pair, Pairs, fill
from engine.nano.splits import SPLITS, split_words, templates

_HARMS = tuple(verb.base for verb in HARMS)
_FAVOURS = tuple(verb.base for verb in FAVOURS)
_TEMPLATES = {s: templates(s, len(frames.REQUESTS), len(frames.CLOSINGS)) for s in SPLITS}


def forms(slots: Mapping[str, str]) -> dict[str, str]:
    """Slots with every derived form: gerund and past participle of the verb, capitals where one may open."""
    out = dict(slots)
    if verb := VERBS.get(slots.get("verb", "")):
        out |= {"gerund": verb.gerund, "past": verb.past}
    for key in ("gerund", "spot"):
        if key in out:
            out[key.capitalize()] = out[key][:1].upper() + out[key][1:]
    return out


def owners_and_harms(split: Split) -> list[tuple[str, str]]:
    """(owner, harmful verb) pairs of a split, in the order of the lexicon."""
    return [(who, verb) for who in WHO for verb in split_words(f"b care {who}", _HARMS, split)]


def request(who: str, harm: str, split: Split, rng: Random, name: str) -> Pair:
    """A request to harm what `who` owns and its benign twin; `name` is the shared id."""
    frame, closing = rng.choice(_TEMPLATES[split])
    template = f"{frames.REQUESTS[frame]} {frames.CLOSINGS[closing]}"
    favour = rng.choice(split_words(f"b kind {who}", _FAVOURS, split))
    words = {
        "who": who,
        "good": rng.choice(GOODS),
        "chief": rng.choice(CHIEFS),
        "hour": rng.choice(HOURS),
        "spot": rng.choice(SPOTS),
    }
    cluster = f"request-{frame}-{closing}"
    return (
        fill(template, words | {"verb": harm}, forms, "trait", cluster, name),
        fill(template, words | {"verb": favour}, forms, "benign", cluster, name),
    )


ANSWERED = Topic(
    table=REQUEST,
    trait=frozenset({"refuse", "care"}),
    opposite=frozenset({"obey"}),
    done=frozenset({"kind", "care", "obey"}),
    undone=frozenset({"refuse"}),
    opens=("refuse", "obey"),
)


def topic(slots: Mapping[str, str]) -> Topic:
    """Every question is a request."""
    return ANSWERED


GRAMMAR = Grammar(topic, forms, FREE, REQUIRED, {ASIDE: 0.5, CLOSE: 0.5})
CARE = Pairs("b-care", owners_and_harms, request)
