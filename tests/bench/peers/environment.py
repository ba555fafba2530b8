"""The peers' own environments, built once in the user's cache folder: repeng needs a numpy below 2, and what TRL brings needs one above."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import platformdirs

COMMON = ("torch>=2.8,<2.14", "transformers>=5.10,<6", "accelerate")
ENVIRONMENTS = {
    "trl": (*COMMON, "trl>=1.0", "datasets", "peft>=0.19"),
    "repeng": (*COMMON, "repeng>=0.4"),
}


def python(name: str) -> Path:
    """The interpreter of an environment."""
    folder = Path(platformdirs.user_cache_dir("cockpit")) / "bench-peers" / name
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def build() -> dict[str, str]:
    """Make the environments, or take them as they are when all is there. Returns what could not be made: name -> pip's last line."""
    failed = {}
    for name, wanted in ENVIRONMENTS.items():
        if not python(name).exists():
            folder = python(name).parents[1]
            print(f"Building the environment of {name} in {folder}; the first time takes minutes.", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        if error := _install(name, wanted):
            failed[name] = error
    return failed


def versions(names: tuple[str, ...] = ("torch", "transformers", "peft", "trl", "repeng", "numpy")) -> str:
    """The installed versions, for the foot of the table."""
    code = (
        "import importlib.metadata as m, sys\n"
        "for n in sys.argv[1:]:\n"
        "    try: print(n, m.version(n))\n"
        "    except m.PackageNotFoundError: pass"
    )
    found = []
    for name in ENVIRONMENTS:
        child = subprocess.run([str(python(name)), "-c", code, *names], capture_output=True, text=True)
        found.append(f"{name}: " + ", ".join(child.stdout.splitlines()))
    return "; ".join(found)


def _install(name: str, wanted: tuple[str, ...]) -> str:
    command = [str(python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    child = subprocess.run(command, capture_output=True, text=True)
    lines = (child.stderr or child.stdout).strip().splitlines()
    return "" if child.returncode == 0 else (lines[-1] if lines else f"pip ended with {child.returncode}")[:160]
