"""`cockpit probe`: records as tables, and what it refuses to probe; tests/probe has it on a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from cockpit.report.probes import figure, layer_table, probe_table
from engine.contract.probed import ProbeRecord

from .conftest import Cli

RECORDS = [
    ProbeRecord(probe="frozen", verdict="1 of 4 is [bold]frozen", value=1.0, healthy=(0.0, 0.0), unit="matrices"),
    ProbeRecord(probe="gradient_norm", verdict="fine", value=0.5, healthy=(0.01, 10.0), per_layer={"m.10": 0.25, "m.2": 0.5}),
    ProbeRecord(probe="update_ratio", verdict="not finite", healthy=(1e-5, 1e-2), per_layer={"m.2.q": 1e-3, "m.2.v": 3e-3}),
]  # fmt: skip


def drawn(table: Table | None) -> list[str]:
    assert table is not None
    out = io.StringIO()
    Console(file=out, width=100, highlight=False).print(table)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_a_probe_without_a_value_is_never_shown_as_healthy() -> None:
    assert drawn(probe_table(RECORDS)) == [
        "probe value unit healthy verdict",
        "✗ frozen 1 matrices 0 to 0 1 of 4 is [bold]frozen",
        "✓ gradient norm 0.5 0.01 to 10 fine",
        "– update ratio – 1.0e-05 to 0.01 not finite",
    ]


def test_blocks_stand_in_their_order_with_the_median_of_their_matrices() -> None:
    assert drawn(layer_table(RECORDS)) == [
        "block gradient norm update ratio",
        "m.2 0.5 2.0e-03",
        "m.10 0.25 –",
    ]
    assert layer_table(RECORDS[:1]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.04418, "0.0442"), (7.742, "7.74"), (512.0, "512"), (1234.5, "1,234"), (4.9e-9, "4.9e-09")]
)  # fmt: skip
def test_a_figure_has_three_significant_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_run_and_settings_at_once_are_refused(cli: Cli) -> None:
    done = cli("probe", "k3f9", "--preset", "nano-care")
    assert done.returncode == 2
    assert done.stderr == "probe either a run or settings: leave out RUN and --round, or --preset, --config and --set\n"
