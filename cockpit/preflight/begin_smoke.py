"""Starting a fast-dev-run for a screen: what would refuse it is looked at before the seconds that looking at a model takes."""

from __future__ import annotations

import os
from pathlib import Path

from cockpit.preflight.smoke import smoke_plan
from cockpit.runs.launch import start
from engine.contract.errors import BadInput
from engine.contract.rundir import runs_folder


def begin_smoke(project: Path, preset: str) -> str:
    """Start the supervised fast-dev-run of a preset and return its id. Raises CockpitError or OSError when it cannot be started."""
    check_writable(project)
    return start(project, smoke_plan(preset)).id


def check_writable(project: Path) -> None:
    """Raises BadInput when no run folder can be made in a project."""
    root = runs_folder(project)
    if root.is_symlink():
        raise BadInput(f"{root} is a symbolic link; run folders must lie inside the project")
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root} is not a folder; move it away, runs are written there")
    if not os.access(root if root.exists() else project, os.W_OK):
        raise BadInput(f"{project} cannot be written; open the cockpit in a folder of your own")
