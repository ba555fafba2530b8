"""What a script wrote after its supervisor was gone: taken into the run's events, and its logs struck, before the run is closed.

The supervisor keeps no mark of how far it came, so nothing can be out of step with the events: the whole file is translated again, and
what is in the events already is passed over. Secrets of the environment, and all that have the shape of one, are struck. Secrets of the
command line went with the supervisor: where there were any, numbers and names are kept and everything else that it said is withheld.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import msgspec
from filelock import FileLock

from cockpit.runs import processes
from cockpit.runs.ending import Ending
from cockpit.scripts import masking
from cockpit.scripts.script import read, written
from cockpit.scripts.translate import Translator, stamped
from engine.contract.errors import STATUS_EXIT, Exit
from engine.contract.events import Event, Note, ScriptReported, decode, encode, read_events
from engine.contract.files import append_line, write_atomic
from engine.contract.redact import MASK, redact
from engine.contract.rundir import RunDir
from engine.contract.script import load_script

WITHHELD = (
    "withheld: the command line held a secret, and only the supervisor, which was killed, could have struck it out"
)
_STAMPS = ("at", "elapsed", "attempt")


def take_rest(folder: RunDir, attempt: int) -> Ending | None:
    """Append what is not among the events yet. Returns how the script itself said that it ended, None when it did not.

    Raises BadInput when the script's config is damaged."""
    script = load_script(folder.config)
    lost = script is not None and script.secrets > 0
    secrets = masking.secrets([], os.environ)
    translator = Translator(lambda text: redact(text, secrets))
    left = processes.end_left_behind(folder.path)
    with FileLock(str(folder.path / ".rest.lock"), timeout=60):
        found = [*_translated(folder, translator)]
        known, elapsed = 0, 0.0
        for event in read_events(folder.events):
            elapsed = max(elapsed, event.elapsed)
            known += known < len(found) and _same(_bare(event), _bare(found[known]))
        rest = [_withheld(event) for event in found[known:]] if lost else found[known:]
        told = [Note(text=f"{len(rest)} events were taken after the supervisor was gone")] if rest else []
        told += [Note(text=f"ended what the script left running: {', '.join(left)}")] if left else []
        told += [Note(text=WITHHELD)] if rest and lost else []
        if told:
            append_line(folder.events, stamped([*rest, *told], attempt, elapsed), sync=True)
    for log in (folder.worker_log, written(folder)):
        if lost:
            write_atomic(log, b"" if log == written(folder) else f"{WITHHELD}\n".encode())
        else:
            masking.strike_file(log, secrets)
    if translator.guard:
        return Ending("nan", "the loss was not finite" if lost else translator.guard, int(Exit.DIVERGED))
    if translator.said is None:
        return None
    status, reason = translator.said
    reason = "" if lost else reason
    return Ending(status, reason or "as the script said; nobody saw its exit code", int(STATUS_EXIT[status]))


def _translated(folder: RunDir, translator: Translator) -> Iterator[Event]:
    """Every event of the script's file, as they are read back from a line."""
    offset = 0
    while data := read(written(folder), offset)[0]:
        offset += len(data)
        yield from (decode(encode(event)) for event in translator.feed(data))
    yield from (decode(encode(event)) for event in translator.close())


def _withheld(event: Event) -> Event:
    """An event without its free text: numbers and names stay."""
    if isinstance(event, ScriptReported):
        return msgspec.structs.replace(
            event, facts={k: MASK if isinstance(v, str) else v for k, v in event.facts.items()}
        )
    kept = (*_STAMPS, "stage", "subject", "split")
    texts = {n: MASK for n in event.__struct_fields__ if n not in kept and isinstance(getattr(event, n), str)}
    return msgspec.structs.replace(event, **texts)


def _bare(event: Event) -> Any:
    table = msgspec.to_builtins(event)
    return {name: value for name, value in table.items() if name not in _STAMPS}


def _same(recorded: Any, found: Any) -> bool:
    """Whether a recorded event is this one; text that had a secret struck out of it counts as the same."""
    if isinstance(recorded, dict) and isinstance(found, dict) and len(recorded) == len(found):
        pairs = zip(recorded.items(), found.items(), strict=True)
        return all(_same(a, b) and _same(x, y) for (a, x), (b, y) in pairs)
    return bool(recorded == found) or (isinstance(recorded, str) and isinstance(found, str) and MASK in recorded)
