"""The half of the checklist's screen that seals: the run starts now, or waits in the queue; by the functions that `cockpit launch` uses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from cockpit.actions import screen_class, there
from cockpit.preflight import draft_file
from cockpit.runs import lease
from cockpit.screens.preflight_draft import DraftScreen
from cockpit.widgets.draft_title import DraftTitle
from cockpit.widgets.evidence_pane import READING
from cockpit.widgets.launch_gate import LaunchGate, reasons
from engine.contract.errors import Busy, CockpitError
from engine.contract.rundir import RunDir, runs_folder
from journal.text import short

if TYPE_CHECKING:
    from cockpit.runs.launch import Plan

DOING = {"launch": "sealing the answers and starting the run…", "queue": "sealing the answers and queueing the run…"}


@dataclass
class Launched(Message):
    """The run was sealed and started."""

    run: str


@dataclass
class Queued(Message):
    """The run was sealed and waits at `place`, 0 when it has started meanwhile; `worked` when a process runs the queue."""

    run: str
    place: int
    worked: bool


@dataclass
class LaunchRefused(Message):
    """The run was not started, or not queued."""

    why: str
    how: str = "launch"


class LaunchingScreen(DraftScreen):
    """Nothing is sealed before the check of what stands here is done, and nothing while it says no."""

    def action_launch(self) -> None:
        """Seal and start."""
        self._seal("launch")

    def action_queue(self) -> None:
        """Seal and let it wait for its turn."""
        self._seal("queue")

    def _seal(self, how: str) -> None:
        gate = self.query_one(LaunchGate)
        if self._launching:
            return
        if self._asked is not None:
            self._wanted = how
            gate.doing = READING if self.check is None else "checking the last answer…"
            return
        gate.doing = ""
        if self.check is None:
            self.app.tell(f"Launch is closed: {gate.trouble or READING}", bad=True)
            return
        if unsaved := self.query_one(DraftTitle).standing.unsaved:
            self.app.tell(f"Launch is closed: {unsaved}", bad=True)
            return
        closed = reasons(self.check)
        if closed:
            self.app.tell("Launch is closed: " + "; ".join(f"{n} {words}".strip() for n, words, _ in closed), bad=True)
            return
        self._launching = True
        gate.doing = DOING[how]
        self.run_worker(partial(self._begin_run, how), thread=True, exit_on_error=False, name=how, group="launch")

    def _begin_run(self, how: str) -> None:
        from cockpit.preflight.plan import prepare

        begin = {"launch": self._started, "queue": self._queued}[how]
        try:
            done = begin(prepare(self._project, preflight=self.desk.path))
        except Busy as error:
            self.post_message(LaunchRefused(_offered(str(error)), how))
        except (CockpitError, OSError) as error:
            self.post_message(LaunchRefused(str(error), how))
        except Exception as error:
            self.post_message(LaunchRefused(f"{type(error).__name__}: {error}", how))
        else:
            draft_file.put_away(self.desk.path, draft_file.LAUNCHED, done.run)
            self.post_message(done)

    def _started(self, plan: Plan) -> Launched:
        from cockpit.runs.launch import start

        return Launched(start(self._project, plan).id)

    def _queued(self, plan: Plan) -> Queued:
        from cockpit.runs import queue
        from cockpit.runs.drain import drainer

        run = queue.enqueue(self._project, plan).id
        place = next((m.place for m in queue.members(self._project, ended=0) if m.id == run), 0)
        return Queued(run, place, drainer(self._project) is not None)

    def on_launched(self, message: Launched) -> None:
        """Watch it, unless the person has gone elsewhere meanwhile."""
        app, here = self.app, self._leave()
        if here and there("monitor"):
            run = RunDir(runs_folder(self._project) / message.run)
            app.switch_screen(screen_class("monitor")(self._project, run=run))
        else:
            app.tell(f"{short(message.run)} has started; watch it with: cockpit attach {message.run}")

    def on_queued(self, message: Queued) -> None:
        """Show the queue, unless the person has gone elsewhere meanwhile."""
        app, here = self.app, self._leave()
        if here and there("queue"):
            app.switch_screen(screen_class("queue")(self._project))
        where = f"is queued at place {message.place}" if message.place else "has left the queue and starts"
        hint = "" if message.worked else "; no process runs the queue: r there starts it, or: cockpit queue run"
        app.tell(f"{short(message.run)} {where}{hint}")

    def _leave(self) -> bool:
        """The draft is sealed and put away: nothing is left to write. Whether the person is still here."""
        self.text = ""
        return self.app.screen is self

    def on_launch_refused(self, message: LaunchRefused) -> None:
        """Say why."""
        self._launching = False
        self.query_one(LaunchGate).doing = ""
        self.app.tell(f"Not {'queued' if message.how == 'queue' else 'started'}: {message.why}", bad=True)
        self._ask()


def _offered(busy: str) -> str:
    """Why a run cannot start now, with the key in place of the option of the command line."""
    return f"{busy.removesuffix(lease.ADVICE)}W queues it, and it starts when its turn comes"
