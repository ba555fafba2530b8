"""A script's small JSON lines turned into our events: {"event": "step", "step": 1, "loss": 2.3} needs nothing of ours to be written.

    step      step, and any of loss, lr, epoch, grad_norm, tokens, tokens_per_second; other numbers are kept by name
    eval      split (val or test), metrics {name: value}; perhaps subject (model or base), ci, n
    model     class, parameters, trainable, ...; report: any other facts by name
    progress  done, total        note  text        finished  status, reason

Whole events of our own schema pass as they are. What is damaged, unknown or not finite is counted and told, never guessed; a loss
that is not finite ends the run.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from engine.contract import events as e
from engine.contract.errors import STATUS_EXIT
from journal.text import plain

LONGEST = 65_536
"""Bytes of a line that is read."""
CHUNK = 2**20
"""Bytes of a script's file that are taken at a time, and that a line which never ends may hold."""
MOST = 64
"""Names in one line that are kept."""
SPLITS = {"val": "val", "valid": "val", "validation": "val", "dev": "val", "eval": "val", "test": "test"}
_STEP = ("epoch", "loss", "lr", "grad_norm", "tokens_per_second")
_COMMON = ("event", "at", "elapsed", "attempt", "round", "stage")
_OURS = (
    e.StageStarted, e.StageFinished, e.Progress, e.VectorExtracted, e.DoseProbed, e.Kept, e.HealStep, e.CoherenceProbed,
    e.EpochFinished, e.RoundBaked, e.Evaluated, e.CheckpointSaved, e.Alert, e.GuardTripped, e.Note,
)  # fmt: skip


class Misread(ValueError):
    """A line that cannot be taken, in few words."""


class Translator:
    """Takes a script's lines in order. `guard` is why the run must end as nan, `said` how the script says that it ended."""

    def __init__(self, clean: Callable[[str], str] = lambda text: text) -> None:
        self._clean = clean
        self._lines = 0
        self._step = 0
        self._told: Counter[str] = Counter()
        self._rest = b""
        self._skipping = False
        self.guard = ""
        self.said: tuple[str, str] | None = None

    def feed(self, data: bytes) -> list[e.Event]:
        """The events of the lines that these bytes end; what is left waits for more."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._skipping and lines:  # the end of a line that was too long to keep
            lines, self._skipping = lines[1:], False
        found = [event for line in lines for event in self.take(line)]
        if len(self._rest) > CHUNK:
            found += [] if self._skipping else self.take(self._rest)
            self._rest, self._skipping = b"", True
        return found

    def restart(self) -> None:
        """The file begins anew: half a line of the old one is no line."""
        self._rest, self._skipping = b"", False

    def close(self) -> list[e.Event]:
        """The events of a last line without an end, and what was not taken."""
        last = self.take(self._rest) if self._rest else []
        self._rest = b""
        return [*last, *self._summary()]

    def take(self, line: bytes) -> list[e.Event]:
        """The events of one line; a first line of a kind that cannot be taken becomes a note, later ones are counted."""
        self._lines += 1
        if not line.strip():
            return []
        found: list[e.Event] = []
        try:
            table = _table(line)
            found = self._translate(table)
        except Misread as error:
            found += self._miss(str(error))
        except (ValueError, OverflowError, RecursionError, TypeError):
            found += self._miss("damaged")
        return found

    def _summary(self) -> list[e.Event]:
        """What was not taken, as one note; nothing when everything was."""
        if not self._told:
            return []
        shown = ", ".join(f"{count} {what}" for what, count in self._told.most_common(10))
        return [e.Note(text=f"of {self._lines} lines of the script, not taken: {shown}")]

    def _miss(self, what: str) -> list[e.Event]:
        what = self._text(what, 100)
        if what not in self._told and len(self._told) >= 40:
            what = "others"
        self._told[what] += 1
        return [e.Note(text=f"line {self._lines} of the script: {what}")] if self._told[what] == 1 else []

    def _translate(self, table: Mapping[str, Any]) -> list[e.Event]:
        kind = str(table.get("event", ""))
        match kind:
            case "step":
                return self._make_step(table)
            case "eval":
                return self._evaluated(table)
            case "model" | "report":
                return self._report(table)
            case "progress" if set(table) & {"done", "total"}:
                return [e.Progress(done=_count(table, "done"), total=_count(table, "total"))]
            case "note":
                return [e.Note(text=self._text(table.get("text", ""), 2000))]
            case "finished":
                return self._finished(table)
            case _:
                return self._own(table, kind)

    def _make_step(self, table: Mapping[str, Any]) -> list[e.Event]:
        step = _count(table, "step", self._step + 1)
        self._step = step
        found: list[e.Event] = []
        fields: dict[str, Any] = {}
        for name in _STEP:
            if table.get(name) is not None:
                fields[name] = _number(table, name)
        if table.get("tokens") is not None:
            fields["tokens"] = _count(table, "tokens")
        rest = {name: value for name, value in table.items() if name not in (*_STEP, *_COMMON, "step", "tokens")}
        values, missed = self._numbers(rest)
        for name in [name for name in fields if not _finite(fields[name])]:
            lost = fields.pop(name)
            if name == "loss":
                self.guard = self.guard or f"the loss was {lost} at step {step}"
                found.append(_tripped("loss", lost, step))
            else:
                missed.append(f"{name} that is not finite")
        found.insert(0, e.ScriptStep(step=step, values=values, **fields))
        return found + [note for what in missed for note in self._miss(what)]

    def _evaluated(self, table: Mapping[str, Any]) -> list[e.Event]:
        split = SPLITS.get(str(table.get("split", "val")))
        if split is None:
            raise Misread(f"eval on split {table.get('split')!r}; use val or test")
        metrics = table.get("metrics")
        if not isinstance(metrics, dict):
            raise Misread("eval without metrics")
        subject = table.get("subject", "model")
        if subject not in ("model", "base"):
            raise Misread(f"eval of {subject!r}; use model or base")
        values, missed = self._numbers(metrics)
        notes = [note for what in missed for note in self._miss(what)]
        if not values:
            return notes
        n, ci = table.get("n"), table.get("ci")
        counts = {name: int(n[name] if isinstance(n, dict) else n) for name in values if _counts(n, name)}
        spans = {
            self._text(k, 60): (float(v[0]), float(v[1]))
            for k, v in (ci.items() if isinstance(ci, dict) else ())
            if isinstance(v, list) and len(v) == 2 and all(_is_number(x) and math.isfinite(x) for x in v)
        }
        event = e.Evaluated(
            subject=subject,
            split="test" if split == "test" else "val",
            metrics=values,
            ci=spans,
            n=counts,
            round=_count(table, "round", 0),
            metric_version=0,
        )
        return [event, *notes]

    def _report(self, table: Mapping[str, Any]) -> list[e.Event]:
        facts: dict[str, int | float | str] = {}
        for name, value in list(table.items())[:MOST]:
            if name in _COMMON:
                continue
            if isinstance(value, str):
                facts[self._text(name, 60)] = self._text(value, 500)
            elif isinstance(value, bool):
                facts[self._text(name, 60)] = "yes" if value else "no"
            elif _is_number(value) and math.isfinite(value) and abs(value) < 2**63:
                facts[self._text(name, 60)] = value
        return [e.ScriptReported(facts=facts)] if facts else []

    def _finished(self, table: Mapping[str, Any]) -> list[e.Event]:
        status = str(table.get("status", ""))
        if status not in STATUS_EXIT:
            raise Misread(f"finished with status {status!r}")
        self.said = status, self._text(table.get("reason", ""), 400)
        return []

    def _own(self, table: Mapping[str, Any], kind: str) -> list[e.Event]:
        """An event of our own schema, written by a script that knows it."""
        try:
            event = msgspec.convert(table, e.AnyEvent)
            e.encode(event)
        except (msgspec.ValidationError, ValueError) as error:
            loss = table.get("loss")
            if kind == "heal_step" and isinstance(loss, float) and not math.isfinite(loss):
                self.guard = self.guard or f"the loss was {loss} at step {table.get('step')}"
                return [_tripped("loss", loss, table.get("step"))]
            if any(kind == known.__struct_config__.tag for known in _OURS):
                raise Misread(f"{kind}: {error}") from None
            raise Misread(f"unknown event {kind!r}" if kind else "no event named") from None
        if isinstance(event, e.RunFinished):
            return self._finished({"status": event.status, "reason": event.reason})
        if isinstance(event, e.RunStarted):
            facts = {"class": event.model_class, "parameters": event.parameters, "trainable": event.trainable}
            return self._report({**facts, "seed": event.seed, "device": event.device})
        if not isinstance(event, _OURS):
            raise Misread(f"{kind} is not a script's to write")
        text = {
            n: self._clean(v)
            for n in event.__struct_fields__
            if isinstance(v := getattr(event, n), str) and n != "stage"
        }
        return [msgspec.structs.replace(event, **text)]

    def _numbers(self, table: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
        """The finite numbers by cleaned name, and in words what was left out."""
        values: dict[str, float] = {}
        missed = ["names past the limit"] if len(table) > MOST else []
        for name, value in list(table.items())[:MOST]:
            label = self._text(name, 60)
            if value is None:
                continue
            if isinstance(value, str) or not _is_number(value):
                named = isinstance(value, str) and value.lower().lstrip("+-") in _NOT_FINITE
                missed.append(f"{label} that is not {'finite' if named else 'a number'}")
            elif not math.isfinite(value):
                missed.append(f"{label} that is not finite")
            elif label:
                values[label] = float(value)
        return values, missed

    def _text(self, value: object, limit: int) -> str:
        return plain(self._clean(str(value)), limit)


_NOT_FINITE = ("nan", "inf", "infinity")


def _table(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise Misread(f"longer than {LONGEST} bytes")
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Misread("damaged") from None
    if not isinstance(value, dict):
        raise Misread("not an object")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _finite(value: float | int) -> bool:
    return math.isfinite(value)


def _number(table: Mapping[str, Any], name: str) -> float:
    """A number, or one of the names that writers give to what is not finite."""
    value = table[name]
    if isinstance(value, str) and value.lower().lstrip("+-") in _NOT_FINITE:
        return float(value)
    if not _is_number(value):
        raise Misread(f"{name} that is not a number")
    return float(value)


def _count(table: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = table.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Misread(f"{name} that is not a count")
    return value


def _counts(n: object, name: str) -> bool:
    value = n.get(name) if isinstance(n, dict) else n
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _tripped(guard: str, value: object, step: object) -> e.Event:
    return e.GuardTripped(
        guard=guard, value=str(value), limit="finite", regime=f"step {step}", action="the run is ended as nan"
    )


def stamped(found: Iterable[e.Event], attempt: int, elapsed: float) -> bytes:
    """Events as lines, stamped with the attempt and the seconds since it began."""
    return b"".join(e.encode(msgspec.structs.replace(x, attempt=attempt, elapsed=round(elapsed, 4))) for x in found)
