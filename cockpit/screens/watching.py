"""A screen that looks at files from a thread of its own: from its first frame on, while anybody sees it, and at once when told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from textual.screen import Screen
from textual.worker import Worker, WorkerState

from journal.text import plain


class Watching(Screen[None]):
    """`look` runs in a thread and touches no widget: it posts messages. A screen under another one is not looked at."""

    room = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._wake, self._awake, self._stopped = threading.Event(), threading.Event(), threading.Event()
        self._awake.set()

    def look(self) -> None:
        """Look, again and again: `for _ in self.looks(seconds)`."""
        raise NotImplementedError

    def looks(self, seconds: float) -> Iterator[None]:
        """Each time that it is time to look, in the watching thread: now, every so many seconds, and after look_again()."""
        while not self._stopped.is_set():
            yield
            self._wake.wait(seconds)
            self._wake.clear()
            self._awake.wait()

    def look_again(self) -> None:
        """Now, not at the next turn."""
        self._wake.set()

    def on_mount(self) -> None:
        """Begin once the first frame is on the screen."""
        self.call_after_refresh(
            self.run_worker, self.look, thread=True, exit_on_error=False, name=self.room, group="watch"
        )

    def on_unmount(self) -> None:
        """Let the thread go."""
        for event in (self._stopped, self._wake, self._awake):
            event.set()

    def on_screen_suspend(self) -> None:
        """Nobody sees this screen: look no more."""
        self._awake.clear()

    def on_screen_resume(self) -> None:
        """Look again."""
        self._awake.set()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A thread that died says why; the screen stays."""
        if event.state is WorkerState.ERROR:
            told = plain(f"{event.worker.name} stopped: {event.worker.error!r}", 300)
            self.notify(told, severity="error", markup=False, timeout=8)
