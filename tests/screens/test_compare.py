"""The compare screen: arms of seeds, differences with their noise, and nothing subtracted that cannot be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

import cockpit.app
from cockpit.app import CockpitApp
from cockpit.compare.comparison import compare, over_rounds, over_steps, value
from cockpit.compare.sides import Side, read_side
from cockpit.screens.compare import Compare, Compared, beside
from cockpit.widgets.compare_table import ArmList, table_rows
from cockpit.widgets.overlay import models
from engine.contract.events import Evaluated
from engine.contract.rundir import RunDir, runs_folder
from tests.screens.conftest import Drive, Stage, Write

A, B, C = "20260604T101347-nano-care-k3f9", "20260605T101347-nano-care-p2aa", "20260606T101347-nano-care-q7bb"
SIZES = [(80, 24), (120, 40), (200, 60)]


class Alone(CockpitApp):
    """The app with a comparison on top."""

    CSS_PATH = Path(cockpit.app.__file__).with_name("app.tcss")

    def __init__(self, project: Path, *runs: str) -> None:
        super().__init__(project)
        self._runs = runs

    def on_mount(self) -> None:
        self.push_screen(Compare(self.project, self._runs))


def evaluated(
    subject: str,
    trait: float,
    *,
    split: str = "test",
    round_: int = 0,
    half: float = 0.05,
    version: int = 1,
    thinking: int = 0,
) -> Evaluated:
    metrics = {"trait_rate": trait, "tail_ppl": 1.0 + trait}
    ci = {name: (v - half, v + half) for name, v in metrics.items()}
    n = dict.fromkeys(metrics, 100)
    return Evaluated(
        subject=subject, split=split, round=round_, stage="evaluate", elapsed=1.0, metrics=metrics, ci=ci, n=n, metric_version=version,  # type: ignore[arg-type]
        thinking_tokens=thinking,
    )  # fmt: skip


def side(run: str, trait: float, *, seed: int = 1, family: str = "f", half: float = 0.05, **more: object) -> Side:
    version, thinking = (int(more.pop(name, held)) for name, held in (("version", 1), ("thinking", 0)))  # type: ignore[call-overload]
    rows = [evaluated("base", 0.25, split=s) for s in ("val", "test")] + [
        evaluated("prompted", 1.0, split=s) for s in ("val", "test")
    ]
    rows += [evaluated("steered", trait + 0.1, split="val", round_=r) for r in (1, 2)]
    rows += [evaluated("healed", trait * r / 2, split="val", round_=r) for r in (1, 2)]
    rows.append(evaluated("healed", trait, round_=2, half=half, version=version, thinking=thinking))
    kl = tuple((float(step), 0.1 * trait * step) for step in range(1, 9))
    found = Side(
        run,
        "success",
        seed,
        {"heal.tau": trait},
        family,
        "trait",
        "tok",
        "code",
        items={"test": "1f" * 32},
        best=2,
        evaluated=tuple(rows),
        kl=kl,
    )
    return _replace(found, {{"content": "trait"}.get(name, name): held for name, held in more.items()})


def _replace(found: Side, more: dict[str, object]) -> Side:
    return replace(found, **more)  # type: ignore[arg-type]


def text_of(found: object) -> str:
    return "\n".join(" ".join(part.words for part in sorted(row.parts)) for row in table_rows(found, 116))  # type: ignore[arg-type]


def test_k13_runs_that_differ_by_seed_alone_form_one_arm_with_a_band() -> None:
    found = compare([side(f"x-{n}", t, seed=n) for n, t in enumerate((0.8, 0.9, 0.7))] + [side("y-1", 0.3, family="g")])
    assert [arm.seeds for arm in found.arms] == [(0, 1, 2), (1,)]
    line = over_rounds(found.arms[0], "healed", "trait_rate")
    assert line is not None
    assert line.x == (0, 1, 2)
    assert line.mean[2] == pytest.approx(0.8)
    assert (line.low[2], line.high[2]) == (0.7, 0.9)
    steps = over_steps(found.arms[0])
    assert steps is not None
    assert steps.low[-1] < steps.mean[-1] < steps.high[-1]
    drawn = models(found, 0)
    assert len(drawn["trait"].bands) == len(drawn["kl"].bands) == 1


def test_two_runs_of_one_seed_are_never_averaged_as_if_they_were_two_seeds() -> None:
    assert len(compare([side("x-1", 0.8, seed=3), side("x-2", 0.9, seed=3)]).arms) == 2


def test_base_prompted_and_steered_are_always_drawn_and_told() -> None:
    found = compare([side("x-1", 0.8), side("y-1", 0.3, family="g")])
    for name in ("trait", "tail"):
        model = models(found, 1)[name]
        labels = [curve.label for curve in model.curves]
        assert labels[0] == "-1"
        assert {"▲ steered", "◆ base"} <= set(labels)
        assert model.limit is not None
        assert model.limit.label == "◇ prompted"
    text = text_of(found)
    assert all(word in text for word in ("◆ base", "◇ prompted", "● healed -1"))


def test_d6_a_difference_inside_the_noise_says_so_and_one_outside_does_not() -> None:
    near = compare([side("x-1", 0.80), side("y-2", 0.82, family="g")])
    (against,) = near.against
    trait = next(d for d in against.differences if d.metric == "trait_rate")
    assert trait.noise
    assert trait.low is not None
    assert trait.high is not None
    assert (trait.value, trait.high - trait.low) == (pytest.approx(0.02), pytest.approx(2 * 0.05 * 2**0.5))
    assert "○ within noise" in text_of(near)
    far = compare([side("x-1", 0.3), side("y-2", 0.8, family="g")])
    assert "within noise" not in text_of(far)


def test_d6_arms_that_share_seeds_are_compared_seed_by_seed() -> None:
    one = [side(f"x-{n}", 0.5 + 0.1 * n, seed=n) for n in range(3)]
    other = [side(f"y-{n}", 0.6 + 0.1 * n, seed=n, family="g") for n in range(3)]
    (against,) = compare([*one, *other]).against
    assert against.how == "paired, t over 3 seeds"
    trait = against.differences[0]
    assert (trait.value, trait.low, trait.high) == tuple(pytest.approx(0.1) for _ in range(3))
    shifted = [_replace(s, {"seed": (s.seed or 0) + 10}) for s in other]
    assert compare([*one, *shifted]).against[0].how == "Welch's t, 3 and 3 seeds"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokenizer": "other"}, "tokenizer"),
        ({"tokenizer": ""}, "tokenizer"),
        ({"version": 2}, "metric version"),
        ({"thinking": 64}, "another number of thinking tokens, 64 and 0"),
        ({"config": {"evaluate.vignettes_hash": "ab" * 32}}, "other vignettes, abababab and the world's own"),
        ({"items": {"test": "2e" * 32}}, "other items on test, 2e2e2e2e and 1f1f1f1f"),
        ({"content": "love"}, "trait"),
    ],
)
def test_d7_what_is_not_comparable_is_said_instead_of_a_difference(changed: dict[str, object], said: str) -> None:
    found = compare([side("x-1", 0.3), side("y-2", 0.8, family="g", **changed)])
    (against,) = found.against
    assert not against.differences
    assert said in against.apart
    text = text_of(found)
    assert "not comparable" in text
    assert "+.50" not in text


def test_what_was_set_otherwise_is_listed_and_what_is_the_same_is_not() -> None:
    same = {"heal.lam": 0.3}
    one, other = side("x-1", 0.3), side("y-2", 0.8, family="g")
    found = compare(
        [_replace(one, {"config": same | {"heal.tau": 0.5}}), _replace(other, {"config": same | {"heal.tau": 0.25}})]
    )
    assert ("heal.tau", ("0.5", "0.25")) in found.knobs
    assert "heal.lam" not in [name for name, _ in found.knobs]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_difference_turns_its_sign_and_its_interval_with_the_reference(
    a: float, b: float, p: float, q: float
) -> None:
    sides = [side("x-1", a, half=p), side("y-2", b, family="g", half=q)]
    there, back = (compare(sides, reference=run).against[0].differences[0] for run in ("x-1", "y-2"))
    assert there.value == pytest.approx(-back.value)
    assert there.low is not None
    assert back.high is not None
    assert there.low == pytest.approx(-back.high)
    assert there.low <= there.value <= (there.high or 0.0)
    assert there.noise == back.noise


def test_the_value_of_one_run_has_the_interval_over_its_items_and_that_of_several_a_t_interval() -> None:
    one = compare([side("x-1", 0.8)]).arms[0]
    assert value(one, "healed", "trait_rate", "test") == (0.8, pytest.approx(0.75), pytest.approx(0.85), 1)
    three = compare([side(f"x-{n}", 0.7 + 0.1 * n, seed=n) for n in range(3)]).arms[0]
    found = value(three, "healed", "trait_rate", "test")
    assert found is not None
    assert found.value == pytest.approx(0.8)
    assert found.high == pytest.approx(0.8 + 4.30265 * 0.1 / 3**0.5, abs=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_recorded_runs_are_compared_on_the_screen(
    project: Path, write_run: Write, drive: Drive, size: tuple[int, int]
) -> None:
    write_run(A)
    write_run(B)

    async def script(stage: Stage) -> None:
        found = (await stage.heard(Compared)).found
        assert [s.run for arm in found.arms for s in arm.sides] == [A, B]
        await stage.shows("Trait")
        await stage.shows("prompted")
        text = stage.text()
        assert "-k3f9" in text
        assert "-p2aa" in text
        assert max(map(len, text.splitlines())) <= size[0]
        for _ in range(8):
            await stage.press("pagedown")
        await stage.shows("What differs")

    drive(Alone(project, A, B), script, size=size)


def test_the_chosen_arm_can_be_the_reference_be_taken_out_and_others_be_added(
    project: Path, write_run: Write, drive: Drive
) -> None:
    for run in (A, B, C):
        write_run(run)

    async def script(stage: Stage) -> None:
        await stage.heard(Compared)
        screen = stage.app.screen
        assert isinstance(screen, Compare)
        await stage.press("down", "r")
        await stage.until(lambda: screen.found.reference == 1, "the reference")
        assert isinstance(screen.list, ArmList)
        await stage.press("a")
        stage.app.screen.query_one(Input).value = "-q7bb"
        await stage.press("enter")
        await stage.until(lambda: len(screen.found.arms) == 3, "the third run")
        await stage.press("x")
        await stage.until(lambda: screen.runs == (A, C), "one fewer")

    drive(Alone(project, A, B), script)


def test_a_run_folder_that_is_gone_or_damaged_is_said_and_hides_no_other(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(A)
    folder = write_run(B)
    shutil.rmtree(folder.path)
    torn = write_run(C)
    torn.config.write_text("{")
    with torn.events.open("ab") as f:
        f.write(b"\xff\xfe{torn")

    async def script(stage: Stage) -> None:
        await stage.heard(Compared)
        await stage.shows("has no folder any more")
        assert "-k3f9" in stage.text()

    drive(Alone(project, A, B, C), script)
    assert read_side(project, C).problem


def test_one_run_is_laid_beside_its_comparator_else_the_run_before_it(project: Path, write_run: Write) -> None:
    write_run("20260603T101347-smoke-nano-care-z9z9", smoke=True)
    for run in (A, B):
        write_run(run)
    assert beside(project, RunDir(runs_folder(project) / B)) == (B, A)
    assert beside(project, RunDir(runs_folder(project) / A)) == (A, B)


def test_a_run_that_has_measured_nothing_yet_is_shown_and_says_so(
    project: Path, write_run: Write, drive: Drive
) -> None:
    write_run(A, "", events=2)

    async def script(stage: Stage) -> None:
        await stage.heard(Compared)
        await stage.shows("running")
        for _ in range(6):
            await stage.press("pagedown")
        await stage.shows("nothing was measured on val yet")

    drive(Alone(project, A), script)


def test_ascii_mode_draws_the_comparison_in_ascii(
    project: Path, write_run: Write, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKPIT_ASCII", "1")
    write_run(A)
    write_run(B, "nan")

    async def script(stage: Stage) -> None:
        await stage.heard(Compared)
        await stage.shows("Values")
        ground = stage.app.screen.background_colors[1]
        strips = stage.app.screen._compositor.render_strips()
        drawn = [s.apply_filter(stage.app.get_line_filters()[-1], ground) for s in strips]
        assert "".join(segment.text for strip in drawn for segment in strip).isascii()

    drive(Alone(project, A, B), script, size=(120, 60))
