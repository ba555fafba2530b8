"""The journal's screen under test: an app of it alone, and what is typed into its fields."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input, TextArea

import cockpit.app
from cockpit.app import CockpitApp
from cockpit.screens.journal import Journal
from journal.index import rows
from journal.review import states
from tests.screens.conftest import Stage

OLD, NEW = "20260604T101347-nano-care-k3f9", "20260605T101347-nano-care-p2aa"
SMOKE = "20260603T101347-smoke-nano-care-z9z9"
SIZES = [(80, 24), (120, 40), (200, 60)]


class Alone(CockpitApp):
    """The app with the journal on top."""

    CSS_PATH = Path(cockpit.app.__file__).with_name("app.tcss")

    def __init__(self, project: Path, **shown: str) -> None:
        super().__init__(project)
        self._shown = shown

    def on_mount(self) -> None:
        self.push_screen(Journal(self.project, **self._shown))


async def typed(stage: Stage, text: str) -> None:
    """Put a text into the field that has the focus, behind the cursor in a large one."""
    await stage.until(lambda: isinstance(stage.app.focused, (Input, TextArea)), "a field")
    field = stage.app.focused
    if isinstance(field, TextArea):
        field.insert(text)
    elif isinstance(field, Input):
        field.value = text
    await stage.pilot.pause()


def journal(stage: Stage) -> Journal:
    found = stage.app.screen
    assert isinstance(found, Journal)
    return found


def state(project: Path, key: str) -> object:
    return states(rows(project))[key]
