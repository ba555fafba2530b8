"""The app: one project, its screens, themes and signs, and what can be done on every screen.

It is a viewer of files: closing it, losing the line or killing it changes nothing for any run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.filter import LineFilter
from textual.screen import Screen

from cockpit import state
from cockpit.actions import EVERYWHERE, Action, bindings, offered, screen_class, there
from cockpit.screens.home import Home
from cockpit.screens.too_small import HEIGHT, WIDTH, TooSmall
from cockpit.theme import DEFAULT, LABELS, ascii_only, register
from journal.text import plain


class Registry(Provider):
    """Every action that the screen offers, and every theme, in the command palette."""

    def _commands(self) -> list[tuple[str, str, Any]]:
        app = self.app
        assert isinstance(app, CockpitApp)
        found = [
            (f"{a.label}  ({a.shown_key})", a.help, partial(app.carry_out, a, self.screen))
            for a in sorted(offered(self.screen), key=lambda a: a.rank == 0)  # what moves a cursor comes last
        ]
        return found + [
            (f"theme {label}", "Change to this theme; it is remembered.", partial(app.use_theme, name))
            for name, label in LABELS.items()
        ]

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for label, about, command in self._commands():
            yield DiscoveryHit(label, command, help=about)

    async def search(self, query: str) -> Hits:
        """Those whose word or explanation fits what was typed."""
        matcher = self.matcher(query)
        for label, about, command in self._commands():
            score = max(matcher.match(label), 0.7 * matcher.match(about))
            if score > 0:
                yield Hit(score, matcher.highlight(label), command, text=label, help=about)


class CockpitApp(App[None]):
    """`run` opens its monitor on top of home, `screen` another screen by its name; `alone` is all there is, in place of home."""

    TITLE = "Cockpit"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {Registry}
    BINDINGS: ClassVar[list[BindingType]] = bindings(EVERYWHERE)

    def __init__(
        self, project: Path, *, run: str = "", screen: str = "", alone: Callable[[], Screen[None]] | None = None
    ) -> None:
        super().__init__()
        self._alone = alone
        self.project = project
        self._first_run, self._first_screen = run, screen
        self.remembered = state.load()
        if self.remembered.ascii:
            os.environ.setdefault("COCKPIT_ASCII", "1")
        register(self, self.remembered.theme if self.remembered.theme in LABELS else DEFAULT)

    def get_default_screen(self) -> Screen[None]:
        """Home lies under everything."""
        return self._alone() if self._alone else Home(self.project)

    def on_mount(self) -> None:
        """Open what was asked for."""
        if self._first_run:
            self.call_after_refresh(self.open, "monitor", run=self._first_run)
        elif self._first_screen:
            self.call_after_refresh(self.open, self._first_screen)

    def on_resize(self, event: events.Resize) -> None:
        """A terminal that is too small says so, and everything is back when it has grown."""
        small = event.size.width < WIDTH or event.size.height < HEIGHT
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def open(self, name: str, **shown: Any) -> bool:
        """Open a screen on top of this one; a run is given by its id. Whether that screen is part of this cockpit."""
        if not there(name):
            return False
        if "run" in shown:
            from engine.contract.rundir import RunDir, runs_folder

            shown["run"] = RunDir(runs_folder(self.project) / shown["run"])
        self.push_screen(screen_class(name)(self.project, **shown))
        return True

    async def carry_out(self, action: Action, screen: Screen[Any]) -> None:
        """Do what an action of a screen, or of every screen, says."""
        await screen.run_action(f"{'app' if action.where == EVERYWHERE else 'screen'}.{action.name}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On a terminal that is too small one can only leave; and there is no way back from the first screen."""
        if isinstance(self.screen, TooSmall):
            return action == "quit"
        if action == "back":
            return len(self.screen_stack) > 1
        return True

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and ours in ASCII mode."""
        found = list(super().get_line_filters())
        if ascii_only():
            from cockpit.signs import AsciiFilter

            found.append(AsciiFilter())
        return found

    # actions of every screen

    def action_help(self) -> None:
        """Every key of this screen; pressed again, help goes away."""
        room = getattr(self.screen, "room", "")
        if room == "help":
            self.pop_screen()
        else:
            self.open("help", room=room)

    def action_palette(self) -> None:
        """Find an action."""
        self.action_command_palette()

    async def action_back(self) -> None:
        """Close this screen."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_theme(self) -> None:
        """The next theme."""
        names = list(LABELS)
        self.use_theme(names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else DEFAULT)

    def use_theme(self, name: str) -> None:
        """Change the theme and remember it."""
        self.theme = name
        self._remember(theme=name)
        self.notify(f"theme: {LABELS[name]}", timeout=2)

    def action_signs(self) -> None:
        """Unicode or ASCII."""
        plain_signs = not ascii_only()
        os.environ["COCKPIT_ASCII"] = "1" if plain_signs else "0"
        self._remember(ascii=plain_signs)
        for screen in self.screen_stack:
            for node in screen.walk_children(with_self=True):
                node.notify_style_update()
                node.refresh()
        self.notify(f"signs: {'plain ASCII' if plain_signs else 'Unicode'}", timeout=2)

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save the screen as a picture beside the project's runs, and say where."""
        from datetime import datetime

        runs = self.project / "runs"
        folder = runs / ".screenshots" if runs.is_dir() and not runs.is_symlink() else Path.cwd()
        room = getattr(self.screen, "room", "screen")
        target = folder / f"{datetime.now():%Y%m%dT%H%M%S}-{room}.svg"
        try:
            folder.mkdir(exist_ok=True)
            target.write_text(self.export_screenshot(title=f"Cockpit, {room}"), encoding="utf-8")
        except OSError as error:
            self.tell(f"the picture could not be saved: {target}: {error.strerror}", bad=True)
            return
        self.tell(f"saved {target}")

    def tell(self, text: str, *, bad: bool = False) -> None:
        """Say something that is read and forgotten; nothing in it is markup."""
        self.notify(plain(text, 400), severity="error" if bad else "information", markup=False, timeout=8 if bad else 5)

    def _remember(self, **changed: Any) -> None:
        self.remembered = msgspec.structs.replace(self.remembered, **changed)
        if trouble := state.save(self.remembered):
            self.tell(f"not remembered: {trouble}", bad=True)
