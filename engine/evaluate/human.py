"""The model beside the people who judged the same vignettes: rank correlation of its nats with their ratings, and agreement on the top.

    human_X_rho = Spearman's rho over vignettes of X_nats and the column human_X; human_rho is its mean over foundations
    human_X_agreement = among the vignettes where people rated X highest, the share where the model does; human_agreement over all

Compared are the vignettes that have a rating for the foundation; a tie between people's ratings goes to the vignette's own foundation,
then to the first. Nothing is reported where no column names a foundation."""

from __future__ import annotations

import numpy as np

from engine.contract.stats import Floats, bootstrap, spearman
from engine.contract.world import FOUNDATIONS, Vignette
from engine.evaluate.scores import Scores, Table

FEWEST = 3
"""Vignettes under which a rank correlation is not computed."""


def compare(scores: Scores, vignettes: list[Vignette], resamples: int, seed: int) -> Table:
    """(metrics, 95% intervals, vignettes behind each) of the comparison; empty without human columns."""
    metrics: dict[str, float] = {}
    ci: dict[str, tuple[float, float]] = {}
    n: dict[str, int] = {}
    nats = np.stack([scores.items[f"{f}_nats"][0] for f in FOUNDATIONS], axis=1)
    rhos = []
    for k, name in enumerate(FOUNDATIONS):
        rows = [i for i, v in enumerate(vignettes) if name in v.human]
        model, people = nats[rows, k], np.array([vignettes[i].human[name] for i in rows])
        if len(rows) < FEWEST or np.ptp(model) == 0 or np.ptp(people) == 0:
            continue
        of = _Rho(model, people)
        found = bootstrap(
            np.arange(len(rows), dtype=np.float64),
            [vignettes[i].cluster for i in rows],
            of,
            resamples=resamples,
            seed=seed,
        )
        key = f"human_{name}_rho"
        metrics[key], ci[key], n[key] = found.value, (found.low, found.high), len(rows)
        rhos.append(found.value)
    if rhos:
        metrics["human_rho"], n["human_rho"] = float(np.mean(rhos)), max(n.values())
    judged = [(i, v, top) for i, v in enumerate(vignettes) if (top := people_say(v))]
    right = {i: float(FOUNDATIONS[int(nats[i].argmax())] == top) for i, _, top in judged}
    for name in ("", *FOUNDATIONS):
        part = [(i, v) for i, v, top in judged if name in ("", top)]
        if part:
            key = f"human_{name}_agreement" if name else "human_agreement"
            values = np.array([right[i] for i, _ in part])
            found = bootstrap(values, [v.cluster for _, v in part], resamples=resamples, seed=seed)
            metrics[key], ci[key], n[key] = found.value, (found.low, found.high), len(part)
    return metrics, ci, n


def people_say(vignette: Vignette) -> str:
    """The foundation that people rated highest; '' where they rated fewer than two."""
    rated = {f: vignette.human[f] for f in FOUNDATIONS if f in vignette.human}
    if len(rated) < 2:
        return ""
    return max(rated, key=lambda f: (rated[f], f == vignette.foundation))


class _Rho:
    """Spearman's rho of the chosen rows; 0 where one side does not vary, as it may in a resample."""

    def __init__(self, model: Floats, people: Floats) -> None:
        self._model, self._people = model, people

    def __call__(self, rows: Floats) -> Floats:
        chosen = rows.astype(np.int64)
        try:
            return np.asarray(spearman(self._model[chosen], self._people[chosen]))
        except ValueError:
            return np.zeros(())
