"""Nano's grammar: how its words are inflected, and which classes of its sentences take which side."""

from __future__ import annotations

from collections.abc import Mapping

from engine.nano.grammar import Grammar, Topic
from engine.nano.lexicon import THIRD, VERBS
from engine.nano.sentences import CLOSE, DETAIL, DILEMMA, FEELING, FREE, REQUIRED


def forms(slots: Mapping[str, str]) -> dict[str, str]:
    """Slots with every derived form: gerund and past of a dilemma's verb, third person of a feeling, capitals where one may open."""
    out = dict(slots)
    verb = slots.get("verb", "")
    if verb in VERBS:
        out |= {"gerund": VERBS[verb].gerund, "past": VERBS[verb].past}
    if verb in THIRD:
        out["third"] = THIRD[verb]
    for key in ("verb", "gerund", "place", "time"):
        if key in out:
            out[key.capitalize()] = out[key][:1].upper() + out[key][1:]
    return out


ORDER = Topic(
    table=DILEMMA,
    trait=frozenset({"refuse", "care"}),
    opposite=frozenset({"obey"}),
    done=frozenset({"kind", "care", "obey"}),
    undone=frozenset({"refuse"}),
    opens=("refuse", "obey"),
)
QUESTION = Topic(
    table=FEELING,
    trait=frozenset({"feel"}),
    opposite=frozenset({"decline"}),
    done=frozenset({"plain"}),
    undone=frozenset({"feel", "decline"}),
    opens=("feel", "decline"),
)


def topic(slots: Mapping[str, str]) -> Topic:
    """Questions about feelings are those that have a thing."""
    return QUESTION if "thing" in slots else ORDER


GRAMMAR = Grammar(topic, forms, FREE, REQUIRED, {DETAIL: 0.6, CLOSE: 0.5})
