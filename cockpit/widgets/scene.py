"""What the monitor shows at one moment: the run as read, where the person looks, and the clock. Frozen; every pane is drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cockpit.live.feed import Update
from cockpit.live.signals import left
from cockpit.live.view import Snapshot
from cockpit.runs import processes
from engine.contract.config import Config
from journal.text import plain, utc

QUIET = 15.0
"""Seconds without an event after which the title says how long ago the last one was."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`row` is the heal step under the cursor, None for the newest; `now` the wall clock."""

    update: Update
    now: datetime
    row: int | None = None

    @property
    def view(self) -> Snapshot:
        return self.update.view

    @property
    def config(self) -> Config | None:
        """The run's own config; None for a foreign script, and where it cannot be read."""
        return self.update.facts.run.config if self.update.facts.run else None

    @property
    def round(self) -> int:
        """The round that the person looks at: of the cursor, else the newest."""
        steps = self.view.steps["round"]
        if self.row is not None and self.row < len(steps):
            return int(steps[self.row])
        return self.view.round or (max((s.round for s in self.view.stages), default=0))

    @property
    def rounds(self) -> int:
        """Rounds that the run is to have; 0 when nobody says."""
        return self.config.run.rounds if self.config else 0

    @property
    def quiet(self) -> float | None:
        """Seconds since the last event of a live run; None when it is over or none came yet."""
        if self.update.ended or not self.view.last_at:
            return None
        ahead = self.update.facts.origin.skew if self.update.facts.origin else 0.0
        return max((self.now - utc(self.view.last_at)).total_seconds() + ahead, 0.0)

    @property
    def reached(self) -> bool:
        """Whether the machine of the run can be read now."""
        return self.update.facts.origin is None or self.update.facts.origin.reached

    @property
    def elapsed(self) -> float:
        """Seconds of the run: to the newest event, and on to this moment while its processes live."""
        taken = self.update.facts.result.get("seconds")
        if self.update.ended and isinstance(taken, (int, float)):
            return max(float(taken), self.view.elapsed)
        return self.view.elapsed + (self.quiet or 0.0 if self.update.facts.alive and not self.view.paused else 0.0)

    @property
    def left(self) -> float | None:
        """Seconds until the run ends, as far as its own stages tell."""
        if self.config is None or self.update.ended:
            return None
        return left(self.view, self.config, self.update.facts.estimate, now=self.elapsed)

    @property
    def state(self) -> tuple[str, str, str]:
        """The run's state as (sign, its role, word)."""
        status, facts = self.update.status, self.update.facts
        where = f" on {plain(facts.origin.host, 20)}" if facts.origin else ""
        if status:
            good = status == "success"
            return ("✓", "ok", status + where) if good else ("✗", "bad", status + where)
        if facts.origin and not self.reached:
            return "○", "warn", f"{plain(facts.origin.host, 20)} out of reach"
        if not facts.process:
            return "○", "dim", f"starting{where}"
        if not facts.alive:
            return "✗", "bad", f"its processes are gone{where}"
        if self.view.paused:
            return "‖", "bright", f"paused{where}"
        if where:
            return "●", "ok", f"running{where}"
        host = facts.process.get("host")
        return "●", "ok", "running" if host == processes.host() else f"running on {plain(str(host), 20)}"
