"""Asking things of the run on the screen: what ends it is confirmed with what is at stake; a run that is over says why it is not asked."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events, work
from textual.message import Message
from textual.screen import Screen

from cockpit.actions import ACTIONS
from cockpit.runs.requests import ask
from cockpit.widgets.confirm import Ask, Confirm
from cockpit.widgets.scene import Scene
from engine.contract.control import Request
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir
from journal.text import MISSING, duration, plain, utc

CONTROLS = ("pause", "unpause", "stop", "abort", "checkpoint", "set", "note")
"""What only a live run can be asked."""


@dataclass
class Asked(Message):
    """The run was asked something; `why` says why not, '' when it was. `setting` is what a knob is set to."""

    word: str
    request: Request | None
    why: str = ""
    setting: str = ""


class Controls(Screen[None]):
    """The controls of one run, for the screen that shows it."""

    room = ""
    run: RunDir
    scene: Scene | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A run that is over can be asked nothing; a paused one is not paused again."""
        if action in ("pause", "unpause") and self.paused != (action == "unpause"):
            return False
        return None if action in CONTROLS and self.closed else True

    @property
    def paused(self) -> bool:
        """Whether the run waits to go on."""
        return self.scene is not None and self.scene.view.paused

    @property
    def closed(self) -> str:
        """Why nothing can be asked of this run, '' when it can."""
        if self.scene is None:
            return "the run is still being read"
        update = self.scene.update
        if update.ended:
            return f"{self.run.id} has ended as {update.status}: a request needs a live run"
        if update.facts.process and not update.facts.alive:
            return f"the processes of {self.run.id} are gone: nobody would read a request"
        return ""

    def on_key(self, event: events.Key) -> None:
        """A control that is off says why."""
        pressed = next((a for a in ACTIONS if a.where == self.room and event.key in a.key.split(",")), None)
        if pressed is not None and pressed.name in CONTROLS and self.closed:
            event.stop()
            self._tell(self.closed)

    def action_pause(self) -> None:
        """Wait before the next unit of work."""
        self._ask("pause")

    def action_unpause(self) -> None:
        """Go on."""
        self._ask("unpause")

    def action_checkpoint(self) -> None:
        """Write a checkpoint now."""
        self._ask("checkpoint")

    def action_stop(self) -> None:
        """End it after this round, once that is confirmed."""
        self._confirm("Stop the run when this round is done?", "stop after this round", "stop_after_round")

    def action_abort(self) -> None:
        """End it now, once that is confirmed."""
        self._confirm("Abort the run now?", "abort now", "abort")

    def _confirm(self, question: str, yes: str, word: str) -> None:
        def decided(agreed: bool | None) -> None:
            if agreed:
                self._ask(word)

        self.app.push_screen(Confirm(question, self.at_stake(), yes), decided)

    def at_stake(self) -> list[tuple[str, str]]:
        """What a person should know before a run is ended."""
        scene = self.scene
        if scene is None:
            return []
        saved = scene.view.checkpoint
        last = "none yet: only whole rounds are kept"
        if saved is not None:
            ago = max((scene.now - utc(saved.at)).total_seconds(), 0.0)
            last = f"{plain(saved.path, 40)}, {duration(ago)} ago"
        left = scene.left
        return [
            ("elapsed", duration(scene.elapsed)),
            ("left", MISSING if left is None else f"about {duration(left)}"),
            ("last checkpoint", last),
        ]

    def action_set(self) -> None:
        """Change lam or tau."""
        scene = self.scene
        if scene is None:
            return
        steps = scene.view.steps
        config = scene.config.heal if scene.config else None
        tau = float(steps["tau"][-1]) if len(steps["tau"]) else config.tau if config else 0.0
        lam = float(steps["lam"][-1]) if len(steps["lam"]) else config.lam if config else 0.0
        facts = [
            ("heal.tau", f"{tau:.4g} nats now"),
            ("heal.lam", f"{lam:.4g} now; both take 0 to 100"),
            ("then", "the run counts as touched and carries no claim"),
        ]

        def given(setting: str | None) -> None:
            if setting:
                self._ask("set", setting=setting)

        self.app.push_screen(Ask("Set a knob of the live run", facts, "heal.tau=", "set"), given)

    def action_note(self) -> None:
        """Write a note into the run's record."""

        def given(text: str | None) -> None:
            if text:
                self._ask("note", text=text)

        self.app.push_screen(Ask("Note what you saw", [], done="write"), given)

    @work(thread=True, group="ask", exit_on_error=False)
    def _ask(self, word: str, *, setting: str = "", text: str = "") -> None:
        try:
            request = ask(self.run, word, setting=setting, text=text)
        except BadInput as error:
            self.post_message(Asked(word, None, str(error)))
            return
        self.post_message(Asked(word, request, setting=setting))

    def on_asked(self, message: Asked) -> None:
        """Say that it was asked, or why not."""
        asked = f"{message.word.replace('_', ' ')} {message.setting}".rstrip()
        said = message.why or f"asked to {asked}; done at the next unit of work"
        self._tell(said, bad=bool(message.why))

    def _tell(self, text: str, *, bad: bool = False) -> None:
        self.notify(plain(text, 300), severity="error" if bad else "information", markup=False, timeout=5)
