"""What crosses the line from the machine of a run: a greeting, then frames, each a line of JSON and the bytes that it announces.

The greeting is looked for behind whatever a login prints first. Then both sides say something every few seconds; a side that hears
nothing for long takes the line for dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from cockpit.live.machine import Machine
from engine.contract.errors import BadInput

VERSION = 1
"""Of all that is said here; both sides must have the same."""
BEAT = 4.0
"""Seconds between two signs of life."""
SILENCE = 20.0
"""Seconds without one after which the line counts as dead."""
PIECE = 1 << 18
"""Bytes of a growing file in one frame, at most."""
LARGEST = 1 << 24
"""Bytes of a whole file, at most."""
GREETING = b"cockpit-relay "
GROWING: tuple[str, ...] = ("events.jsonl", "completions.jsonl")
"""Files that are only appended to, or cut and appended to."""
WHOLE: tuple[str, ...] = (
    "config.json",
    "preflight.json",
    "amendments.jsonl",
    "provenance.json",
    "process.json",
    "queued.json",
)
"""Files that are replaced whole."""
RESULT = "result.json"
"""Replaced whole too, and sent only behind all that happened before it."""
_PREAMBLE = 1 << 16
_HEADER = 1 << 16


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first one: which run this is. `now` is the clock there, UTC ISO 8601."""

    relay: int
    version: str
    run: str
    now: str


class Grown(msgspec.Struct, frozen=True, tag="grown"):
    """The file is what it was up to byte `at`, and then the `size` bytes that follow; what lay behind `at` is no more."""

    file: str
    at: int
    size: int


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """The file is the `size` bytes that follow."""

    file: str
    size: int


class Gone(msgspec.Struct, frozen=True, tag="gone"):
    """There is no such file any more."""

    file: str


class State(msgspec.Struct, frozen=True, tag="state"):
    """A sign of life: whether the run's processes live, what is wrong with its folder in words, and what the machine does."""

    alive: bool
    problem: str
    machine: Machine | None = None


Frame = Hello | Grown | Whole | Gone | State
Held = dict[str, tuple[int, str]]
"""What the watching side has of each file: its bytes and their sha256. Its answer to the greeting, one line."""
_decoder = msgspec.json.Decoder(Frame)
_hello = msgspec.json.Decoder(Hello)


def pack(frame: Frame) -> bytes:
    """A frame's line."""
    return (GREETING if isinstance(frame, Hello) else b"") + msgspec.json.encode(frame) + b"\n"


def digest(path: Path, size: int) -> str:
    """sha256 of the first `size` bytes of a file, '' when it has fewer. Raises OSError when it cannot be read, but for its absence."""
    seen = sha256()
    try:
        with path.open("rb") as f:
            while size > 0 and (data := f.read(min(size, 1 << 20))):
                seen.update(data)
                size -= len(data)
    except FileNotFoundError:
        return ""
    return "" if size else seen.hexdigest()


class Reader:
    """Takes bytes as they come and gives whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> Iterator[tuple[Frame, bytes]]:
        """The frames that are now complete, each with its bytes. Raises BadInput when these are no frames."""
        self._bytes += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> tuple[Frame, bytes] | None:
        if not self._greeted and not self._skip_preamble():
            return None
        end = self._bytes.find(b"\n", 0, _HEADER)
        if end < 0:
            if len(self._bytes) >= _HEADER:
                raise BadInput("what it sends is no relay of a cockpit")
            return None
        line = bytes(self._bytes[:end])
        try:
            frame = _decoder.decode(line) if self._greeted else _hello.decode(line.removeprefix(GREETING))
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadInput("what it sends is no relay of a cockpit") from None
        size = _payload(frame)
        if len(self._bytes) < end + 1 + size:
            return None
        payload = bytes(self._bytes[end + 1 : end + 1 + size])
        del self._bytes[: end + 1 + size]
        self._greeted = True
        return frame, payload

    def _skip_preamble(self) -> bool:
        """Drop whole lines before the greeting; whether it stands first now. Raises BadInput when none comes."""
        start = 0 if self._bytes.startswith(GREETING) else self._bytes.find(b"\n" + GREETING) + 1
        if start or self._bytes.startswith(GREETING):
            del self._bytes[:start]
            return True
        if len(self._bytes) > _PREAMBLE:
            raise BadInput("what it sends is no relay of a cockpit")
        return False


def _payload(frame: Frame) -> int:
    """Bytes that follow a frame. Raises BadInput for a file, or a size, that no relay sends."""
    if isinstance(frame, (Hello, State)):
        return 0
    size, most, known = 0, 0, (*WHOLE, RESULT)
    if isinstance(frame, Grown):
        size, most, known = frame.size, PIECE, GROWING
    elif isinstance(frame, Whole):
        size, most = frame.size, LARGEST
    if frame.file not in known or not 0 <= size <= most:
        raise BadInput(f"it sends {size:,} bytes of {frame.file[:40]!r}, which no relay of a cockpit does")
    return size
