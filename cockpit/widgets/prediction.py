"""The sealed prediction as a band: where the value must come to lie, where it is now, and whether it was met, missed or is pending."""

from __future__ import annotations

from typing import Any, NamedTuple

from cockpit.widgets.bar import interval_bar
from cockpit.widgets.pane import Pane, Row, heading
from cockpit.widgets.scene import Scene
from journal.text import MISSING, RATES, label, number, plain

SIGN = {"met": ("✓", "ok"), "missed": ("✗", "bad"), "pending": ("·", "dim"), "none": ("", "dim")}
OPS = {">=": "≥", "<=": "≤", ">": ">", "<": "<"}


class Band(NamedTuple):
    """A prediction on a line from `low` to `high`. `value` is the judged one, else the newest on val, said in `where`."""

    metric: str
    change: bool
    op: str
    threshold: float
    value: float | None
    where: str
    low: float
    high: float

    @property
    def target(self) -> tuple[float, float]:
        """The values that meet it."""
        return (self.threshold, self.high) if self.op in (">=", ">") else (self.low, self.threshold)


def band(scene: Scene) -> Band | None:
    """The sealed prediction and the value nearest to what it speaks of; None when the run made none."""
    asked: dict[str, Any] = (scene.update.facts.preflight.get("answers") or {}).get("prediction") or {}
    metric, threshold, op = asked.get("metric"), asked.get("threshold"), str(asked.get("op"))
    if not metric or not isinstance(threshold, (int, float)) or op not in OPS:
        return None
    change = asked.get("of") == "change"
    value, where = scene.update.verdict.value, str(asked.get("split", ""))
    if value is None:
        row = scene.view.row(str(asked.get("subject", "healed")), "val")
        value = (row.change if change else row.metrics).get(str(metric)) if row else None
        where = f"r{row.round} on val" if row else ""
    ends = [float(threshold), *([value] if value is not None else [])]
    if str(metric) in RATES and not change:
        low = 0.5 if min(ends) >= 0.5 else 0.0
        high = 1.0
    else:
        span = max(max(ends) - min(ends), abs(threshold) * 0.5, 0.1)
        low, high = min(ends) - span / 2, max(ends) + span / 2
    return Band(str(metric), change, op, float(threshold), value, where, low, high)


class PredictionPane(Pane):
    """The prediction in words, its band, and what a miss would mean where there is room."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        scene = self.scene
        if scene is None:
            return [heading(width, "Prediction")]
        sealed = str(scene.update.facts.preflight.get("sealed_at", ""))
        rows = [heading(width, "Prediction", f"sealed {sealed[5:10]}" if sealed else "")]
        found = band(scene)
        if found is None:
            return [*rows, Row(width).put(0, "no prediction was made", "dim")]
        judged = scene.update.verdict
        sign, role = SIGN[judged.state]
        name = label(found.metric) + (" change" if found.change else "")
        asked = scene.update.facts.preflight["answers"]["prediction"]
        due = "best round" if asked.get("round", "best") == "best" else f"round {asked.get('round')}"
        row = Row(width).put(0, name, "dim")
        row.then(f"{OPS[found.op]} {number(found.metric, found.threshold, sign=found.change)}", gap=2)
        word = "not judged" if judged.state == "none" else judged.state
        row.right(width, word, "text" if judged.state != "pending" else "dim")
        if sign:
            row.right(width - len(word) - 1, sign, role)
        value = number(found.metric, found.value, sign=found.change)
        told, role = (f"{value} {found.where}", "text") if found.value is not None else (MISSING, "dim")
        if row.end + 3 + len(told) < width - len(word) - 3:
            row.then(told, role, gap=3)
        rows += [row, _line(found, width, judged.state)]
        rows.append(Row(width).put(0, f"due on {plain(str(asked.get('split', '')), 12)}, {due}", "dim"))
        rows[-1].right(width, f"confidence {number('trait_rate', asked.get('confidence'))}", "dim")
        if judged.state == "none":
            rows[-1] = Row(width).put(0, plain(judged.text, 200), "dim")
        missed = plain(str(asked.get("miss_means", "")), 400)
        if missed:
            rows.append(Row(width).put(0, f"a miss: {missed}", "dim"))
        return rows


def _line(found: Band, width: int, state: str) -> Row:
    low, high = number(found.metric, found.low, sign=found.change), number(found.metric, found.high, sign=found.change)
    row, start, end = Row(width), len(low) + 1, width - len(high) - 1
    row.put(0, low, "dim").right(width, high, "dim")
    signs = interval_bar(max(end - start, 1), found.low, found.high, value=found.value, target=found.target)
    inside = {"met": "ok", "missed": "bad"}.get(state, "dim")
    roles = {"─": "rule", "━": inside, "●": "accent-trait"}
    at = start
    while signs:
        length = next((n for n, sign in enumerate(signs) if sign != signs[0]), len(signs))
        row.put(at, signs[0] * length, roles[signs[0]])
        at, signs = at + length, signs[length:]
    return row
