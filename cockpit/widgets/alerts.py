"""What needs a person: alerts that stand, guards that tripped, and what is wrong with the run's files."""

from __future__ import annotations

from cockpit.widgets.pane import Pane, Row
from cockpit.widgets.scene import Scene
from journal.text import plain


def standing(scene: Scene) -> list[tuple[str, str, str]]:
    """(sign, role, words) of everything that stands, the most pressing first."""
    found: list[tuple[str, str, str]] = []
    facts, view = scene.update.facts, scene.view
    if facts.problem:
        found.append(("!", "warn", plain(facts.problem, 400)))
    for guard in reversed(view.guards):
        words = f"guard {guard.guard}: {guard.value} against {guard.limit}"
        found.append(("✗", "bad", plain(words, 300)))
    for alert in view.standing():
        where = f"r{alert.round} " if alert.round else ""
        found.append(("!", "warn", plain(f"{where}{alert.signature}: {alert.evidence}", 300)))
    if scene.update.ended and scene.update.status != "success":
        reason = str(facts.result.get("reason") or (view.finished.reason if view.finished else ""))
        found.append(("✗", "bad", plain(f"{scene.update.status}: {reason}" if reason else scene.update.status, 300)))
    if view.damaged:
        lines = "line is" if view.damaged == 1 else "lines are"
        found.append(("!", "warn", f"{view.damaged} {lines} no event and left out"))
    return found


class AlertsPane(Pane):
    """The most pressing one and how many more, or one a row."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        if self.scene is None:
            return []
        found = standing(self.scene)
        if not found:
            return [Row(width).right(width, _calm(self.scene), "dim")]
        rows = []
        for sign, role, words in found[:height]:
            rows.append(Row(width).put(0, sign, role, "bold").put(2, words, within=width - 2))
        more = len(found) - len(rows)
        if more:
            first = rows[-1].parts[-1]
            rows[-1].parts[-1] = first._replace(words="")
            rows[-1].parts = rows[-1].parts[:-1]
            rows[-1].put(2, found[len(rows) - 1][2], within=width - 6).right(width, f"+{more}", "dim")
        return rows


def _calm(scene: Scene) -> str:
    """Nothing stands, said with what it is based on: no evidence never reads as healthy."""
    seen = scene.view.events
    if not seen:
        return "no events yet"
    reason = str(scene.update.facts.result.get("reason") or "")
    if scene.update.ended:
        return plain(reason, 120) or "ended"
    return f"no alert in {seen:,} events"
