"""Runs beside each other: those that differ by seed alone form one arm; arms are compared where that means something, and only there.

An arm of several seeds is its mean with a t interval over seeds; an arm of one run has the interval over its items, which knows nothing
of other seeds. A difference over seeds is paired where the arms share seeds, else Welch's; between single runs it is that of two
independent intervals (the method of variance estimates recovery: Zou and Donner, Statistics in Medicine 27, 2008), which is wider than
a paired one. Runs with another tokenizer, metric version, number of thinking tokens, vignettes, split or trait are not comparable, and
it is said instead of a number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from cockpit.compare.sides import Side
from journal.text import LABELS, plain, short

MOST = 8
"""Runs that are compared at once."""
METRICS = (
    "trait_rate",
    "benign_rate",
    "broken",
    "tail_ppl",
    "coherence",
    "capability",
    "care_nats",
    "authority_nats",
    "selectivity",
    "unscorable",
    "diversity",
)
"""What tables and differences are of, in their order."""
HIGHER = (
    "trait_rate", "first_person_nats", "selectivity", "benign_rate", "coherence", "first_person_mass", "capability", "valid_json",
    "diversity", "agreement", "order_agreement", "human_rho", "human_agreement",
)  # fmt: skip
LOWER = ("broken", "tail_ppl", "tail_ppl_p90", "repetition", "prefill_nll", "unscorable")
"""Which way is better; a foundation's nats have a direction only with a trait."""
LEVEL = 0.95


class Value(NamedTuple):
    """A number with its interval (None where nobody measured one) over `n` seeds."""

    value: float
    low: float | None
    high: float | None
    n: int = 1


@dataclass(frozen=True, slots=True)
class Arm:
    """Runs that differ by seed alone."""

    sides: tuple[Side, ...]

    @property
    def name(self) -> str:
        """A run's last letters; of several the first one's, and how many seeds."""
        first = short(self.sides[0].run)
        return first if len(self.sides) == 1 else f"{first} ×{len(self.sides)}"

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(s.seed for s in self.sides if s.seed is not None)


class Line(NamedTuple):
    """A curve of an arm: the mean over its runs, and the least and the most of them (the same for one run)."""

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Difference(NamedTuple):
    """One metric of an arm less the reference's. `noise` is whether zero lies inside the interval; None without an interval."""

    metric: str
    value: float
    low: float | None
    high: float | None
    noise: bool | None


@dataclass(frozen=True, slots=True)
class Against:
    """An arm against the reference: differences with how they were found, or why there are none."""

    arm: int
    how: str = ""
    apart: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that a screen needs. `knobs` are (name, value of each arm) of what differs."""

    arms: tuple[Arm, ...] = ()
    reference: int = 0
    split: str = "test"
    against: tuple[Against, ...] = ()
    knobs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    problems: tuple[str, ...] = ()

    def value(self, arm: int, subject: str, metric: str) -> Value | None:
        """A metric of a subject of an arm on the compared split."""
        return value(self.arms[arm], subject, metric, self.split)


def compare(sides: Sequence[Side], reference: str = "") -> Comparison:
    """The comparison of these runs; the arm with the run `reference` is what the others are compared with, else the first."""
    arms = _arms(sides)
    if not arms:
        return Comparison(problems=tuple(s.problem for s in sides if s.problem))
    at = next((i for i, arm in enumerate(arms) if any(s.run == reference for s in arm.sides)), 0)
    measured = [s.splits() for arm in arms for s in arm.sides if s.splits()]
    split = "test" if measured and all("test" in found for found in measured) else "val"
    against = tuple(_against(i, arm, arms[at], split) for i, arm in enumerate(arms) if i != at)
    return Comparison(arms, at, split, against, _knobs(arms), tuple(s.problem for s in sides if s.problem))


def value(arm: Arm, subject: str, metric: str, split: str) -> Value | None:
    """The mean over seeds with its t interval, or the one run's value with the interval over its items; None where not measured.

    The base is the same model for every seed: where all runs agree on it, that is one measurement and not several."""
    rows = [row for s in arm.sides if (row := s.row(subject, split)) is not None and metric in row.metrics]
    if not rows:
        return None
    values = [row.metrics[metric] for row in rows]
    if len(values) == 1 or (subject in ("base", "prompted") and len(set(values)) == 1):
        low, high = rows[0].ci.get(metric, (None, None))
        return Value(values[0], low, high)
    from engine.contract.stats import t_interval

    found = t_interval(values, LEVEL)
    return Value(found.value, found.low, found.high, len(values))


def over_rounds(arm: Arm, subject: str, metric: str) -> Line | None:
    """A metric on val over the rounds, the base standing at 0; the rounds that all runs of the arm have."""
    found = [s.over_rounds(subject, metric) for s in arm.sides]
    if subject == "healed":
        found = [s.over_rounds("base", metric) | held for s, held in zip(arm.sides, found, strict=True)]
    shared = sorted(set.intersection(*map(set, found)))
    return _line(shared, [[held[r] for r in shared] for held in found])


def over_steps(arm: Arm) -> Line | None:
    """KL over the heal steps of all rounds, as far as all runs of the arm go."""
    found = [s.kl for s in arm.sides]
    shared = min(map(len, found))
    return _line([x for x, _ in found[0][:shared]], [[y for _, y in held[:shared]] for held in found])


def comparable(a: Side, b: Side, split: str) -> str:
    """Why the numbers of two runs must not be subtracted, '' when they may."""
    left, right = a.row(a.subject, split), b.row(b.subject, split)
    for side, row in ((a, left), (b, right)):
        if row is None:
            return f"{short(side.run)} was not measured on {split}"
    assert left is not None
    assert right is not None
    if a.subject != b.subject:
        return "one of them is a script's model"
    if not a.tokenizer or not b.tokenizer:
        return f"the tokenizer of {short((b if a.tokenizer else a).run)} is not known"
    if a.tokenizer != b.tokenizer:
        return f"another tokenizer, {a.tokenizer[:8]} and {b.tokenizer[:8]}"
    if left.metric_version != right.metric_version:
        return f"another metric version, {left.metric_version} and {right.metric_version}"
    if left.thinking_tokens != right.thinking_tokens:
        return f"another number of thinking tokens, {left.thinking_tokens} and {right.thinking_tokens}"
    if (asked := _vignettes(a)) != (others := _vignettes(b)):
        return f"other vignettes, {asked} and {others}"
    mine, theirs = a.items.get(split, ""), b.items.get(split, "")
    if mine and theirs and mine != theirs:
        return f"other items on {split}, {mine[:8]} and {theirs[:8]}"
    if not a.trait or not b.trait:
        return f"the config of {short((b if a.trait else a).run)} cannot be read"
    if a.trait != b.trait:
        return "another trait, or another version of it"
    return ""


def _vignettes(side: Side) -> str:
    """The vignettes of a run: those of a file by its hash, else the world's own."""
    return str(side.config.get("evaluate.vignettes_hash", ""))[:8] or "the world's own"


def _against(at: int, arm: Arm, reference: Arm, split: str) -> Against:
    why = next((w for a in arm.sides for b in reference.sides if (w := comparable(a, b, split))), "")
    if why:
        return Against(at, apart=why)
    how, found = "", []
    for metric in METRICS:
        difference, told = _difference(arm, reference, metric, split)
        if difference is not None:
            found.append(difference)
            how = how or told if difference.noise is not None else how
    return Against(at, how or "without an interval", differences=tuple(found))


def _difference(arm: Arm, reference: Arm, metric: str, split: str) -> tuple[Difference | None, str]:
    """arm - reference with a 95% interval, and how it was found."""
    subject = arm.sides[0].subject
    a, b = (value(one, subject, metric, split) for one in (arm, reference))
    if a is None or b is None:
        return None, ""
    if a.n > 1 and b.n > 1:
        from journal.claims.statistics import contrast

        claimed, base = (_by_seed(one, subject, metric, split) for one in (arm, reference))
        shared = len(claimed.keys() & base.keys())
        found = contrast(claimed, base, paired=shared > 1, level=LEVEL)
        if found is not None:
            how = f"paired, t over {shared} seeds" if shared > 1 else f"Welch's t, {a.n} and {b.n} seeds"
            return _judged(metric, found.value, found.low, found.high), how
    change = a.value - b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Difference(metric, change, None, None, None), "without an interval"
    low = change - math.hypot(a.value - a.low, b.high - b.value)
    high = change + math.hypot(a.high - a.value, b.value - b.low)
    how = "over the items of one run each; other seeds are not in it"
    return _judged(metric, change, low, high), how if a.n == b.n == 1 else "one run against a mean over seeds"


def _judged(metric: str, change: float, low: float, high: float) -> Difference:
    return Difference(metric, change, low, high, low <= 0 <= high)


def _by_seed(arm: Arm, subject: str, metric: str, split: str) -> dict[int, float]:
    found = {s.seed: row.metrics[metric] for s in arm.sides if (row := s.row(subject, split)) and metric in row.metrics}
    return {seed: held for seed, held in found.items() if seed is not None}


def _arms(sides: Sequence[Side]) -> tuple[Arm, ...]:
    """Runs that differ by seed alone together, in the order of their first; a seed that is there already begins an arm of its own."""
    arms: list[list[Side]] = []
    for side in sides:
        if not side.run or (side.problem and not side.evaluated):
            continue
        home = next(
            (
                arm
                for arm in arms
                if side.family and arm[0].family == side.family and side.seed not in {s.seed for s in arm}
            ),
            None,
        )
        if home is None:
            arms.append([side])
        else:
            home.append(side)
    return tuple(Arm(tuple(arm)) for arm in arms)


def _knobs(arms: Sequence[Arm]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What differs between the arms: settings, and what is no setting but changes numbers."""
    configs = [arm.sides[0].config for arm in arms]
    names = dict.fromkeys(name for config in configs for name in config)
    rows = []
    for name in names:
        if len({_shown(config.get(name)) for config in configs if config}) > 1:
            rows.append((name, tuple(_shown(config.get(name)) if config else "unknown" for config in configs)))
    rows += [("seeds", tuple(", ".join(map(str, arm.seeds)) or "–" for arm in arms))]
    for name, attribute in (("tokenizer", "tokenizer"), ("trait content", "trait"), ("code", "code")):
        rows.append((name, tuple(getattr(arm.sides[0], attribute)[:8] or "–" for arm in arms)))
    return tuple((name, held) for name, held in rows if len(set(held)) > 1 and name != "run.seed")


def _shown(held: Any) -> str:
    if isinstance(held, (list, tuple)):
        return plain(", ".join(map(str, held)), 60) or "–"
    return "–" if held is None or held == "" else plain(str(held), 60)


def _line(xs: Sequence[float], found: Sequence[Sequence[float]]) -> Line | None:
    if not xs:
        return None
    values = np.array(found, dtype=float)
    kept = np.isfinite(values).all(axis=0)
    if not kept.any():
        return None
    columns = (np.asarray(xs, dtype=float), values.mean(axis=0), values.min(axis=0), values.max(axis=0))
    return Line(*(tuple(column[kept].tolist()) for column in columns))


def told(found: Comparison) -> list[str]:
    """The metrics that any arm has, in their order; those that a script named itself come last."""
    rows = [row for arm in found.arms for s in arm.sides if (row := s.row(s.subject, found.split))]
    own = sorted({metric for row in rows if row.subject == "model" for metric in row.metrics} - set(METRICS))
    return [metric for metric in METRICS if any(metric in row.metrics for row in rows)] + own


def named(metric: str) -> str:
    """A metric's heading."""
    return LABELS.get(metric, metric)
