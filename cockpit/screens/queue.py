"""The run queue: what runs, what waits and when it would start, what is over; its order, its pause, and starting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from cockpit.actions import bindings
from cockpit.runs import queue
from cockpit.runs.drain import detach, drainer
from cockpit.runs.schedule import schedule
from cockpit.screens.watching import Watching
from cockpit.widgets.confirm import Confirm
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.queue_list import QueueDetail, QueueList, QueueSeen
from cockpit.widgets.title_line import TitleLine
from engine.contract.errors import CockpitError
from journal.text import plain, short

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

LOOK_SECONDS = 1.0


@dataclass
class QueueLooked(Message):
    """The queue was looked at, and has changed."""

    seen: QueueSeen


@dataclass
class QueueSaid(Message):
    """Something was done with the queue, or why it was not."""

    text: str
    bad: bool = False


class QueueScreen(Watching):
    """Everything that reads or writes the queue happens in threads."""

    CSS = "QueueScreen.tall QueueList { margin: 1 0 0 0; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("queue")
    AUTO_FOCUS = "QueueList"
    room = "queue"
    app: CockpitApp

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project
        self.seen = QueueSeen()

    def compose(self) -> ComposeResult:
        """Title, list, the chosen run, keys."""
        yield TitleLine("Queue", self._project.name)
        yield QueueList()
        yield QueueDetail()
        yield KeyBar()

    def on_resize(self, event: events.Resize | None = None) -> None:
        """An empty row between the bands where there is room."""
        self.set_class(self.app.size.height >= 30, "tall")

    @property
    def list(self) -> QueueList:
        """The members."""
        return self.query_one(QueueList)

    def look(self) -> None:
        """Look at the queue every second."""
        last = None
        for _ in self.looks(LOOK_SECONDS):
            try:
                seen = _look(self._project)
            except Exception as error:  # whatever is wrong in a folder, the screen goes on and says so
                seen = QueueSeen(trouble=plain(f"the queue cannot be read: {error}", 300))
            if seen != last:
                last = seen
                self.post_message(QueueLooked(seen))

    def on_queue_looked(self, message: QueueLooked) -> None:
        """Show it."""
        if message.seen.trouble and message.seen.trouble != self.seen.trouble:
            self.app.tell(message.seen.trouble, bad=True)
        self.seen = message.seen
        self.list.show(message.seen)
        self._chosen()

    def on_queue_list_chosen(self) -> None:
        self._chosen()

    def _chosen(self) -> None:
        self.query_one(QueueDetail).show(self.list.member)
        self.refresh_bindings()

    # what a person does

    def action_work(self) -> None:
        """Run the queue in the background."""
        self._do(lambda: f"process {detach(self._project, 0, None)} runs the queue")

    def action_pause(self) -> None:
        """Nothing more starts, or it goes on."""
        on = not self.seen.paused

        def pause() -> str:
            queue.pause(self._project, on)
            return "paused; what runs goes on" if on else "the queue goes on"

        self._do(pause)

    def action_earlier(self) -> None:
        self._move(-1)

    def action_later(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        if (member := self.list.member) is not None:
            self._do(lambda: f"place {queue.move(self._project, member.id, member.place + by).place}")

    def action_remove(self) -> None:
        """Take the chosen run out, once the person has said so."""
        member = self.list.member
        if member is None:
            return
        facts = [("run", member.id), ("asks", member.question), ("its folder", "is kept, outside the runs")]

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(lambda: f"removed; its folder is {queue.remove(self._project, member.id)}")

        self.app.push_screen(Confirm(f"Take {short(member.id)} out of the queue?", facts, "take it out"), answered)

    def action_open(self) -> None:
        """The chosen run's monitor."""
        if (member := self.list.member) is not None and not self.app.open("monitor", run=member.id):
            self.app.tell(f"Watch it with: cockpit attach --plain {member.id}")

    def action_up(self) -> None:
        self.list.move(-1)

    def action_down(self) -> None:
        self.list.move(1)

    def action_page_up(self) -> None:
        self.list.move(-self.list.page())

    def action_page_down(self) -> None:
        self.list.move(self.list.page())

    def action_first(self) -> None:
        self.list.move(-(10**9))

    def action_last(self) -> None:
        self.list.move(10**9)

    def _do(self, what: Callable[[], str]) -> None:
        """Do something in a thread, one after the other, and say what came of it."""
        self.run_worker(partial(self._done, what), thread=True, exit_on_error=False, name="queue", group="do")

    def _done(self, what: Callable[[], str]) -> None:
        try:
            text, bad = what(), False
        except (CockpitError, OSError) as error:
            text, bad = str(error), True
        self.post_message(QueueSaid(text, bad))
        self.look_again()

    def on_queue_said(self, message: QueueSaid) -> None:
        """Say it."""
        if message.text:
            self.app.tell(message.text, bad=message.bad)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on the chosen run."""
        member = self.list.member if self.is_mounted else None
        if action == "work":
            return bool(self.seen.waiting) and self.seen.drainer is None
        if action in ("earlier", "later", "remove"):
            ends = {"earlier": 1, "later": len(self.seen.waiting)}
            return member is not None and member.waiting and member.place != ends.get(action, 0)
        return member is not None and not member.waiting if action == "open" else True


def _look(project: Path) -> QueueSeen:
    members = tuple(queue.members(project))
    starts = {run: moment.replace(microsecond=0) for run, moment in schedule(project, members).items()}
    return QueueSeen(members, starts, queue.paused(project), drainer(project))
