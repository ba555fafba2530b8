"""A run of another machine on the screen and as text, over a line that drops: through a real sshd where there is one, and a stand-in."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.contract.control import Mailbox
from engine.contract.files import read_json, write_json
from tests.cockpit.box import ROOT, Box
from tests.e2e.tmux import Tmux
from tests.makings import RECORDED

pytestmark = pytest.mark.e2e
COCKPIT = (sys.executable, "-m", "cockpit.cli.main")


class OverSsh(Box):
    """The same machine behind a real sshd on a port of its own, with keys that are made for it."""

    def __init__(self, folder: Path, sshd: str) -> None:
        super().__init__(folder)
        self._keys = folder / "keys"
        self._keys.mkdir(mode=0o700)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._keys / name], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._sshd = sshd
        self._server: subprocess.Popen[bytes] | None = None
        client = self._keys / "config"
        client.write_text(
            f"Host box\n HostName 127.0.0.1\n Port {self._port}\n User {getpass.getuser()}\n IdentityFile {self._keys}/user\n"
            f" UserKnownHostsFile {self._keys}/known\n StrictHostKeyChecking accept-new\n"
        )
        (self.bin / "ssh").write_text(f'#!/bin/sh\nexec "{shutil.which("ssh")}" -F "{client}" "$@"\n')
        self.up()

    def up(self) -> None:
        """Start the sshd."""
        options = {
            "Port": str(self._port), "ListenAddress": "127.0.0.1", "HostKey": f"{self._keys}/host", "PidFile": "none",
            "AuthorizedKeysFile": f"{self._keys}/user.pub", "StrictModes": "no", "UsePAM": "no",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        self._server = subprocess.Popen(
            [self._sshd, "-D", "-e", "-f", "/dev/null", *settings], stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while True:
            with socket.socket() as reached:
                if reached.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert time.monotonic() < end, "the sshd does not start"
            time.sleep(0.1)

    def down(self, why: str = "") -> None:
        """End the sshd and every session of it."""
        self.cut()

    def cut(self) -> None:
        if self._server is None:
            return
        family = psutil.Process(self._server.pid).children(recursive=True)
        for process in (self._server, *(p for p in family if "sshd" in p.name())):
            process.kill()
        self._server.wait()
        self._server = None


@pytest.fixture(params=["sshd", "stand-in"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if request.param == "sshd" and sshd is None:
        pytest.skip("needs sshd")
    made = OverSsh(tmp_path, sshd) if request.param == "sshd" and sshd else Box(tmp_path)
    yield made
    made.cut()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Tmux]:
    opened = Tmux(tmp_path)
    yield opened
    opened.close()


def here(box: Box) -> dict[str, str]:
    """The environment of the watching machine."""
    return {
        "PATH": f"{box.bin}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
        "XDG_CACHE_HOME": str(box.bin.parent / "cache"), "XDG_STATE_HOME": str(box.bin.parent / "state"),
    }  # fmt: skip


def name(box: Box) -> str:
    """The run as the command line takes it: absolute, since only the stand-in has a login folder of its own."""
    return f"box:{box.project}/last"


def relays(box: Box) -> list[psutil.Process]:
    """What runs beside the run."""
    told = ((process, process.info) for process in psutil.process_iter(["cmdline", "cwd"]))
    return [p for p, info in told if info["cwd"] == str(box.project) and "relay" in (info["cmdline"] or [])]


def wait(ready: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_the_monitor_of_a_run_of_another_machine_outlives_its_line_and_asks_things_of_it(
    box: Box, terminal: Tmux
) -> None:
    box.live()
    terminal.run(*COCKPIT, "attach", name(box), **here(box))
    terminal.shows("running on box")
    wait(lambda: len(relays(box)) == 1)
    box.down()
    terminal.shows("box out of reach, last event")
    wait(lambda: not relays(box), 90)
    box.more(40)
    box.up()
    terminal.shows("running on box")
    terminal.send("n")
    terminal.shows("Note what you saw")
    terminal.send("seen from afar", "Enter")
    wait(lambda: [r.text for r in Mailbox(box.run.control).read()] == ["seen from afar"])
    ended = read_json(RECORDED / "result.json")
    box.more(10_000, 240)
    write_json(box.run.result, ended)
    terminal.shows("success on box")
    terminal.send("q")
    assert terminal.ended() == 0
    wait(lambda: not relays(box))


def test_the_text_says_when_the_machine_is_out_of_reach_and_when_it_is_back(box: Box) -> None:
    box.live()
    viewer = subprocess.Popen(
        [*COCKPIT, "attach", name(box)], env=here(box), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert viewer.stdout is not None
    assert viewer.stderr is not None
    assert viewer.stdout.readline()
    box.down()
    said = [viewer.stderr.readline()]
    while "out of reach" not in said[-1]:
        said.append(viewer.stderr.readline())
    box.up()
    while said[-1] != "box is back\n":
        said.append(viewer.stderr.readline())
    viewer.send_signal(signal.SIGINT)
    last = viewer.communicate(timeout=60)[1]
    assert viewer.returncode == 0
    assert last.strip().endswith(f"cockpit attach box:{box.project}/{box.run.id}")
    wait(lambda: not relays(box))
