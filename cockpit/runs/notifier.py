"""Tells the user of one run's alerts, guards and end, beside the supervisor: it reads what the run writes, and its failures end nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import msgspec

from cockpit.runs.notify import Kind, Message, Settings, load_settings, log, message
from engine.contract.errors import BadInput
from engine.contract.events import Alert, AnyEvent, GuardTripped, decode
from engine.contract.rundir import RunDir
from journal.entry import title
from journal.record import Record, load_record
from journal.text import duration, short

LOOK = 1.0
"""Seconds between two looks at events.jsonl."""
PATIENCE = 15.0
"""Seconds that the supervisor waits at the end for what is still to be sent."""
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|«[^»]*»")


class Notifier:
    """Follows one attempt of a run from where events.jsonl stands now, in a thread of its own; does nothing where notifying is off."""

    def __init__(self, folder: RunDir, attempt: int) -> None:
        self._folder, self._attempt = folder, attempt
        self._offset = folder.events.stat().st_size if folder.events.exists() else 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        try:
            settings = load_settings()
        except BadInput as error:
            log(str(error))
            return
        if settings is not None:
            self._thread = threading.Thread(target=self._follow, args=(settings,), name="notifier", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Tell of the end, which result.json says; waits up to PATIENCE until everything is sent, and says when it was not."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)
            if self._thread.is_alive():
                log(f"not everything was sent within {PATIENCE:g} s of the end")

    def _follow(self, settings: Settings) -> None:
        from cockpit.runs.sending import send  # most runs tell nobody, and need no HTTP client

        try:
            over = False
            while not over:
                over = self._over.wait(LOOK)
                record = load_record(self._folder, self._attempt) if over else None
                for told in self._found(record):
                    if told.event in settings.on:
                        for failure in send(settings, told):
                            log(failure)
        except Exception as error:  # whatever goes wrong here is no reason to disturb a run
            log(f"stopped by {type(error).__name__}")

    def _found(self, ended: Record | None) -> Iterator[Message]:
        """The messages of what was written since the last look, and of the end once the run has ended."""
        for event in self._new():
            if isinstance(event, Alert) and event.state == "raised":
                yield self._message("alert", event.signature, event.evidence, event.round)
            elif isinstance(event, GuardTripped):
                limits = f"{event.guard} {event.value}, limit {event.limit} ({event.regime}): {event.action}"
                yield self._message("guard", f"guard {event.guard}", limits, event.round)
        if ended is not None:
            name = short(self._folder.id)
            yield message(self._folder.id, ended.status, "end", f"{name} {ended.status}", _outcome(ended))

    def _message(self, kind: Kind, what: str, text: str, round_number: int) -> Message:
        """A message of a run that goes on. A script's words are its own and stay here; a quotation may be a text of the model."""
        own = self._folder.path.joinpath("script.jsonl").exists()
        where = f" in round {round_number}" if round_number else ""
        said = "" if own else f": {_QUOTED.sub('…', text)}"
        name = short(self._folder.id)
        return message(self._folder.id, "running", kind, f"{name} {what}", f"{what}{where}{said}")

    def _new(self) -> Iterator[AnyEvent]:
        """The alerts and guards in the lines that were written since the last look."""
        try:
            with self._folder.events.open("rb") as f:
                self._offset = min(self._offset, f.seek(0, 2))
                f.seek(self._offset)
                data = f.read()
        except OSError:
            return
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        for line in data[:whole].splitlines():
            if b'"alert"' in line or b'"guard_tripped"' in line:
                try:
                    yield decode(line)
                except msgspec.DecodeError:
                    continue


def _outcome(record: Record) -> str:
    """How a run came out, in figures and words of ours: what a script or an unforeseen error says is in the entry alone."""
    took = f" after {duration(float(record.result['seconds']))}" if "seconds" in record.result else ""
    if record.script is not None or record.status == "failed":
        return f"{record.status}{took}; its entry says more"
    return f"{record.status}{took}: {title(record) if record.status == 'success' else record.reason}"
