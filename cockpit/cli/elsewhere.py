"""Runs of another machine: watching one as any other, and `relay`, which the watching side starts there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cockpit.cli.common import RunName, on_terminal, project_folder, say

if TYPE_CHECKING:
    from cockpit.remote.place import Place
    from cockpit.remote.watch import Watch

Anywhere = Annotated[
    str,
    typer.Argument(
        metavar="[HOST:[DIR/]]RUN",
        help="A run's id, a unique prefix or ending, or last. On another machine, behind HOST: of your ssh config or user@host:, with DIR "
        "its project folder, from the login's folder on.",
    ),
]
RemoteCockpit = Annotated[
    str,
    typer.Option(
        "--remote-cockpit",
        metavar="PROGRAM",
        help="The cockpit on HOST, from the login's folder on; else .venv/bin/cockpit of DIR, else the one on the PATH there.",
    ),
]


def attach(place: Place, *, plain: bool, json: bool) -> int:
    """Watch a run of another machine: in the app on a terminal, else as text. The exit code is the run's, 0 while it goes on."""
    if json:
        return tail(place, 0)
    watch = _connect(place)
    with watch:
        return _text(watch) if plain or not on_terminal() else _app(watch)


def _connect(place: Place) -> Watch:
    from cockpit.remote.watch import Watch

    say(f"connecting to {place.host}")
    return Watch(place, say)


def _app(watch: Watch) -> int:
    """The monitor, and nothing else: home would show a project of this machine."""
    from cockpit.app import CockpitApp
    from cockpit.runs import evidence
    from cockpit.screens.monitor import Monitor

    app = CockpitApp(watch.project, alone=lambda: Monitor(watch.project, watch.run))
    app.run()
    return app.return_code or int(evidence.result(watch.run).get("exit", 0))


def _text(watch: Watch) -> int:
    """Lines until the run's entry is closed. Ctrl-C leaves."""
    from cockpit.cli.stream import Stream
    from cockpit.runs import evidence
    from cockpit.runs.stream import follow

    trouble = _Trouble(watch)
    try:
        with Stream() as stream:
            for event in follow(watch.project, watch.run):
                trouble.look()
                stream.show(event)
    except KeyboardInterrupt:
        say(f"\nleft; {watch.run.id} goes on at {watch.place.host}. Come back with: cockpit attach {watch.place}")
        return 0
    ended = evidence.result(watch.run)
    if ended.get("status") != "success":
        say(f"{watch.run.id} {ended.get('status', 'failed')}: {ended.get('reason', '')}".rstrip(": "))
    return int(ended.get("exit", 1))


def tail(place: Place, start: int) -> int:
    """The events of a run of another machine as they are, from a byte on, until it ends."""
    from cockpit.runs import evidence
    from cockpit.runs.stream import follow_bytes

    watch = _connect(place)
    trouble = _Trouble(watch)
    try:
        with watch:
            for data in follow_bytes(watch.project, watch.run, start):
                trouble.look()
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        return 0
    return int(evidence.result(watch.run).get("exit", 1))


class _Trouble:
    """Says on stderr when the machine is out of reach, and when it is back."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._told = watch, ""

    def look(self) -> None:
        """Say what changed. Raises BadInput when there is nothing to watch any more."""
        self._watch.check()
        trouble = self._watch.trouble()
        if trouble != self._told:
            say(f"{trouble}; trying again, Ctrl-C leaves" if trouble else f"{self._watch.place.host} is back")
            self._told = trouble


def relay(ctx: typer.Context, name: RunName) -> None:
    """Send a run's files to `cockpit attach HOST:RUN` on another machine, which starts this."""
    from cockpit.cli.version import version
    from cockpit.remote.relay import relay as send
    from engine.contract.rundir import find_run

    folder = project_folder(ctx, None)
    send(folder, find_run(folder, name), version())
