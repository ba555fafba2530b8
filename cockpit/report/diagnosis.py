"""A diagnosis as lines of words with roles, laid out once for the terminal and for the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Literal, NamedTuple

from rich.text import Text

from engine.diagnosis.diagnosis import Diagnosis, Fix, Hypothesis, Missing
from engine.diagnosis.evidence import Evidence
from journal.text import number, plain

Role = Literal["strong", "value", "dim", "ok", "warn", "bad"]
Line = list[tuple[str, Role]]
"""Words of one line with what they are; the empty list is a blank line."""
STYLE: dict[Role, str] = {"strong": "bold", "value": "", "dim": "dim", "ok": "green", "warn": "yellow", "bad": "red"}
LABEL = 14
"""Columns of the labels on the left."""
WHERE = 30
"""Most columns of a file, line and step."""


class Headline(NamedTuple):
    """The answer in a few words, and how it is to be read."""

    words: str
    role: Role


def headline(d: Diagnosis) -> Headline:
    """'learning rate too high', 'healthy' or 'insufficient'."""
    if d.answer == "healthy":
        return Headline("healthy", "ok")
    return Headline(d.root_cause, "bad" if d.answer == "root cause" else "warn")


def lay(d: Diagnosis, width: int) -> list[Line]:
    """Every line of a diagnosis at a width of at least 40 columns."""
    width = max(width, 40)
    return [line for part in _parts(d, width) for line in part]


def terminal(d: Diagnosis, width: int) -> Text:
    """The same for a terminal."""
    told = Text()
    for line in lay(d, width):
        for words, role in line:
            told.append(words, STYLE[role])
        told.append("\n")
    return told


def _parts(d: Diagnosis, width: int) -> Iterator[list[Line]]:
    yield _answer(d, width)
    if d.evidence:
        yield [[], *_evidence("Evidence", d.evidence, width)]
    if d.first_action:
        yield [[], *_first(d, width)]
    if d.fixes:
        yield [[], *_fixes(d.fixes, width)]
    if d.competing_hypotheses:
        yield [[], *_hypotheses("Competing", d.competing_hypotheses, width)]
    if d.missing and d.answer == "insufficient":
        yield [[], *_missing(d.missing, width)]
    elif unjudged := [name for m in d.missing for name in m.for_]:
        yield [[], *_labelled("Not judged", f"{', '.join(unjudged)}: their evidence is not there", width, "dim")]
    others = [h for h in d.advisories if h not in d.competing_hypotheses]
    if others:
        yield [[], *_hypotheses("Also seen", others, width)]


def _answer(d: Diagnosis, width: int) -> list[Line]:
    words, role = headline(d)
    of_class = f"   {d.cls}" if d.cls else ""
    sure = f"   confidence {number('trait_rate', d.confidence)}" if d.confidence else ""
    found: list[Line] = [[(_label("Diagnosis"), "dim"), (words, role), (of_class + sure, "dim")]]
    found += _labelled("", d.summary, width, "strong")
    status = f"{d.status}; " if d.status else ""
    found += _labelled("based on", f"{status}{d.based_on}", width, "dim")
    if d.provisional:
        found += _labelled("", "PROVISIONAL: the run goes on, and its entry is not closed", width, "warn")
    return found


def _evidence(label: str, evidence: Sequence[Evidence], width: int) -> list[Line]:
    """Place and words beside each other where there is room for both, else below each other."""
    room = width - LABEL
    places = [plain(e.where, 120) for e in evidence]
    column = min(max(map(len, places), default=0) + 2, WHERE)
    found: list[Line] = []
    for n, (e, place) in enumerate(zip(evidence, places, strict=True)):
        first = _label(label if n == 0 else "")
        words = plain(e.text, 400)
        if len(place) + 2 <= column and room - column >= 40:
            told = wrap(words, room - column) or [""]
            found.append([(first, "dim"), (place.ljust(column), "dim"), (told[0], "value")])
            found += [[(" " * (LABEL + column), "dim"), (more, "value")] for more in told[1:]]
        else:
            found.append([(first, "dim"), (place, "dim")])
            found += _labelled("", words, width, "value")
    return found


def _first(d: Diagnosis, width: int) -> list[Line]:
    found = _labelled("First", d.first_action, width, "strong")
    if d.prediction_if_true:
        found += _labelled("if so", d.prediction_if_true, width, "value")
    if d.prediction_if_false:
        found += _labelled("if not", d.prediction_if_false, width, "value")
    return found


def _fixes(fixes: Sequence[Fix], width: int) -> list[Line]:
    found: list[Line] = []
    for n, fix in enumerate(fixes):
        rated = f"impact {number('trait_rate', fix.impact)}, confidence {number('trait_rate', fix.confidence)}"
        found += _labelled("Fixes" if n == 0 else "", f"{n + 1}. {fix.does}", width, "strong")
        found += _labelled("", f"   expect: {fix.effect} ({rated})", width, "value", hang=3)
        if fix.command:
            found.append([(" " * (LABEL + 3), "dim"), (plain(fix.command, 400), "ok")])
    return found


def _hypotheses(label: str, hypotheses: Sequence[Hypothesis], width: int) -> list[Line]:
    column = max(len(h.name) for h in hypotheses) + 2
    found: list[Line] = []
    for n, h in enumerate(hypotheses):
        head: Line = [(_label(label if n == 0 else ""), "dim"), (h.name.ljust(column), "value")]
        told = wrap(plain(f"{h.says}; {h.weaker}", 400), max(width - LABEL - column - 5, 30)) or [""]
        found.append([*head, (number("trait_rate", h.strength).ljust(5), "dim"), (told[0], "dim")])
        found += [[(" " * (LABEL + column + 5), "dim"), (more, "dim")] for more in told[1:]]
    return found


def _missing(missing: Sequence[Missing], width: int) -> list[Line]:
    found: list[Line] = []
    for n, m in enumerate(missing):
        waiting = f"  (for {', '.join(m.for_)})" if m.for_ else ""
        found += _labelled("Missing" if n == 0 else "", f"{m.what}{waiting}", width, "value")
        if m.how:
            role: Role = "ok" if m.how.startswith("cockpit ") else "dim"
            found.append([(" " * (LABEL + 3), "dim"), (plain(m.how, 300), role)])
    return found


def _labelled(label: str, words: str, width: int, role: Role, *, hang: int = 0) -> list[Line]:
    """Words beside a label, on as many lines as they take."""
    indent = " " * (len(words) - len(words.lstrip()))
    told = wrap(
        plain(words, 600).strip(), max(width - LABEL - hang, 20), initial_indent=indent, subsequent_indent=" " * hang
    ) or [""]
    return [[(_label(label if n == 0 else ""), "dim"), (line, role)] for n, line in enumerate(told)]


def _label(label: str) -> str:
    return label.ljust(LABEL)
