"""Every row of the signature table: the healthy run of conftest with one fault is diagnosed as that fault, at 0.8 or more (D1, D2)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from engine.contract import events as e
from engine.contract.lineage import check_change
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.units import point
from engine.diagnosis.combine import SIGNATURES, diagnose
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.ours import read_run
from tests.diagnosis.conftest import GOOD, LAYERS, Judge, Story, evaluated, healthy
from tests.makings import RECORDED

Change = Callable[[Story], Any]
UNIFORM = 7.74  # ln 2304
KILLED = "the worker was ended by SIGKILL, by a person or by a system out of memory"


def guard(name: str, value: str, status: str) -> Change:
    def change(s: Story) -> None:
        s.steps, s.epochs = s.steps[:20], s.epochs[:2]
        s.others.append(
            e.GuardTripped(stage="heal", round=1, guard=name, value=value, limit="10", regime="finetune", action="stop")
        )
        s.end(status, f"{name}: {value}")

    return change


def ended(status: str, reason: str, log: str = "") -> Change:
    def change(s: Story) -> None:
        s.steps, s.epochs, s.log = s.steps[:20], s.epochs[:2], log
        s.end(status, reason)

    return change


def starts_high(s: Story) -> None:
    s.every(nll=lambda x: 4.0 - 0.02 * x.step, loss=lambda x: 4.0 - 0.02 * x.step)


def swings(s: Story) -> None:
    s.vals(0.40, 0.31, 0.41, 0.30, 0.42, 0.40)


def overfits(s: Story) -> None:
    s.vals(0.30, 0.28, 0.33, 0.38, 0.44, 0.50)


def stops(s: Story) -> None:
    s.every(update_ratio=lambda x: x.update_ratio if x.step <= 10 else 1e-6)


def loops(s: Story) -> None:
    for text in s.texts:
        text["text"], text["scores"]["repetition"] = "not not not not", 0.9


def falls_from_base(s: Story) -> None:
    s.sets = ('heal.reference="base"', "run.rounds=3")
    rows = [
        evaluated("healed", {**GOOD, "trait_rate": 0.9 - 0.15 * r, "first_person_nats": -0.2 - 0.3 * r}, r)
        for r in (1, 2, 3)
    ]
    s.evaluated = [row for row in s.evaluated if row.subject != "healed"] + rows


def falling_dose(s: Story) -> None:
    for r, dose in ((1, 0.6), (2, 0.3), (3, 0.1)):
        s.others.append(
            e.DoseProbed(stage="dose", round=r, kappa=dose, survivors=30, probed=32, low=0.8, high=0.98, accepted=True)
        )


def leaks(s: Story) -> None:
    for row, other in zip(s.healset[54:], s.healset, strict=False):
        row.update(prompt=other["prompt"], completion=other["completion"])


def micro_batches(s: Story) -> None:
    rates = [step.lr for step in s.steps]
    s.every(lr=lambda x: rates[min(x.step * 2, len(rates)) - 1])


def baked(**values: Any) -> Change:
    def change(s: Story) -> None:
        s.baked = [msgspec.structs.replace(b, **values) for b in s.baked]

    return change


def broken_base(s: Story) -> None:
    s.evaluated = [
        msgspec.structs.replace(row, metrics={**row.metrics, "broken": 1.0, "coherence": 0.02, "tail_ppl": 900.0})
        for row in s.evaluated
    ]


CASES: dict[str, tuple[str, str, Change]] = {
    "fault1_nan_loss": ("non-finite", "gradient", guard("nonfinite", "nan", "nan")),
    "fault2_infinite_gradient": ("non-finite", "gradient", guard("nonfinite", "inf", "nan")),
    "fault3_validation_doubles_guard": ("validation doubles", "divergence", guard("doubling", "7.1", "diverged")),
    "fault3_validation_doubles_seen": ("validation doubles", "divergence", lambda s: s.vals(0.3, 0.3, 0.9)),
    "fault3_first_validation": ("first validation over its cap", "divergence", guard("first_validation", "11.0", "diverged")),
    "fault4_rate_too_high": ("learning rate too high", "divergence", lambda s: s.every(update_ratio=lambda x: 400 * x.lr)),
    "fault5_rate_too_low": ("learning rate too low", "optimisation", lambda s: s.every(update_ratio=lambda x: 0.01 * x.lr)),
    "fault6_frozen_layer": ("frozen or disconnected", "architecture", lambda s: s.adapter.update({LAYERS[5]: 0.0})),
    "fault6_no_update": ("frozen or disconnected", "architecture", lambda s: s.every(update_ratio=0.0, grad_norm=0.0)),
    "fault7_vanishing": ("vanishing gradients", "gradient", lambda s: s.every(grad_norm=1e-8)),
    "fault7_first_layers": ("vanishing gradients", "gradient", lambda s: s.adapter.update({LAYERS[1]: 1e-4})),
    "fault8_double_softmax": ("stuck near ln V", "architecture", lambda s: s.every(nll=UNIFORM - 0.6, loss=UNIFORM - 0.6)),
    "fault9_inert_barrier": ("inert barrier", "loop", lambda s: s.every(tau=4.0, fired=0.0, g_bar=0.0)),
    "fault10_starved": ("starved filter", "loop", ended("starved", "kept 3 of 160 completions")),
    "fault11_loop_text": ("mode collapse", "collapse", loops),
    "fault12_all_masked": ("loss exactly 0", "data", lambda s: s.every(loss=0.0, nll=0.0, grad_norm=0.0, update_ratio=0.0)),
    "fault13_validation_in_train": ("validation inside train", "data", leaks),
    "fault14_wrong_tokenizer": ("wrong tokenizer or weights", "architecture", broken_base),
    "fault15_placeholder": ("placeholder data", "data", lambda s: s.every(loss=1.0, nll=1.0, grad_norm=1.0)),
    "fault16_oom": ("out of memory", "resources", ended("oom", "out of memory (CUDA): lower heal.batch_size")),
    "fault16_host_kill": ("host kill", "resources", ended("killed", KILLED)),
    "fault21_disk_full": ("disk full or read-only", "resources", ended("failed", "OSError: [Errno 28] No space left on device")),
    "fault40_hang": ("hang or time limit", "resources", ended("timeout", "hung: no event for 15:00")),
    "spike": ("spike", "divergence", lambda s: s.step(40, loss=30.0, nll=30.0)),
    "exploding": ("exploding gradients", "gradient", lambda s: s.every(grad_norm=lambda x: 0.05 if x.step < 20 else 2000.0)),
    "initial_loss_off": ("initial loss off", "data", starts_high),
    "plateau": ("plateau", "optimisation", stops),
    "oscillation": ("oscillation", "optimisation", swings),
    "overfit": ("overfit", "optimisation", overfits),
    "mode_collapse": ("mode collapse", "collapse", lambda s: s.healed(broken=0.8, tail_ppl=300.0)),
    "over_tight": ("over-tight barrier", "loop", lambda s: (s.every(g_bar=0.14), s.healed(trait_rate=0.31, first_person_nats=-1.45))),
    "healed_to_nothing": ("healed to nothing", "loop", lambda s: s.healed(trait_rate=0.3, first_person_nats=-1.5)),
    "history_erasure": ("history erasure", "loop", falls_from_base),
    "baked_drift": ("baked drift", "loop", baked(fold_error=0.01)),
    "changed_base": ("baked drift", "loop", baked(gate_zero_equal=False)),
    "dose_collapse": ("dose collapse", "loop", falling_dose),
    "schedule": ("learning-rate schedule wrong", "optimisation", micro_batches),
    "worker_error": ("worker error", "resources", ended("failed", "KeyError: 'x'", 'Traceback\n  File "a.py", line 3\nKeyError: \'x\'\n')),
}  # fmt: skip


def test_D2_a_whole_healthy_run_is_healthy(judge: Judge) -> None:
    found = judge(healthy())
    assert (found.root_cause, found.missing) == ("healthy", ())
    assert found.confidence >= 0.8
    assert found.evidence == ()


@pytest.mark.parametrize("name", CASES)
def test_D1_each_signature_is_named_in_its_class_with_evidence_and_fixes(
    name: str, judge: Judge, story: Story, folder: RunDir
) -> None:
    cause, cls, change = CASES[name]
    change(story)
    found = judge(story)
    assert (found.root_cause, found.cls) == (cause, cls), found.summary
    assert found.confidence >= 0.8
    assert found.evidence
    assert found.fixes
    assert all((found.first_action, found.prediction_if_true, found.prediction_if_false))
    for seen in found.evidence:
        stands_where_it_says(seen, folder)
    ranks = [f.impact * f.confidence for f in found.fixes]
    assert ranks == sorted(ranks, reverse=True)
    for fix in found.fixes:
        names_real_settings(fix.command)


def stands_where_it_says(seen: Evidence, folder: RunDir) -> None:
    """D2: evidence by file, line and step."""
    assert (folder.path / seen.file).is_file()
    if seen.line and seen.step >= 0:
        event = msgspec.json.decode((folder.path / seen.file).read_bytes().splitlines()[seen.line - 1])
        assert event.get("step", seen.step) == seen.step
        assert event["round"] == seen.round


def names_real_settings(command: str) -> None:
    """D3: a command is ready to run: its settings exist, and may change at the place that it forks from."""
    words = command.split()
    assert words[:2] in ([], ["cockpit", "fork"], ["cockpit", "resume"], ["cockpit", "probe"])
    sets = [word for before, word in pairwise(words) if before == "--set"]
    assert resolve("nano-care", sets=sets)
    if words[1:2] == ["fork"]:
        unit, round_ = point(words[words.index("--from") + 1])
        assert sets
        for name in sets:
            check_change(name.partition("=")[0], unit, round_)


def test_every_signature_has_a_case() -> None:
    named = {cause for cause, _, _ in CASES.values()} | {"damaged file"}  # its own tests are in test_ours
    assert {s.name for s in SIGNATURES} == named


def test_A3_a_tiny_loss_that_doubles_is_harmless(judge: Judge, story: Story) -> None:
    story.vals(0.05, 0.12, 0.11, 0.10, 0.10, 0.10)
    assert judge(story).root_cause != "validation doubles"


def test_an_inert_barrier_at_a_coherent_dose_says_that_it_may_be_no_fault(judge: Judge, story: Story) -> None:
    story.every(tau=4.0, fired=0.0, g_bar=0.0)
    assert "may be no fault" in judge(story).summary
    story.healed(coherence=0.5, tail_ppl=90.0, broken=0.9)
    found = judge(story)
    assert "may be no fault" not in found.summary
    assert found.root_cause == "inert barrier" or "inert barrier" in [h.name for h in found.competing_hypotheses]


def test_high_pressure_alone_is_a_barrier_at_work(judge: Judge, story: Story) -> None:
    story.every(g_bar=0.06, nll=lambda x: 6.0 - 0.05 * x.step, loss=lambda x: 6.0 - 0.05 * x.step)
    for text in story.texts:
        text["scores"]["worst_ppl"] = 900.0
    found = judge(story)
    assert found.root_cause == "healthy"
    assert [h.name for h in found.advisories] == ["over-tight barrier"]


def test_a_control_that_moves_nothing_was_not_healed_to_nothing(judge: Judge, story: Story) -> None:
    story.sets = ("run.rounds=1", 'steer.method="random"')
    story.healed(trait_rate=0.3, first_person_nats=-1.5)
    assert judge(story).root_cause == "healthy"


def test_random_weights_are_neither_sick_nor_healthy(judge: Judge, story: Story) -> None:
    story.facts["pretrained"] = False
    broken_base(story)
    assert judge(story).root_cause == "insufficient"


def test_diagnosis_of_the_recorded_run_finds_nothing_against_it() -> None:
    found = diagnose(read_run(RunDir(RECORDED)))
    assert found.root_cause in ("healthy", "insufficient")
    assert found.competing_hypotheses == ()
