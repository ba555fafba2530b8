"""GPU leases: one small file a GPU in the user's state folder says whose run is on it, so that two runs never meet on one unawares.

A lease names its holder by boot, pid and start, so that a reused pid holds nothing (FAULTS 29, 30). It stands while its supervisor or its
worker lives; one whose holder is gone is taken over. A GPU is named by its UUID, so that no reordering of devices
confuses two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import platformdirs
from filelock import FileLock

from cockpit.runs import evidence, processes
from engine.contract.config import Config
from engine.contract.errors import BadInput, Busy
from engine.contract.events import now
from engine.contract.files import write_atomic
from engine.contract.rundir import RunDir
from journal.text import utc

VISIBLE = "CUDA_VISIBLE_DEVICES"
ADVICE = "add --queue, or wait until it ends"
"""What `launch` can do about a GPU that is taken; a screen has a key for it."""


class Gpu(NamedTuple):
    """One GPU: its UUID, and what a person calls it."""

    uuid: str
    label: str


UNNAMED = Gpu("cuda", "the GPU")
"""Where torch sees a device and no NVIDIA driver names any: one lease for all there is."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease file holds. `holder` is the supervisor as process.json names it, `since` UTC."""

    gpu: str
    label: str
    run: str
    folder: str
    host: str
    boot_id: str
    holder: dict[str, Any]
    since: str

    def words(self) -> str:
        """'GPU 0 is held by 20260604T101347-nano-care-k3f9 of my-project (process 4711) since 06-04 10:13'."""
        project = Path(self.folder).parent.parent.name
        began = utc(self.since).astimezone()
        return f"{self.label} is held by {self.run} of {project} (process {self.holder.get('pid')}) since {began:%m-%d %H:%M}"


def wanted(config: Config, preflight: dict[str, Any]) -> bool:
    """Whether a sealed run will work on a GPU: its config allows one, and torch saw one when the model was inspected."""
    facts = (preflight.get("evidence") or {}).get("facts") or {}
    return config.model.device != "cpu" and bool(facts.get("cuda"))


def gpus() -> list[Gpu]:
    """The GPUs that a run started here may use, the first choice first."""
    return visible(_installed(), os.environ.get(VISIBLE))


def visible(installed: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """What CUDA_VISIBLE_DEVICES leaves of the installed GPUs, in its order; like CUDA, it ends at the first name nobody has."""
    if not installed:
        return [UNNAMED]
    if setting is None:
        return list(installed)
    found: list[Gpu] = []
    for name in (part.strip() for part in setting.split(",")):
        if name.isdecimal() and int(name) < len(installed):
            gpu = installed[int(name)]
        elif name.startswith("MIG-"):
            gpu = Gpu(name, f"the GPU slice {name[:12]}")
        else:
            named = [g for g in installed if name.startswith("GPU-") and g.uuid.startswith(name)]
            if len(named) != 1:
                break
            (gpu,) = named
        found.append(gpu)
    return found


def holder(gpu: Gpu) -> Lease | None:
    """Who holds a GPU; None when nobody does, or the holder is gone. Raises BadInput when the lease cannot be read."""
    path = file(gpu)
    try:
        lease = msgspec.json.decode(path.read_bytes(), type=Lease)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} is not readable as a lease ({error}); delete it when no run is on {gpu.label}"
        ) from None
    return lease if _stands(lease) else None


def taken(among: Sequence[Gpu]) -> str:
    """Who holds these GPUs, when none of them is free; else ''."""
    held = [lease for gpu in among if (lease := holder(gpu)) is not None]
    return "; ".join(lease.words() for lease in held) if len(held) == len(among) else ""


def check(among: Sequence[Gpu]) -> None:
    """Raises Busy, with the holders' names, when none of these GPUs is free; the supervisor's take() is what decides."""
    if words := taken(among):
        raise Busy(f"{words}: {ADVICE}")


def take(among: Sequence[Gpu], run: RunDir) -> Gpu | None:
    """Lease the first free GPU to a run of this process; None when there is none to lease. Raises Busy when all are held; BadInput."""
    with _locked():
        check(among)
        gpu = next((g for g in among if holder(g) is None), None)
        if gpu is None:
            return None
        lease = Lease(
            gpu=gpu.uuid, label=gpu.label, run=run.id, folder=str(run.path), host=processes.host(),
            boot_id=processes.boot_id(), holder=processes.me(), since=now(),
        )  # fmt: skip
        write_atomic(file(gpu), msgspec.json.encode(lease) + b"\n")
        return gpu


def release(run: RunDir) -> None:
    """Give back whatever this process holds for a run. What cannot be given back is free all the same once this process is gone."""
    if not _folder().is_dir():
        return
    with suppress(BadInput), _locked():
        for path in _folder().glob("*.json"):
            try:
                lease = msgspec.json.decode(path.read_bytes(), type=Lease)
            except (OSError, ValueError):
                continue
            if lease.folder == str(run.path) and lease.holder == processes.me():
                path.unlink(missing_ok=True)


def environment(gpu: Gpu | None) -> dict[str, str]:
    """What the worker's environment says of its GPU: that it sees this one alone."""
    return {} if gpu in (None, UNNAMED) else {VISIBLE: gpu.uuid}


def _stands(lease: Lease) -> bool:
    """Whether the supervisor, or a worker that outlived it, is still there."""
    if (lease.host, lease.boot_id) != (processes.host(), processes.boot_id()):
        return False
    if processes.alive(lease.holder):
        return True
    try:
        return processes.alive(evidence.process(RunDir(Path(lease.folder))).get("worker"))
    except BadInput:
        return False


def _installed() -> list[Gpu]:
    """The driver's GPUs by number; none without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return [Gpu(str(pynvml.nvmlDeviceGetUUID(handle)), f"GPU {i}") for i, handle in enumerate(handles)]
    except pynvml.NVMLError:
        return []


def _folder() -> Path:
    return platformdirs.user_state_path("cockpit") / "leases"


def file(gpu: Gpu) -> Path:
    """Where the lease of a GPU is written."""
    return _folder() / f"{gpu.uuid.replace('/', '-')}.json"


@contextmanager
def _locked() -> Iterator[None]:
    """Nobody else takes or gives back meanwhile. Raises BadInput when the state folder cannot be written."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        with FileLock(str(_folder() / ".lock"), timeout=30):
            yield
    except OSError as error:
        raise BadInput(f"cannot write the leases in {_folder()}: {error.strerror or error}") from None
