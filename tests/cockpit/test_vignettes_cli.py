"""`--vignettes FILE.jsonl`: the field's format through the real command line, measured beside people, sealed by its content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.contract.config import Evaluate
from engine.contract.errors import Refused
from engine.contract.resolve import resolve
from engine.contract.traits import load_trait
from engine.contract.vignettes import PUBLISHED
from engine.evaluate.splits import check_splits, splits
from engine.evaluate.worlds import load_world

from .conftest import TINY, Cli

REAL = ["model.id=random:qwen3", "model.device=cpu", "model.dtype=fp32"]


def write(path: Path, word: str = "did") -> Path:
    """42 rows as the field writes them, people undecided between the named foundation and care."""
    rows = []
    for n in range(42):
        name = list(PUBLISHED.values())[n % 7]
        people = {f"human_{f}": 0.0 for f in PUBLISHED.values()} | {"human_Care": 0.01 * n, f"human_{name}": 0.5}
        text = f"You see a man who {word} thing number {n} to a stranger."
        rows.append({"id": n, "text": text, "foundation_coarse": name, "wrong": 1 + n % 4, **people})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.mark.slow
def test_a_ladder_over_a_published_file_reports_agreement_with_people(tmp_path: Path, cli: Cli) -> None:
    write(tmp_path / "published.jsonl")
    sets = [part for setting in (*TINY, *REAL) for part in ("--set", setting)]
    arguments = ["ladder", "--preset", "gemma-3-1b", *sets, "--doses", "1", "--vignettes", "published.jsonl"]
    done = cli(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    base, prompted, steered = map(json.loads, done.stdout.splitlines())
    for event in (base, prompted, steered):
        assert event["n"]["human_agreement"] == 21  # val is half of the file
        assert -1.0 <= event["metrics"]["human_rho"] <= 1.0
        assert event["n"]["human_care_rho"] == 21
        assert set(event["ci"]) >= {"human_care_rho", "human_agreement", "care_clr", "unscorable"}
    assert "selectivity" not in base["metrics"]
    assert "selectivity" in prompted["metrics"]
    assert "selectivity" in steered["ci"]
    assert steered["change"]["care_clr"] != 0.0
    assert steered["change"]["first_person_care_nats"] != 0.0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["launch", "--preset", "gemma-3-1b", "--vignettes", "bad.jsonl"], "bad.jsonl:2: foundation_coarse 'Kindness'"),
        (["ladder", "--preset", "gemma-3-1b", "--vignettes", "none.jsonl"], "none.jsonl does not exist"),
        (["ladder", "--preset", "nano-care", "--vignettes", "good.jsonl"], "use a trait such as english-care"),
    ],
)
def test_a_file_that_will_not_do_is_refused_in_one_line(
    arguments: list[str], says: str, tmp_path: Path, cli: Cli
) -> None:
    good = write(tmp_path / "good.jsonl").read_text("utf-8")
    (tmp_path / "bad.jsonl").write_text(
        good.replace('"foundation_coarse": "Fairness"', '"foundation_coarse": "Kindness"')
    )
    done = cli(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.strip().splitlines()[-1]
    assert done.stdout == ""


def test_the_seal_names_the_content_and_not_the_ids_alone(tmp_path: Path) -> None:
    trait, file = load_trait("english-care"), tmp_path / "v.jsonl"

    def evaluate() -> Evaluate:
        return resolve("gemma-3-1b", sets=[f"evaluate.vignettes_file={file}"]).evaluate

    write(file)
    first = evaluate()
    sealed = {
        "evidence": {
            "splits": {n: {"hash": s.hash, "id": s.id, "items": s.items} for n, s in splits(trait, first).items()}
        }
    }
    check_splits(sealed, trait, first)
    with pytest.raises(Refused, match="the val split changed since the seal"):
        check_splits(sealed, trait)  # the world's own vignettes
    write(file, "undid")
    with pytest.raises(Refused, match="not the file that the config was resolved with"):
        load_world(trait, first)
    with pytest.raises(Refused, match="the val split changed since the seal"):
        check_splits(sealed, trait, evaluate())
