"""Annotations are checked when functions are called, array shapes among them: in tests and in fast-dev-run.

Whoever starts Python first asks for it, before any other module of the engine is imported: tests/conftest.py does, and
`python -m engine` where the environment says COCKPIT_TYPECHECK=1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

CONF = BeartypeConf(is_pep484_tower=True)
"""An int is good for a float, as it is to mypy."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function (or dataclass), refusing arguments and results that do not fit its annotations with TypeCheckError."""
    return beartype(conf=CONF)(function)


def check_engine() -> None:
    """Check every function of every engine module that is imported from now on."""
    install_import_hook("engine", f"{__name__}.{checked.__name__}")


def check_engine_if_asked() -> None:
    if os.environ.get("COCKPIT_TYPECHECK") == "1":
        check_engine()
