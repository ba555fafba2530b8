"""Requests to a running worker: the same words in control.jsonl, on the command line and in the app."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from engine.contract.config import Heal
from engine.contract.errors import BadInput
from engine.contract.events import now
from engine.contract.files import append_line

Word = Literal["pause", "unpause", "checkpoint", "stop_after_round", "abort", "set", "note"]
WORDS: tuple[Word, ...] = ("pause", "unpause", "checkpoint", "stop_after_round", "abort", "set", "note")
LIVE_KNOBS = ("heal.lam", "heal.tau")
"""The knobs that `set` may change while a run goes on; a run where one was changed is `touched` and carries no claim."""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of control.jsonl. `knob` and `value` belong to set, `text` to note, `release` to pause."""

    request: Word
    by: str
    at: str = msgspec.field(default_factory=now)
    knob: str = ""
    value: float = 0.0
    text: str = ""
    release: bool = False


def make_request(word: str, by: str, *, setting: str = "", text: str = "", release: bool = False) -> Request:
    """A checked request. `setting` is 'heal.tau=0.4'. Raises BadInput on an unknown word, knob, or a value out of bounds (FAULTS 44)."""
    if word not in WORDS:
        raise BadInput(f"no request named {word!r}; use one of {', '.join(WORDS)}")
    if word == "note" and not text.strip():
        raise BadInput('a note needs its text: cockpit control RUN note "what you saw"')
    if word != "set":
        return Request(request=word, by=by, text=text, release=release)
    knob, _, raw = setting.partition("=")
    if knob not in LIVE_KNOBS:
        raise BadInput(f"{knob!r} cannot be set while a run goes on; only {' and '.join(LIVE_KNOBS)} can")
    try:
        value = float(raw)
        Heal.model_validate({knob.split(".")[1]: value})
    except ValueError:
        raise BadInput(f"{knob} = {raw!r} is out of bounds; it takes a number of at least 0 and at most 100") from None
    return Request(request="set", by=by, knob=knob, value=value)


def send(path: Path, request: Request) -> None:
    """Append a request to control.jsonl."""
    append_line(path, msgspec.json.encode(request), sync=True)


class Mailbox:
    """The worker's side: the requests that were not read yet, each once."""

    def __init__(self, path: Path | None, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._decoder = msgspec.json.Decoder(Request)

    def read(self) -> list[Request]:
        """New whole lines; lines that are not requests, or that make_request would refuse, are skipped: anyone can write the file."""
        if self._path is None or not self._path.exists():
            return []
        with self._path.open("rb") as f:
            f.seek(self._offset)
            data = f.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        requests = []
        for line in whole.splitlines():
            try:
                request = self._decoder.decode(line)
                make_request(request.request, request.by, setting=f"{request.knob}={request.value}", text=request.text)
            except (msgspec.DecodeError, BadInput):
                continue
            requests.append(request)
        return requests
