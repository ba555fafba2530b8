"""The machine in one row: each GPU, or processors and memory; the run's own worker; tokens a second; and who else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cockpit.widgets.bar import track
from cockpit.widgets.pane import Pane, Row
from cockpit.widgets.scene import Scene

if TYPE_CHECKING:
    from cockpit.live.machine import Gpu, Machine

GB = 1e9


class MachinePane(Pane):
    """One row a GPU, or one row."""

    machine: Machine | None = None
    scene: Scene | None = None

    def show(self, scene: Scene | None, machine: Machine | None) -> None:
        """Show the newest look at the machine beside the run's own speed."""
        self.scene, self.machine = scene, machine
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        if self.machine is None:
            return [Row(width).put(0, "looking at the machine", "dim")]
        speed = _speed(self.scene)
        gpus = self.machine.gpus
        if not gpus:
            return [_processors(self.machine, width, speed)]
        rows = [_gpu(gpu, width, speed if number == 0 else "") for number, gpu in enumerate(gpus[:height])]
        if len(gpus) > height:
            rows[-1].then(f"+{len(gpus) - height} GPUs", "dim", gap=2)
        return rows


def _speed(scene: Scene | None) -> str:
    """Tokens a second of the last steps, while the run heals."""
    if scene is None or scene.update.ended or scene.view.stage != "heal" or not scene.view.running:
        return ""
    last = np.asarray(scene.view.steps["tokens_per_second"][-16:], float)
    return f"{np.nanmedian(last):,.0f}" if np.isfinite(last).any() else ""


def _gpu(gpu: Gpu, width: int, speed: str) -> Row:
    row = Row(width).put(0, f"GPU {gpu.number}", "dim")
    if width >= 60:
        row.then(gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce "), gap=1)
    if gpu.util is not None:
        if width >= 60:
            done, rest = track(gpu.util, 10)
            at = row.end + 2
            row.put(at, done, "dim").put(at + len(done), rest, "rule")
        row.pair(f"{100 * gpu.util:.0f}", "%", gap=1)
    row.pair(f"{gpu.used / GB:.1f}", f"of {gpu.total / GB:.1f} GB", gap=3 if width >= 60 else 2)
    if gpu.watts is not None:
        row.pair(f"{gpu.watts:.0f}", "W", gap=3)
    if speed:
        row.pair(speed, "tok/s", gap=3)
    if gpu.others:
        more = f" and {len(gpu.others) - 1} more" if len(gpu.others) > 1 else ""
        row.then(f"also {gpu.others[0]}{more}", "dim", gap=3)
    return row


def _processors(machine: Machine, width: int, speed: str) -> Row:
    row = Row(width).put(0, "CPU", "dim")
    if width >= 60:
        done, rest = track(machine.util, 10)
        row.put(4, done, "dim").put(4 + len(done), rest, "rule")
    row.pair(f"{100 * machine.util:.0f}", f"% of {machine.threads}", gap=1)
    row.pair(f"{machine.used / GB:.1f}", f"of {machine.total / GB:.1f} GB", gap=2)
    if speed:
        row.pair(speed, "tok/s", gap=3)
    if machine.worker_used is not None:
        before, used = row.end, f"{machine.worker_used / GB:.1f} GB"
        if machine.worker_util is not None:
            row.pair(f"{100 * machine.worker_util:.0f} %, {used}", "worker")
        if row.end == before:  # the share did not fit, or is not known yet
            row.pair(used, "worker")
    if machine.gpu_error:
        row.then(machine.gpu_error, "dim", gap=3)
    return row
