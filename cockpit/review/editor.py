"""The person's own editor, opened at a line."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

PLUS = ("vi", "vim", "nvim", "nano", "emacs", "emacsclient", "micro", "joe", "ne", "kak", "ed")
"""Editors that take +LINE before the file."""
COLON = ("hx", "helix", "subl", "zed")
"""Editors that take FILE:LINE."""


def command(path: Path, line: int) -> list[str]:
    """$VISUAL, else $EDITOR, else an editor that is there, with the file at a line (from 1); [] when there is none."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        argv = shlex.split(named)
    except ValueError:
        argv = []
    if not argv:
        argv = [name for name in ("nano", "vim", "vi") if shutil.which(name)][:1]
    if not argv:
        return []
    name = Path(argv[0]).name
    if name in PLUS:
        return [*argv, f"+{line}", str(path)]
    if name in COLON:
        return [*argv, f"{path}:{line}"]
    if name in ("code", "codium"):
        return [*argv, "--wait", "--goto", f"{path}:{line}"]
    return [*argv, str(path)]
