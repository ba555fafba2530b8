"""Where a run's code came from and what it ran on. Never the environment, never the command line: they hold secrets (FAULTS 27)."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata, util
from pathlib import Path
from typing import Any

import psutil

from engine.contract.events import now
from engine.contract.hashes import code_hash

PACKAGES = (
    "cockpit",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "safetensors",
    "numpy",
    "pydantic",
    "msgspec",
    "polars",
)
SOURCES = ("engine", "cockpit", "journal")
_LONGEST_DIFF = 4_000_000


def provenance() -> tuple[dict[str, Any], str]:
    """(provenance.json's content, the diff of the sources to their commit, '' when clean or unknown)."""
    commit, dirty, diff = sources(source_root())
    record = {
        "at": now(),
        "commit": commit,
        "dirty": dirty,
        "code_hash": code_hash(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "python": platform.python_version(),
        "hardware": hardware(),
    }
    return record, diff


def source_root() -> Path:
    """The folder that holds the installed packages."""
    spec = util.find_spec("engine")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))).parent


def hardware() -> dict[str, Any]:
    """Processor, memory and GPUs, with one line for the journal."""
    memory = psutil.virtual_memory().total
    cpu, threads = _cpu_name(), os.cpu_count() or 1
    devices = gpus()
    line = f"{cpu}, {threads} threads, {memory / 2**30:.1f} GiB"
    line += "".join(f", {g['name']} {g['memory'] / 2**30:.0f} GiB" for g in devices)
    return {
        "cpu": cpu,
        "threads": threads,
        "memory": memory,
        "gpus": devices,
        "system": platform.platform(),
        "line": line,
    }


def gpus() -> list[dict[str, Any]]:
    """NVIDIA devices as the driver names them; an empty list without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [
            {"name": str(pynvml.nvmlDeviceGetName(h)), "memory": int(pynvml.nvmlDeviceGetMemoryInfo(h).total)}
            for h in handles
        ]
    except pynvml.NVMLError:
        return []


def sources(root: Path) -> tuple[str, bool, str]:
    """(commit, dirty, diff). A run is dirty when its sources differ from their commit, or no commit is known."""
    if _run(root, "ls-files", "--error-unmatch", "engine/__init__.py") is None:
        return "unknown", True, ""
    commit = (_run(root, "rev-parse", "HEAD") or "").strip()
    if not commit:
        return "unknown", True, ""
    status = _run(root, "status", "--porcelain", "--untracked-files=all", "--", *SOURCES)
    if status is None:
        return commit, True, ""
    if not status.strip():
        return commit, False, ""
    diff = _run(root, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--", *SOURCES) or ""
    return commit, True, (status + "\n" + diff)[:_LONGEST_DIFF]


def repository(script: Path) -> tuple[str, bool, str]:
    """(commit, dirty, the script's path) in the repository that holds a script; without one, or untracked, it is dirty.

    A journal and runs in the same repository make nothing dirty."""
    root = (_run(script.parent, "rev-parse", "--show-toplevel") or "").strip()
    commit = (_run(script.parent, "rev-parse", "HEAD") or "").strip()
    if not root or not commit:
        return "unknown", True, script.name
    inside = (_run(script.parent, "ls-files", "--full-name", "--error-unmatch", "--", script.name) or "").strip()
    if not inside:
        return commit, True, script.name
    kept = (":(top)", ":(exclude,glob)**/RESEARCH_JOURNAL*", ":(exclude,glob)**/runs/**")
    status = _run(Path(root), "status", "--porcelain", "--untracked-files=no", "--", *kept)
    return commit, status is None or bool(status.strip()), inside


def _run(root: Path, *arguments: str) -> str | None:
    """git's stdout, or None when git is missing or refuses."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"})
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown CPU"
