"""A screen about one run that is opened from its monitor, or alone: it follows the monitor's reader, or one of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.screen import Screen

from cockpit.live.feed import Feed, Update
from engine.contract.rundir import RunDir

FOLLOW = 0.5
"""Seconds between two looks at what the reader has."""


class RunScreen(Screen[None]):
    """`latest` gives the newest update of the monitor's reader; without it this screen reads for itself."""

    def __init__(self, project: Path, run: RunDir, *, latest: Callable[[], Update | None] | None = None) -> None:
        super().__init__()
        self._project, self.run = project, run
        self._latest = latest
        self._feed: Feed | None = None
        self._own: Update | None = None
        self.update_seen: Update | None = None

    def on_mount(self) -> None:
        """Begin to follow."""
        if self._latest is None:
            self._feed = Feed(self._project, self.run, self._keep)
            self._feed.start()
        self.set_interval(FOLLOW, self._look)
        self.call_after_refresh(self._look)

    def on_unmount(self) -> None:
        """Let the reader go."""
        if self._feed is not None:
            self._feed.stop()

    def _keep(self, update: Update) -> None:
        """In the reader's thread: the newest one is all that counts."""
        self._own = update
        if self._feed is not None:
            self._feed.taken()

    def _look(self) -> None:
        update = self._latest() if self._latest is not None else self._own
        if update is not None and update is not self.update_seen:
            self.update_seen = update
            self.take(update)

    def take(self, update: Update) -> None:
        """Show a newer update."""
        raise NotImplementedError
