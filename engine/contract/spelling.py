"""What a mistyped name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, within: str = "") -> str:
    """'; did you mean X?' when a known name is close, else ''. `within` is put before it, as in 'heal.tau'."""
    known = tuple(known)
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if not found and "." in name:
        tail = name.split(".")[-1]
        found = [k for k in known if k.split(".")[-1] == tail]
    return f"; did you mean {within + '.' if within else ''}{found[0]}?" if found else ""
