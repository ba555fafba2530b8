"""A script is sealed with its content, its arguments and its answers, and refused without them (K6, K7, K9)."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit.cli.main import run as cockpit
from cockpit.scripts import script as scripts
from engine.contract.answers import Answers, load_answers, parse_text
from engine.contract.errors import BadInput, Refused
from engine.contract.script import ScriptFile, blocks, check_script_seal, load_script, seal_script

from .conftest import ROOT

ANSWERED = ROOT / "examples/scripts/answers.toml"
TEXT = ANSWERED.read_text("utf-8")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a script in it, which is the working folder."""
    (tmp_path / "train.py").write_text("print('trained')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "train.py", *arguments]


def prior(script: ScriptFile, **more: Any) -> dict[str, Any]:
    return {
        "id": "20261121T000000-train-aaaa", "status": "success", "failed": False, "hypothesis": "another", "name": script.name,
        "config_hash": script.config_hash, "family_hash": script.family_hash,
    } | more  # fmt: skip


def test_k6_the_open_checklist_blocks_in_every_item() -> None:
    found = blocks(parse_text(scripts.template()), [], _any())
    assert {block.item for block in found} == {f"K{n}" for n in range(9)}


def test_k6_the_answered_example_blocks_nothing(place: Path) -> None:
    assert blocks(load_answers(ANSWERED), [], _any()) == []


@pytest.mark.parametrize(
    ("item", "old", "new"),
    [
        ("K0", 'unnecessary = "Perhaps Adam', 'unnecessary = "todo" #'),
        ("K1", 'type = "none"', 'type = "words"'),
        ("K4", 'direction = "none"', 'direction = ""'),
        ("K5", 'split = "val"\nunit', 'split = "train"\nunit'),
        ("K5", 'name = "accuracy"', 'name = "perplexity"'),
        ("K6", "threshold = 0.9", "threshold = nan"),
        ("K6", "confidence = 0.8", "confidence = 1.5"),
        ("K6", 'subject = "model"', 'subject = "healed"'),
        ("K7", 'comparator = "none"', 'comparator = ""'),
    ],
)
def test_k6_every_item_is_asked_of_a_script_too(item: str, old: str, new: str) -> None:
    assert old in TEXT
    assert item in {block.item for block in blocks(parse_text(TEXT.replace(old, new, 1)), [], _any())}


def test_k7_a_repeat_of_what_failed_needs_a_stated_difference() -> None:
    script, answers = _any(), load_answers(ANSWERED)
    failed = prior(script, status="nan", failed=True)
    assert [b.item for b in blocks(answers, [failed], script)] == ["K7"]
    said = parse_text(TEXT.replace('difference = ""', 'difference = "The labels were wrong then."'))
    assert blocks(said, [failed], script) == []
    assert blocks(answers, [prior(script, status="killed")], script) == []


def test_k6_the_same_hypothesis_with_a_changed_script_blocks_and_other_seeds_do_not() -> None:
    script, answers = _any(), load_answers(ANSWERED)
    asked = answers.question.hypothesis.upper()
    assert [b.item for b in blocks(answers, [prior(script, hypothesis=asked, family_hash="x")], script)] == ["K6"]
    assert blocks(answers, [prior(script, hypothesis=asked, config_hash="another seed")], script) == []


def test_k9_a_run_without_a_checklist_is_refused_with_how_to_make_one(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cockpit(["run", "--", *command()]) == 3
    assert "--new-preflight" in capfd.readouterr().err
    assert not (place / "runs").exists()
    assert cockpit(["run", "--new-preflight", "new.toml", "--", *command()]) == 0
    assert tomllib.loads((place / "new.toml").read_text())["prediction"]["subject"] == "model"
    assert cockpit(["run", "--new-preflight", "new.toml", "--", *command()]) == 2, "an answered file is not overwritten"
    assert cockpit(["run", "--preflight", "new.toml", "--", *command()]) == 3
    said = capfd.readouterr().err
    assert "K0: math.optimised is empty" in said
    assert said.endswith("(and 22 more: cockpit preflight check)\n")
    assert not (place / "runs").exists()


def test_a_scripts_checklist_is_checked_item_by_item_and_is_no_launchs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cockpit(["run", "--new-preflight", "new.toml", "--", *command()]) == 0
    assert cockpit(["preflight", "check", "new.toml"]) == 3
    said = capsys.readouterr().out
    assert "math.optimised is empty" in said
    assert "nano" not in said, "a script has no model of ours to be read against"
    assert "blocked: K0 to K8 to answer in new.toml" in said
    assert cockpit(["preflight", "check", str(ANSWERED)]) == 0
    assert f"ready: cockpit run --preflight {ANSWERED} -- CMD" in " ".join(capsys.readouterr().out.split())
    (place / "off.toml").write_text(TEXT.replace('comparator = "none"', 'comparator = "k3f9"'))
    assert cockpit(["preflight", "check", "off.toml", "--json"]) == 3
    assert [b["item"] for b in json.loads(capsys.readouterr().out)["blocks"]] == ["K7"]
    assert cockpit(["launch", "--preflight", str(ANSWERED)]) == 2
    assert "cockpit run --preflight" in capsys.readouterr().err
    assert not (place / "runs").exists()


def test_bad_commands_are_bad_input_before_anything_exists(place: Path) -> None:
    for wrong in (["no-such-program-4711"], [""], []):
        assert cockpit(["run", "--preflight", str(ANSWERED), "--", *wrong]) == 2
    assert cockpit(["run", "--preflight", str(ANSWERED), "--time-limit", "soon", "--", *command()]) == 2
    assert not (place / "runs").exists()


def test_the_seed_is_read_from_the_command_and_makes_no_other_family(place: Path) -> None:
    a, b = (scripts.describe(command("--lr", "1", "--seed", str(n))) for n in (1, 2))
    other = scripts.describe(command("--lr", "2", "--seed=1"))
    assert (a.seed, b.seed, other.seed) == (1, 2, 1)
    assert a.family_hash == b.family_hash != other.family_hash
    assert a.config_hash != b.config_hash
    assert scripts.describe(command()).seed is None


def test_the_script_is_found_behind_launchers_and_options(place: Path) -> None:
    (place / "config.yaml").write_text("")
    (place / "pkg").mkdir()
    (place / "pkg/__main__.py").write_text("")
    found = [
        scripts.script_file([sys.executable, "--config", "config.yaml", "train.py", "train.py"]),
        scripts.script_file([sys.executable, "-m", "pkg"]),
        scripts.script_file([sys.executable, "-c", "print()"]),
    ]
    assert found == [place / "train.py", place / "pkg/__main__.py", None]


def test_fault_27_what_is_kept_of_a_command_holds_no_argument(place: Path) -> None:
    script = scripts.describe(command("--token", "s3cr3t-value", "a-name", "--seed", "3"))
    kept = json.dumps(msgspec.to_builtins(script))
    assert "s3cr3t" not in kept
    assert "a-name" not in kept
    assert scripts.describe(command("--token", "other-value", "a-name", "--seed", "3")).argv_hash == script.argv_hash


def test_k9_the_seal_covers_script_arguments_and_answers() -> None:
    script = _any()
    record = seal_script(load_answers(ANSWERED), script, [], {})
    now = {"script_sha256": script.script_sha256, "argv_hash": script.argv_hash}
    assert check_script_seal(record, script, **now) == record["seal"]
    for changed in (now | {"script_sha256": "x"}, now | {"argv_hash": "x"}):
        with pytest.raises(Refused):
            check_script_seal(record, script, **changed)
    record["answers"]["prediction"]["threshold"] = 0.1
    with pytest.raises(Refused, match="changed after it was sealed"):
        check_script_seal(record, script, **now)
    with pytest.raises(Refused):
        check_script_seal(None, script, **now)


def test_a_described_script_reads_back_and_an_edited_one_is_told(tmp_path: Path) -> None:
    file, script = tmp_path / "config.json", _any()
    script.save(file)
    assert load_script(file) == script
    file.write_text(file.read_text().replace('"argv_hash": "a', '"argv_hash": "b'))
    with pytest.raises(BadInput, match="edited after launch"):
        load_script(file)
    file.write_text('{"config": {}}')
    assert load_script(file) is None


def _any() -> ScriptFile:
    return ScriptFile(
        name="train",
        program="python",
        script="train.py",
        script_sha256="c" * 64,
        argv_hash="a" * 64,
        family="f" * 64,
        arguments=1,
    )


def test_answers_of_a_launch_are_not_those_of_a_script() -> None:
    assert isinstance(load_answers(ANSWERED), Answers)
    launch = parse_text('preset = "nano-care"\n' + TEXT)
    assert [b.item for b in blocks(launch, [], _any())] == ["K0"]
