"""A project as runs leave it, written by the contract's and the journal's own code, and the app driven over it; no engine, no model."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from textual.app import App
from textual.message import Message
from textual.pilot import Pilot

from cockpit.runs import processes
from engine.contract import events as e
from engine.contract.answers import parse_answers
from engine.contract.files import append_line, write_json
from engine.contract.hashes import code_hash
from engine.contract.preflight import seal
from engine.contract.prior import Prior
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir, runs_folder
from engine.contract.runfile import RunFile
from journal.book import Book
from journal.entry import title
from journal.record import load_record
from journal.verdict import verdict
from journal.write import close_entry, open_entry
from tests.makings import EXAMPLE, FACTS, RECORDED, STARTED, evaluated


def story(run: str) -> list[e.Event]:
    """A short run as its events tell it: base and prompted, then two rounds."""
    found: list[e.Event] = [
        msgspec.structs.replace(STARTED, run=run),
        evaluated("base", 0.25, "val", stage="baseline", elapsed=1.0),
        evaluated("prompted", 1.0, "val", stage="baseline", elapsed=2.0),
        evaluated("base", 0.25, "test", stage="baseline", elapsed=2.0),
    ]
    for round_ in (1, 2):
        at = 10.0 * round_
        found.append(e.StageStarted(stage="heal", round=round_, elapsed=at, total=4))
        for step in range(1, 5):
            found.append(
                e.HealStep(
                    stage="heal", round=round_, elapsed=at + step, step=step, epoch=1, tokens=64, loss=1.0, nll=1.0,
                    kl=0.1 * step, tau=0.25, grad_norm=1.0, lr=1e-3, update_ratio=1e-3, tokens_per_second=100.0,
                )
            )  # fmt: skip
        done = e.StageFinished(stage="heal", round=round_, elapsed=at + 5, seconds=5.0, peak_memory_mb=100.0)
        found += [done, evaluated("healed", 0.4 * round_, "val", stage="evaluate", round=round_, elapsed=at + 6)]
    found.append(evaluated("healed", 0.8, "test", stage="evaluate", round=2, elapsed=27.0))
    return found


@pytest.fixture(autouse=True)
def fresh_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with nothing remembered, and with Unicode."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COCKPIT_ASCII", "0")


class Write(Protocol):
    def __call__(self, name: str, status: str = "success", *, smoke: bool = False, events: int | None = None) -> RunDir:
        """A run with its entry: ended as `status`, or live ('') with only its first `events` events and this process as its own."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project with a name."""
    folder = tmp_path / "steering-care"
    folder.mkdir()
    return folder


@pytest.fixture
def write_run(project: Path) -> Write:
    def write(name: str, status: str = "success", *, smoke: bool = False, events: int | None = None) -> RunDir:
        folder = RunDir(runs_folder(project) / name)
        folder.path.mkdir(parents=True)
        config = resolve("nano-care", sets=["run.rounds=2", f"run.smoke={str(smoke).lower()}"])
        answers = parse_answers(tomllib.loads(EXAMPLE.read_text("utf-8")))
        sealed = seal(answers, config, FACTS, "t" * 64, Prior())
        run = RunFile(
            config=config, preset="nano-care", changes={}, axes=sealed["axes"], trait_hash="t" * 64, model_hash="c" * 64
        )
        run.save(folder.config)
        write_json(folder.preflight, sealed)
        write_json(folder.provenance, {"commit": "d" * 40, "dirty": False, "code_hash": code_hash()})
        told = story(name)
        if status == "success":
            over = {"stage": "evaluate", "round": 2, "elapsed": 30.0, "reason": "", "seconds": 30.0, "tokens": 1}
            told.append(e.RunFinished(status="success", best=2, **over))
        for event in told[:events]:
            append_line(folder.events, e.encode(event))
        process = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1, "supervised_at": e.now()}
        write_json(folder.process, process | ({} if status else {"supervisor": processes.me()}))
        book = Book(project)
        open_entry(book, load_record(folder))
        if status:
            ended = {"status": status, "reason": "", "exit": 0, "attempt": 1, "seconds": 30.0, "smoke": smoke}
            ended |= {"code_hash": code_hash(), "best": 2, "logged": True}
            write_json(folder.result, ended)
            record = load_record(folder)
            write_json(folder.result, ended | {"title": title(record), "verdict": verdict(record).state})
            close_entry(book, load_record(folder))
        return folder

    return write


@pytest.fixture
def finished(project: Path) -> RunDir:
    """The recorded run in the project."""
    folder = RunDir(runs_folder(project) / RECORDED.name)
    shutil.copytree(RECORDED, folder.path)
    return folder


@pytest.fixture
def live(finished: RunDir) -> RunDir:
    """The recorded run in the heal of round 3, with this process as its worker."""
    finished.result.unlink()
    lines = finished.events.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if b'"round":3' in line and b'"step":20,' in line)
    finished.events.write_bytes(b"".join(lines[: place + 1]))
    me = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1, "worker": processes.me()}
    write_json(finished.process, me | {"supervisor": processes.me()})
    return finished


@pytest.fixture
def sealed(project: Path, tmp_path: Path) -> Callable[..., RunDir]:
    """sealed(operating_kl=0.3): a run that was answered for, sealed and ended, as launch and supervisor leave it."""

    from cockpit.preflight.plan import prepare
    from tests.screens.preflights import EARLIER, TINY

    def make(name: str = EARLIER, *, sets: tuple[str, ...] = tuple(TINY), **measured: Any) -> RunDir:
        file = tmp_path / "old.toml"
        text = EXAMPLE.read_text("utf-8").replace("set = []", f"set = {json.dumps(list(sets))}")
        for rule in ("W2", "KB12"):
            text += (
                f'\n[[waivers]]\nrule = "{rule}"\nreason = "A run of the test suite, too small to measure anything."\n'
            )
        file.write_text(text)
        plan = prepare(project, preflight=file)
        folder = RunDir(runs_folder(project) / name)
        folder.path.mkdir(parents=True)
        plan.run.save(folder.config)
        write_json(folder.preflight, plan.record)
        told = {"tokenizer_hash": plan.record["evidence"]["facts"]["tokenizer_hash"], "metric_version": None} | measured
        write_json(
            folder.result, {"status": "success", "logged": True, "attempt": 1, "title": "care .93", "measured": told}
        )
        return folder

    return make


class Stage:
    """An app being driven: its pilot, and every message that was sent, oldest first."""

    def __init__(self, app: App[Any], pilot: Pilot[Any], messages: list[Message]) -> None:
        self.app, self.pilot, self.messages = app, pilot, messages

    async def until(self, ready: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        """Wait for something to hold."""
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, f"waited in vain for {what}; the screen shows:\n{self.text()}"
            await self.pilot.pause(0.02)

    async def heard(self, kind: type[Message]) -> Any:
        """Wait for a message of a kind, and return the newest."""
        await self.until(lambda: any(isinstance(m, kind) for m in self.messages), kind.__name__)
        return next(m for m in reversed(self.messages) if isinstance(m, kind))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def text(self) -> str:
        """What the screen shows."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def shows(self, words: str) -> None:
        """Wait for words on the screen. It is read anew when something has happened, and now and then: reading takes the loop's time."""
        happened, read_at, found = -1, 0.0, False

        def there() -> bool:
            nonlocal happened, read_at, found
            if len(self.messages) != happened or time.monotonic() - read_at > 0.25:
                happened, read_at, found = len(self.messages), time.monotonic(), words in self.text()
            return found

        await self.until(there, repr(words))


Drive = Callable[..., None]


@pytest.fixture
def drive() -> Drive:
    """drive(app, script, size=(120, 40)): run an app without a terminal and let `script` act on it."""

    def run(app: App[Any], script: Callable[[Stage], Awaitable[None]], *, size: tuple[int, int] = (120, 40)) -> None:
        async def session() -> None:
            messages: list[Message] = []
            async with app.run_test(size=size, notifications=True, message_hook=messages.append) as pilot:
                await script(Stage(app, pilot, messages))

        asyncio.run(session())

    return run
