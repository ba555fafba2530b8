"""What holds for every test: shapes are checked, nothing reaches the network, and nothing leaves the test's own folders.

Nothing here imports torch, so tests of the torch-free packages stay quick.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from engine.typecheck import check_engine

# Subprocesses inherit these. `python -m engine` checks its annotations where COCKPIT_TYPECHECK says so: fast-dev-run does, and what runs
# in this process is checked here; for the rest it would cost a quarter of their time.
os.environ.pop("COCKPIT_TYPECHECK", None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("COCKPIT_EVENTS", None)

# Two workers that each start a thread per core, and spin while they wait, are slower than one. torch reads these when it is
# first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

# Every function of the engine is checked against its annotations, array shapes among them, from here on.
check_engine()

# A test that passed passes again: examples are drawn from a fixed seed, and a busy machine breaks no deadline.
hypothesis.settings.register_profile("cockpit", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("cockpit")


@pytest.fixture(scope="session", autouse=True)
def own_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State, configuration and cache of the user (leases, model facts) lie in a temporary folder for the whole session."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("STATE", "CONFIG", "CACHE", "DATA"):
            patch.setenv(f"XDG_{kind}_HOME", str(folder / kind.lower()))
        yield folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --update-snapshots` stores what the screens show now as what is right."""
    parser.addoption("--update-snapshots", action="store_true", help="store what the screens show now")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, by name, what is marked gpu where there is no CUDA device."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in a background job: the programs under test would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
