"""The doctor's findings as lines, the presets against the machine, and estimates against measures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cockpit.doctor.finding import Finding
from cockpit.doctor.measured import Held
from engine.contract.doctor import Fit
from journal.text import duration, plain

_MARKS = {"fine": ("✓", "green"), "note": ("!", "yellow"), "broken": ("✗", "bold red")}


def finding_lines(found: Sequence[Finding]) -> list[Text]:
    """One line a finding, and what to do under those that are not fine."""
    lines = []
    width = max((len(f.subject) for f in found), default=0)
    for finding in found:
        mark, style = _MARKS[finding.state]
        lines.append(Text.assemble((mark, style), f" {finding.subject:<{width}}  ", plain(finding.what, 300)))
        if finding.mend:
            lines.append(Text(f"  {'':<{width}}  {plain(finding.mend, 300)}", style="dim"))
    return lines


def preset_table(fits: Sequence[Fit]) -> Table:
    """Presets that start here first, the quickest first."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    for name in ("preset", "model"):
        table.add_column(name)
    for name in ("parameters", "needs", "of", "whole run"):
        table.add_column(name, justify="right")
    table.add_column("")
    for fit in sorted(fits, key=lambda f: (not f.fits, f.seconds)):
        known = bool(fit.parameters)
        table.add_row(
            fit.preset,
            plain(fit.model, 40),
            count(fit.parameters) if known else "–",
            f"{fit.needs / 2**30:.1f} GiB" if known else "–",
            f"{fit.room / 2**30:.0f} GiB",
            f"~{duration(fit.seconds)}" if known else "–",
            _verdict(fit),
        )
    return table


def stage_table(fit: Fit, price: float) -> Table:
    """A preset's stages: seconds over the whole run, the peak of each, and what it costs at `price` an hour."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    table.add_column("stage")
    for name in ("time", "peak", "cost"):
        table.add_column(name, justify="right")
    hours = {stage: seconds / 3600 for stage, seconds in fit.stage_seconds.items()}
    for stage, seconds in fit.stage_seconds.items():
        peak = f"{fit.stage_memory[stage] / 2**30:.1f} GiB"
        table.add_row(stage, f"~{duration(seconds)}", peak, f"{hours[stage] * price:.2f}")
    table.add_row(
        "whole run",
        f"~{duration(fit.seconds)}",
        f"{fit.needs / 2**30:.1f} GiB",
        f"{sum(hours.values()) * price:.2f}",
        style="bold",
    )
    return table


def count(parameters: int) -> str:
    """1.7 M, 4.3 B."""
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"


def held_table(held: Sequence[Held]) -> Table:
    """Estimate, measure and their ratio."""
    table = Table(box=None, pad_edge=False, header_style="dim", collapse_padding=True)
    table.add_column("run")
    for name in ("estimated", "took", "ratio", "estimated", "peak", "ratio"):
        table.add_column(name, justify="right")
    for run in held:
        table.add_row(
            run.run,
            duration(run.seconds_guess),
            duration(run.seconds),
            _ratio(run.seconds_guess, run.seconds),
            f"{run.memory_guess:,.0f} MB",
            f"{run.memory:,.0f} MB",
            _ratio(run.memory_guess, run.memory),
        )
    return table


def _ratio(guess: float, measured: float) -> str:
    return f"{guess / measured:.2f}" if measured else "–"


def _verdict(fit: Fit) -> Text:
    if fit.refused:
        here = f"; as on a {fit.device}" if fit.stage_seconds else ""
        return Text(plain(fit.refused, 120) + here, style="dim")
    if not fit.fits:
        return Text("does not fit", style="red")
    return Text("fits" if fit.here else "fits; fetch it first", style="green" if fit.here else "")
