"""Chosen entries written to a file, in the form that its ending names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.contract.errors import BadInput
from engine.contract.files import write_atomic
from journal.export import FORMATS, export
from journal.index import pages
from journal.query import Item


def write_export(project: Path, items: Sequence[Item], path: Path) -> Path:
    """Write the entries, in their order, to a new file (a relative path lies in the project). Raises BadInput."""
    path = path if path.is_absolute() else project / path
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise BadInput(f"{path.name} ends in none of {', '.join('.' + f for f in FORMATS)}")
    if path.exists() or path.is_symlink():
        raise BadInput(f"{path} exists already; name another file")
    data, found = pages(project)
    now = {(row.key, row.intact): row for row in found}
    chosen = [item._replace(row=now[k]) for item in items if (k := (item.row.key, item.row.intact)) in now]
    try:
        write_atomic(path, export(form, data, chosen, project=project.name).encode("utf-8", "replace"))
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from None
    return path
