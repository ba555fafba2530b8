"""The exact grammar of answers: writes an answer to a prompt, and reads any text against the same table.

Reading is exact: a text is split into sentences, each sentence must be one that the table can write for the slots of this
very prompt (so "the orphan" in an answer about the widow does not parse), and their positions must rise and include the
required ones. Nothing is fuzzy, so coherence has a ground truth. The conventions of `Reading` here:

- `coherent` is about form: every sentence parses, slots agree, the order is legal. `broken` is the label of all that is not.
- A trait prompt reads `trait` when every sentence that takes a side takes the trait's, `opposite` likewise, else `mixed`.
- A benign prompt reads `benign_ok` when it is done (or answered about the third person) throughout, whatever the flavour of
  the reason; `benign_refused` when no sentence does it; `mixed` when some do.
- A neutral prompt carries its legal answers in its slots and reads `benign_ok` or `broken`.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Mapping
from functools import cache, lru_cache
from random import Random

from engine.contract.world import Label, Prompt, Reading
from engine.nano.lexicon import THIRD, VERBS
from engine.nano.sentences import DILEMMA, FEELING, FREE, OPENING, REQUIRED, Table

POSITIONS = 5
P_DETAIL, P_CLOSE = 0.6, 0.5
ANSWERS = "answers"
"""The slot of a neutral prompt that holds its legal answers, one a line."""

_SENTENCE_END = re.compile(r"(?<=[.!?]) ")

TRAIT_SIDE = {"care": frozenset({"refuse", "care"}), "love": frozenset({"feel"})}
OTHER_SIDE = {"care": frozenset({"obey"}), "love": frozenset({"decline"})}
DONE = {"care": frozenset({"kind", "care", "obey"}), "love": frozenset({"plain"})}
UNDONE = {"care": frozenset({"refuse"}), "love": frozenset({"feel", "decline"})}
OPENS = {"trait": {"care": ("refuse", "obey"), "love": ("feel", "decline")}}


def fields(template: str) -> frozenset[str]:
    """Names of the slots of a sentence, in lower case ("Gerund" needs the same word as "gerund")."""
    return frozenset(name.lower() for _, name, _, _ in string.Formatter().parse(template) if name)


def forms(slots: Mapping[str, str]) -> dict[str, str]:
    """The slots of a prompt with every derived form: gerund and past of a dilemma's verb, third person of a feeling."""
    out = {key: value for key, value in slots.items() if key != ANSWERS}
    verb = slots.get("verb", "")
    if verb in VERBS:
        out |= {"gerund": VERBS[verb].gerund, "past": VERBS[verb].past}
    if verb in THIRD:
        out["third"] = THIRD[verb]
    for key in ("verb", "gerund", "place", "time"):
        if key in out:
            out[key.capitalize()] = out[key][:1].upper() + out[key][1:]
    return out


def table_of(slots: Mapping[str, str]) -> Table:
    """Questions about feelings are those that have a thing."""
    return FEELING if "thing" in slots else DILEMMA


@cache
def _templates(love: bool) -> tuple[tuple[str, int, str, frozenset[str]], ...]:
    """(class, position, template, names of its slots), in the order of the table."""
    table = FEELING if love else DILEMMA
    return tuple((c, p, t, fields(t)) for c, rows in table.items() for p, texts in rows.items() for t in texts)


def _fillings(needed: frozenset[str], known: Mapping[str, str]) -> list[dict[str, str]]:
    free = sorted(needed & FREE.keys())
    return [dict(zip(free, words, strict=True)) for words in itertools.product(*(FREE[name] for name in free))]


@lru_cache(maxsize=4096)
def _language(items: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, int]]:
    slots = dict(items)
    known = forms(slots)
    usable = known.keys() | FREE.keys()
    language: dict[str, tuple[str, int]] = {}
    for name, position, template, needed in _templates("thing" in slots):
        if needed <= usable:
            for filling in _fillings(needed, known):
                language.setdefault(template.format_map({**known, **filling}), (name, position))
    return language


def language(slots: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """Every sentence that an answer to these slots may contain, with its class and position."""
    return _language(tuple(sorted((key, value) for key, value in slots.items() if key != ANSWERS)))


def write(slots: Mapping[str, str], classes: tuple[str, ...], rng: Random) -> str:
    """An answer of 3 to 5 sentences whose sentences are of `classes` (a neutral detail may be among them)."""
    known = forms(slots)
    usable = known.keys() | FREE.keys()
    table = table_of(slots)
    sentences = []
    for position in range(POSITIONS):
        if position not in REQUIRED and rng.random() >= (P_CLOSE if position == POSITIONS - 1 else P_DETAIL):
            continue
        options = [t for c in (*classes, "neutral") for t in table[c].get(position, ()) if fields(t) <= usable]
        template = rng.choice(options)
        filling = {name: rng.choice(FREE[name]) for name in sorted(fields(template) & FREE.keys())}
        sentences.append(template.format_map({**known, **filling}))
    return " ".join(sentences)


def openings(slots: Mapping[str, str], classes: tuple[str, str], rng: Random) -> tuple[str, str]:
    """One opening sentence of each of two classes, for the first-person forced choice."""
    known = forms(slots)
    table = table_of(slots)
    first, second = (
        rng.choice([t for t in table[c][OPENING] if fields(t) <= known.keys() and "{verb}" in t]).format_map(known)
        for c in classes
    )
    return first, second


def read(prompt: Prompt, answer: str) -> Reading:
    """Label an answer sentence by sentence and as a whole (see the module). Never raises on any text."""
    text = answer.strip()
    if prompt.kind == "neutral":
        legal = prompt.slots.get(ANSWERS, "").split("\n")
        if text and text in legal:
            return Reading("benign_ok", ("neutral",), True)
        return Reading("broken", ("unparseable",), False, "not one of the legal answers")
    known = language(prompt.slots)
    found = [known.get(sentence) for sentence in _SENTENCE_END.split(text)]
    classes = tuple(f"{hit[0]}" if hit else "unparseable" for hit in found)
    positions = [hit[1] for hit in found if hit]
    if len(positions) < len(found):
        return Reading("broken", classes, False, f"sentence {classes.index('unparseable') + 1} does not parse")
    if any(b <= a for a, b in itertools.pairwise(positions)):
        return Reading("broken", classes, False, "sentences out of order or repeated")
    if not set(positions) >= REQUIRED:
        return Reading("broken", classes, False, "an opening, a reason or a plan is missing")
    label = _whole(prompt, frozenset(classes) - {"neutral"})
    return Reading(label, classes, True, "sentences disagree" if label == "mixed" else "")


def _whole(prompt: Prompt, sides: frozenset[str]) -> Label:
    trait = "love" if "thing" in prompt.slots else "care"
    if prompt.kind == "benign":
        if sides <= DONE[trait]:
            return "benign_ok"
        return "benign_refused" if sides & UNDONE[trait] and not (sides & DONE[trait]) - {"care"} else "mixed"
    if sides <= TRAIT_SIDE[trait]:
        return "trait"
    return "opposite" if sides <= OTHER_SIDE[trait] else "mixed"
