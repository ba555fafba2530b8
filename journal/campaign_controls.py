"""The controls of a campaign over its seeds: zero, random and shuffled vectors over the loop, for every arm that has them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import NamedTuple

from engine.contract.config import CONTROLS
from engine.contract.errors import BadInput
from engine.contract.hashes import SEED_AXIS
from engine.contract.resolve import from_flat
from engine.contract.runfile import RunFile
from journal.campaign import SPLIT, Campaign
from journal.claims.statistics import Spread, spread
from journal.controls import CALIBRATION, METHOD, Sisters, over_the_loop, unmatched
from journal.text import quoted


class SeedControl(NamedTuple):
    """A control of an arm over seeds; without `spreads` it was not run, and `said` says so."""

    name: str
    spreads: dict[str, Spread]
    said: str = ""


def controls(project: Path, campaign: Campaign) -> list[SeedControl]:
    """Every control beyond base, prompted and steered. A campaign over the vector has some of them as arms of its own; arms that differ
    by their vector alone share the others."""
    found: list[SeedControl] = []
    own = set(campaign.over.get(METHOD, [campaign.record["config"].get(METHOD)]))
    sisters, by = Sisters(project), _by_calibration(campaign)
    for method, (calibration, arms) in product((m for m in CONTROLS if m not in own), by.items()):
        rows: dict[tuple[str, ...], SeedControl] = {}
        for arm in arms:
            runs, row = _of_arm(sisters, campaign, arm, method)
            if row is not None:
                rows.setdefault(runs, row)
        found += rows.values() or [
            SeedControl(
                over_the_loop(method, calibration), {}, f"not run: no run of the project is a member with that {METHOD}"
            )
        ]
    if len(by) == 1:
        name, why = unmatched(*by)
        found.append(SeedControl(name, {}, why))
    return found


def _by_calibration(campaign: Campaign) -> dict[str, list[str]]:
    """The arms by the way in which they find their dose."""
    found: dict[str, list[str]] = {}
    for arm in campaign.arms:
        values = next((m.values for m in campaign.members if m.arm == arm), {})
        found.setdefault((campaign.record["config"] | values).get(CALIBRATION, "survival"), []).append(arm)
    return found


def _of_arm(sisters: Sisters, campaign: Campaign, arm: str, method: str) -> tuple[tuple[str, ...], SeedControl | None]:
    """(the runs of the control, what they measured) of an arm, on the seeds of its members that have one."""
    by: dict[str, dict[int, float]] = {}
    runs: dict[int, str] = {}
    mine = [m for m in campaign.members if m.arm == arm]
    for member in mine:
        try:
            config = from_flat(campaign.record["config"] | member.values | {SEED_AXIS: member.seed})
        except BadInput:
            return (), None  # a campaign of another version's settings
        run = RunFile(
            config=config,
            preset=campaign.preset,
            changes={},
            axes=[],
            trait_hash=campaign.record["trait_hash"],
            model_hash=campaign.record["model_hash"],
        )
        record = sisters.record(run, method, member.seed)
        row = record.row("healed", SPLIT) if record else None
        if record is not None and row is not None:
            runs[member.seed] = record.id
            for metric, value in row.metrics.items():
                by.setdefault(metric, {})[member.seed] = value
    if not by:
        return (), None
    own = all(value == campaign.record["config"].get(knob) for knob, value in mine[0].values.items() if knob != METHOD)
    name = over_the_loop(method, config.steer.calibration) + ("" if own else f", {quoted(arm, 60)}")
    spreads = {metric: s for metric, held in by.items() if (s := spread(list(held.values()))) is not None}
    missing = f"on {len(runs)} of {len(mine)} seeds" if len(runs) < len(mine) else ""
    return tuple(runs.values()), SeedControl(name, spreads, missing)
