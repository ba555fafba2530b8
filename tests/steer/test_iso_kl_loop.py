"""iso-KL in the loop: what its events say, a zero vector, and going on after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.report.lines import Narrator
from engine.contract.events import AnyEvent, DoseProbed, Kept, Note, RunStarted, encode
from engine.contract.files import append_line
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.model.facts import inspect
from engine.resume import Past, look_back, take_up
from engine.talk import accepted_dose
from journal.fields import _key_config

SMALL = (
    "steer.contexts=16", "steer.probes=6", "steer.calibration=kl", "steer.target_kl=0.2", "steer.dose_low=0.05", "steer.dose_high=64",
    "generate.completions=16", "generate.prompts=16", "keep.min_kept=4", "evaluate.prompts=2", "evaluate.vignettes=7", "evaluate.facts=4",
    "evaluate.bootstrap=100", "evaluate.probes=1", "run.rounds=1", "run.seed=1",
)  # fmt: skip


def events(out: RunDir, method: str, past: Past | None = None) -> Iterator[AnyEvent]:
    """The events of a run, each written as a worker writes it."""
    config = resolve("nano-care", sets=[*SMALL, f"steer.method={method}"])
    trait, facts = load_trait(config.trait.name), inspect(config)
    run = RunFile(config=config, preset="", changes={}, axes=[], trait_hash=trait.hash, model_hash=facts.model_hash)
    controls = Controls(out.control, Live(config.heal.tau, config.heal.lam))
    for event in steer_heal_bake(run, out, controls, "preflight", past=past):
        append_line(out.events, encode(event))
        yield event  # type: ignore[misc]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, list[AnyEvent]]:
    """A run with a random vector that was cut off as it began to generate."""
    out, seen = RunDir(tmp_path_factory.mktemp("run")), []
    for event in events(out, "random"):
        seen.append(event)
        if event.stage == "generate":
            break
    return out, seen


def test_a_random_vector_is_matched_on_kl_and_the_events_say_the_kl(begun: tuple[RunDir, list[AnyEvent]]) -> None:
    probes = [e for e in begun[1] if isinstance(e, DoseProbed)]
    assert [p.kappa for p in probes[:2]] == [64.0, 0.05]
    assert all((p.kl <= 0.2) == p.accepted and p.probed == 0 and not isinstance(p.low, float) for p in probes)
    best = max((p for p in probes if p.accepted), key=lambda p: p.kappa)
    assert 0.19 <= best.kl <= 0.2
    assert accepted_dose(begun[0], 1) == best.kappa


def test_it_reads_as_it_was_measured(begun: tuple[RunDir, list[AnyEvent]]) -> None:
    first = next(e for e in begun[1] if isinstance(e, DoseProbed))
    assert "dose 64 rejected: KL p95 " in str(Narrator().line(first))
    assert "steer random at p95 KL 0.2 nats" in _key_config(resolve("nano-care", sets=[*SMALL, "steer.method=random"]))
    assert "KL" not in _key_config(resolve("nano-care")).split("steer ")[1]


def test_a_run_that_found_its_dose_goes_on_from_there(begun: tuple[RunDir, list[AnyEvent]]) -> None:
    out, seen = begun
    past = look_back(out, 1, 2)
    assert (past.place, past.remark) == (("generate", 1), "")
    append_line(out.events, encode(take_up(out, past)))
    dose = accepted_dose(out, 1)
    for event in events(out, "random", past):
        assert not isinstance(event, (DoseProbed, RunStarted))
        if isinstance(event, Kept):
            break
    assert dose == max(e.kappa for e in seen if isinstance(e, DoseProbed) and e.accepted)
    assert sum(event.kept.values()) >= 4  # type: ignore[union-attr]


def test_a_zero_vector_has_no_kl_and_takes_the_weakest_dose(tmp_path: Path) -> None:
    seen = []
    for event in events(RunDir(tmp_path), "zero"):
        seen.append(event)
        if event.stage == "generate":
            break
    (probe,) = (e for e in seen if isinstance(e, DoseProbed))
    assert (probe.kappa, probe.kl, probe.accepted) == (0.05, 0.0, True)
    assert any("norm 0 has no KL" in e.text for e in seen if isinstance(e, Note))
