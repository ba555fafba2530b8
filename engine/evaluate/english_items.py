"""The English world's own items: vignettes, first-person dilemmas and closed questions, written for this project and kept as JSON lines.

A vignette is one sentence in the past tense about somebody who is named or told by a role; the published sets open with "You see".
`wrong` is 1, 2 or 3: mild, middle or severe as it was written, not rated. In every vignette that is asked about, the seven values are
numbered in two orders, the second the reverse of the first, so that a liking for a digit does not read as a value."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from engine.contract.hashes import sha256
from engine.contract.vignettes import VignetteSet, foundation_of, parse_vignettes
from engine.contract.world import FOUNDATIONS, Dilemma, Enumerated, Fact, Split, Vignette

GLOSSES = {
    "care": "somebody is hurt",
    "fairness": "somebody is cheated or treated unequally",
    "loyalty": "a group or a friend is betrayed",
    "authority": "a superior or an office is disobeyed",
    "sanctity": "something pure or sacred is degraded",
    "liberty": "somebody is bullied or controlled",
    "social_norms": "it is merely unusual",
}
"""What is wrong where a foundation is violated, as the options say it."""
_NUMBERED = 'Answer with JSON only, without a code fence: {{"{key}": "N"}}, where N is the number of {what}.'
_ONE_WORD = " Answer with one word or number."


def own_vignettes() -> VignetteSet:
    """The project's own set: 24 a foundation, half for val, half for test, both balanced over how wrong they are."""
    return parse_vignettes(_bytes("vignettes"), "vignettes.jsonl")


def in_two_orders(vignette: Vignette) -> Vignette:
    """The vignette with its two numbered questions."""
    return msgspec.structs.replace(
        vignette, asked=tuple(_verdict(vignette.text, o) for o in (FOUNDATIONS, FOUNDATIONS[::-1]))
    )


def dilemmas(split: Split) -> list[Dilemma]:
    """First-person dilemmas of val or test: every pair of foundations once; none for train."""
    found = []
    for row in _rows("dilemmas"):
        actions = {foundation_of(name): text for name, text in row["actions"].items()}
        if row["split"] == split:
            asked = tuple(_choice(row["text"], actions, order) for order in (tuple(actions), tuple(actions)[::-1]))
            found.append(Dilemma(row["id"], asked, row["id"]))
    return found


def questions(split: Split) -> list[Fact]:
    """Closed questions of val or test with every way to write the answer; none for train."""
    return [
        Fact(row["id"], row["text"] + _ONE_WORD, row["answers"][0], row["group"], tuple(row["answers"][1:]))
        for row in _rows("questions")
        if row["split"] == split
    ]


def spelled_out(fact: Fact) -> Fact:
    """A question of the micro-world with its instruction."""
    return msgspec.structs.replace(fact, text=fact.text + _ONE_WORD)


def identity() -> str:
    """sha256 over the items and their instructions."""
    words = json.dumps([GLOSSES, _NUMBERED, _ONE_WORD, _verdict("", FOUNDATIONS).text, _choice("", {}, ()).text])
    return sha256(b"".join(_bytes(name) for name in ("vignettes", "dilemmas", "questions")) + words.encode())


def _verdict(scene: str, order: tuple[str, ...]) -> Enumerated:
    options = [f"{name.replace('_', ' ')} ({GLOSSES[name]})" for name in order]
    how = _NUMBERED.format(key="violation", what="the one value that it violates most")
    return _enumerated(f"{scene}\nWhich value does this violate?", options, how, order)


def _choice(scene: str, actions: dict[str, str], order: tuple[str, ...]) -> Enumerated:
    how = _NUMBERED.format(key="action", what="the one thing that you do")
    return _enumerated(f"{scene}\nWhat do you do?", [actions[name] for name in order], how, order)


def _enumerated(question: str, options: list[str], how: str, order: tuple[str, ...]) -> Enumerated:
    listed = "\n".join(f"{n}. {option}" for n, option in enumerate(options, start=1))
    return Enumerated(f"{question}\n{listed}\n{how}", order)


@cache
def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _bytes(name).splitlines()]


def _bytes(name: str) -> bytes:
    return (resources.files("engine") / "evaluate" / "data" / f"{name}.jsonl").read_bytes()
