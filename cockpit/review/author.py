"""Who says something in the journal: git's user name in this project, else the name of the account."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from journal.text import plain


def author(project: Path) -> str:
    """A name to write beside a note; 'unknown' when neither git nor the system has one. Environment variables are not read for it."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(project), "config", "user.name"],
            capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip
        if name := plain(asked.stdout, 60):
            return name
    except (OSError, subprocess.TimeoutExpired):
        pass  # no git here
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return "unknown"
    return plain(entry.pw_gecos.split(",")[0] or entry.pw_name, 60) or "unknown"
