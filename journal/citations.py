"""Numbers that the researcher's prose cites beside a run, against what that run measured.

"-k3f9 reached trait .93" is compared with the healed row of that run, with another subject's when the sentence names one before the
number, and with a round's when it names a round and the run folder is still there. Agreement is to the cited number of places.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.contract.rundir import RunDir, runs_folder
from journal.blocks import Block
from journal.card import extract
from journal.record import load_record
from journal.text import LABELS, number, plain, short

_METRICS = {name: metric for metric, words in LABELS.items() for name in (words, metric, metric.replace("_", " "))}
_NAMES = "|".join(re.escape(name) for name in sorted(_METRICS, key=len, reverse=True))
_CITED = re.compile(
    rf"\b({_NAMES})\b(?:\s|[=:≈(]|\b(?:of|was|is|at|to|reached|fell|rose|rate)\b){{1,6}}([−-]?\d*\.?\d+)(\s?%)?"
)
_BELONGS = re.compile(r"\s*(?:\(\s*|\b(?:at|in|of|for|by|from|with)\s+)")
"""Between a number and the run that it is of, where the run comes after."""
_SUBJECT = re.compile(r"\b(base|prompted|steered|healed)\b(?! [−-]?\d*\.?\d+\))")
"""Not the one in 'care .93 (base .24), tail ppl 1.2', which says nothing of what follows."""
_ROUND = re.compile(r"\bround (\d+)\b")
_SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?!\s|$)|\n(?!\s*\n))+", re.MULTILINE)


def wrong(project: Path, data: bytes, blocks: list[Block]) -> Iterator[tuple[int, str, str]]:
    """(byte offset, what, how to mend) of every cited number that is not what the run measured."""
    cards = {block.key: extract(block.body.decode("utf-8", "replace")) for block in blocks if block.kind == "run"}
    runs = {name: key for key in cards for name in (key, short(key))}
    if not runs:
        return
    reference = re.compile(
        r"(?<![\w-])(" + r"(?:\d{8}T\d{6}-[\w.-]+-[a-z0-9]{4}(?:#\d+)?|-[a-z0-9]{4}(?:#\d+)?)" + r")(?![\w-])"
    )
    for start, prose in _prose(data, blocks):
        text = prose.decode("utf-8", "replace")
        if not _CITED.search(text):
            continue
        for sentence in _SENTENCE.finditer(text):
            named = [(m.start(), runs[m[1]]) for m in reference.finditer(sentence[0]) if m[1] in runs]
            if not named:
                continue
            for cited in _CITED.finditer(sentence[0]):
                before = bisect_right([at for at, _ in named], cited.start()) - 1
                joint = _BELONGS.match(sentence[0], cited.end())
                after = reference.match(sentence[0], joint.end()) if joint else None
                key = runs.get(after[1], "") if after else named[max(before, 0)][1]
                if not key:
                    continue
                what = _disagrees(project, key, cards[key], sentence[0], cited)
                if what:
                    at = start + len(text[: sentence.start() + cited.start()].encode("utf-8", "replace"))
                    yield (
                        min(at, len(data)),
                        what,
                        f"correct the number, or the run that it is of; see: cockpit journal show {key}",
                    )


def _prose(data: bytes, blocks: list[Block]) -> Iterator[tuple[int, bytes]]:
    position = 0
    for block in blocks:
        yield position, data[position : block.start]
        position = block.end
    yield position, data[position:]


def _disagrees(project: Path, key: str, card: dict[str, Any], sentence: str, cited: re.Match[str]) -> str:
    """What is wrong with one cited number; '' when it agrees or nothing is left to compare it with."""
    metric = _METRICS[cited[1]]
    metrics = (
        (metric, "trait_rate") if cited[1] == card.get("trait") else (metric,)
    )  # an entry writes "care .93" of its trait
    subjects = _SUBJECT.findall(sentence, 0, cited.start()) or ["healed", "model"]
    values = [card.get(f"{s}.{m}") for s in subjects for m in metrics]
    found = [value for value in values if isinstance(value, int | float)]
    if round_ := _ROUND.search(sentence):
        folder = runs_folder(project) / key.partition("#")[0]
        if not folder.is_dir() or folder.is_symlink():
            return ""
        rows = [e for e in load_record(RunDir(folder)).evaluated if e.round == int(round_[1]) and e.subject in subjects]
        found = [e.metrics[m] for e in rows for m in metrics if m in e.metrics]
    said = Decimal(cited[2].replace("−", "-"))
    places = max(0, -int(said.as_tuple().exponent))
    if cited[3]:
        said, places = said / 100, places + 2
    if any(abs(Decimal(repr(float(value))) - said) <= Decimal("0.5000001") * Decimal(10) ** -places for value in found):
        return ""
    shown = plain(cited[0], 60)
    if not found:
        return f"the text says {shown!r} of {short(key)}, whose entry has no such number"
    measured = " or ".join(number("trait_rate" if len(metrics) > 1 else metric, value) for value in found)
    return f"the text says {shown!r} of {short(key)}, which measured {measured}"
