"""A run as it goes: lines of what happened, and on a terminal a bar for the stage that is going on."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from cockpit.report.lines import Narrator
from engine.contract import events as e
from journal.text import number


class Stream:
    """Prints lines on stdout; draws bars on stderr when that is a terminal."""

    def __init__(self) -> None:
        self._narrator = Narrator()
        self._bars = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if self._bars:
            bar = BarColumn(
                bar_width=30, style="dim", complete_style="default", finished_style="default", pulse_style="dim"
            )
            text, count = (
                TextColumn("{task.description}", style="bold"),
                TextColumn("{task.fields[count]}", style="dim"),
            )
            self._progress = Progress(
                text,
                bar,
                count,
                console=Console(stderr=True, highlight=False),
                transient=True,
                refresh_per_second=4,
            )

    def __enter__(self) -> Stream:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, event: e.Event | None) -> None:
        """Print an event's line, move its bar; None is an idle moment."""
        if event is None:
            return
        line = self._narrator.line(event)
        if line is not None:
            self._print(line)
        if self._progress:
            self._move(event)

    def _print(self, line: str) -> None:
        if self._progress and sys.stdout.isatty():
            self._progress.console.print(line, markup=False, soft_wrap=True)
        else:
            print(line, flush=True)

    def _move(self, event: e.Event) -> None:
        assert self._progress is not None
        name = f"{f'r{event.round} ' if event.round else ''}{event.stage}"
        if isinstance(event, e.StageStarted):
            self._drop()
            self._task = self._progress.add_task(name, total=event.total or None, count="")
        elif isinstance(event, (e.StageFinished, e.RunFinished)):
            self._drop()
        elif self._task is None:
            return
        elif isinstance(event, e.Progress):
            count = f"{event.done} of {event.total}"
            self._progress.update(self._task, completed=event.done, total=event.total or None, count=count)
        elif isinstance(event, e.HealStep):
            kl = f", KL {event.kl:.2f}" if isinstance(event.kl, float) else ""
            fired = f", fired {number('trait_rate', event.fired)}" if isinstance(event.fired, float) else ""
            count = f"step {event.step}, nll {event.nll:.2f}{kl}{fired}"
            self._progress.update(self._task, completed=event.step, count=count)

    def _drop(self) -> None:
        if self._progress and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
