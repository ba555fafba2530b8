"""A run's events as TensorBoard shows them: numbers as scalars, what is said in words as text.

Tags are `<kind>/<field>`: heal_step/kl, coherence_probed/mass, and for evaluations val/healed/trait_rate, with its 95% interval under
interval/. What happens within a heal is placed by the optimizer step, counted through all rounds; every other number by its round. What
is said in words lies under said/; texts and dose probes are counted, since TensorBoard shows one value a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from cockpit.report.lines import Narrator
from engine.contract.errors import BadInput
from engine.contract.events import (
    Alert,
    CoherenceProbed,
    ControlApplied,
    DoseProbed,
    EpochFinished,
    Evaluated,
    Event,
    GuardTripped,
    HealStep,
    Note,
    Progress,
    RunFinished,
    RunForked,
    RunResumed,
    RunStarted,
    ScriptStarted,
    ScriptStep,
    StageFinished,
    StageStarted,
)
from journal.text import quoted, utc

_COMMON = frozenset(Event.__struct_fields__)
_WITHIN = (HealStep, CoherenceProbed, EpochFinished)
_WORDS = (RunStarted, RunResumed, RunForked, ScriptStarted, Alert, GuardTripped, ControlApplied, Note, RunFinished)
_COUNTED = (*_WORDS, DoseProbed)
"""Of these there may be several in a round, and TensorBoard shows one value a step."""
_PASSING = (StageStarted, Progress)
"""What only says how far a stage is; its end is mirrored."""


class Steps:
    """The optimizer step of an event, counted from 1 through all rounds of a run."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}  # the last step of each round
        self._counted: Counter[str] = Counter()

    def of(self, event: Event) -> int:
        """Where an event belongs: the step through all rounds within a heal, a script's own step, a count, else the round."""
        if isinstance(event, _COUNTED):
            self._counted[kind(event)] += 1
            return self._counted[kind(event)]
        if isinstance(event, HealStep):
            self._last[event.round] = event.step
        if isinstance(event, ScriptStep):
            return event.step
        if not isinstance(event, _WITHIN):
            return event.round
        return self._before(event.round) + (
            event.step if isinstance(event, (HealStep, CoherenceProbed)) else self._last.get(event.round, 0)
        )

    def _before(self, round_number: int) -> int:
        return sum(steps for r, steps in self._last.items() if r < round_number)


class Mirror:
    """An event file in a folder. Raises BadInput, naming the extra, when the tensorboard package is not there."""

    def __init__(self, folder: Path) -> None:
        if find_spec("tensorboard") is None:
            raise BadInput(
                "a mirror needs the tensorboard package, which is not installed: pip install -e '.[tensorboard]'"
            )
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder), flush_secs=2)
        self._steps, self._narrator = Steps(), Narrator()

    def __enter__(self) -> Mirror:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, event: Event) -> None:
        """Write one event's numbers, and its line where it has one."""
        from tensorboard.compat.proto import event_pb2, summary_pb2

        at, step = utc(event.at).timestamp(), self._steps.of(event)
        if isinstance(event, _WORDS):
            values = [_text(f"said/{kind(event)}", quoted(self._narrator.line(event) or "", 2000))]
        else:
            values = [summary_pb2.Summary.Value(tag=tag, simple_value=number) for tag, number in scalars(event)]
        if values:
            summary = summary_pb2.Summary(value=values)
            self._writer.add_event(event_pb2.Event(wall_time=at, step=step, summary=summary))


def kind(event: Event) -> str:
    """An event's name in the stream."""
    return str(type(event).__struct_config__.tag)


def scalars(event: Event) -> Iterator[tuple[str, float]]:
    """(tag, value) of every number that an event carries; what was not measured is absent."""
    if isinstance(event, _PASSING):
        return
    fields = {k: v for k, v in msgspec.to_builtins(event).items() if k not in _COMMON and k != "event"}
    if isinstance(event, Evaluated):
        head = f"{event.split}/{event.subject}"
        yield from _flat(head, fields.pop("metrics"))
        yield from _flat(f"change/{head}", fields.pop("change", {}))
        for metric, (low, high) in event.ci.items():
            yield f"interval/{head}/{metric}/low", low
            yield f"interval/{head}/{metric}/high", high
        if event.subject == "steered":
            yield f"{head}/dose", event.dose
        return
    head = f"{kind(event)}/{event.stage}" if isinstance(event, StageFinished) else kind(event)
    yield from _flat(head, {k: v for k, v in fields.items() if k not in ("step", "layers", "schema")})


def _flat(head: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{head}/{name}", value)
        elif isinstance(value, (bool, int, float)):
            yield f"{head}/{name}", float(value)


def _text(tag: str, text: str) -> Any:
    """A text as TensorBoard's own plugin for it reads them."""
    from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()], tensor_shape=shape)
    return summary_pb2.Summary.Value(tag=tag, metadata=summary_pb2.SummaryMetadata(plugin_data=plugin), tensor=tensor)
