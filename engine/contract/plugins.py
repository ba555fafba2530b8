"""The user's own Python files: which functions they bring, told from their text alone, and their hashes in the config.

A file is read here and never run; only the engine runs it (engine/plugins). It is one file: what it imports comes from installed packages
or the standard library, so that its own text is all of the researcher's code that the hash has to cover. Each kind of function goes by its
own name into one setting:

    vector_method -> steer.method        barrier_aggregate -> heal.aggregate
    completion_filter -> keep.filters    evaluator -> evaluate.evaluators
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from engine.contract.config import AGGREGATES, CONTROLS, METHODS, REASONS, Config
from engine.contract.errors import BadInput, Refused
from engine.contract.files import write_atomic
from engine.contract.hashes import sha256
from engine.contract.metrics import METRICS
from engine.contract.spelling import nearest

KINDS = {
    "vector_method": "steer.method",
    "barrier_aggregate": "heal.aggregate",
    "completion_filter": "keep.filters",
    "evaluator": "evaluate.evaluators",
}
"""The decorators, and the setting that names what they mark."""
_SHIPPED = {
    "vector_method": (*METHODS, *CONTROLS),
    "barrier_aggregate": AGGREGATES,
    "completion_filter": (),
    "evaluator": (),
}
_TAKEN = {
    "vector_method": ("none", "sum"),
    "barrier_aggregate": (),
    "completion_filter": REASONS,
    "evaluator": METRICS,
}
"""Names that mean something else where the function's own would stand: in a vector, a drop's reason, a metric."""
_OURS = ("engine", "journal", "cockpit")
_PACKAGES = {"site-packages", "dist-packages"}
_WORDS = {
    "vector_method": "vector method",
    "barrier_aggregate": "barrier aggregate",
    "completion_filter": "completion filter",
    "evaluator": "evaluator",
}


class Plugin(NamedTuple):
    """A file as the config names it, its text, the sha256 of that, and the (kind, name) of every function that it brings."""

    path: str
    text: bytes
    hash: str
    functions: tuple[tuple[str, str], ...]


def read_plugin(path: str, file: Path | None = None, told: str = "") -> Plugin:
    """What a plugin file brings; `file` is where its text lies, if not at `path`, `told` the hash that it must have, if any.

    Raises BadInput with FILE:LINE and what to do."""
    place = file or Path(path)
    try:
        text = place.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"plugin {place} does not exist") from None
    except OSError as error:
        raise BadInput(f"plugin {place} cannot be read: {error.strerror}") from None
    if told and sha256(text) != told:
        raise BadInput(
            f"plugin {place} has another content (sha256 {sha256(text)[:8]}) than run.plugins_hash says ({told[:8]}): "
            "put the file back, or leave the hash out and answer for what it does now"
        )
    try:
        body = ast.parse(text, path).body
    except (SyntaxError, ValueError) as error:
        raise BadInput(f"plugin {path}:{getattr(error, 'lineno', 0) or 0}: is not Python: {error.args[0]}") from None
    for line, name in _imports(body):
        if why := _not_installed(name, Path(path).parent):
            raise BadInput(
                f"plugin {path}:{line}: imports {name}, {why}: its content would be no part of the run's identity; "
                "write it into the plugin's file, or install it as a package"
            )
    found = tuple((kind, n.name) for n in body if isinstance(n, ast.FunctionDef) for kind in _marks(n))
    if not found:
        raise BadInput(f"plugin {path}: no function at its top level is marked with @{', @'.join(KINDS)}")
    return Plugin(path, text, sha256(text), found)


def _imports(body: Sequence[ast.stmt]) -> Iterable[tuple[int, str]]:
    """(line, module) of every import statement of a file, within functions too; a relative one begins with its dots."""
    for node in (n for statement in body for n in ast.walk(statement)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def _not_installed(name: str, folder: Path) -> str:
    """Why a module is neither of the standard library nor of an installed package, '' when it is, or when there is none of that name."""
    top = name.partition(".")[0]
    if not top:
        return "a file beside it"
    if top in sys.stdlib_module_names or top in _OURS:
        return ""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return "a file beside it" if (folder / f"{top}.py").is_file() or (folder / top).is_dir() else ""
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
    loose = [p for p in places if not _PACKAGES & set(Path(p).parts)]
    return f"which lies in {Path(loose[0]).parent} and not among the installed packages" if loose else ""


def _marks(function: ast.FunctionDef) -> Iterable[str]:
    """The kinds that a function's decorators mark it as."""
    for mark in function.decorator_list:
        name = mark.id if isinstance(mark, ast.Name) else mark.attr if isinstance(mark, ast.Attribute) else ""
        if name in KINDS:
            yield name


def with_plugins(config: Config) -> Config:
    """The config with the hashes of the plugin files that it names, which make their content part of the run's identity.

    Raises BadInput for a file that is not the one of a hash that is given, and for a name that nothing brings."""
    paths, told = config.run.plugins, config.run.plugins_hash
    if told and len(told) != len(paths):
        raise BadInput(f"run.plugins names {len(paths)} files and run.plugins_hash {len(told)}; leave the hashes out")
    found = [read_plugin(path, told=hash_) for path, hash_ in zip(paths, told or [""] * len(paths), strict=True)]
    check_names(config, found)
    run = config.run.model_copy(update={"plugins_hash": tuple(p.hash for p in found)})
    return config.model_copy(update={"run": run}) if paths else config


def check_names(config: Config, found: Sequence[Plugin]) -> None:
    """Raises BadInput for a name that is neither shipped nor brought by a plugin, with the nearest, and for one that is brought twice."""
    files = [Path(p.path).name for p in found]
    if twice := next((name for name in files if files.count(name) > 1), ""):
        raise BadInput(f"run.plugins names two files called {twice}; rename one")
    brought: dict[tuple[str, str], str] = {}
    for plugin in found:
        for kind, name in plugin.functions:
            other = brought.get((kind, name)) or ("the cockpit" if name in (*_SHIPPED[kind], *_TAKEN[kind]) else "")
            if other:
                raise BadInput(f"plugin {plugin.path}: {other} already has the {_WORDS[kind]} {name!r}; rename it")
            brought[kind, name] = f"plugin {plugin.path}"
    flat = config.flat()
    for kind, knob in KINDS.items():
        known = [*_SHIPPED[kind], *(name for k, name in brought if k == kind)]
        for name in [flat[knob]] if isinstance(flat[knob], str) else flat[knob]:
            if name not in known:
                some = f"known are {', '.join(known)}" if known else "no plugin brings one: --plugin FILE.py"
                raise BadInput(f"{knob}: no {_WORDS[kind]} named {name!r}{nearest(name, known)} ({some})")


def copy_plugins(found: Iterable[Plugin], folder: Path) -> None:
    """Copy plugin files into a run's folder: resuming and forking use this very text."""
    for plugin in found:
        folder.mkdir(exist_ok=True)
        write_atomic(folder / Path(plugin.path).name, plugin.text)


def sealed_plugins(config: Config, folder: Path | None = None) -> list[Plugin]:
    """The plugins of a resolved config, from the copies in a run's folder, or from where the config names them when there is no run.

    Raises Refused when a text is not the one that was sealed."""
    paths, told = config.run.plugins, config.run.plugins_hash
    if len(paths) != len(told):
        raise Refused("run.plugins was not resolved: its files have no hashes")
    try:
        return [
            read_plugin(path, folder / Path(path).name if folder is not None else None, hash_)
            for path, hash_ in zip(paths, told, strict=True)
        ]
    except BadInput as error:
        raise Refused(str(error)) from None
