"""The diagnosis of a run: root cause or what is missing, with evidence, rivals and fixes; read anew while the run goes on.

It is computed in a thread, and nothing of it can fail in the app: what cannot be read is named in the diagnosis itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen

from cockpit.actions import bindings
from cockpit.widgets.diagnosis import DiagnosisText
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.title_line import TitleLine
from engine.contract.errors import CockpitError
from engine.contract.rundir import RunDir
from engine.diagnosis.diagnosis import Diagnosis
from journal.text import short

AGAIN = 5.0
"""Seconds between two looks at a run that goes on."""


@dataclass
class Diagnosed(Message):
    """A diagnosis is there, or why there is none."""

    diagnosis: Diagnosis | None
    trouble: str = ""


class DiagnosisScreen(Screen[None]):
    """One run."""

    CSS_PATH = "diagnosis.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("diagnosis")
    AUTO_FOCUS = "VerticalScroll"
    room = "diagnosis"

    def __init__(self, project: Path, run: RunDir) -> None:
        super().__init__()
        self._project, self.run = project, run
        self.diagnosis: Diagnosis | None = None
        self._busy = False

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield TitleLine("Diagnosis", short(self.run.id))
        with VerticalScroll():
            yield DiagnosisText()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin once the first frame stands."""
        self.call_after_refresh(self._judge)
        self.set_interval(AGAIN, self._again)

    def _again(self) -> None:
        if self.diagnosis is None or self.diagnosis.provisional:
            self._judge()

    def _judge(self) -> None:
        if not self._busy:
            self._busy = True
            self._read()

    @work(thread=True, group="diagnosis", exit_on_error=False)
    def _read(self) -> None:
        from engine.diagnosis.combine import diagnose
        from engine.diagnosis.ours import read_run

        try:
            self.post_message(Diagnosed(diagnose(read_run(self.run))))
        except (CockpitError, OSError) as error:
            self.post_message(Diagnosed(None, str(error)))
        except Exception as error:  # a damaged file that no reader foresaw is no reason to lose the screen
            self.post_message(Diagnosed(None, f"{type(error).__name__}: {error}"))

    def on_diagnosed(self, message: Diagnosed) -> None:
        """Show it."""
        self._busy = False
        if message.diagnosis is not None:
            self.diagnosis = message.diagnosis
        self.query_one(DiagnosisText).show(self.diagnosis, message.trouble)

    # actions

    def action_again(self) -> None:
        """Read the run anew."""
        self._judge()

    def action_copy(self) -> None:
        """The command of the first fix that has one."""
        fixes = self.diagnosis.fixes if self.diagnosis else ()
        command = next((fix.command for fix in fixes if fix.command), "")
        if command:
            self.app.copy_to_clipboard(command)
            self.notify(f"copied: {command}", markup=False, timeout=5)
        else:
            self.notify("there is no command to copy", timeout=5)

    def _scroll(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    def action_up(self) -> None:
        """One line up."""
        self._scroll().scroll_up(animate=False)

    def action_down(self) -> None:
        """One line down."""
        self._scroll().scroll_down(animate=False)

    def action_page_up(self) -> None:
        """One page up."""
        self._scroll().scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        """One page down."""
        self._scroll().scroll_page_down(animate=False)
