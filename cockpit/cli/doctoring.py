"""`doctor`: what this machine can run, what is in the way, and how good the estimates are."""

from __future__ import annotations

from typing import Annotated

import typer

from cockpit.cli.common import AsJson, Project, emit, project_folder

Preset = Annotated[str, typer.Option("--preset", help="Time, memory and cost of this preset by stage.")]
Price = Annotated[float, typer.Option("--price", min=0.0, help="What an hour of the device costs, for --preset.")]


def doctor(
    ctx: typer.Context, preset: Preset = "", price: Price = 0.0, json: AsJson = False, project: Project = None
) -> int:
    """Driver, torch and bitsandbytes tried for real, disks, journal and terminal; which presets fit, by arithmetic on their shapes.

    Exit code 1 when something is in the way of a run. Finished runs of the project are held against what was estimated for them."""
    if preset:
        from engine.contract.resolve import resolve

        resolve(preset)  # an unknown name is refused before anything is measured
    import msgspec

    from cockpit.doctor.device import device_findings, driver
    from cockpit.doctor.measured import held_against_estimates
    from cockpit.doctor.place import place_findings
    from cockpit.report.doctor import finding_lines, held_table, preset_table, stage_table
    from cockpit.report.tables import console
    from cockpit.runs import engine
    from engine.contract.doctor import Diagnosis

    folder = project_folder(ctx, project)
    *_, answer = engine.lines(["doctor"])
    found = msgspec.convert(answer, Diagnosis)
    findings = [*device_findings(found, driver()), *place_findings(folder, found)]
    held = list(held_against_estimates(folder))
    code = int(any(f.state == "broken" for f in findings))
    if json:
        emit(
            {
                "findings": [msgspec.to_builtins(f) for f in findings],
                "presets": [msgspec.to_builtins(f) for f in found.presets],
                "engine": msgspec.to_builtins(found),
                "estimates": [run._asdict() for run in held],
            }
        )
        return code
    out = console()
    for line in finding_lines(findings):
        out.print(line, soft_wrap=True)
    out.print()
    out.print(preset_table(found.presets))
    for fit in (f for f in found.presets if f.preset == preset and f.stage_seconds):
        waived = f", waiving {', '.join(fit.waivers)}" if fit.waivers else ""
        out.print(f"\n{fit.preset} by stage, on {fit.device}{waived}", style="dim")
        out.print(stage_table(fit, price))
    if held:
        out.print("\nestimates against runs of this project", style="dim")
        out.print(held_table(held))
    return code
