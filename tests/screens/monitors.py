"""The monitor under test: an app of it alone, over a recorded run that is finished or goes on."""

from __future__ import annotations

from textual.app import App

from cockpit.screens.monitor import EventsArrived, MachineSeen, Monitor, TextsRead
from cockpit.theme import register
from engine.contract.control import Mailbox
from engine.contract.rundir import RunDir
from tests.makings import RECORDED
from tests.screens.conftest import Stage

SIZES = [(80, 24), (120, 40), (200, 60)]
LINES = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)


class One(App[None]):
    """An app of one monitor."""

    def __init__(self, run: RunDir) -> None:
        super().__init__()
        self.run_shown = run

    def on_mount(self) -> None:
        register(self)
        self.push_screen(Monitor(self.run_shown.path.parent.parent, self.run_shown))


async def read(stage: Stage) -> Monitor:
    """Wait until the run was read and drawn."""
    await stage.heard(EventsArrived)
    monitor = stage.app.screen
    assert isinstance(monitor, Monitor)
    await stage.until(lambda: monitor.scene and monitor.scene.update.caught_up, "the whole run")
    await stage.heard(TextsRead)
    await stage.heard(MachineSeen)
    await stage.pilot.pause(0.05)
    return monitor


def asked(run: RunDir) -> list[tuple[str, str]]:
    return [(r.request, r.text or (f"{r.knob}={r.value}" if r.knob else "")) for r in Mailbox(run.control).read()]
