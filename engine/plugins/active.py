"""The plugins of the run that this process works on: their files are executed once, and their functions called by name.

One process serves one run, so there is one set of them. What a function does wrong is told with its file and line."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from engine.contract.config import Config
from engine.contract.errors import CockpitError
from engine.contract.plugins import Plugin, check_names, sealed_plugins
from engine.plugins import MARK

_FUNCTIONS: dict[tuple[str, str], tuple[Plugin, Callable[..., Any]]] = {}


def activate(config: Config, folder: Path | None = None) -> None:
    """Execute the plugins of a config, from the copies in a run's folder where there is one, in the place of any before.

    Raises Refused for a text that was not sealed, BadInput for a name that nothing brings, CockpitError when a file raises."""
    plugins = sealed_plugins(config, folder)
    check_names(config, plugins)
    _FUNCTIONS.clear()
    for plugin in plugins:
        module = _execute(plugin)
        for kind, name in plugin.functions:
            function = getattr(module, name, None)
            if not callable(function) or getattr(function, MARK, "") != kind:
                raise CockpitError(
                    f"plugin {plugin.path}: {name} is not what its text says: it must be marked with engine.plugins.{kind} alone"
                )
            _FUNCTIONS[kind, name] = plugin, function


def call(kind: str, name: str, *arguments: Any) -> Any:
    """What a plugin's function gives. Raises CockpitError with FILE:LINE when it raises, or when no active plugin brings it."""
    if (kind, name) not in _FUNCTIONS:
        raise CockpitError(f"no plugin of this run brings a {kind} named {name!r}")
    plugin, function = _FUNCTIONS[kind, name]
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        raise _told(plugin, error, name) from None


def shape_fault(found: Any, shape: tuple[int, ...]) -> str:
    """What is wrong with a result that should be a finite tensor of a shape; '' when nothing."""
    if not isinstance(found, Tensor):
        return f"gave {type(found).__name__}, not a tensor"
    if tuple(found.shape) != shape:
        return f"gave a tensor of shape {list(found.shape)}, not {list(shape)}"
    return "" if bool(torch.isfinite(found.detach()).all()) else "gave a value that is not finite"


def _execute(plugin: Plugin) -> ModuleType:
    """The file as a module of its own, under a name that no package has."""
    module = ModuleType(f"cockpit_plugin_{Path(plugin.path).stem}")
    module.__file__ = plugin.path
    sys.modules[module.__name__] = module
    try:
        exec(compile(plugin.text, plugin.path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise _told(plugin, error, "") from None
    return module


def _told(plugin: Plugin, error: BaseException, name: str) -> BaseException:
    """A plugin's error as one line with its file and line; a lack of memory, and what the engine itself says, stay what they are."""
    if isinstance(error, (CockpitError, MemoryError)) or "out of memory" in str(error).lower():
        return error
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == plugin.path]
    where = f"{plugin.path}:{frames[-1].lineno}" if frames else plugin.path
    said = (str(error).splitlines() or [""])[0][:200]
    return CockpitError(f"plugin {where}, {name or 'as it is loaded'}: {type(error).__name__}: {said}")
