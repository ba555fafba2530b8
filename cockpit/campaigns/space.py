"""The search space of a sweep: settings with ranges or choices, from words and back to optuna's distributions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.contract.errors import BadInput
from engine.contract.hashes import FREE
from engine.contract.metrics import NO_AXIS
from engine.contract.resolve import from_flat, parse_set
from journal.sweep import Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_RANGE = re.compile(r"(\S+?)\.\.(\S+?)(:log)?")


def space(settings: Sequence[str], base: Mapping[str, Any]) -> dict[str, Range]:
    """'heal.lr=1e-4..1e-2:log', 'heal.epochs=2..8' or 'heal.aggregate=mean,rmse' as ranges; `base` is the flat config that says which
    settings count in whole numbers. Raises BadInput for what cannot be searched or lies outside a setting's bounds."""
    found: dict[str, Range] = {}
    for setting in settings:
        knob, _, raw = (part.strip() for part in setting.partition("="))
        ends = _RANGE.fullmatch(raw)
        words = [ends[1], ends[2]] if ends else [w.strip() for w in re.split(r",(?![^\[]*\])", raw)]
        values = [_value(knob, word, base) for word in words]
        if knob in FREE:
            raise BadInput(f"--over {knob}: a sweep searches no seeds and no limits")
        if knob in NO_AXIS:
            raise BadInput(f"--over {knob}: trials that differ in it are not comparable (KB45)")
        if knob in found:
            raise BadInput(f"--over {knob} is named twice")
        found[knob] = _range(setting, values, bool(ends), bool(ends and ends[3]), base[knob])
    return found


def _value(knob: str, word: str, base: Mapping[str, Any]) -> Any:
    """A setting's value from a word, on top of the base. Raises BadInput for one outside its bounds."""
    section, name = knob.split(".") if knob.count(".") == 1 else ("", "")
    return from_flat({**base, knob: parse_set(f"{knob}={word}")[section][name]}).flat()[knob]


def _range(setting: str, values: list[Any], between: bool, log: bool, base: Any) -> Range:
    if not between:
        if len(values) < 2 or len({str(v) for v in values}) < len(values):
            raise BadInput(f"--over {setting}: name a range such as 1e-4..1e-2:log, or at least two different values")
        return Range(choices=values)
    low, high = values
    if isinstance(base, bool) or not isinstance(low, (int, float)) or not low < high:
        raise BadInput(f"--over {setting}: a range runs from a smaller number to a larger one")
    if log and low <= 0:
        raise BadInput(f"--over {setting}: a logarithmic range begins above 0")
    return Range(low=low, high=high, log=log, whole=isinstance(base, int))


def distribution(found: Range) -> BaseDistribution:
    """What optuna draws from; a choice is drawn by its place, so that lists can be chosen too."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if found.choices:
        return CategoricalDistribution(tuple(range(len(found.choices))))
    if found.whole:
        return IntDistribution(int(found.low), int(found.high), log=found.log)
    return FloatDistribution(found.low, found.high, log=found.log)


def value(found: Range, drawn: Any) -> Any:
    """The setting's value of what was drawn."""
    return found.choices[int(drawn)] if found.choices else drawn


def place(found: Range, held: Any) -> Any | None:
    """What would have to be drawn for a value; None where it lies outside."""
    if found.choices:
        return found.choices.index(held) if held in found.choices else None
    return held if found.low <= held <= found.high else None
