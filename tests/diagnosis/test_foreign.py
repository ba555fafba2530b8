"""Logs of other tools: JSON lines, CSV and trainer_state.json, with mapped names, torn lines and values that are not finite."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from engine.contract.errors import BadInput
from engine.diagnosis.combine import diagnose
from engine.diagnosis.diagnosis import Diagnosis
from engine.diagnosis.foreign import read_log

FALLING = [2.0 - 0.01 * n for n in range(100)]


def rows(**columns: Any) -> list[dict[str, Any]]:
    return [{"step": n, "loss": FALLING[n], **{k: f(n) for k, f in columns.items()}} for n in range(100)]


def jsonl(path: Path, found: list[dict[str, Any]]) -> Path:
    file = path / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in found))
    return file


def trainer_state(path: Path, found: list[dict[str, Any]]) -> Path:
    """As a Hugging Face trainer writes it, validations as rows of their own."""
    file = path / "trainer_state.json"
    state = {"best_metric": None, "epoch": 3.0, "log_history": found, "max_steps": 100}
    file.write_text(json.dumps(state, indent=2) + "\n")
    return file


def comma(path: Path, found: list[dict[str, Any]]) -> Path:
    names = list(dict.fromkeys(name for row in found for name in row))
    file = path / "log.csv"
    lines = [",".join(names), *(",".join(str(row.get(n, "")) for n in names) for row in found)]
    file.write_text("\n".join(lines) + "\n")
    return file


def judge(path: Path, vocabulary: int | None = None, **names: str) -> Diagnosis:
    return diagnose(read_log(path, names, vocabulary))


@pytest.mark.parametrize("write", [jsonl, comma, trainer_state])
def test_fault1_a_loss_that_is_not_finite_is_found_by_line_and_step_in_every_format(write: Any, tmp_path: Path) -> None:
    found = rows(grad_norm=lambda n: 1.0 + 0.01 * n)
    found[70]["loss"] = math.nan
    path = write(tmp_path, found)
    said = judge(path)
    assert (said.root_cause, said.cls) == ("non-finite", "gradient")
    assert said.evidence[0].step == 70
    assert (
        "nan" in path.read_text().splitlines()[said.evidence[0].line - 1 + (2 if write is trainer_state else 0)].lower()
    )


@pytest.mark.parametrize("write", [jsonl, comma, trainer_state])
def test_D2_nothing_wrong_in_a_log_is_insufficient_and_asks_by_name(write: Any, tmp_path: Path) -> None:
    said = judge(write(tmp_path, rows(grad_norm=lambda n: 1.0 + 0.01 * n, learning_rate=lambda n: 1e-4)))
    assert said.root_cause == "insufficient"
    assert said.competing_hypotheses == ()
    assert {m.how for m in said.missing} >= {"--vocabulary N", "--map update_ratio=COLUMN"}


def test_names_are_mapped_and_the_usual_ones_known(tmp_path: Path) -> None:
    found = [{"train/loss": row["loss"], "mine": 0.0 if n > 5 else 1.0} for n, row in enumerate(rows())]
    path = jsonl(tmp_path, found)
    assert judge(path).root_cause == "insufficient"
    assert judge(path, loss="mine").root_cause == "loss exactly 0"


def test_fault4_a_rate_that_jumps_before_the_loss_breaks_is_the_cause(tmp_path: Path) -> None:
    found = rows(lr=lambda n: 1e-4 if n < 60 else 1e-2, eval_loss=lambda n: 2.0 if n < 70 else 9.0)
    for row in found[62:]:
        row["loss"] = 40.0
    said = judge(jsonl(tmp_path, found))
    assert said.root_cause == "learning rate too high"
    assert {"spike", "validation doubles"} <= {h.name for h in said.competing_hypotheses}
    assert all(fix.command == "" for fix in said.fixes)


def test_overfitting_is_read_from_the_evaluations_of_a_trainer(tmp_path: Path) -> None:
    found: list[dict[str, Any]] = []
    for n in range(100):
        found.append({"step": n, "loss": FALLING[n], "learning_rate": 1e-4, "epoch": n / 20})
        if n % 10 == 9:
            found.append({"step": n, "eval_loss": 1.8 - 0.1 * n / 10 if n < 40 else 1.4 + 0.02 * n, "epoch": n / 20})
    assert judge(trainer_state(tmp_path, found)).root_cause == "overfit"


def test_fault14_a_first_loss_worse_than_a_uniform_guess_needs_the_vocabulary(tmp_path: Path) -> None:
    found = [{"step": n, "loss": 19.0 - 0.05 * n} for n in range(100)]
    path = jsonl(tmp_path, found)
    assert judge(path).root_cause == "insufficient"
    assert judge(path, 32000).root_cause == "initial loss off"


def test_A2_from_scratch_the_cap_of_the_first_validation_follows_the_vocabulary(tmp_path: Path) -> None:
    for first, wanted in ((18.0, False), (25.0, True)):
        path = jsonl(
            tmp_path, [{"step": n, "loss": 10.0 - 0.05 * n, "val": first if n == 0 else 10.0} for n in range(30)]
        )
        said = judge(path, 50257)
        names = {said.root_cause} | {h.name for h in said.competing_hypotheses}
        assert ("first validation over its cap" in names) is wanted


def test_a_loss_that_does_not_improve_is_not_called_stuck_without_update_ratios(tmp_path: Path) -> None:
    said = judge(jsonl(tmp_path, [{"step": n, "loss": 1.0 + 0.01 * (n % 3)} for n in range(100)]))
    assert said.root_cause == "insufficient"
    assert "plateau" in {h.name for h in said.advisories}


def test_fault34_torn_lines_are_counted_and_lines_still_true(tmp_path: Path) -> None:
    path = jsonl(tmp_path, rows())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[10] = b"garbage\n"
    lines[80] = json.dumps({"step": 80, "loss": 0.0}).encode() + b"\n"
    path.write_bytes(b"\n" + b"".join(lines) + b'{"step": 101, "lo')
    a = read_log(path)
    assert (a.damage[0].line, len(a.steps)) == (12, 99)
    row = int(a.steps["line"][a.steps["step"] == 80][0])
    assert json.loads(path.read_bytes().splitlines()[row - 1])["step"] == 80


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.jsonl", b"\x00\x01", "is not JSON lines"),
        ("a.json", b"{", "is not whole JSON"),
        ("a.json", b'{"a": 1}', "no log_history"),
        ("a.csv", b"\n\n", "no header"),
    ],
)
def test_what_is_no_log_is_bad_input_in_one_line(name: str, data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=told):
        read_log(tmp_path / name)


def test_wrong_maps_are_bad_input_that_names_what_there_is(tmp_path: Path) -> None:
    path = jsonl(tmp_path, rows())
    with pytest.raises(BadInput, match="it has: step, loss"):
        read_log(path, {"loss": "nope"})
    with pytest.raises(BadInput, match="those are: step, epoch, loss"):
        read_log(path, {"losss": "loss"})
    with pytest.raises(BadInput, match="No such file"):
        read_log(tmp_path / "none.jsonl")


def test_an_empty_log_is_insufficient(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"")
    said = judge(tmp_path / "log.jsonl")
    assert said.root_cause == "insufficient"
    assert said.confidence == 0.0
