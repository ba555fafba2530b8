"""What blind ratings say once they are whole: each arm's means, how far raters agree, and how far the machine's metrics agree with them.

    kappa_w = 1 - sum_ij (i - j)^2 O_ij / sum_ij (i - j)^2 E_ij        (quadratic weights: Cohen 1968)

O are the shares of texts that one rater gave i and the other j, E what they would be at these margins by chance. Rank correlations are
Spearman's. Nothing about arms is told while somebody who began has texts left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from cockpit.review.rating import ARMS, LEVELS, SCALES, Answer, Rating, Sheet, raters, ratings
from engine.contract.errors import Refused
from engine.contract.stats import Floats, bootstrap, spearman
from journal.text import MISSING, interval, number

MACHINE: dict[str, dict[str, int]] = {
    "coherence": {"tail_ppl": -1, "worst_ppl": -1, "repetition": -1, "entropy": 1, "kept": 1},
    "trait": {"label": 1},
}
"""Metrics beside each scale, with the sign under which they should agree: kept is 'not broken', label 'read as the trait'."""


class Mean(msgspec.Struct, frozen=True):
    """A mean grade with its 95% interval over `n` texts."""

    value: float
    low: float
    high: float
    n: int


class Pair(msgspec.Struct, frozen=True, omit_defaults=True):
    """Agreement of two sides on a scale over `n` texts; None where one side gave everything the same grade."""

    scale: str
    a: str
    b: str
    n: int
    rho: float | None = None
    kappa: float | None = None


class Report(msgspec.Struct, frozen=True):
    """The outcome of a run's blind ratings. `arms` by arm and scale, over all raters' mean grade of a text."""

    run: str
    raters: list[str]
    texts: int
    arms: dict[str, dict[str, Mean]]
    between: list[Pair]
    machine: list[Pair]


def report(sheet: Sheet, names: Sequence[str] = ()) -> Report:
    """The report over all raters, or over those named. Raises Refused while one of them has texts left, or when nobody has begun."""
    names = list(names) or raters(sheet.run)
    if not names:
        raise Refused(f"nobody has rated {sheet.run.id} yet: cockpit rate {sheet.run.id}")
    found = {name: ratings(sheet, name) for name in names}
    for name, given in found.items():
        if len(given) < len(sheet.answers):
            raise Refused(
                f"{name} has rated {len(given)} of {len(sheet.answers)} texts; arms are shown when everybody who began is done "
                f"(go on with cockpit rate {sheet.run.id} --rater {name}, or remove ratings/{name}.jsonl)"
            )
    arms = {arm: _means([a for a in sheet.answers if a.subject == arm], found) for arm in ARMS}
    return Report(
        run=sheet.run.id,
        raters=names,
        texts=len(sheet.answers),
        arms={arm: means for arm, means in arms.items() if means},
        between=[_between(sheet, found, a, b, scale) for a, b in combinations(names, 2) for scale in SCALES],
        machine=[
            pair for name in names for scale in SCALES for pair in _beside(sheet.answers, found[name], name, scale)
        ],
    )


def weighted_kappa(a: Sequence[int], b: Sequence[int], levels: int = LEVELS) -> float | None:
    """Cohen's kappa with quadratic weights of two lists of grades from 1 to `levels`; None where chance explains everything, as when
    both gave every text the same grade. Raises ValueError for lists of unequal length or grades off the scale."""
    if len(a) != len(b) or not a:
        raise ValueError("kappa needs two grades for each text")
    if not {*a, *b} <= set(range(1, levels + 1)):
        raise ValueError(f"grades go from 1 to {levels}")
    seen = np.zeros((levels, levels))
    np.add.at(seen, (np.asarray(a) - 1, np.asarray(b) - 1), 1.0 / len(a))
    step = np.arange(levels)
    weight = (step[:, None] - step[None, :]) ** 2
    chance = float((weight * np.outer(seen.sum(1), seen.sum(0))).sum())
    return None if chance == 0 else 1.0 - float((weight * seen).sum()) / chance


def told(found: Report) -> list[str]:
    """The report in lines of text."""
    lines = [
        f"{found.texts} texts, rated by {', '.join(found.raters)}",
        "",
        f"{'arm':<10}{'texts':>6}   coherence (1 to 5)     trait (1 to 5)",
    ]
    for arm, means in found.arms.items():
        coherence, trait = (_mean(means[s]) for s in SCALES)
        lines.append(f"{arm:<10}{means['coherence'].n:>6}   {coherence:<23}{trait}")
    if found.between:
        lines += ["", f"{'raters':<24}{'scale':<12}{'kappa':>6}{'rho':>7}"]
        lines += [f"{f'{p.a}, {p.b}':<24}{p.scale:<12}{_cell(p.kappa):>6}{_cell(p.rho):>7}" for p in found.between]
    lines += ["", f"{'rater':<24}{'scale':<12}{'machine':<12}{'rho':>6}"]
    lines += [f"{p.a:<24}{p.scale:<12}{p.b:<12}{_cell(p.rho):>6}" for p in found.machine]
    return lines


def _means(answers: Sequence[Answer], found: dict[str, dict[str, Rating]]) -> dict[str, Mean]:
    if not answers:
        return {}
    means = {}
    for scale in SCALES:
        values = np.array([np.mean([getattr(given[a.id], scale) for given in found.values()]) for a in answers])
        ci = bootstrap(values, [a.prompt for a in answers])
        means[scale] = Mean(ci.value, ci.low, ci.high, len(answers))
    return means


def _between(sheet: Sheet, found: dict[str, dict[str, Rating]], a: str, b: str, scale: str) -> Pair:
    one, two = ([getattr(found[name][x.id], scale) for x in sheet.answers] for name in (a, b))
    kappa = weighted_kappa(one, two)
    return Pair(scale, a, b, len(one), _rho(np.array(one, float), np.array(two, float)), kappa)


def _beside(answers: Sequence[Answer], given: dict[str, Rating], rater: str, scale: str) -> list[Pair]:
    """A rater beside each metric, over the texts that have it."""
    pairs = []
    for metric, sign in MACHINE[scale].items():
        both = [
            (float(getattr(given[a.id], scale)), sign * x) for a in answers if (x := _measured(a, metric)) is not None
        ]
        if both:
            grades, values = np.array(both).T
            pairs.append(Pair(scale, rater, metric, len(both), _rho(grades, values)))
    return pairs


def _measured(answer: Answer, metric: str) -> float | None:
    if metric == "kept":
        return float(answer.kept)
    if metric == "label":
        return float(answer.label == "trait")
    return answer.scores.get(metric)


def _rho(a: Floats, b: Floats) -> float | None:
    try:
        return spearman(a, b)
    except ValueError:
        return None


def _mean(mean: Mean) -> str:
    return f"{number('grade', mean.value)} {interval('grade', (mean.low, mean.high))}"


def _cell(value: float | None) -> str:
    return MISSING if value is None else number("rho", value)
