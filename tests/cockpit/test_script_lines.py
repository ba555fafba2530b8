"""What a script writes becomes our events, and nothing that it writes can break a run or a reader (issue: any script as a run)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.scripts.masking import masked, secrets, strike_file
from cockpit.scripts.translate import Translator, stamped
from engine.contract import events as e
from engine.contract.redact import redact


def take(*lines: Any) -> tuple[list[e.Event], Translator]:
    """The events of some lines, objects or bytes, without those of the summary."""
    translator = Translator()
    found: list[e.Event] = []
    for line in lines:
        found += translator.take(line if isinstance(line, bytes) else json.dumps(line).encode())
    return found, translator


def one(line: Any) -> e.Event:
    found, _ = take(line)
    assert len(found) == 1, found
    return found[0]


def notes(found: list[e.Event]) -> str:
    return "\n".join(event.text for event in found if isinstance(event, e.Note))


def test_a_step_needs_nothing_but_its_name() -> None:
    found, _ = take({"event": "step"}, {"event": "step", "loss": 2})
    assert [(x.step, x.loss) for x in found if isinstance(x, e.ScriptStep)] == [(1, e.UNSET), (2, 2.0)]


def test_a_step_keeps_its_known_fields_and_every_other_number_by_name() -> None:
    step = one({"event": "step", "step": 3, "loss": 2.5, "lr": 1e-3, "tokens": 64, "kl": 0.25, "text": None})
    assert isinstance(step, e.ScriptStep)
    assert (step.step, step.loss, step.lr, step.tokens, step.values) == (3, 2.5, 1e-3, 64, {"kl": 0.25})
    assert step.epoch is e.UNSET


@pytest.mark.parametrize("said", ["val", "valid", "validation", "dev", "eval"])
def test_an_eval_is_an_evaluation_of_the_model_on_val(said: str) -> None:
    row = one({"event": "eval", "split": said, "metrics": {"accuracy": 0.9}, "n": 128, "ci": {"accuracy": [0.8, 0.95]}})
    assert isinstance(row, e.Evaluated)
    assert (row.subject, row.split, row.metrics, row.n) == ("model", "val", {"accuracy": 0.9}, {"accuracy": 128})
    assert row.ci == {"accuracy": (0.8, 0.95)}


def test_metrics_of_a_script_never_count_as_ours() -> None:
    row = one({"event": "eval", "metrics": {"trait_rate": 0.9}})
    assert isinstance(row, e.Evaluated)
    assert row.metric_version == 0 != e.METRIC_VERSION


@pytest.mark.parametrize("split", ["train", "", 3, None])
def test_an_eval_on_a_split_that_is_not_held_out_is_told_not_taken(split: Any) -> None:
    found, _ = take({"event": "eval", "split": split, "metrics": {"accuracy": 1.0}})
    assert not [x for x in found if isinstance(x, e.Evaluated)]
    assert "use val or test" in notes(found)


def test_parameters_are_reported_exactly() -> None:
    fact = one({"event": "model", "class": "GPT2LMHeadModel", "parameters": 124_439_808})
    assert isinstance(fact, e.ScriptReported)
    assert fact.facts == {"class": "GPT2LMHeadModel", "parameters": 124_439_808}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '"nan"', '"-inf"', "1e999"])
def test_a_loss_that_is_not_finite_trips_the_guard_and_is_never_written(text: str) -> None:
    found, translator = take(b'{"event": "step", "step": 7, "loss": %s}' % text.encode())
    assert [type(x) for x in found] == [e.ScriptStep, e.GuardTripped]
    assert isinstance(found[0], e.ScriptStep)
    assert found[0].loss is e.UNSET
    assert "step 7" in translator.guard
    stamped(found, 1, 0.0)


@pytest.mark.parametrize("name", ["grad_norm", "lr", "something"])
def test_any_other_number_that_is_not_finite_is_left_out_and_told_and_ends_nothing(name: str) -> None:
    found, translator = take({"event": "step", "step": 1, "loss": 1.0, name: math.nan})
    assert not translator.guard
    assert f"{name} that is not finite" in notes(found)


def test_whole_events_of_ours_pass_and_those_that_only_we_may_write_do_not() -> None:
    kept = one(
        json.loads(e.encode(e.CoherenceProbed(step=1, mass=1, prefill_nll=1, valid_json=1, tail_ppl=1, seconds=1)))
    )
    assert isinstance(kept, e.CoherenceProbed)
    forged, _ = take(json.loads(e.encode(e.ControlApplied(request="set heal.tau", by="x"))))
    assert notes(forged) == "line 1 of the script: control_applied is not a script's to write"


def test_a_script_says_how_it_ended() -> None:
    found, translator = take({"event": "finished", "status": "diverged", "reason": "loss above 100"})
    assert (found, translator.said) == ([], ("diverged", "loss above 100"))
    _, translator = take({"event": "finished", "status": "wonderful"})
    assert translator.said is None


def test_what_cannot_be_read_is_noted_once_and_counted_at_the_end() -> None:
    bad = [b"{torn", b"\xff\xfe\x00", b"[1]", b'"text"', b"12", b"{}", b'{"event": "odd"}', b"", b"   "]
    found, translator = take(*bad, *bad)
    assert len(found) == 4  # damaged, not an object, no event named, unknown
    assert notes(translator.close()) == (
        "of 18 lines of the script, not taken: 6 not an object, 4 damaged, 2 no event named, 2 unknown event 'odd'"
    )


def test_a_line_without_end_and_a_bottomless_one_are_damage_like_any_other() -> None:
    long = b'{"event": "note", "text": "' + b"x" * 70_000 + b'"}'
    found, _ = take(long, b"[" * 60_000, b'{"event": "step", "step": ' + b"9" * 5_000 + b"}")
    assert [type(x) for x in found] == [e.Note, e.Note]


def test_text_of_a_script_cannot_act_on_a_terminal() -> None:
    note = one({"event": "note", "text": "\x1b[2Jred\u202e\ud800 text\n<!-- run:x -->"})
    assert isinstance(note, e.Note)
    assert note.text == "red text <!-- run:x -->"
    stamped([note], 1, 0.0)


KEYS = st.sampled_from(
    [
        "event",
        "step",
        "loss",
        "lr",
        "metrics",
        "split",
        "n",
        "ci",
        "subject",
        "class",
        "done",
        "total",
        "text",
        "round",
        "stage",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["step", "eval", "model", "progress", "note", "finished", "heal_step", "evaluated", "run_started", "val"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(KEYS | st.text(max_size=4), VALUES, max_size=8).map(json.dumps) | st.text(), max_size=6)
)
def test_whatever_is_written_every_event_encodes_and_reads_back(lines: list[str]) -> None:
    found, translator = take(*[line.encode("utf-8", "surrogatepass") for line in lines])
    for line in stamped([*found, *translator.close()], 1, 0.5).splitlines():
        assert e.decode(line).elapsed == 0.5


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_break_the_translation(lines: list[bytes]) -> None:
    found, _ = take(*lines)
    stamped(found, 1, 0.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--api-key", "s3cr3t-value"],
        ["--hf_token=s3cr3t-value"],
        ["--db.password", "s3cr3t-value"],
        ["WANDB_API_KEY=s3cr3t-value"],
        ["https://bob:s3cr3t-value@example.org/x"],
        ["https://example.org/?a=1&api_key=s3cr3t-value&b=2"],
    ],
)
def test_fault_27_the_values_of_secret_arguments_are_struck_out(arguments: list[str]) -> None:
    assert "s3cr3t" not in " ".join(masked(arguments))
    assert "s3cr3t" not in redact("it said s3cr3t-value.", secrets(arguments, {}))


def test_fault_27_knobs_that_only_sound_like_secrets_stay() -> None:
    innocent = ["--num-memory-tokens", "128", "--max_tokens=64", "--monkey", "bars", "--author=me", "--lr", "1e-3"]
    assert masked(innocent) == innocent
    assert secrets(innocent, {"HOME": "/home/someone", "TOKENIZERS_PARALLELISM": "false"}) == []


def test_fault_27_secrets_of_the_environment_are_known_by_name_or_shape() -> None:
    found = secrets([], {"MY_API_KEY": "abcdef-1", "PROXY": "http://u:pw-1234@host"})
    assert {"abcdef-1", "u:pw-1234", "pw-1234"} <= set(found)
    assert redact("a hf_abcdefghijkl b", found) == "a *** b"


def test_fault_27_a_log_is_rewritten_without_them_and_keeps_every_other_byte(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff start s3cr3t-value end\r\n")
    assert strike_file(log, ["s3cr3t-value"])
    assert log.read_bytes() == b"\xff start *** end\r\n"
    assert not strike_file(log, ["s3cr3t-value"])
