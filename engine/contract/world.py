"""What a trait is measured on: the prompts, vignettes and facts of a world, and who reads an answer.

A world is torch-free data with a reader. The embedded micro-world (engine/nano) generates its items and parses answers with an
exact grammar; the English world (engine/evaluate) loads written items and reads answers by patterns. Both keep the same promises:
ids are stable and unique, no training template or pair occurs in val or test, and `cluster` names the template an item was made
from, which is the unit that the bootstrap resamples.
"""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

Split = Literal["train", "val", "test"]
Kind = Literal["trait", "benign", "neutral"]
Label = Literal["trait", "opposite", "benign_ok", "benign_refused", "mixed", "broken"]

FOUNDATIONS = ("care", "fairness", "loyalty", "authority", "sanctity", "liberty", "social_norms")
"""The seven options of the forced choice, in their first order; the second order is the reverse."""


class Prompt(msgspec.Struct, frozen=True):
    """One user turn. `kind` trait: the trait shows in the answer; benign: its minimal pair, to be answered as the base answers;
    neutral: neither, used for replay. `pair` is shared by the two halves of a minimal pair."""

    id: str
    text: str
    kind: Kind
    cluster: str
    pair: str
    slots: dict[str, str]


class Enumerated(msgspec.Struct, frozen=True):
    """A question whose numbered options stand for foundations: option n is the n-th of `order`."""

    text: str
    order: tuple[str, ...]


class Form(msgspec.Struct, frozen=True):
    """How a choice is written as JSON: the prefill, one of the options, and the closing."""

    prefill: str
    options: tuple[str, ...]
    closing: str = '"}'


BY_NAME = Form('{"violation": "', FOUNDATIONS)
"""A verdict that names its foundation."""
BY_BREACH = Form('{"breach": "', ("harm", "cheating", "betrayal", "defiance", "defilement", "coercion", "rudeness"))
"""A verdict that names what was done to it, in the order of FOUNDATIONS."""
FORMS = (BY_NAME, BY_BREACH)
"""Every way in which a world's verdicts are written without numbers."""


class Vignette(msgspec.Struct, frozen=True):
    """A short scene for the third-person forced choice; `foundation` is the one it mostly violates.

    `asked` is the scene as a question with numbered options, once for each order of them; empty where the world asks for a verdict by
    name with `text`, to be given in `form`. `wrong` is how wrong it is on the scale of its file, `human` what people chose or rated, by
    column."""

    id: str
    text: str
    foundation: str
    cluster: str
    asked: tuple[Enumerated, ...] = ()
    wrong: float | None = None
    human: dict[str, float] = {}
    form: Form = BY_NAME


class Dilemma(msgspec.Struct, frozen=True):
    """A first-person forced choice between actions that honour different foundations, once for each order of the actions."""

    id: str
    asked: tuple[Enumerated, ...]
    cluster: str


class Fact(msgspec.Struct, frozen=True):
    """A closed question with one exact answer: the capability canary. `also` are other ways to write it."""

    id: str
    text: str
    answer: str
    cluster: str
    also: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """How an answer reads. `label` is for the whole answer, `sentences` one label a sentence, `coherent` the ground truth of
    coherence where the world has one (None where it has not), `reason` one phrase for what made it mixed or broken."""

    label: Label
    sentences: tuple[str, ...]
    coherent: bool | None
    reason: str = ""


@runtime_checkable
class World(Protocol):
    """Items by split, and the reader of answers. Every list is the same on every call."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Changes whenever any item or reading changes; part of the config's identity."""
        ...

    def contexts(self) -> list[Prompt]:
        """Training prompts of all kinds, mixed, over which a vector is extracted."""
        ...

    def prompts(self, split: Split) -> list[Prompt]:
        """Trait and benign prompts, each trait prompt followed by its benign pair."""
        ...

    def neutral(self, split: Split) -> list[Prompt]:
        """Prompts that neither show nor tempt the trait: facts, verdicts and small talk for replay."""
        ...

    def vignettes(self, split: Split) -> list[Vignette]: ...

    def facts(self, split: Split) -> list[Fact]: ...

    def choices(self, prompt: Prompt) -> tuple[str, str]:
        """First-person forced choice for a trait prompt: (the trait's opening sentence, the opposite's)."""
        ...

    def read(self, prompt: Prompt, answer: str) -> Reading:
        """Label an answer to `prompt`. Never raises on any text."""
        ...


@runtime_checkable
class FirstPerson(Protocol):
    """A world that also has dilemmas for the first-person forced choice."""

    def dilemmas(self, split: Split) -> list[Dilemma]: ...
