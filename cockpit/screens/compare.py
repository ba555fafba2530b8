"""Two to eight runs beside each other: their curves over each other, their numbers, and which differences are more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from cockpit.actions import bindings
from cockpit.compare.comparison import MOST, Comparison, compare
from cockpit.compare.sides import Side, read_side
from cockpit.screens.watching import Watching
from cockpit.widgets.compare_table import ArmList, CompareTable
from cockpit.widgets.confirm import Ask
from cockpit.widgets.hairline import Hairline
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.overlay import Overlay
from cockpit.widgets.title_line import TitleLine
from engine.contract.errors import BadInput
from engine.contract.files import read_json
from engine.contract.rundir import RunDir, all_runs, find_run, runs_folder

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

LOOK_SECONDS = 2.0


@dataclass
class Compared(Message):
    """The runs were read, and are compared."""

    found: Comparison


@dataclass
class Chosen(Message):
    """These runs are to be compared, or why they cannot be."""

    runs: tuple[str, ...]
    why: str = ""


class Compare(Watching):
    """`runs` are ids; `run` is one run, beside which its comparator and the newest run like it are laid."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("compare")
    AUTO_FOCUS = "ArmList"
    room = "compare"
    app: CockpitApp

    def __init__(self, project: Path, runs: Sequence[str] = (), run: RunDir | None = None) -> None:
        super().__init__()
        self._project = project
        self.runs: tuple[str, ...] = tuple(runs)[:MOST]
        self._alone = run
        self._reference = ""
        self.found = Comparison()

    def compose(self) -> ComposeResult:
        """Title, arms, charts and tables, keys."""
        yield TitleLine("Compare", self._project.name)
        yield ArmList()
        yield Hairline()
        with VerticalScroll(id="body"):
            yield Overlay()
            yield CompareTable()
        yield KeyBar()

    def on_mount(self) -> None:
        """Narrow margins from the first frame on."""
        self.on_resize()

    def on_resize(self, event: events.Resize | None = None) -> None:
        """Narrow margins on a narrow terminal, none above on a low one."""
        self.set_class(self.app.size.width < 100, "narrow")
        self.set_class(self.app.size.height < 30, "low")

    @property
    def list(self) -> ArmList:
        """The arms."""
        return self.query_one(ArmList)

    # the thread that reads

    def look(self) -> None:
        """Read each run once, and again when its files have grown."""
        if self._alone is not None and not self.runs:
            self.runs = beside(self._project, self._alone)
        held: dict[str, tuple[Any, Side]] = {}
        last: object = None
        for _ in self.looks(LOOK_SECONDS):
            runs, reference = self.runs, self._reference
            for run in runs:
                now = _stamp(self._project, run)
                if run not in held or held[run][0] != now:
                    held[run] = (now, read_side(self._project, run))
            state = (reference, tuple((run, held[run][0]) for run in runs))
            if state != last:
                last = state
                try:
                    found = compare([held[run][1] for run in runs], reference)
                except Exception as error:  # one odd run must not end the screen
                    found = Comparison(problems=(f"these runs cannot be compared: {type(error).__name__}: {error}",))
                self.post_message(Compared(found))

    def on_compared(self, message: Compared) -> None:
        """Show it."""
        self.found = message.found
        self.list.show(message.found)
        self.query_one(CompareTable).show(message.found)
        self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        self.query_one(Overlay).show(self.found, self.list.at)

    def on_arm_list_chosen(self) -> None:
        """Draw it in front."""
        self._draw()

    # what a person does

    def action_up(self) -> None:
        self.list.move(-1)

    def action_down(self) -> None:
        self.list.move(1)

    def action_page_down(self) -> None:
        self.query_one("#body").scroll_page_down(animate=False)

    def action_page_up(self) -> None:
        self.query_one("#body").scroll_page_up(animate=False)

    def action_open(self) -> None:
        """The monitor of the chosen arm's first run."""
        if self.list.arm is not None:
            run = self.list.arm.sides[0].run
            if not self.app.open("monitor", run=run):
                self.app.tell(f"Watch it with: cockpit attach --plain {run}")

    def action_reference(self) -> None:
        """The chosen arm is what the others are compared with."""
        if self.list.arm is not None:
            self._reference = self.list.arm.sides[0].run
            self.look_again()

    def action_remove(self) -> None:
        """Take the chosen arm out."""
        if self.list.arm is not None and len(self.found.arms) > 1:
            gone = {side.run for side in self.list.arm.sides}
            self.runs = tuple(run for run in self.runs if run not in gone)
            self.look_again()

    def action_add(self) -> None:
        """One more run."""
        if len(self.runs) >= MOST:
            self.app.tell(f"{MOST} runs are all that can be compared at once")
            return

        def given(name: str | None) -> None:
            if name:
                self.run_worker(lambda: self._find(name), thread=True, exit_on_error=False, group="find")

        self.app.push_screen(Ask("Which run?", [("", "its id, or its last letters, or last")], done="add"), given)

    def _find(self, name: str) -> None:
        try:
            self.post_message(Chosen((*self.runs, find_run(self._project, name).id)))
        except (BadInput, OSError) as error:
            self.post_message(Chosen((), str(error)))

    def on_chosen(self, message: Chosen) -> None:
        """Compare these."""
        if message.why:
            self.app.tell(message.why, bad=True)
            return
        self.runs = tuple(dict.fromkeys(message.runs))[:MOST]
        self.look_again()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some of it needs an arm."""
        if action == "remove":
            return len(self.found.arms) > 1
        return bool(self.found.arms) if action in ("open", "reference") else True


def beside(project: Path, run: RunDir) -> tuple[str, ...]:
    """A run with what it is to be compared with: the comparator that its checklist chose, else the real run before it."""
    named = ""
    try:
        sealed = read_json(run.preflight)
        named = str(((sealed.get("answers") or {}).get("prior") or {}).get("comparator") or "")
    except (BadInput, AttributeError):
        pass
    if named and named != "none":
        try:
            return run.id, find_run(project, named).id
        except BadInput:
            pass
    others = [other.id for other in all_runs(project) if other.id != run.id and "-smoke-" not in other.id]
    before = [other for other in others if other < run.id] or others
    return (run.id, before[-1]) if before else (run.id,)


def _stamp(project: Path, run: str) -> tuple[int, ...]:
    """What changes when the run's files do."""
    folder = RunDir(runs_folder(project) / run)
    found = []
    for path in (folder.events, folder.result):
        try:
            found.append(path.stat().st_size)
        except OSError:
            found.append(-1)
    return tuple(found)
