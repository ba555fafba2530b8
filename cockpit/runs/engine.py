"""Asking the engine: torch lives in `python -m engine`, which answers in JSON lines on stdout and in one line on stderr when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path

import msgspec
import platformdirs

from cockpit.runs.processes import own_environment
from cockpit.runs.provenance import gpus, source_root
from engine.contract.config import EMBEDDED, Config
from engine.contract.errors import (
    BadInput,
    Busy,
    CockpitError,
    Diverged,
    OutOfMemory,
    Refused,
    Starved,
    Stopped,
    TimedOut,
)
from engine.contract.facts import ModelFacts
from engine.contract.files import write_atomic
from engine.contract.hashes import canonical, code_hash, sha256
from journal.text import plain

_ERRORS: dict[int, type[CockpitError]] = {
    error.exit: error
    for error in (CockpitError, BadInput, Refused, Diverged, OutOfMemory, TimedOut, Starved, Stopped, Busy)
}


def command(*arguments: str) -> list[str]:
    """argv of an engine subcommand under this interpreter; -P keeps the working folder's own modules out."""
    return [sys.executable, "-P", "-m", "engine", *arguments]


def environment(*, typecheck: bool = False) -> dict[str, str]:
    """The child's environment: ours, with the sources that we run found first, and with shapes checked when asked."""
    env = own_environment()
    path = [str(source_root()), *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    env["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path))
    env["TOKENIZERS_PARALLELISM"] = "false"
    if typecheck:
        env["COCKPIT_TYPECHECK"] = "1"
    return env


def inspect(config: Config) -> ModelFacts:
    """ModelFacts of a config's model, from the user's cache or from the engine. Raises BadInput with the engine's line."""
    path = _cache_file(config)
    if path.is_file():
        try:
            return msgspec.json.decode(path.read_bytes(), type=ModelFacts)
        except (OSError, msgspec.DecodeError):
            path.unlink(missing_ok=True)
    with config_file(config) as file:
        done = subprocess.run(
            command("inspect", str(file)), capture_output=True, text=True, env=environment(), stdin=subprocess.DEVNULL
        )
    if done.returncode:
        raise failure(done.returncode, done.stderr, "the model could not be inspected")
    facts = msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=ModelFacts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, msgspec.json.encode(facts))
    except OSError:
        pass  # a cache that cannot be written costs seconds, nothing else
    return facts


def failure(code: int, stderr: str, otherwise: str) -> CockpitError:
    """The engine's failure as one of our errors, with its last line of stderr as the message."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    message = plain(lines[-1], 600) if lines else otherwise
    return _ERRORS.get(code, CockpitError)(message)


@contextmanager
def config_file(config: Config) -> Iterator[Path]:
    """A temporary {"config": ...} file, which inspect and ladder read."""
    with tempfile.TemporaryDirectory(prefix="cockpit-") as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps({"config": config.model_dump(mode="json")}))
        yield path


def lines(arguments: Sequence[str], stdin: str = "") -> Iterator[dict[str, object]]:
    """The JSON lines of an engine subcommand as they come. Raises its error when it fails."""
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, env=environment()
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(stdin.encode())
            process.stdin.close()
            for line in process.stdout:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    yield row
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if code:
            stderr.seek(0)
            raise failure(code, stderr.read().decode("utf-8", "replace"), f"the engine ended with exit code {code}")


def _cache_file(config: Config) -> Path:
    """Where the facts of this model on this machine's devices are kept."""
    parts = [config.model.model_dump(mode="json"), config.heal.rank, config.heal.layer_from, code_hash()]
    parts += [_version(p) for p in ("torch", "transformers", "peft", "bitsandbytes")]
    parts += [os.environ.get("CUDA_VISIBLE_DEVICES", "all"), gpus()]
    model = config.model.id
    if model in EMBEDDED:
        parts.append(content_hash(Path(str(resources.files("engine"))) / "nano"))
    elif not model.startswith("random:"):
        folder = Path(model).expanduser()
        if folder.is_dir():
            parts.append(content_hash(folder))
        elif not config.model.revision:
            parts.append(datetime.now(UTC).strftime("%Y-%m-%d"))  # the newest revision may change
    return platformdirs.user_cache_path("cockpit") / "facts" / f"{sha256(canonical(parts))}.json"


def content_hash(folder: Path) -> str:
    """Identity of a model folder's files: small ones by content, weights by name, size and time."""
    rows = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            stat = path.stat()
            body = sha256(path.read_bytes()) if stat.st_size < 2**20 else f"{stat.st_size}-{stat.st_mtime_ns}"
            rows.append([str(path.relative_to(folder)), body])
    return sha256(canonical(rows))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
