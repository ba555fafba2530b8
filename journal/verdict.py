"""The sealed prediction against what was measured: met, missed, or pending."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from journal.record import Record
from journal.text import interval, label, number

OPS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


class Verdict(NamedTuple):
    """How the prediction came out; `value` is None while pending."""

    state: Literal["met", "missed", "pending", "none"]
    value: float | None
    text: str


def sentence(prediction: Mapping[str, Any]) -> str:
    """The prediction in words, as in 'trait ≥ .90 on test (healed, best round), confidence .8'."""
    if not prediction.get("metric"):
        return "no prediction was made"
    metric, threshold = str(prediction["metric"]), prediction.get("threshold")
    change = prediction.get("of") == "change"
    sign = {">=": "≥", "<=": "≤"}.get(str(prediction.get("op")), str(prediction.get("op")))
    shown = number(metric, threshold, sign=change)
    where = prediction.get("round", "best")
    when = "best round" if where == "best" else f"round {where}"
    if prediction.get("subject") == "model" and where == "best":
        when = "last evaluation"  # a foreign script has no rounds of ours
    return (
        f"{label(metric)}{' change against base' if change else ''} {sign} {shown} on {prediction.get('split')} "
        f"({prediction.get('subject')}, {when}), "
        f"confidence {number('trait_rate', prediction.get('confidence'))}"
    )


def verdict(record: Record) -> Verdict:
    """Judge the sealed prediction of a run. A run that ended without measuring it stays pending, with the reason."""
    prediction = record.preflight.get("answers", {}).get("prediction", {})
    metric, threshold, op = prediction.get("metric"), prediction.get("threshold"), prediction.get("op")
    if not metric or threshold is None or op not in OPS:
        return Verdict("none", None, "no prediction was made")
    if not record.sealed:
        return Verdict("none", None, "not judged: the preflight is not the one that was sealed for this run")
    wanted = prediction.get("round", "best")
    split, subject = str(prediction.get("split")), str(prediction.get("subject"))
    round_ = wanted if isinstance(wanted, int) else None
    if round_ is None and subject in ("healed", "steered"):
        if not record.best:
            return Verdict("pending", None, _no_best(record))
        round_ = record.best if split == "val" else None
    row = record.row(subject, split, round_)
    values = (row.change if prediction.get("of") == "change" else row.metrics) if row else {}
    if row is None or metric not in values:
        ended = f"ended as {record.status} before it was measured" if record.status else "not measured yet"
        return Verdict("pending", None, ended)
    value = values[metric]
    state: Literal["met", "missed"] = "met" if OPS[op](value, threshold) else "missed"
    change = prediction.get("of") == "change"
    span = interval(metric, (row.change_ci if change else row.ci).get(metric), sign=change)
    text = f"{state}: {label(metric)} {number(metric, value, sign=change)} {span}".rstrip()
    return Verdict(state, value, text)


def _no_best(record: Record) -> str:
    """Why there is no best round to judge: the last one is not taken in its place."""
    if record.finished and record.finished.status == "success":
        return "no round passed the floors, so there is no best round to judge"
    return f"ended as {record.status} before its best round was known" if record.status else "not measured yet"
