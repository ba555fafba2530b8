"""Coherence beside its limits: the base, now, and what a healed round must hold. One line where there is little room."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cockpit.live.signals import Limit, limits
from cockpit.widgets.pane import Pane, Row, heading
from cockpit.widgets.scene import Scene
from journal.text import number

NAMES = {
    "coherence": "answer mass",
    "valid_json": "valid json",
    "capability": "facts right",
    "tail_ppl": "tail ppl",
    "prefill_nll": "prefill nll",
}
SHORT = {"coherence": "mass", "valid_json": "json", "capability": "facts", "tail_ppl": "tail ppl"}
_PROBES = {"coherence": "mass", "valid_json": "valid_json", "tail_ppl": "tail_ppl", "prefill_nll": "prefill_nll"}


class Reading(NamedTuple):
    """One canary: at the base, now, and its limit when the config has one. `held` is None where nothing was measured."""

    metric: str
    base: float | None
    now: float | None
    limit: Limit | None

    @property
    def held(self) -> bool | None:
        if self.limit is None or self.now is None:
            return None
        return self.limit.held({self.metric: self.now})


def readings(scene: Scene) -> list[Reading]:
    """Within a heal the probes at the cursor or the newest ones, else the last healed evaluation; the base from val."""
    view = scene.view
    base, healed = view.row("base", "val"), view.row("healed", "val", scene.round) or view.row("healed", "val")
    held = {limit.metric: limit for limit in limits(scene.config)} if scene.config else {}
    probe = _probe(scene)
    found = []
    for metric in NAMES:
        now = healed.metrics.get(metric) if healed else None
        name = _PROBES.get(metric)
        if probe is not None and name is not None:
            now = float(view.probes[name][probe])
        found.append(Reading(metric, base.metrics.get(metric) if base else None, now, held.get(metric)))
    return found


def _probe(scene: Scene) -> int | None:
    """The row of the probe to read: at or before the cursor, or the newest while the newest round heals."""
    probes, steps = scene.view.probes, scene.view.steps
    if not len(probes["at"]):
        return None
    if scene.row is None:
        return len(probes["at"]) - 1 if scene.view.stage == "heal" and scene.view.running else None
    same = np.flatnonzero((probes["round"] == steps["round"][scene.row]) & (probes["step"] <= steps["step"][scene.row]))
    return int(same[-1]) if len(same) else None


class CoherencePane(Pane):
    """Five rows, or one."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        if self.scene is None:
            return [heading(width, "Coherence")]
        found = readings(self.scene)
        found = found[: max(height - 1, len(SHORT))]
        if height < len(found) + 1:
            return [_line(found, width)]
        wide = width >= 46
        ends = (17, 24, 27) if not wide else (22, 32, 37)
        top = Row(width).put(0, "Coherence", "bright", "bold")
        for end, name in zip(ends[:2], ("base", "now"), strict=True):
            top.right(end, name, "dim")
        top.put(ends[2] - 1 if not wide else ends[2], "limit", "dim")
        rows = [top.hairline(top.end + 1, width)]
        for reading in found:
            row = Row(width).put(0, NAMES[reading.metric], "dim")
            row.right(ends[0], number(reading.metric, reading.base), "dim")
            strong = reading.metric == "tail_ppl"
            row.right(
                ends[1],
                number(reading.metric, reading.now),
                "accent-coherence" if strong else "text",
                "bold" if strong else "",
            )
            if reading.limit:
                row.put(ends[2] - 1 if not wide else ends[2], reading.limit.words(), "dim")
                if reading.held is not None:
                    row.right(min(width, ends[2] + 10), *(("✓", "ok") if reading.held else ("✗", "bad")))
            rows.append(row)
        return rows


def _line(found: list[Reading], width: int) -> Row:
    """All four on one row, and whether they are within their limits in words."""
    row = Row(width).put(0, "Coherence", "bright", "bold")
    judged = [reading for reading in found if reading.held is not None]
    words = ""
    if judged:
        out = [SHORT[reading.metric] for reading in judged if not reading.held]
        words = "within limits" if not out else f"out of limits: {', '.join(out)}"
        row.right(width, words, "dim" if not out else "text")
        row.right(width - len(words) - 1, *(("✓", "ok") if not out else ("✗", "bad")))
    end, at = width - len(words) - 3, len("Coherence") + 3
    for reading in found:
        value = number(reading.metric, reading.now)
        name = SHORT[reading.metric]
        if at + len(name) + 1 + len(value) > end:
            continue
        strong = reading.metric == "tail_ppl"
        row.put(at, name, "dim")
        row.put(at + len(name) + 1, value, "accent-coherence" if strong else "text", "bold" if strong else "")
        at += len(name) + len(value) + 4
    return row
