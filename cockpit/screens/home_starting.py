"""The half of home that starts runs: the fast-dev-run, and an interrupted run that is taken up again; both in threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from cockpit.screens.watching import Watching
from cockpit.widgets.next_step import NextStep
from cockpit.widgets.runs_list import RunsList
from engine.contract.rundir import find_run
from journal.text import short

if TYPE_CHECKING:
    from cockpit.app import CockpitApp
    from cockpit.live.glance import Overview

SMOKE_PRESET = "nano-care"


@dataclass
class SmokeStarted(Message):
    """The fast-dev-run that was asked for goes on by itself now."""

    run: str


@dataclass
class SmokeRefused(Message):
    """The fast-dev-run that was asked for could not be started."""

    why: str


@dataclass
class Resumed(Message):
    """An interrupted run that was asked for goes on, `how` says from where; or `why_not`."""

    run: str
    how: str
    why_not: str = ""


class StartingScreen(Watching):
    """What is started from home is watched next, unless the person has gone elsewhere meanwhile."""

    app: CockpitApp

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project
        self.seen: Overview | None = None
        self._starting = False

    def action_fast_dev_run(self) -> None:
        """Start the smoke run in a thread, or go to the one that is going on."""
        going_on = next((run for run in (self.seen.live if self.seen else ()) if run.smoke), None)
        if going_on is not None:
            self._open_run(going_on.id)
        elif not self._starting:
            self._starting = True
            self.query_one(NextStep).doing = f"Starting the fast-dev-run of {SMOKE_PRESET}: looking at the model."
            self.run_worker(self._start, thread=True, exit_on_error=False, name="start", group="start")

    def _start(self) -> None:
        from cockpit.preflight.begin_smoke import begin_smoke

        try:
            run = begin_smoke(self._project, SMOKE_PRESET)
        except Exception as error:  # whatever it is, the person is told, and home stays
            self.post_message(SmokeRefused(str(error) or type(error).__name__))
        else:
            self.post_message(SmokeStarted(run))

    def on_smoke_started(self, message: SmokeStarted) -> None:
        """Go and watch it, unless the person has gone elsewhere meanwhile."""
        self._starting, self.query_one(NextStep).doing = False, ""
        if self.app.screen is self:
            self._open_run(message.run)
        else:
            self.app.tell(f"the fast-dev-run {short(message.run)} has started")

    def on_smoke_refused(self, message: SmokeRefused) -> None:
        """Say why."""
        self._starting, self.query_one(NextStep).doing = False, ""
        self.app.tell(f"The fast-dev-run was not started: {message.why}", bad=True)

    def action_resume(self) -> None:
        """Take the chosen run up again."""
        if chosen := self.query_one(RunsList).chosen:
            self._resume(chosen)

    def _resume(self, run: str) -> None:
        self.run_worker(lambda: self._take_up(run), thread=True, exit_on_error=False, name="resume", group="start")

    def _take_up(self, run: str) -> None:
        try:
            from cockpit.runs.resume import resume

            how = resume(find_run(self._project, run))
        except OSError as error:
            self.post_message(Resumed(run, "", f"{short(run)} was not taken up: {error.filename}: {error.strerror}"))
        except Exception as error:  # whatever it is, the person is told, and home stays
            self.post_message(Resumed(run, "", str(error) or type(error).__name__))
        else:
            self.post_message(Resumed(run, how))

    def on_resumed(self, message: Resumed) -> None:
        """Go and watch it, or say why it does not go on."""
        if message.why_not:
            self.app.tell(message.why_not, bad=True)
            return
        self.app.tell(f"{short(message.run)} goes on {message.how}")
        if self.app.screen is self:
            self._open_run(message.run)

    def _open_run(self, run: str) -> None:
        if not self.app.open("monitor", run=run):
            self.app.tell(f"Watch it with: cockpit attach --plain {run}")
