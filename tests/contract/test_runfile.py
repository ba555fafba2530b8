"""config.json keeps the identity it was launched with, whatever knobs later versions have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.contract.errors import BadInput
from engine.contract.files import read_json, write_json
from engine.contract.hashes import config_hash
from engine.contract.resolve import resolve
from engine.contract.runfile import RunFile, load_runfile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    run = RunFile(
        config=resolve("nano-care"), preset="nano-care", changes={}, axes=[], trait_hash="t" * 64, model_hash="c" * 64
    )
    run.save(tmp_path / "config.json")
    return tmp_path / "config.json"


def rewrite(path: Path, config: dict[str, Any], claimed: str = "") -> str:
    table = read_json(path) | {"config": config}
    table["config_hash"] = claimed or config_hash(config, table["trait_hash"], table["model_hash"])
    write_json(path, table)
    return str(table["config_hash"])


def test_the_run_of_a_version_with_other_knobs_is_read_and_keeps_its_identity(path: Path) -> None:
    config = read_json(path)["config"]
    del config["heal"]["beta2"]  # a knob that came later
    config["heal"]["sharpness"] = 2.0  # a knob that went
    config["ghost"] = {"knob": 1}
    claimed = rewrite(path, config)
    run = load_runfile(path)
    assert run.config_hash == claimed
    assert run.unknown == ["heal.sharpness", "ghost.knob"]
    assert run.config == resolve("nano-care")
    assert run.family_hash != _plain(run).family_hash


def test_an_edited_config_is_still_refused(path: Path) -> None:
    config = read_json(path)["config"]
    config["heal"]["tau"] = 9.0
    rewrite(path, config, claimed=read_json(path)["config_hash"])
    with pytest.raises(BadInput, match="edited after launch"):
        load_runfile(path)


@pytest.mark.parametrize("config", [None, [], {"heal": 3}, {"heal": {"tau": float("nan")}}])
def test_what_is_no_config_is_said_in_one_line(config: Any, path: Path) -> None:
    path.write_text(json.dumps(read_json(path) | {"config": config}))
    with pytest.raises(BadInput, match="is not a run's config"):
        load_runfile(path)


def _plain(run: RunFile) -> RunFile:
    return RunFile(
        config=run.config, preset="", changes={}, axes=[], trait_hash=run.trait_hash, model_hash=run.model_hash
    )
