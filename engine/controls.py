"""The worker's side of control: requests are carried out at the next unit of any stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from engine.contract.control import Mailbox, Request
from engine.contract.errors import Stopped, TimedOut
from engine.contract.events import ControlApplied, Event, Note
from engine.heal.step import Live
from engine.model.load import Loaded

_POLL = 0.2


class Controls:
    """What requests have changed so far. `live` holds the two knobs that may move, `pinned` those that did."""

    def __init__(self, mailbox: Path | None, live: Live, time_limit: float = 0.0) -> None:
        self._mailbox = Mailbox(mailbox)
        self._deadline = time.monotonic() + time_limit if time_limit else float("inf")
        self._limit = time_limit
        self.live = live
        self.pinned: set[str] = set()
        self.stop_after_round = False
        self.checkpoint = False
        self.loaded: Loaded | None = None

    def take_checkpoint(self) -> bool:
        """Whether a checkpoint was asked for; says so once."""
        asked, self.checkpoint = self.checkpoint, False
        return asked

    def poll(self) -> Iterator[Event]:
        """Carry out what was asked since the last call. Raises Stopped on abort and TimedOut past the time limit."""
        if time.monotonic() > self._deadline:
            raise TimedOut(f"the time limit of {self._limit:g} s has passed")
        for request in self._mailbox.read():
            yield from self._apply(request)

    def _apply(self, request: Request) -> Iterator[Event]:
        if request.request == "abort":
            yield ControlApplied(request="abort", by=request.by)
            raise Stopped(f"aborted by {request.by}")
        if request.request == "pause":
            yield from self._pause(request)
        elif request.request == "stop_after_round":
            self.stop_after_round = True
            yield ControlApplied(request="stop_after_round", by=request.by)
        elif request.request == "checkpoint":
            self.checkpoint = True
            yield ControlApplied(request="checkpoint", by=request.by)
        elif request.request == "set":
            name = request.knob.split(".")[1]
            before = getattr(self.live, name)
            setattr(self.live, name, request.value)
            self.pinned.add(name)
            yield ControlApplied(
                request=f"set {request.knob}", by=request.by, previous=str(before), value=str(request.value)
            )
        elif request.request == "note":
            yield ControlApplied(request="note", by=request.by, value=request.text)
            yield Note(text=request.text)

    def _pause(self, request: Request) -> Iterator[Event]:
        """Wait for unpause; requests that arrive meanwhile are carried out. `release` moves the model off the GPU."""
        on_gpu = self.loaded is not None and self.loaded.device.type == "cuda"
        freed = request.release and on_gpu
        if freed and self.loaded is not None:
            self.loaded.model.to("cpu")  # type: ignore[arg-type]
            torch.cuda.empty_cache()
        yield ControlApplied(request="pause", by=request.by, value="memory freed" if freed else "memory kept")
        while True:
            time.sleep(_POLL)
            if time.monotonic() > self._deadline:
                raise TimedOut(f"the time limit of {self._limit:g} s passed while paused")
            for later in self._mailbox.read():
                if later.request == "unpause":
                    if freed and self.loaded is not None:
                        self.loaded.model.to(self.loaded.device)  # type: ignore[arg-type]
                    yield ControlApplied(request="unpause", by=later.by)
                    return
                if later.request != "pause":
                    yield from self._apply(later)
