"""What the machine has left: one line on a small screen, one line a resource where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import LABEL, RULE, STRONG, VALUE, heading, line, pad, stack

if TYPE_CHECKING:
    from cockpit.live.machine import Machine

TRACK = 8


class Gauge(NamedTuple):
    """One resource: `share` from 0 to 1, None where there is nothing to fill."""

    name: str
    share: float | None
    value: str
    of: str


class MachineLine(Widget):
    """Shows one look at the machine."""

    DEFAULT_CSS = "MachineLine { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }"
    machine: reactive[Machine | None] = reactive(None)
    disk: reactive[int | None] = reactive(None)

    def render(self) -> Content:
        """The gauges that fit."""
        width, height = self.size
        if self.machine is None:
            return heading("Machine", "", width)
        found = gauges(self.machine, self.disk)
        if height <= 1:
            parts: list[str | tuple[str, str]] = [("Machine", STRONG), "  "]
            room = width - 9
            for gauge in found:
                text = (f"{gauge.name} ", LABEL), (gauge.value, VALUE), (f" {gauge.of}   ", LABEL)
                need = sum(len(part) for part, _ in text)
                if need > room:
                    break
                room -= need
                parts += text
            return line(*parts)
        note = self.machine.gpus[0].name if self.machine.gpus else "no GPU"
        rows = [heading("Machine", note, width)]
        value = max(len(g.value) for g in found)
        for gauge in found[: height - 1]:
            track = self._track(gauge.share)
            rows.append(
                line(
                    (pad(gauge.name, 8), LABEL), *track, " ", (gauge.value.rjust(value), VALUE), (f" {gauge.of}", LABEL)
                )
            )
        return stack(rows)

    @staticmethod
    def _track(share: float | None) -> list[tuple[str, str]]:
        if share is None:
            return [(" " * TRACK, RULE)]
        full = round(max(0.0, min(1.0, share)) * TRACK)
        return [("━" * full, LABEL), ("─" * (TRACK - full), RULE)]


def gauges(machine: Machine, disk: int | None) -> list[Gauge]:
    """What is worth a look, the scarcest first: each GPU's use, memory and power, then processors, memory and disk."""
    found = []
    for gpu in machine.gpus:
        name = f"GPU {gpu.number}"
        used = "–" if gpu.util is None else f"{gpu.util:.0%}".replace("%", " %")
        found.append(Gauge(name, gpu.util, used, f"of {gpu.others[0]}" if gpu.others else "busy"))
        found.append(
            Gauge("GPU mem", gpu.used / max(gpu.total, 1), f"{gpu.used / 1e9:.1f}", f"of {gpu.total / 1e9:.1f} GB")
        )
        if gpu.watts is not None:
            found.append(Gauge("power", None, f"{gpu.watts:.0f}", "W"))
    cores = f"of {machine.threads} CPU{'s' if machine.threads > 1 else ''}"
    found.append(Gauge("CPU", machine.util, f"{machine.util * 100:.0f} %", cores))
    found.append(
        Gauge(
            "memory",
            machine.used / max(machine.total, 1),
            f"{machine.used / 1e9:.1f}",
            f"of {machine.total / 1e9:.1f} GB",
        )
    )
    if disk is not None:
        found.append(Gauge("disk", None, f"{disk / 1e9:,.0f}", "GB free"))
    return found
