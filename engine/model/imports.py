"""Imports of transformers and bitsandbytes without what they bring along and nobody here calls.

transformers imports scipy.optimize for the losses of object detection; bitsandbytes compiles its fallback kernels when it is imported,
which brings in the whole of torch.compile. Without them `import engine.loop` takes 5.9 s of a busy core in place of 6.8."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest.mock import patch

import torch
import transformers.utils


def _uncompiled(function: Any = None, **_options: Any) -> Any:
    return function if function is not None else lambda later: later


with patch.object(transformers.utils, "is_scipy_available", return_value=False):
    import transformers.modeling_utils

with patch.object(torch, "compile", _uncompiled), contextlib.suppress(ImportError):
    import bitsandbytes  # noqa: F401
