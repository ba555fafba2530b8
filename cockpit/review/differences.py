"""The differences that an entry tells, and its claim's course over rounds, read from its own words: they stand where no run folder is left.

| healed − base, paired | +.65 [+.59, +.69] | ...                              a run's table
healed − base, trait: +.31 [+.29, +.33] (95% t, paired by seed, 5 seeds).      a claim
own, trait on val by round, ▁ .26 to █ .57:   42 ▁▄█   137 ▁▅█
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cockpit.compare.comparison import METRICS, Difference
from journal.text import LABELS, unquoted

_METRIC = {heading: metric for metric, heading in LABELS.items()}
_NUMBER = r"[+−]?\d*(?:,\d{3})*\.?\d+"
_VALUE = re.compile(rf"({_NUMBER})(?: \[({_NUMBER}), ({_NUMBER})\])?")
_CONTRAST = re.compile(
    r"(?:- secondary, no verdict: )?(.+ − .+), ([^,:]+): (.+?\])(?: \((\d+)% t, [^,]+, (\d+) seeds\))?\.?"
)
_COURSE = re.compile(r"(.+), ([^,]+) on val by round, ▁ (\S+) to █ (\S+):   (.+)")
_SEED = re.compile(r"(\d+) ([▁▂▃▄▅▆▇█]+)")


@dataclass(frozen=True, slots=True)
class Differences:
    """What is subtracted, how its 95 % intervals were found, and each metric."""

    title: str
    how: str
    found: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """A claimed metric over the rounds, a line of blocks for each seed, between `low` and `high` in house style."""

    arm: str
    metric: str
    low: str
    high: str
    seeds: tuple[tuple[str, str], ...]


def differences(text: str) -> Differences | None:
    """The first contrast that an entry tells, with every metric it tells it of; None when it tells none with an interval."""
    lines = [unquoted(line.strip()) for line in text.splitlines()]
    return _of_run(lines) or _of_claim(lines)


def course(text: str) -> Course | None:
    """What a claim's entry draws by round, None in every other entry."""
    for line in text.splitlines():
        if match := _COURSE.fullmatch(unquoted(line.strip())):
            arm, metric, low, high, drawn = match.groups()
            return Course(arm, metric, low, high, tuple(_SEED.findall(drawn)))
    return None


def is_course(line: str) -> bool:
    """Whether a line is what course() reads."""
    return _COURSE.fullmatch(unquoted(line.strip())) is not None


def _of_run(lines: list[str]) -> Differences | None:
    """The row of a table whose name is a difference, under the headings of that table."""
    heads: list[str] = []
    for line in lines:
        if not line.startswith("|"):
            heads = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        heads = heads or cells
        title, _, how = cells[0].partition(", ")
        if " − " not in title:
            continue
        found = [_difference(head, cell) for head, cell in zip(heads[1:], cells[1:], strict=False)]
        told = tuple(one for one in found if one is not None)
        return Differences(title, f"95 %, {how}" if how else "95 %", told) if told else None
    return None


def _of_claim(lines: list[str]) -> Differences | None:
    """The sentence of the contrast, and the secondary ones of the same subtraction, those that a comparison tells and in its order."""
    title, how = "", ""
    found: dict[str, Difference] = {}
    for name, metric, told, level, seeds in _contrasts(lines):
        if (one := _difference(metric, told)) is None or (title and name != title):
            continue
        title = title or name
        how = how or (f"{level} %, t over {seeds} seeds" if level else "")
        found.setdefault(one.metric, one)
    asked = next(iter(found), "")
    order = [*METRICS, *([asked] if asked not in METRICS else [])]
    return Differences(title, how, tuple(found[metric] for metric in order if metric in found)) if found else None


def _contrasts(lines: list[str]) -> Iterator[tuple[str, str, str, str, str]]:
    for line in lines:
        if match := _CONTRAST.fullmatch(line):
            yield match[1], match[2], match[3], match[4] or "", match[5] or ""


def _difference(heading: str, told: str) -> Difference | None:
    """'+.65 [+.59, +.69]' under a metric's heading; None without an interval."""
    match = _VALUE.fullmatch(told)
    if match is None or match[2] is None:
        return None
    value, low, high = (float(part.replace("−", "-").replace(",", "")) for part in match.groups())
    return Difference(_METRIC.get(heading, heading), value, low, high, low <= 0 <= high)
