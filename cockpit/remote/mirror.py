"""The mirror of a run of another machine: a run folder in the user's cache that any reader of runs can read, and where it comes from.

Whoever watches a run keeps its mirror, one process at a time; others that watch the same run read along. A mirror may be deleted at
any time. It is never reconciled: only the run's own machine knows whether it lives.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import msgspec

from cockpit.live.machine import Machine
from cockpit.remote.frames import GROWING, RESULT, WHOLE, Gone, Grown, Held, Whole, digest
from cockpit.remote.place import Place
from engine.contract.errors import BadInput
from engine.contract.files import write_atomic
from engine.contract.rundir import RunDir, check_name, runs_folder

_ORIGIN = "origin.json"


class Origin(msgspec.Struct, frozen=True):
    """Where a mirror comes from and what is known there. `alive` and `machine` are as last heard; `said` is in words why the machine
    cannot be reached now, or what is wrong there. `skew`: seconds by which its clock is ahead of ours."""

    host: str
    folder: str
    run: str
    cockpit: str
    reached: bool = False
    alive: bool = False
    said: str = ""
    skew: float = 0.0
    machine: Machine | None = None

    @property
    def place(self) -> Place:
        return Place(self.host, self.folder, self.run, self.cockpit)


def origin(folder: RunDir) -> Origin | None:
    """Where a run folder is mirrored from; None for one of this machine."""
    project = folder.path.parent.parent
    if not holds_mirrors(project):
        return None
    try:
        return msgspec.json.decode((folder.path / _ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return Origin(
            project.name, "", folder.id, "", said=f"nobody keeps {folder.path} any more: attach to the run again"
        )


def holds_mirrors(project: Path) -> bool:
    """Whether the runs of this folder are mirrors."""
    return project.parent == _root()


def project_of(place: Place) -> Path:
    """The folder that holds the mirrors of a project of another machine."""
    name = re.sub(r"[^\w.@-]", "_", place.host)[:64]
    key = sha256(f"{place.host}\0{place.folder}".encode()).hexdigest()[:8]
    return _root() / f"{name}-{key}"


def _root() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("cockpit") / "remote"


class Mirror:
    """Writes one. Raises OSError where the disk does not take it."""

    def __init__(self, place: Place) -> None:
        """`place.run` is the run's whole id. Raises BadInput when it is none."""
        self.place, self.folder = place, RunDir(runs_folder(project_of(place)) / check_name(place.run))
        self.folder.path.mkdir(parents=True, exist_ok=True)
        _root().chmod(0o700)
        self.lock = self.folder.path / ".watched"
        self.origin = Origin(*place)

    def held(self) -> Held:
        """Bytes and sha256 of each file that is there."""
        found: Held = {}
        for name in (*GROWING, *WHOLE, RESULT):
            path = self.folder.path / name
            if path.exists():
                size = path.stat().st_size
                found[name] = (size, digest(path, size))
        return found

    def take(self, frame: Grown | Whole | Gone, payload: bytes) -> None:
        """Make the file what a frame says that it is. Raises BadInput for a frame that does not fit to what is here."""
        path = self.folder.path / frame.file
        if isinstance(frame, Grown):
            with path.open("ab") as f:
                if not 0 <= frame.at <= f.tell():
                    raise BadInput(f"it sends {frame.file} from byte {frame.at:,} on, and only {f.tell():,} are here")
                f.truncate(frame.at)
                f.write(payload)
        elif isinstance(frame, Whole):
            write_atomic(path, payload)
        else:
            path.unlink(missing_ok=True)

    def tell(self, origin: Origin) -> None:
        """Say what is known of the other machine now."""
        if origin != self.origin:
            self.origin = origin
            write_atomic(self.folder.path / _ORIGIN, msgspec.json.encode(origin))
