"""The engine runs a plugin: what it raises is told with file and line, and what it gives is looked at."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from engine.contract.config import Config
from engine.contract.errors import CockpitError, Refused
from engine.contract.plugins import copy_plugins, sealed_plugins
from engine.contract.resolve import resolve
from engine.contract.world import Prompt
from engine.evaluate import own
from engine.evaluate.subject import Subject
from engine.heal.barrier import aggregate, position_weights
from engine.plugins import Pairs
from engine.plugins.active import activate, call
from engine.steer.keep import Candidate, Completion, Judged, own_reason

PROMPT = Prompt(id="p", text="What?", kind="trait", cluster="c", pair="p", slots={})


def active(folder: Path, kind: str, body: str, *, head: str = "") -> None:
    """Activate a file with one function `own`, whose body starts at line 6."""
    arguments = {"evaluator": "subject, answers"}.get(kind, "x")
    path = folder / "own_file.py"
    path.write_text(
        f"import torch\nfrom engine.plugins import {kind}\n{head}\n@{kind}\ndef own({arguments}):\n    {body}\n"
    )
    knob = {
        "vector_method": "steer.method", "barrier_aggregate": "heal.aggregate", "completion_filter": "keep.filters",
        "evaluator": "evaluate.evaluators",
    }[kind]  # fmt: skip
    activate(resolve("nano-care", sets=[f'run.plugins=["{path}"]', f"{knob}=own"]))


def judged(text: str) -> Judged:
    candidate = Candidate(id="a", prompt=PROMPT, prompt_ids=[1], ids=[2], dose=1.0, text=text)
    return Judged(candidate=candidate, scores={"tail_ppl": 1.0}, label="trait", reason="")


def test_what_it_raises_is_one_line_with_file_and_line(tmp_path: Path) -> None:
    active(tmp_path, "vector_method", "return x.positive @ torch.ones(3)")
    with pytest.raises(CockpitError, match=r"plugin \S+own_file\.py:6, own: RuntimeError: ") as error:
        call("vector_method", "own", Pairs(torch.ones(2, 4), torch.zeros(2, 4), ["trait"] * 2))
    assert "\n" not in str(error.value)
    with pytest.raises(CockpitError, match=r"own_file\.py:3, as it is loaded: ZeroDivisionError"):
        active(tmp_path, "vector_method", "return x", head="1 / 0")
    with pytest.raises(CockpitError, match=r"own_file\.py:3, as it is loaded: SystemExit"):
        active(tmp_path, "vector_method", "return x", head="raise SystemExit('bye')")


def test_a_lack_of_memory_stays_one(tmp_path: Path) -> None:
    active(tmp_path, "vector_method", "raise MemoryError('CUDA out of memory')")
    with pytest.raises(MemoryError):
        call("vector_method", "own", None)


def test_a_function_that_is_not_what_its_text_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CockpitError, match=r"must be marked with engine\.plugins\.evaluator alone"):
        active(tmp_path, "evaluator", "return []\n\nown = None")


def test_the_copy_of_a_run_is_executed_and_an_edited_one_is_not(tmp_path: Path) -> None:
    active(tmp_path, "completion_filter", "return True")
    path = tmp_path / "own_file.py"
    config: Config = resolve("nano-care", sets=[f'run.plugins=["{path}"]', "keep.filters=own"])
    copy_plugins(sealed_plugins(config), tmp_path / "plugins")
    path.write_text("raise ValueError('the file that was edited since')\n")
    activate(config, tmp_path / "plugins")
    assert own_reason(judged("x"), ["own"]) == "own"
    (tmp_path / "plugins" / "own_file.py").write_text("raise ValueError('edited')\n")
    with pytest.raises(Refused):
        activate(config, tmp_path / "plugins")


def test_an_aggregate_acts_as_a_shipped_one_does(tmp_path: Path) -> None:
    active(tmp_path, "barrier_aggregate", "return x.mean()")
    kl = torch.rand(12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(aggregate(kl, [5, 7], "own"), aggregate(kl, [5, 7], "mean"))
    assert torch.equal(position_weights(kl, [5, 7], "own", 0.1, 0.3), position_weights(kl, [5, 7], "mean", 0.1, 0.3))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return x", r"shape \[5\], not \[\]"),
        ("return 3.0", "gave float, not a tensor"),
        ("return x.mean() / 0", "not finite"),
        ("return x.mean().detach()", "does not depend on kl"),
        ("return x.mean().sqrt()", "gradient that is not finite"),
    ],
)
def test_an_aggregate_that_gives_no_number_with_a_gradient_is_refused(tmp_path: Path, body: str, said: str) -> None:
    active(tmp_path, "barrier_aggregate", body)
    kl = torch.zeros(5) if "sqrt" in body else torch.rand(5) + 0.1
    with pytest.raises(CockpitError, match=said):
        position_weights(kl, [5], "own", -1.0, 0.3)


@pytest.mark.parametrize("body", ["return None", "return 1.0", "return 'yes'"])
def test_a_filter_says_yes_or_no(tmp_path: Path, body: str) -> None:
    active(tmp_path, "completion_filter", body)
    with pytest.raises(CockpitError, match="give True to drop"):
        own_reason(judged("x"), ["own"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return [1.0]", "1 numbers for 2 answers"),
        ("return 1.0", "one number for each"),
        ("return ['a', 'b']", "one number for each"),
        (f"return [0.0, float('{math.inf}')]", "gave inf for answer b"),
    ],
)
def test_an_evaluator_gives_a_finite_number_for_each_answer(tmp_path: Path, body: str, said: str) -> None:
    active(tmp_path, "evaluator", body)
    answers = [
        Completion(
            id=i, round=1, subject="base", probe="answer", prompt="p", dose=0.0, text="t", scores={}, label="trait", kept=True, reason=""
        )
        for i in "ab"
    ]  # fmt: skip
    with pytest.raises(CockpitError, match=said):
        own.values("own", Subject.__new__(Subject), answers)
