"""Who may load what, and whether everything that the packages need is packaged."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("cockpit", "engine", "journal")
HEAVY = {"torch", "transformers", "peft", "bitsandbytes", "accelerate"}

IMPORT_ALL = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def folder(package: str) -> Path:
    return ROOT / package.replace(".", "/")


def modules(package: str) -> list[str]:
    """Every module of a package by its dotted name, `__main__` aside."""
    files = [path.relative_to(ROOT).with_suffix("") for path in sorted(folder(package).rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in files if path.name != "__main__"]


TORCH_FREE = [name for name in ("cockpit", "journal", "engine.contract", "engine.diagnosis") if modules(name)]


def loaded_by(names: list[str]) -> set[str]:
    """The names in sys.modules of a fresh interpreter once it has imported `names`."""
    child = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert child.returncode == 0, child.stderr
    return set(json.loads(child.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", TORCH_FREE)
def test_no_module_loads_torch_even_indirectly(package: str) -> None:
    names = modules(package)
    loaded = loaded_by(names)
    assert set(names) <= loaded
    assert not loaded & HEAVY, f"{package} loads {sorted(loaded & HEAVY)}: move it behind `python -m engine`"


def test_torch_is_seen_where_it_is_loaded() -> None:
    assert "torch" in loaded_by(["safetensors.torch"])


def test_engine_package_itself_is_empty() -> None:
    assert (ROOT / "engine/__init__.py").read_text() == ""


def test_import_contracts_name_every_torch_free_package() -> None:
    contracts = {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    named = contracts["what draws or reads a run never loads torch"]["source_modules"]
    assert set(named) == set(TORCH_FREE)


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for package in PACKAGES for path in folder(package).rglob("*.py")}
    missing = [str(place.relative_to(ROOT)) for place in folders if not (place / "__init__.py").exists()]
    assert not missing, f"no __init__.py, so setuptools and the import contracts overlook them: {missing}"


def test_every_data_file_is_packaged() -> None:
    patterns = [pattern.removeprefix("**/") for pattern in PROJECT["tool"]["setuptools"]["package-data"]["*"]]
    files = [path for package in PACKAGES for path in folder(package).rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in {".py", ".pyc"}]
    left_out = [str(path.relative_to(ROOT)) for path in data if not any(fnmatch(path.name, p) for p in patterns)]
    assert not left_out, f"add them to [tool.setuptools.package-data]: {left_out}"
