"""A run with the user's own code that was interrupted goes on with the copies in its folder, to the bit, and with no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.contract.config import Config
from engine.contract.errors import Refused
from engine.contract.events import EpochFinished, Kept
from engine.contract.plugins import copy_plugins, sealed_plugins
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from tests.engine.test_resume import SETS, attempt, files, told
from tests.makings import EXAMPLE

pytestmark = pytest.mark.slow

EXAMPLES = EXAMPLE.parents[1] / "plugins"
NAMES = ("median_diff", "top_quarter", "no_echo", "words")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A small run on all four, whose files lie where a researcher would edit them."""
    (tmp_path / "own").mkdir()
    paths = [shutil.copy(EXAMPLES / f"{name}.py", tmp_path / "own") for name in NAMES]
    own = [
        "steer.method=median_diff", "heal.aggregate=top_quarter", "keep.filters=no_echo", "evaluate.evaluators=words",
        "keep.enabled=true", "keep.max_tail_ppl=1e6", "keep.max_worst_ppl=1e6", "run.rounds=1",
    ]  # fmt: skip
    return resolve("nano-care", sets=[*SETS, *own, f"run.plugins={paths}".replace("'", '"')])


def begun(folder: Path, config: Config) -> RunDir:
    """A run's folder with the copies, as a launch leaves it."""
    out = RunDir(folder)
    folder.mkdir()
    copy_plugins(sealed_plugins(config), out.plugins)
    return out


def test_it_ends_as_the_uninterrupted_one_whatever_became_of_the_files(tmp_path: Path, config: Config) -> None:
    whole, out = (begun(tmp_path / name, config) for name in ("whole", "out"))
    assert attempt(whole, config, 1)
    assert not attempt(out, config, 1, until=Kept)
    for path in map(Path, config.run.plugins):
        path.write_text("raise ValueError('it was edited while the run was down')\n")
    assert not attempt(out, config, 2, until=EpochFinished)
    assert attempt(out, config, 3)
    assert told(out) == told(whole)
    assert files(out) == files(whole)
    assert out.completions.read_bytes() == whole.completions.read_bytes()


def test_a_copy_that_was_edited_while_the_run_was_down_ends_it_before_anything_is_run(
    tmp_path: Path, config: Config
) -> None:
    out = begun(tmp_path / "out", config)
    assert not attempt(out, config, 1, until=EpochFinished)
    copy = out.plugins / "words.py"
    copy.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{copy.read_text()}")
    with pytest.raises(Refused, match=r"words\.py has another content"):
        attempt(out, config, 2)
    assert not (tmp_path / "ran").exists()
