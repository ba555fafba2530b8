"""An amendment stands beside the seal, chained to it, and comes before the answer is known (K9)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.amend import KEYS, amendment, chain_fault, current, read_amendments
from engine.contract.errors import BadInput, Refused
from engine.contract.preflight import seal_hash

from .test_seal import _RECORD

REASON = "The pilot was noisier than thought."


def chain(*changes: tuple[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    record, lines = _RECORD(), []
    for key, value in changes:
        lines.append(amendment(record, lines, key, value, REASON, evaluated=False))
    return record, lines


def test_k9_an_amendment_names_item_old_new_and_reason_and_leaves_the_seal_alone() -> None:
    record, (first, second) = chain(("prediction.confidence", 0.6), ("prediction.confidence", 0.5))
    assert (first["item"], first["old"], first["new"], first["reason"]) == ("K6", 0.8, 0.6, REASON)
    assert second["old"] == 0.6
    assert first["previous"] == record["seal"] == seal_hash(record)
    assert second["previous"] == first["hash"]
    assert current(record, [first, second])["prediction"]["confidence"] == 0.5
    assert record["answers"]["prediction"]["confidence"] == 0.8


@pytest.mark.parametrize(
    "key", ["question.hypothesis", "prediction.threshold", "prediction.confidence", "metric.split"]
)
def test_k9_no_question_is_fitted_to_its_answer(key: str) -> None:
    numbers = {"prediction.threshold": 0.5, "prediction.confidence": 0.5}
    value = numbers.get(key, "val" if key == "metric.split" else "The reverse of it holds instead.")
    with pytest.raises(Refused, match="evaluated something already"):
        amendment(_RECORD(), [], key, value, REASON, evaluated=True)
    assert amendment(_RECORD(), [], key, value, REASON, evaluated=False)["new"] == value


def test_what_was_learnt_may_be_amended_at_any_time() -> None:
    line = amendment(_RECORD(), [], "prior.learnt", "There was a note on it.", REASON, evaluated=True)
    assert line["item"] == "K7"


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [("prior.lernt", "x", "prior.learnt"), ("waivers.rule", "KB1", "no answer named"), ("set", [], "no answer named"),
     ("init.rank", "eight", "init.rank"), ("init.rank", 8, "already")],
)  # fmt: skip
def test_what_is_no_answer_or_no_change_is_said(key: str, value: Any, names: str) -> None:
    with pytest.raises(BadInput, match=names):
        amendment(_RECORD(), [], key, value, REASON, evaluated=False)


@pytest.mark.parametrize("reason", ["", "asdf", "TBD", "because"])
def test_fault_32_an_amendment_has_a_reason(reason: str) -> None:
    with pytest.raises(Refused, match="has a reason"):
        amendment(_RECORD(), [], "prior.learnt", "There was a note on it.", reason, evaluated=False)


@given(st.data())
def test_k9_no_line_of_the_chain_can_be_changed_dropped_or_moved(data: st.DataObject) -> None:
    record, lines = chain(
        ("prediction.confidence", 0.6), ("prior.learnt", "A note was found."), ("init.distribution", "normal")
    )
    assert chain_fault(record, lines) == ""
    spoilt = copy.deepcopy(lines)
    how = data.draw(st.sampled_from(["change", "drop", "swap"]))
    if how == "change":
        line = data.draw(st.sampled_from(spoilt))
        line[data.draw(st.sampled_from(sorted(line)))] = "changed"
    elif how == "drop":
        spoilt.pop(data.draw(st.integers(0, 1)))
    else:
        spoilt[0], spoilt[1] = spoilt[1], spoilt[0]
    assert "was changed" in chain_fault(record, spoilt)
    with pytest.raises(Refused, match="was changed"):
        amendment(record, spoilt, "prior.learnt", "Another note was found.", REASON, evaluated=False)


def test_fault_34_a_torn_line_breaks_the_chain_and_is_not_silent(tmp_path: Path) -> None:
    record, lines = chain(("prediction.confidence", 0.6))
    path = tmp_path / "amendments.jsonl"
    assert read_amendments(path) == []
    path.write_text(json.dumps(lines[0]) + "\n" + '{"torn')
    assert "line 2" in chain_fault(record, read_amendments(path))


@pytest.mark.parametrize(
    ("key", "value"),
    [("prior.learnt", "TBD"), ("prior.learnt", "x" * 2**20), ("prediction.confidence", 1.5), ("prediction.split", "train"),
     ("question.hypothesis", "asdf"), ("init.rank", 9), ("direction.direction", "forward"), ("tokenization.type", "byte")],
)  # fmt: skip
def test_fault_32_what_would_have_blocked_the_seal_is_no_amendment(key: str, value: Any) -> None:
    with pytest.raises(Refused) as error:
        amendment(_RECORD(), [], key, value, REASON, evaluated=False)
    assert len(str(error.value)) < 400


def test_every_answer_but_the_waivers_can_be_amended() -> None:
    assert {"math.optimised", "prediction.round", "known_bugs.answer"} <= set(KEYS)
    assert not any(key.startswith(("waivers", "axes", "set")) for key in KEYS)
