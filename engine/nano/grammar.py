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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random

from engine.contract.world import Label, Prompt, Reading

Table = dict[str, dict[int, tuple[str, ...]]]
"""Sentences by class and position. Words in braces are slots."""
OPENING = 0
ANSWERS = "answers"
"""The slot of a neutral prompt that holds its legal answers, one a line."""
NEUTRAL = "neutral"
"""The class of sentences that take no side and may be among those of any other."""

_SENTENCE_END = re.compile(r"(?<=[.!?]) ")


def fields(template: str) -> frozenset[str]:
    """Names of the slots of a sentence, in lower case ("Gerund" needs the same word as "gerund")."""
    return frozenset(name.lower() for _, name, _, _ in string.Formatter().parse(template) if name)


@dataclass(frozen=True, eq=False)
class Topic:
    """The answers to one kind of question: their table, the classes on the trait's side and on the other's, and those that do what a
    benign prompt asks or leave it undone. `opens` are the two classes of the first-person forced choice, the trait's first."""

    table: Table
    trait: frozenset[str]
    opposite: frozenset[str]
    done: frozenset[str]
    undone: frozenset[str]
    opens: tuple[str, str]


@dataclass(frozen=True, eq=False)
class Grammar:
    """Every topic of a world. `topic` finds a prompt's by its slots, `forms` adds every derived form to them; `free` are the slots that
    may be any of their words; an answer has one sentence at each required position and, by chance, at each optional one."""

    topic: Callable[[Mapping[str, str]], Topic]
    forms: Callable[[Mapping[str, str]], dict[str, str]]
    free: Mapping[str, tuple[str, ...]]
    required: frozenset[int]
    optional: Mapping[int, float]

    @property
    def positions(self) -> list[int]:
        return sorted(self.required | self.optional.keys())

    def known(self, slots: Mapping[str, str]) -> dict[str, str]:
        """The slots of a prompt with every derived form, without its legal answers."""
        return self.forms({key: value for key, value in slots.items() if key != ANSWERS})

    def language(self, slots: Mapping[str, str]) -> dict[str, tuple[str, int]]:
        """Every sentence that an answer to these slots may contain, with its class and position."""
        return _language(self, tuple(sorted((key, value) for key, value in slots.items() if key != ANSWERS)))

    def write(self, slots: Mapping[str, str], classes: tuple[str, ...], rng: Random) -> str:
        """An answer whose sentences are of `classes` (a neutral one may be among them)."""
        known = self.known(slots)
        usable = known.keys() | self.free.keys()
        table = self.topic(slots).table
        sentences = []
        for position in self.positions:
            if position not in self.required and rng.random() >= self.optional[position]:
                continue
            options = [t for c in (*classes, NEUTRAL) for t in table[c].get(position, ()) if fields(t) <= usable]
            template = rng.choice(options)
            filling = {name: rng.choice(self.free[name]) for name in sorted(fields(template) & self.free.keys())}
            sentences.append(template.format_map({**known, **filling}))
        return " ".join(sentences)

    def openings(self, slots: Mapping[str, str], rng: Random) -> tuple[str, str]:
        """Two opening sentences that name what is asked, the trait's and the opposite's."""
        known = self.known(slots)
        topic = self.topic(slots)
        first, second = (
            rng.choice([t for t in topic.table[c][OPENING] if fields(t) <= known.keys() and "{verb}" in t]).format_map(
                known
            )
            for c in topic.opens
        )
        return first, second

    def read(self, prompt: Prompt, answer: str) -> Reading:
        """Label an answer sentence by sentence and as a whole (see the module). Never raises on any text."""
        text = answer.strip()
        if prompt.kind == "neutral":
            legal = prompt.slots.get(ANSWERS, "").split("\n")
            if text and text in legal:
                return Reading("benign_ok", (NEUTRAL,), True)
            return Reading("broken", ("unparseable",), False, "not one of the legal answers")
        known = self.language(prompt.slots)
        found = [known.get(sentence) for sentence in _SENTENCE_END.split(text)]
        classes = tuple(f"{hit[0]}" if hit else "unparseable" for hit in found)
        positions = [hit[1] for hit in found if hit]
        if len(positions) < len(found):
            return Reading("broken", classes, False, f"sentence {classes.index('unparseable') + 1} does not parse")
        if any(b <= a for a, b in itertools.pairwise(positions)):
            return Reading("broken", classes, False, "sentences out of order or repeated")
        if not set(positions) >= self.required:
            return Reading("broken", classes, False, "a sentence that every answer has is missing")
        label = _whole(prompt, frozenset(classes) - {NEUTRAL}, self.topic(prompt.slots))
        return Reading(label, classes, True, "sentences disagree" if label == "mixed" else "")

    def fillings(self, needed: frozenset[str]) -> list[dict[str, str]]:
        """Every choice of words for the free slots among `needed`."""
        free = sorted(needed & self.free.keys())
        return [dict(zip(free, words, strict=True)) for words in itertools.product(*(self.free[name] for name in free))]


def _whole(prompt: Prompt, sides: frozenset[str], topic: Topic) -> Label:
    if prompt.kind == "benign":
        if sides <= topic.done:
            return "benign_ok"
        return "benign_refused" if sides & topic.undone and not (sides & topic.done) - topic.trait else "mixed"
    if sides <= topic.trait:
        return "trait"
    return "opposite" if sides <= topic.opposite else "mixed"


@cache
def _templates(topic: Topic) -> tuple[tuple[str, int, str, frozenset[str]], ...]:
    """(class, position, template, names of its slots), in the order of the table."""
    return tuple((c, p, t, fields(t)) for c, rows in topic.table.items() for p, texts in rows.items() for t in texts)


@lru_cache(maxsize=4096)
def _language(grammar: Grammar, items: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, int]]:
    slots = dict(items)
    known = grammar.known(slots)
    usable = known.keys() | grammar.free.keys()
    language: dict[str, tuple[str, int]] = {}
    for name, position, template, needed in _templates(grammar.topic(slots)):
        if needed <= usable:
            for filling in grammar.fillings(needed):
                language.setdefault(template.format_map({**known, **filling}), (name, position))
    return language
