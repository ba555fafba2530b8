"""The monitor's first row: which run this is, how long it runs and will run, and its state in a word."""

from __future__ import annotations

from cockpit.widgets.pane import Pane, Row
from cockpit.widgets.scene import QUIET, Scene
from journal.text import duration, plain


class TitleBar(Pane):
    """Run, seed, round, watermark, elapsed, left, state; the narrow form drops what stands elsewhere too."""

    ground = "panel"
    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        margin = 1 if width < 100 else 2
        row = Row(width, self.ground).put(margin, "Monitor", "bright", "bold")
        if self.scene is None:
            return [row.then("reading the run", "dim", gap=3)]
        return [_title(row, self.scene, width, margin)]


def _title(row: Row, scene: Scene, width: int, margin: int) -> Row:
    narrow = width < 100
    end = width - margin
    sign, role, word = scene.state
    quiet = scene.quiet
    told = (quiet or 0.0) >= QUIET and not scene.view.paused
    if quiet is not None and (told or not scene.reached):
        word = f"{word}, last event {duration(quiet)} ago" if not narrow else f"{word}, quiet {duration(quiet)}"
    row.right(end, word, "text")
    row.right(end - len(word) - 1, sign, role)
    at = end - len(word) - 4
    gap = 2 if narrow else 3
    ended = scene.update.ended
    clocks = [("left", _clock(scene.left), "bold")] if not ended else []
    if not narrow or ended:
        clocks.append(("elapsed", _clock(scene.elapsed), "bold" if ended else ""))
    for name, value, style in clocks:
        row.right(at, value, "bright" if style else "text", style)
        row.right(at - len(value) - 1, name, "dim")
        at -= len(value) + 1 + len(name) + gap
    head, _, tail = plain(scene.update.folder.id, 96).rpartition("-")
    seed = f"seed {scene.config.run.seed}" if scene.config else ""
    mark = _watermark(scene)
    need = len(seed) + gap + (len(mark) + gap if mark else 0)
    room = at - row.end - gap - len(tail) - 1 - need
    shown = f"{head}-" if len(head) + 1 <= room else "…" + f"{head}-"[-max(min(room - 1, 8 if narrow else 24), 1) :]
    row.then(shown, "dim", gap=2 if narrow else 3)
    row.put(row.end, tail, "bright", "bold")
    if seed and row.end + gap + len(seed) <= at:
        row.then(seed, "dim", gap=gap)
    if mark and row.end + gap + len(mark) <= at:
        row.put(row.end + max((at - row.end - len(mark)) // 2, gap), mark, "dim", "italic")
    return row


def _watermark(scene: Scene) -> str:
    """What a reader must know before reading any number: a smoke run, or one whose knobs were changed while it ran."""
    smoke = scene.config.run.smoke if scene.config else bool(scene.update.facts.result.get("smoke"))
    if smoke:
        return "smoke"
    return "touched" if scene.view.touched else ""


def _clock(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)
