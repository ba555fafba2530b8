"""What a worker imports: not what transformers and bitsandbytes bring along for others (engine/model/imports.py)."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["engine.loop", "engine.heal.head"])
def test_scipy_and_the_compiler_stay_out_whichever_module_comes_first(module: str) -> None:
    code = f"import {module}, sys; print(*sorted({{'scipy', 'torch._inductor.graph'}} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
