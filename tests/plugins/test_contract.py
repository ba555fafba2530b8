"""What a plugin file brings is told from its text: names, hashes, the run's identity, and what the checklist must say of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.preflight.smoke import smoke_config
from engine.contract import checks
from engine.contract.answers import load_answers
from engine.contract.config import Config
from engine.contract.errors import BadInput, Refused
from engine.contract.hashes import config_hash, family_hash
from engine.contract.plugins import KINDS, copy_plugins, read_plugin, sealed_plugins
from engine.contract.resolve import from_flat, resolve
from engine.contract.traits import load_trait
from journal.fields import _key_config
from tests.makings import EXAMPLE, FACTS

EXAMPLES = EXAMPLE.parents[1] / "plugins"
HEAD = "from engine.plugins import completion_filter\n\n\n"
FILTER = HEAD + "@completion_filter\ndef short(judged):\n    return len(judged.candidate.text) < 5\n"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "short.py"
    path.write_text(FILTER)
    return path


def with_filter(plugin: Path, *more: str) -> Config:
    return resolve("nano-care", sets=[f'run.plugins=["{plugin}"]', "keep.filters=short", *more])


@pytest.mark.parametrize(
    ("file", "kind", "name"),
    [
        ("median_diff.py", "vector_method", "median_diff"),
        ("top_quarter.py", "barrier_aggregate", "top_quarter"),
        ("no_echo.py", "completion_filter", "no_echo"),
        ("words.py", "evaluator", "words"),
    ],
)
def test_an_example_is_short_and_brings_one_function(file: str, kind: str, name: str) -> None:
    found = read_plugin(str(EXAMPLES / file))
    assert found.functions == ((kind, name),)
    assert len(found.text.splitlines()) <= 22
    settings = smoke_config("nano-care", [str(EXAMPLES / file)]).flat()
    assert name in (settings[KINDS[kind]] if isinstance(settings[KINDS[kind]], list) else [settings[KINDS[kind]]])


def test_reading_a_plugin_runs_none_of_it(tmp_path: Path) -> None:
    path = tmp_path / "loud.py"
    path.write_text(FILTER + f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    assert read_plugin(str(path)).functions == (("completion_filter", "short"),)
    assert not (tmp_path / "ran").exists()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, engine.contract.resolve, cockpit.preflight.plan; print('torch' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_the_files_content_is_part_of_the_runs_identity_and_its_place_is_not(plugin: Path, tmp_path: Path) -> None:
    first = with_filter(plugin)
    assert first.run.plugins_hash == (read_plugin(str(plugin)).hash,)
    elsewhere = tmp_path / "there" / "short.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text(FILTER)
    moved = with_filter(elsewhere)
    plugin.write_text(FILTER.replace("< 5", "< 6"))
    changed = with_filter(plugin)
    families = [family_hash(c, "t", "m") for c in (first, moved, changed)]
    assert families[0] == families[1] != families[2]
    assert config_hash(first, "t", "m") != config_hash(changed, "t", "m")
    assert from_flat(first.flat()) == first
    assert "plugins short.py (" + first.run.plugins_hash[0][:8] in _key_config(first)


def test_a_changed_file_is_refused_and_a_copy_is_the_text_that_was_sealed(plugin: Path, tmp_path: Path) -> None:
    config = with_filter(plugin)
    copy_plugins(sealed_plugins(config), tmp_path / "plugins")
    plugin.write_text(FILTER.replace("< 5", "< 6"))
    with pytest.raises(BadInput, match="another content"):
        with_filter(plugin, f'run.plugins_hash=["{config.run.plugins_hash[0]}"]')
    with pytest.raises(Refused, match="another content"):
        sealed_plugins(config)
    (kept,) = sealed_plugins(config, tmp_path / "plugins")
    assert kept.text == FILTER.encode()
    (tmp_path / "plugins" / "short.py").write_text(FILTER + "\n")
    with pytest.raises(Refused, match="another content"):
        sealed_plugins(config, tmp_path / "plugins")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["keep.filters=shrt"], r"keep\.filters: no completion filter named 'shrt'; did you mean short\?"),
        (["steer.method=short"], r"steer\.method: no vector method named 'short'"),
        (["heal.aggregate=rmsee"], r"heal\.aggregate: .*did you mean rmse\?"),
        (["evaluate.evaluators=short"], r"evaluate\.evaluators: no evaluator named 'short'"),
    ],
)
def test_names_are_strict(plugin: Path, sets: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        with_filter(plugin, *sets)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(:\n", r"bad\.py:1: is not Python"),
        ("x = 1\n", "no function at its top level is marked"),
        (HEAD + "@completion_filter\ndef tail_ppl(judged):\n    return 0\n", "already has the completion filter"),
        ("import engine.plugins as p\n\n\n@p.evaluator\ndef trait_rate(s, a):\n    return a\n", "already has the evaluator"),
        ("import engine.plugins as p\n\n\n@p.vector_method\ndef random(x):\n    return x\n", "already has the vector method"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_plugin_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(BadInput, match=said) as error:
        resolve("nano-care", sets=[f'run.plugins=["{path}"]'])
    assert "\n" not in str(error.value)
    with pytest.raises(BadInput, match="does not exist"):
        resolve("nano-care", sets=[f'run.plugins=["{path.with_name("none.py")}"]'])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import helper", r"own\.py:1: imports helper, a file beside it: its content would be no part of the run's identity"),
        ("from helper import x", "imports helper, a file beside it"),
        ("import parts.inner as x", r"imports parts\.inner, a file beside it"),
        ("from . import helper", r"imports \., a file beside it"),
        ("from .helper import x", r"imports \.helper, a file beside it"),
        ("import loose", r"imports loose, which lies in \S+elsewhere and not among the installed packages"),
    ],
)  # fmt: skip
def test_what_a_plugin_imports_must_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "elsewhere").mkdir()
    for name in ("helper.py", "parts/inner.py", "elsewhere/loose.py"):
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    path = tmp_path / "own.py"
    path.write_text(f"{line}\n{FILTER}")
    with pytest.raises(BadInput, match=said) as error:
        read_plugin(str(path))
    assert "\n" not in str(error.value)
    path.write_text(f"{FILTER}    {line}\n")  # within the function
    with pytest.raises(BadInput, match="imports "):
        read_plugin(str(path))


def test_packages_the_standard_library_and_the_engine_may_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    names = (
        "import math, json.decoder, numpy as np, torch.nn.functional, scipy.stats, engine.steer.keep, no_such_package\n"
    )
    (tmp_path / "engine").mkdir()  # a folder of that name beside it changes nothing
    path.write_text(names + FILTER)
    assert read_plugin(str(path)).functions == (("completion_filter", "short"),)


def test_a_users_code_must_be_named_in_the_checklist(plugin: Path) -> None:
    answers, config = load_answers(EXAMPLE), with_filter(plugin)
    blocks = [b for b in checks.model(answers, config, FACTS) if "short.py" in b.what]
    assert [b.item for b in blocks] == ["K2"]
    said = answers.architecture.model_copy(update={"answer": answers.architecture.answer + " short.py is mine."})
    named = answers.model_copy(update={"architecture": said})
    assert not [b for b in checks.model(named, config, FACTS) if "short.py" in b.what]


def test_an_evaluators_metric_can_be_predicted() -> None:
    words = resolve("nano-care", sets=[f'run.plugins=["{EXAMPLES / "words.py"}"]', "evaluate.evaluators=words"])
    answers = load_answers(EXAMPLE)
    asked = answers.model_copy(update={"prediction": answers.prediction.model_copy(update={"metric": "words"})})
    assert not [b for b in checks.prediction(asked, words) if "prediction.metric" in b.what]
    assert [b for b in checks.prediction(asked, resolve("nano-care")) if "prediction.metric" in b.what]


def test_a_trait_is_a_file_by_its_path_and_its_content_is_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "courage.toml"
    text = (EXAMPLES / "courage.toml").read_text()
    path.write_text(text)
    first = load_trait(str(path)).hash
    path.write_text(text.replace("brave", "bold"))
    assert load_trait(str(path)).hash != first == load_trait(str(EXAMPLES / "courage.toml")).hash
    with pytest.raises(BadInput, match="does not exist"):
        load_trait(str(tmp_path / "none.toml"))
