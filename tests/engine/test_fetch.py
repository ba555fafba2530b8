"""`cockpit fetch` against a hub of our own on loopback, which serves the embedded model: over real HTTP, through the real hub library."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest

from engine.fetch import wanted

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "engine" / "nano" / "weights"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as fetching a model asks for: its listing, and its files with ranges."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    broken: ClassVar[set[str]] = set()

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if "acme/gated" in path:
            return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"}, body=body)
        if "acme/absent" in path:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)
        if path.startswith("/api/models/acme/nano"):
            revision = path.partition("/revision/")[2] or "main"
            if revision not in ("main", COMMIT):
                return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body=body)
            siblings = [{"rfilename": n, "size": len(d), "blobId": _etag(d)} for n, d in self.files.items()]
            listing = {"id": "acme/nano", "sha": COMMIT, "siblings": siblings}
            return self._send(200, json.dumps(listing).encode(), {"Content-Type": "application/json"}, body=body)
        prefix = f"/acme/nano/resolve/{COMMIT}/"
        if path.startswith(prefix) and path.removeprefix(prefix) in self.files:
            return self._file(path.removeprefix(prefix), body=body)
        return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"}, body=body)

    def _file(self, name: str, *, body: bool) -> None:
        data = self.files[name]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if not body:
            return self._send(200, data, headers, body=False)
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0] or 0)
        self.asked.append(f"{name}@{start}")
        if name in self.broken:
            self.broken.discard(name)
            self.send_response(200)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        part = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        return self._send(206 if start else 200, data[start:], headers | part, body=True)

    def _send(self, code: int, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.files = {p.name: p.read_bytes() for p in WEIGHTS.iterdir() if p.is_file()}
    Hub.files |= {"pytorch_model.bin": b"pickled", "setup.py": b"print()", "original/model.safetensors": b"twice"}
    Hub.asked, Hub.broken = [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def fetched(hub: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "COCKPIT_TYPECHECK")}
    environment |= {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "cockpit.cli.main", "fetch", *arguments],
        capture_output=True, text=True, env=environment, cwd=home, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
def test_a_model_is_fetched_at_a_commit_and_then_loads_without_the_hub(hub: str, tmp_path: Path) -> None:
    done = fetched(hub, tmp_path, "acme/nano", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["revision"] == COMMIT
    folder = Path(told["folder"])
    assert (folder / "model.safetensors").read_bytes() == (WEIGHTS / "model.safetensors").read_bytes()
    assert not {"pytorch_model.bin", "setup.py", "original"} & {p.name for p in folder.iterdir()}
    assert told["total"] == sum(p.stat().st_size for p in folder.iterdir())
    asked = len(Hub.asked)
    assert fetched(hub, tmp_path, "acme/nano").returncode == 0
    assert len(Hub.asked) == asked, "what is here is not fetched again"
    code = (
        "from engine.contract.config import Model\nfrom engine.model.load import load\n"
        f"loaded = load(Model(id='acme/nano', revision='{COMMIT}'))\nprint(len(loaded.layers))"
    )
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert loaded.stdout.strip() == "8", loaded.stderr


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: str, tmp_path: Path) -> None:
    Hub.files["second.safetensors"] = bytes(24_000_000)
    Hub.broken = {"second.safetensors"}
    first = fetched(hub, tmp_path, "acme/nano")
    second = fetched(hub, tmp_path, "acme/nano") if first.returncode else first
    assert second.returncode == 0, second.stderr
    starts = [int(a.partition("@")[2]) for a in Hub.asked if a.startswith("second.safetensors@")]
    assert starts[0] == 0
    assert any(starts[1:])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["acme/gated"], 3, "is gated: accept its licence at http"),
        (["acme/absent"], 2, "the hub knows no model acme/absent"),
        (["acme/nano", "--revision", "v9"], 2, "has no revision v9"),
        (["nano"], 2, "is on this machine already"),
        ([], 2, "name a model or a preset"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    hub: str, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = fetched(hub, tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_hub_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = fetched("http://127.0.0.1:9", tmp_path, "acme/nano")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "was not fetched whole" in done.stderr


def test_only_what_loading_reads_is_wanted() -> None:
    assert wanted("model-00001-of-00002.safetensors", code=False)
    assert not wanted("modeling_own.py", code=False)
    assert wanted("modeling_own.py", code=True)
    assert not wanted("consolidated.safetensors", code=True)
