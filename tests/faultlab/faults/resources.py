"""A machine that runs out of memory or room, a host that is killed, and checkpoints that are damaged or dangerous."""

from __future__ import annotations

import errno
import os
import pickle
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..inject import Fault, counted, swapped, wrapped

Bite = Callable[[], None]


def _in_heal(call: int, act: Callable[[], None]) -> AbstractContextManager[None]:
    import engine.heal.step as step

    count = counted()

    def around(head: Any, *args: Any, **kwargs: Any) -> Any:
        if count() == call:
            act()
        return head(*args, **kwargs)

    return wrapped(step, "head", around)


def _in_generate(call: int, act: Callable[[], None]) -> AbstractContextManager[None]:
    import engine.sampling as sampling

    count = counted()

    def around(generate: Any, *args: Any, **kwargs: Any) -> Any:
        if count() == call:
            act()
        return generate(*args, **kwargs)

    return wrapped(sampling, "generate", around)


def _where(strength: tuple[str, int], act: Callable[[], None]) -> AbstractContextManager[None]:
    stage, call = strength
    return _in_heal(call, act) if stage == "heal" else _in_generate(call, act)


def _cuda_oom(strength: tuple[str, int], bite: Bite) -> AbstractContextManager[None]:
    import torch

    def act() -> None:
        bite()
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.65 GiB of which 1.21 GiB is free."
        )

    return _where(strength, act)


def _killed(strength: tuple[str, int], bite: Bite) -> AbstractContextManager[None]:
    def act() -> None:
        bite()
        os.kill(os.getpid(), signal.SIGKILL)

    return _where(strength, act)


class Os:
    """The module os, for a subclass to stand in for some of its functions."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def _killed_mid_checkpoint(call: int, bite: Bite) -> AbstractContextManager[None]:
    """SIGKILL when the bytes of a checkpoint are on the disk under their temporary name, and half of them are."""
    from engine.contract import files

    count = counted()

    class Disk(Os):
        def replace(self, old: Path, new: Path) -> None:
            if "checkpoints" in str(new) and count() == call:
                os.truncate(old, os.path.getsize(old) // 2)
                bite()
                os.kill(os.getpid(), signal.SIGKILL)
            os.replace(old, new)

    return swapped(files, "os", Disk())


def _disk_full(strength: tuple[str, int], bite: Bite) -> AbstractContextManager[None]:
    """From some write on to a file whose path holds a word, there is no room."""
    from engine.contract import files

    word, first = strength
    count = counted()
    open_files: dict[int, str] = {}

    def check(fd: int) -> None:
        if word in open_files.get(fd, "") and count() >= first:
            bite()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Disk(Os):
        def open(self, path: Path, *args: Any) -> int:
            fd = os.open(path, *args)
            open_files[fd] = str(path)
            return fd

        def write(self, fd: int, data: bytes) -> int:
            check(fd)
            return os.write(fd, data)

        def fsync(self, fd: int) -> None:
            check(fd)
            os.fsync(fd)

    return swapped(files, "os", Disk())


def _damage(how: str, folder: Path, bite: Bite) -> None:
    """Truncate the newest checkpoint, or flip one bit in its middle."""
    newest = max(folder.glob("rounds/*/checkpoints/*/tensors.safetensors"))
    data = bytearray(newest.read_bytes())
    if how == "truncated":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 4
    newest.write_bytes(bytes(data))
    bite()


class Payload:
    """Unpickled, it leaves a file beside the run; nobody may ever do that."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch payload-was-run",)


def _pickled(name: str, folder: Path, bite: Bite) -> None:
    """A pickle with a payload lies where the newest checkpoint was."""
    newest = max(folder.glob("rounds/*/checkpoints/*/tensors.safetensors"))
    newest.with_name(name).write_bytes(pickle.dumps(Payload()))
    newest.unlink()
    bite()


FAULTS = (
    Fault(
        "cuda_oom",
        16,
        "the device runs out of memory",
        ("out of memory",),
        ("heal", 5),
        ("generate", 3),
        inject=_cuda_oom,
    ),
    Fault(
        "host_kill",
        16,
        "the worker is killed from outside",
        ("host kill",),
        ("heal", 9),
        ("generate", 3),
        inject=_killed,
    ),
    Fault(
        "killed_mid_checkpoint",
        17,
        "killed while a checkpoint is written",
        ("host kill",),
        3,
        6,
        inject=_killed_mid_checkpoint,
    ),
    Fault(
        "damaged_checkpoint",
        18,
        "a truncated or bit-flipped checkpoint",
        ("damaged file",),
        "truncated",
        "flipped",
        inject=lambda _, bite: _killed(("heal", 11), bite),
        after=_damage,
    ),
    Fault(
        "pickled_checkpoint",
        20,
        "a pickle with a payload in the place of a checkpoint",
        ("damaged file",),
        "tensors.bin",
        "tensors.pkl",
        inject=lambda _, bite: _killed(("heal", 11), bite),
        after=_pickled,
    ),
    Fault(
        "disk_full",
        21,
        "no room for events or for a checkpoint",
        ("disk full or read-only",),
        ("checkpoints", 4),
        ("events", 60),
        inject=_disk_full,
    ),
)
