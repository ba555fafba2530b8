"""The five examples through the real loop on the embedded model, small: a trait, a vector method, an aggregate, a filter, an evaluator."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contract.errors import CockpitError, Refused
from engine.contract.events import AnyEvent, Evaluated, HealStep, RunFinished, VectorExtracted
from engine.contract.plugins import copy_plugins, sealed_plugins
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.model.facts import inspect
from engine.steer.vector import load_vector
from tests.makings import EXAMPLE

EXAMPLES = EXAMPLE.parents[1] / "plugins"
FILES = [str(EXAMPLES / f"{name}.py") for name in ("median_diff", "top_quarter", "no_echo", "words")]
SMALL = (
    "steer.contexts=16", "steer.probes=4", "steer.bisections=0", "generate.completions=16", "generate.prompts=16", "keep.min_kept=4",
    "keep.max_kept=12", "heal.epochs=1", "evaluate.prompts=4", "evaluate.test_prompts=4", "evaluate.vignettes=7", "evaluate.facts=4",
    "evaluate.bootstrap=100", "evaluate.probes=1", "run.rounds=1", "run.seed=1",
)  # fmt: skip


def run_loop(folder: Path, *sets: str, plugins: list[str], tamper: bool = False) -> list[AnyEvent]:
    """Every event of a run whose plugins were copied into its folder, as a launch does; `tamper` edits a copy before it starts."""
    folder.mkdir()
    config = resolve("nano-care", sets=[*SMALL, f"run.plugins={plugins}".replace("'", '"'), *sets])
    out = RunDir(folder)
    copy_plugins(sealed_plugins(config), out.plugins)
    if tamper:
        copy = next(out.plugins.glob("*.py"))
        copy.write_text(copy.read_text() + "\n# edited\n")
    trait, facts = load_trait(config.trait.name), inspect(config)
    run = RunFile(config=config, preset="", changes={}, axes=[], trait_hash=trait.hash, model_hash=facts.model_hash)
    run.save(out.config)
    controls = Controls(out.control, Live(config.heal.tau, config.heal.lam))
    return list(steer_heal_bake(run, out, controls, "preflight"))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, list[AnyEvent]]:
    folder = tmp_path_factory.mktemp("plugins") / "run"
    sets = [
        f"trait.name={EXAMPLES / 'courage.toml'}", "steer.method=median_diff", "heal.aggregate=top_quarter", "keep.filters=no_echo",
        "evaluate.evaluators=words",
    ]  # fmt: skip
    return RunDir(folder), run_loop(folder, *sets, plugins=FILES)


@pytest.mark.slow
def test_the_whole_loop_runs_on_all_five(ran: tuple[RunDir, list[AnyEvent]]) -> None:
    last = ran[1][-1]
    assert isinstance(last, RunFinished)
    assert last.status == "success"
    assert sorted(p.name for p in ran[0].plugins.iterdir()) == sorted(Path(f).name for f in FILES)


def test_the_vector_is_the_plugins_and_has_the_length_of_the_mean_difference(
    ran: tuple[RunDir, list[AnyEvent]],
) -> None:
    (extracted,) = (e for e in ran[1] if isinstance(e, VectorExtracted))
    assert extracted.method == "median_diff"
    assert load_vector(ran[0].round(1) / "vector.safetensors").norms == extracted.norm
    assert extracted.norm["4"] > 100
    assert {e.vector for e in ran[1] if isinstance(e, Evaluated)} == {"none", "median_diff"}


def test_the_barrier_acts_on_the_plugins_aggregate(ran: tuple[RunDir, list[AnyEvent]]) -> None:
    """The mean of the worst quarter lies between the mean and the largest."""
    steps = [e for e in ran[1] if isinstance(e, HealStep)]
    assert steps
    assert all(s.kl_mean - 1e-6 <= s.kl <= s.kl_max + 1e-6 for s in steps)
    assert any(s.kl not in (s.kl_mean, s.kl_rmse, s.kl_p95, s.kl_max) for s in steps)


def test_the_evaluator_is_a_metric_with_an_interval_and_a_paired_change(ran: tuple[RunDir, list[AnyEvent]]) -> None:
    rows = [e for e in ran[1] if isinstance(e, Evaluated)]
    assert all(3 < e.metrics["words"] < 60 for e in rows)
    assert all(e.ci["words"][0] <= e.metrics["words"] <= e.ci["words"][1] for e in rows)
    assert all("words" in e.change for e in rows if e.subject != "base")


def test_a_filter_drops_by_its_own_name(tmp_path: Path) -> None:
    picky = tmp_path / "picky.py"
    picky.write_text(
        "import engine.plugins as p\n\n\n@p.completion_filter\ndef picky(x):\n    return len(x.candidate.text) % 2 == 0\n"
    )
    with pytest.raises(CockpitError, match=r"dropped: .*picky \d"):
        run_loop(tmp_path / "run", "keep.filters=picky", "keep.min_kept=90", plugins=[str(picky)])


def test_a_plugin_that_raises_fails_the_run_with_its_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import engine.plugins as p\n\n\n@p.vector_method\ndef broken(pairs):\n    return pairs.positve\n"
    )
    with pytest.raises(CockpitError, match=r"broken\.py:6, broken: AttributeError"):
        run_loop(tmp_path / "run", "steer.method=broken", plugins=[str(broken)])
    with pytest.raises(Refused, match="another content"):
        run_loop(tmp_path / "other", "steer.method=broken", plugins=[str(broken)], tamper=True)
