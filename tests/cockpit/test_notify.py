"""Who asked for it is told of alerts, guards and ends, by a real program and a real server; nobody else, and never a secret (FAULTS 27)."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cockpit.runs.notifier import Notifier
from cockpit.runs.notify import load_settings, message, settings_file
from cockpit.runs.sending import send
from engine.contract.errors import BadInput
from engine.contract.events import Alert, Event, GuardTripped, Note, encode
from engine.contract.files import append_line, write_json
from engine.contract.rundir import RunDir

from .conftest import ROOT, SECRET, Cli

ID = "20261121T101309-nano-care-k3f9"
TOKEN = "T0KEN-planted-in-a-path"
SAY = "import sys; open(sys.argv[1], 'a').write('|'.join(sys.argv[2:]) + chr(10))"


class Server(ThreadingHTTPServer):
    """A webhook on this machine: keeps what it gets, answers with `code`, a redirect to itself when that is 302."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.code = 204

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/{TOKEN}?key={TOKEN}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.server.requests.append(self.command)
        self.send_response(self.server.code)
        if self.server.code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def settings(text: str) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text)


def by_command(tmp_path: Path, more: str = "") -> Path:
    """Settings with a program that writes what it is told into a file; the file."""
    heard = tmp_path / "heard.txt"
    words = [sys.executable, "-c", SAY, str(heard), "{event}", "{title}", "{status}", "{run}: {text}"]
    settings(f"[notify]\ncommand = {json.dumps(words)}\n{more}")
    return heard


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    folder = RunDir(tmp_path / "runs" / ID)
    folder.path.mkdir(parents=True)
    return folder


def ended(run: RunDir, status: str, reason: str) -> None:
    write_json(run.result, {"status": status, "reason": reason, "attempt": 1, "seconds": 252.0, "exit": 0})


def told_of(run: RunDir, *events: Event, status: str = "starved", reason: str = "kept 3 of 40 completions") -> None:
    """A notifier hears these events and the end of the run."""
    append_line(run.events, encode(Alert(signature="old", state="raised", evidence="before it began")))
    notifier = Notifier(run, 1)
    for event in events:
        append_line(run.events, encode(event))
    ended(run, status, reason)
    notifier.end()


INERT = Alert(signature="inert barrier", state="raised", evidence="tau 4 is above the operating KL 2.9 nats", round=2)
GUARD = GuardTripped(guard="doubling", value="7.1", limit="7", regime="finetune", action="stop", round=1)


def test_without_settings_nobody_is_told_and_nothing_is_said(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_settings() is None
    told_of(run, INERT)
    assert capsys.readouterr() == ("", "")


def test_a_command_is_told_of_alerts_guards_and_the_end_in_order(run: RunDir, tmp_path: Path) -> None:
    heard = by_command(tmp_path)
    told_of(run, Note(text="nothing to tell"), INERT, Alert(signature="spike", state="cleared", evidence="-"), GUARD)
    assert heard.read_text().splitlines() == [
        f"alert|-k3f9 inert barrier|running|{ID}: inert barrier in round 2: tau 4 is above the operating KL 2.9 nats",
        f"guard|-k3f9 guard doubling|running|{ID}: guard doubling in round 1: doubling 7.1, limit 7 (finetune): stop",
        f"end|-k3f9 starved|starved|{ID}: starved after 4:12: kept 3 of 40 completions",
    ]


def test_only_the_kinds_that_are_asked_for_are_told(run: RunDir, tmp_path: Path) -> None:
    heard = by_command(tmp_path, 'on = ["end"]')
    told_of(run, INERT, GUARD)
    assert [line.split("|")[0] for line in heard.read_text().splitlines()] == ["end"]


def test_a_webhook_gets_the_same_as_json_and_nothing_more(run: RunDir, server: Server) -> None:
    settings(f'[notify]\nwebhook = "{server.address}"')
    told_of(run, INERT)
    assert [set(got) for got in server.got] == [{"run", "status", "event", "title", "text"}] * 2
    assert [got["event"] for got in server.got] == ["alert", "end"]


def test_a_message_reaches_its_receiver_while_the_run_goes_on(run: RunDir, server: Server) -> None:
    settings(f'[notify]\nwebhook = "{server.address}"')
    notifier = Notifier(run, 1)
    append_line(run.events, encode(INERT))
    until = time.monotonic() + 30
    while not server.got and time.monotonic() < until:
        time.sleep(0.05)
    assert [got["status"] for got in server.got] == ["running"]
    ended(run, "success", "")
    notifier.end()
    assert len(server.got) == 2


def test_fault27_no_secret_no_text_of_a_model_and_no_words_of_a_script_leave(
    run: RunDir, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    settings(f'[notify]\nwebhook = "{server.address}"')
    shown = f"loops in “the model says this”, {SECRET}, \x1b[2J see https://me:{TOKEN}@host/?token={TOKEN}"
    told_of(
        run, Alert(signature="mode collapse", state="raised", evidence=shown), status="failed", reason=f"at {SECRET}"
    )
    (run.path / "script.jsonl").touch()
    told_of(run, Alert(signature="loss", state="raised", evidence="words of the script"))
    everything = json.dumps(server.got, ensure_ascii=False)
    for secret in (SECRET, TOKEN, "the model says", "words of the script", "\x1b"):
        assert secret not in everything
    assert "mode collapse: loops in …, ***" in everything
    assert '"text": "loss"' in everything


def test_a_receiver_that_fails_is_one_line_without_the_address_and_ends_nothing(
    run: RunDir, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.code = 500
    failing = json.dumps([sys.executable, "-c", "raise SystemExit(3)"])
    settings(f'[notify]\ncommand = {failing}\nwebhook = "{server.address}"\non = ["end"]')
    told_of(run)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"notify: the command {Path(sys.executable).name} ended with exit code 3",
        "notify: the webhook answered 500",
    ]


@pytest.mark.parametrize(
    ("webhook", "says"),
    [
        (f"http://127.0.0.1:9/{TOKEN}", "the webhook could not be reached: Connection refused"),
        (f"http://127.0.0.1:9/a b {TOKEN}", "the webhook could not be reached: InvalidURL"),
    ],
)
def test_the_address_is_in_no_failure(webhook: str, says: str) -> None:
    settings(f'[notify]\nwebhook = "{webhook}"')
    found = load_settings()
    assert found is not None
    (failed,) = send(found, message("r", "running", "end", "t", "x"))
    assert failed.startswith(says)
    assert TOKEN not in failed


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.code = 302
    settings(f'[notify]\nwebhook = "{server.address}"')
    found = load_settings()
    assert found is not None
    assert send(found, message("r", "running", "end", "t", "x")) == ["the webhook answered 302"]
    assert server.requests == ["POST"]


def test_a_program_that_does_not_exist_is_named() -> None:
    settings('[notify]\ncommand = ["/nowhere/notify-me", "{text}"]')
    found = load_settings()
    assert found is not None
    (failed,) = send(found, message("r", "running", "end", "t", "x"))
    assert failed == "the command notify-me did not start: No such file or directory"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[notify", "is not readable as TOML"),
        (f'[notify]\nwebhook = "https://h/{TOKEN}', "is not readable as TOML: at"),
        ("[notfy]\n", "there is no table 'notfy'"),
        ("notify = 3", "notify is a table"),
        (f'[notify]\nwebhok = "https://h/{TOKEN}"', "did you mean webhook?"),
        (f'[notify]\nwebhook = "ftp://h/{TOKEN}"', "starts with https://"),
        (f'[notify]\nwebhook = "https:///{TOKEN}"', "starts with https://"),
        ("[notify]\n", "neither a command nor a webhook"),
        ('[notify]\ncommand = "notify-send x"', "a list of words"),
        ('[notify]\ncommand = ["x"]\non = ["alerts"]', "a list of alert, guard, end"),
        ('[notify]\ncommand = ["x", "{titel}"]', "those that are filled are {run}"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line_and_the_run_goes_on(
    text: str, says: str, run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(text)
    with pytest.raises(BadInput) as caught:
        load_settings()
    assert says in str(caught.value)
    assert TOKEN not in str(caught.value)
    told_of(run, INERT)
    assert capsys.readouterr().err == f"notify: {caught.value}\n"


def test_notify_tries_the_settings_and_shows_no_path_of_a_webhook(cli: Cli, server: Server) -> None:
    off = cli("notify")
    assert off.returncode == 0
    assert str(settings_file()) in off.stderr
    settings(off.stdout)
    assert load_settings() is not None, "what the command shows can be used as it stands"
    settings(f'[notify]\nwebhook = "{server.address}"')
    shown, tried = cli("notify"), cli("notify", "--test")
    assert "a webhook at 127.0.0.1" in shown.stderr
    assert tried.returncode == 0
    assert server.got[0]["text"] == "This is a test: runs can reach you."
    server.code = 404
    failed = cli("notify", "--test")
    assert (failed.returncode, failed.stderr) == (1, "the webhook answered 404\n")
    assert TOKEN not in "".join(r.stdout + r.stderr for r in (shown, tried, failed))


@pytest.mark.slow
def test_a_supervised_script_tells_of_its_end_and_no_file_of_the_project_knows_the_webhook(
    cli: Cli, server: Server, tmp_path: Path
) -> None:
    settings(f'[notify]\nwebhook = "{server.address}"')
    source = tmp_path / "train.py"
    source.write_text("print('a line of the script')\n")
    answers = str(ROOT / "examples/scripts/answers.toml")
    done = cli("run", "--preflight", answers, "--", sys.executable, str(source))
    assert done.returncode == 0, done.stderr
    until = time.monotonic() + 30
    while not server.got and time.monotonic() < until:
        time.sleep(0.05)
    assert [(got["event"], got["status"]) for got in server.got] == [("end", "success")]
    assert server.got[0]["text"].startswith("success after ")
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != settings_file():
            assert TOKEN.encode() not in path.read_bytes(), path
