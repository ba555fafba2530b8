"""Home: the project's runs, live ones first, the machine, the journal's tail, and what to do next."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message

from cockpit.actions import bindings, screen_class, there
from cockpit.screens.home_places import Legend, places
from cockpit.screens.home_starting import Resumed as Resumed
from cockpit.screens.home_starting import SmokeRefused as SmokeRefused
from cockpit.screens.home_starting import StartingScreen
from cockpit.widgets.journal_tail import JournalTail
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.live_run import LiveRun
from cockpit.widgets.machine_line import MachineLine
from cockpit.widgets.next_step import NextStep
from cockpit.widgets.runs_list import RunsList
from cockpit.widgets.title_line import TitleLine
from journal.text import plain

if TYPE_CHECKING:
    from cockpit.app import CockpitApp
    from cockpit.live.glance import Overview
    from cockpit.live.machine import Machine

LOOK_SECONDS = 1.0
NEWEST = 100
"""Runs that are shown before all of them were read."""
MACHINE_SECONDS = 2.0


@dataclass
class ProjectSeen(Message):
    """The project was looked at, and has changed."""

    seen: Overview


@dataclass
class MachineSeen(Message):
    """The machine was looked at."""

    machine: Machine
    disk: int


class Home(StartingScreen):
    """The first screen; it lies under all others."""

    CSS_PATH = "home.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("home")
    AUTO_FOCUS = "RunsList"
    room = "home"
    app: CockpitApp

    def compose(self) -> ComposeResult:
        """Every pane; where each lies depends on the terminal."""
        yield TitleLine("Cockpit", self._project.name, gate=True, id="title")
        yield NextStep(id="next")
        yield LiveRun(id="live")
        yield RunsList(id="runs")
        yield MachineLine(id="machine")
        yield JournalTail(id="journal")
        yield Legend(id="legend")
        yield KeyBar()

    def on_mount(self) -> None:
        """Lay the panes."""
        self._lay()

    def on_resize(self, event: events.Resize) -> None:
        """Lay the panes anew."""
        self._lay()

    def _lay(self) -> None:
        live = bool(self.seen and self.seen.live)
        width, height = self.app.size
        found = places(width, height, live=live)
        for name in ("title", "next", "live", "runs", "machine", "journal", "legend"):
            pane = self.query_one(f"#{name}")
            region: Region | None = found.get(name)
            pane.display = region is not None
            if region is not None:
                pane.styles.position = "absolute"
                pane.styles.offset = region.offset
                pane.styles.width, pane.styles.height = region.size

    # the thread that looks

    def look(self) -> None:
        """Look at the project every second, and less often at the machine."""
        from cockpit.live.glance import Overview
        from cockpit.live.overview import Watcher

        watcher, last = Watcher(self._project), None
        machine_at, sampler, first = float("-inf"), None, True
        for _ in self.looks(LOOK_SECONDS):
            try:
                seen = watcher.look(NEWEST if first else None)
            except Exception as error:  # whatever is wrong in a folder, home goes on and says so
                seen = Overview(trouble=plain(f"the project cannot be read: {type(error).__name__}: {error}", 300))
            if seen != last:
                self.post_message(ProjectSeen(seen))
                last = seen
            if time.monotonic() - machine_at >= MACHINE_SECONDS:
                if sampler is None:
                    from cockpit.live.machine import Sampler

                    sampler = Sampler()
                machine_at = time.monotonic()
                self.post_message(MachineSeen(sampler.look({}), _free(self._project)))
            if first:
                first = False
                self.look_again()  # at all runs
                if there("monitor"):
                    screen_class("monitor")  # most people open a run next: its modules are read before they wait

    async def on_project_seen(self, message: ProjectSeen) -> None:
        """Show it."""
        before, self.seen = self.seen, message.seen
        self.query_one(TitleLine).gate = message.seen.gate
        self.query_one(NextStep).step = message.seen.next
        self.query_one(RunsList).seen = message.seen
        self.query_one(JournalTail).seen = message.seen
        self.refresh_bindings()
        if bool(before and before.live) != bool(message.seen.live) or before is None:
            self._lay()
        if message.seen.live:
            live = self.query_one(LiveRun)
            charts = (live.styles.height.value if live.styles.height else 0) >= 12
            queued = sum(run.place > 0 for run in message.seen.runs)
            await live.show(message.seen.live, charts=charts, queued=queued)
        for run in message.seen.closed[len(before.closed) if before else 0 :]:
            self.app.tell(f"{run} was not running any more; its entry is closed")
        if message.seen.trouble and (before is None or before.trouble != message.seen.trouble):
            self.app.tell(message.seen.trouble, bad=True)

    def on_machine_seen(self, message: MachineSeen) -> None:
        """Show it."""
        line = self.query_one(MachineLine)
        line.machine, line.disk = message.machine, message.disk

    # what a person does

    def action_open(self) -> None:
        """Open what is chosen in the focused list."""
        journal = self.query_one(JournalTail)
        (journal if journal.has_focus else self.query_one(RunsList)).open()

    def on_runs_list_run_opened(self, message: RunsList.RunOpened) -> None:
        self._open_run(message.run)

    def on_journal_tail_entry_opened(self, message: JournalTail.EntryOpened) -> None:
        self._open_entry(message.key)

    def on_next_step_chosen(self, message: NextStep.Chosen) -> None:
        self.action_go()

    def action_go(self) -> None:
        """Do what Next says."""
        step = self.seen.next if self.seen else None
        if step is None:
            return
        if step.action == "open":
            self._open_run(step.of)
        elif step.action == "journal":
            self._open_entry(step.of)
        elif step.action == "new_run":
            self.action_new_run()
        elif step.action == "resume":
            self._resume(step.of)
        else:
            self.action_fast_dev_run()

    def action_new_run(self) -> None:
        """The checklist of a new run."""
        if not self.app.open("preflight"):
            self.app.tell("A new run starts with: cockpit preflight new --preset nano-care --out F.toml")

    def action_journal(self) -> None:
        """The journal."""
        self._open_entry("")

    def action_compare(self) -> None:
        """The chosen run beside others."""
        if not self.app.open("compare", run=self.query_one(RunsList).chosen):
            self.app.tell("Compare two runs with: cockpit show RUN")

    def action_queue(self) -> None:
        """The runs that wait for their turn."""
        if not self.app.open("queue"):
            self.app.tell("See the queue with: cockpit queue")

    def action_copy(self) -> None:
        """The chosen run's id, through the terminal (OSC 52), so that it works over ssh."""
        if chosen := self.query_one(RunsList).chosen:
            self.app.copy_to_clipboard(chosen)
            self.app.tell(f"copied {chosen}")

    def action_filter(self) -> None:
        self.query_one(RunsList).next_filter()

    def action_switch(self) -> None:
        """Runs or journal."""
        journal = self.query_one(JournalTail)
        (self.query_one(RunsList) if journal.has_focus else journal).focus()

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def action_page_up(self) -> None:
        self._move(-self.query_one(RunsList).page())

    def action_page_down(self) -> None:
        self._move(self.query_one(RunsList).page())

    def action_first(self) -> None:
        self._move(-(10**9))

    def action_last(self) -> None:
        self._move(10**9)

    def _move(self, by: int) -> None:
        journal = self.query_one(JournalTail)
        (journal if journal.has_focus else self.query_one(RunsList)).move(by)

    def _open_entry(self, key: str) -> None:
        shown = {"entry": key} if key else {}
        if not self.app.open("journal", **shown):
            self.app.tell(f"Read it with: cockpit journal show {key or 'last'}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Compare needs a run; the rest is always there."""
        if action in ("open", "copy", "compare", "resume") and not self.query_one(RunsList).chosen:
            return False
        return not (action == "compare" and not there("compare"))


def _free(project: Path) -> int:
    """Bytes that are free where the runs are written; 0 when nobody says."""
    import shutil

    try:
        return shutil.disk_usage(project).free
    except OSError:
        return 0
