"""Trait and coherence over the rounds, on val: base and prompted, then each round steered and healed, beside the limits."""

from __future__ import annotations

from cockpit.live.signals import limits
from cockpit.widgets.pane import Pane, Row, heading
from cockpit.widgets.scene import Scene
from cockpit.widgets.sparkline import sparkline
from engine.contract.events import Evaluated
from journal.text import label, number

SIGNS = {
    "base": ("◆", "bright"),
    "prompted": ("◇", "bright"),
    "steered": ("▲", "text"),
    "healed": ("●", "accent-trait"),
}
METRICS = ("trait_rate", "benign_rate", "broken", "tail_ppl", "coherence", "capability", "care_nats", "authority_nats")
ROLES = {"trait_rate": "accent-trait", "tail_ppl": "accent-coherence"}


class RoundsPane(Pane):
    """A table of evaluations; the healed rounds once more as small curves where there is room."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        rows = [heading(width, "Rounds", "val, means over items")]
        if self.scene is None:
            return rows
        found = evaluations(self.scene)
        if not found:
            return [*rows, Row(width).put(0, "nothing evaluated yet", "dim")]
        shown = _columns(found, width)
        head = Row(width)
        for metric, end in shown:
            head.right(end, label(metric), "dim")
        rows.append(head)
        curves = _curves(self.scene, shown, width)
        room = height - len(rows) - len(curves)
        fixed = [event for event in found if event.round == 0]
        rounds = [event for event in found if event.round]
        if len(found) > room:
            rounds = [event for event in rounds if event.subject == "healed"]
        for event in [*fixed, *rounds[max(len(rounds) - max(room - len(fixed), 1), 0) :]]:
            rows.append(_row(self.scene, event, shown, width))
        return [*rows, *curves]


def evaluations(scene: Scene) -> list[Evaluated]:
    """The last evaluation of each subject and round on val, in the order of the loop."""
    last = {(event.round, event.subject): event for event in scene.view.evaluated if event.split == "val"}
    order = ("base", "prompted", "model", "steered", "healed")
    return sorted(last.values(), key=lambda event: (event.round, order.index(event.subject)))


def _columns(found: list[Evaluated], width: int) -> list[tuple[str, int]]:
    """The metrics that fit, each with the column where its numbers end."""
    known = [m for m in METRICS if any(m in event.metrics for event in found)]
    known = known or sorted({m for event in found for m in event.metrics})
    shown, end = [], 13
    for metric in known:
        end += max(len(label(metric)), 6) + 2
        if end > width:
            break
        shown.append((metric, end))
    return shown


def _row(scene: Scene, event: Evaluated, shown: list[tuple[str, int]], width: int) -> Row:
    sign, role = SIGNS.get(event.subject, ("·", "dim"))
    row = Row(width).put(0, sign, role)
    now = event.round == scene.round
    name = f"r{event.round} {event.subject}" if event.round else event.subject
    row.put(2, name, "text" if now or not event.round else "dim")
    out = {
        limit.metric for limit in (limits(scene.config) if scene.config else ()) if limit.held(event.metrics) is False
    }
    for metric, end in shown:
        value = number(metric, event.metrics.get(metric))
        tone = ROLES.get(metric, "text") if event.subject == "healed" else "dim"
        row.right(end, value, "bad" if metric in out else tone, "bold" if now and event.subject == "healed" else "")
        if metric in out:
            row.put(end, "✗", "bad")
    return row


def _curves(scene: Scene, shown: list[tuple[str, int]], width: int) -> list[Row]:
    """Each metric of the healed rounds as a sparkline under its column, from two rounds on."""
    healed = [event for event in evaluations(scene) if event.subject == "healed"]
    if len(healed) < 2:
        return []
    row = Row(width).put(2, "over rounds", "dim")
    for metric, end in shown:
        values = [event.metrics.get(metric, float("nan")) for event in healed]
        row.right(end, sparkline(values, 7), ROLES.get(metric, "dim"))
    return [row]
