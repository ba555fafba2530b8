"""A wrong key, value or preset is refused in one line that names it and the nearest right one (FAULTS 25, 28, 44)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.config import Config
from engine.contract.control import make_request
from engine.contract.errors import BadInput
from engine.contract.resolve import KNOBS, preset_names, resolve
from engine.contract.rundir import check_name, find_run


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("heal.tua=1", "heal.tau"),
        ("heel.tau=1", "heal.tau"),
        ("tau=1", "section.name=value"),
        ("heal.tau", "section.name=value"),
        ("heal.tau=-1", "heal.tau"),
        ("heal.tau='high'", "heal.tau"),
        ("heal.divergence=kl_rve", "heal.divergence"),
        ("run.rounds=1.5", "run.rounds"),
        ("heal.tau=nan", "heal.tau"),
        ("heal.lam=inf", "heal.lam"),
        ("heal.alpha=inf", "heal.alpha"),
        ("generate.doses=[nan]", "generate.doses"),
        ("run.time_limit=inf", "run.time_limit"),
    ],
)
def test_a_wrong_setting_is_named_with_the_nearest_right_one(setting: str, names: str) -> None:
    with pytest.raises(BadInput) as error:
        resolve("nano-care", sets=[setting])
    assert names in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=60))
def test_no_setting_text_escapes_as_another_error(text: str) -> None:
    with contextlib.suppress(BadInput):
        resolve(sets=[text])


def test_an_unknown_preset_names_its_neighbour_and_all_presets() -> None:
    with pytest.raises(BadInput, match=r"nano-car.*did you mean nano-care\?") as error:
        resolve("nano-car")
    assert all(name in str(error.value) for name in preset_names())


def test_a_config_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b"[heal\n\xff")
    with pytest.raises(BadInput, match=r"own\.toml"):
        resolve("nano-care", file=file)
    with pytest.raises(BadInput, match="does not exist"):
        resolve("nano-care", file=tmp_path / "none.toml")


def test_settings_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[heal]\ntau = 1\nlam = 2\n")
    config = resolve("nano-care", file=file, sets=["heal.tau=3"])
    assert (config.heal.tau, config.heal.lam) == (3.0, 2.0)


def test_every_knob_has_a_description() -> None:
    for section, field in Config.model_fields.items():
        for name, knob in type(field.default).model_fields.items():
            assert knob.description, f"{section}.{name}"
    assert len(KNOBS) == len(set(KNOBS))


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "", "a b", "x\x00", "..", "a..b", "-x"])
def test_a_run_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        check_name(name)


def test_a_symlinked_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs/20260101T000000-real-aaaa").mkdir(parents=True)
    (tmp_path / "runs/link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="symbolic link"):
        find_run(tmp_path, "link")


@pytest.mark.parametrize(
    "setting", ["heal.tau=-1", "heal.tau=nan", "heal.lam=101", "heal.tau=", "heal.lr=1", "run.seed=3"]
)
def test_a_live_value_out_of_bounds_is_refused(setting: str) -> None:
    with pytest.raises(BadInput):
        make_request("set", "test", setting=setting)
