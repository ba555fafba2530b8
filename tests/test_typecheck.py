"""The engine's annotations are checked at every call in this test run, and in the processes that it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''
"""Adds."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def add(a: Float[np.ndarray, "b t"], b: Float[np.ndarray, "b t"]) -> Float[np.ndarray, "b t"]:
    return a + b


def double(x: float) -> float:
    return x * 2
'''

SCRIPT = """
import sys
from pathlib import Path

import engine
from engine.typecheck import check_engine_if_asked

check_engine_if_asked()
engine.__path__.append(sys.argv[1])
import numpy as np
from engine import sample

assert sample.double(1) == 2, "an int is a float"
print(sample.add(np.zeros((1, 3)), np.zeros((2, 3))).shape)
"""


@pytest.mark.parametrize("asked", ["0", "1"])
def test_shapes_that_do_not_fit_are_refused_only_where_asked(tmp_path: Path, asked: str) -> None:
    (tmp_path / "sample.py").write_text(MODULE)
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"COCKPIT_TYPECHECK": asked},
        capture_output=True,
        text=True,
        timeout=240,
    )
    if asked == "1":
        assert "TypeCheckError" in child.stderr
        assert child.returncode == 1
    else:
        assert child.stdout == "(2, 3)\n", child.stderr


def test_this_process_checks_the_engine() -> None:
    from engine.contract import stats

    with pytest.raises(Exception, match="Type-check error"):
        stats.wilson("three", "ten")  # type: ignore[arg-type]
