"""What the run will take: time, memory, free disk and cost, and whether the fast-dev-run of this code has opened the gate."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.preflight.drafts import Check
from cockpit.widgets.line import LABEL, STRONG, VALUE, cut, heading, line, pad, stack
from journal.text import plain, short


def clock(seconds: float) -> str:
    """h:mm:ss, always."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def size(count: float) -> str:
    """'0.9 GB', '41 MB'."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count / 1e6:,.0f} MB"


class EstimateLine(Widget):
    """One line where there is little room, else a pane."""

    DEFAULT_CSS = "EstimateLine { text-wrap: nowrap; text-overflow: clip; }"
    check: reactive[Check | None] = reactive(None)
    free: reactive[int] = reactive(0)
    memory: reactive[int] = reactive(0)
    doing: reactive[str] = reactive("")

    def render(self) -> Content:
        """What there is room for."""
        width, height = self.size
        if self.check is None:
            text = line((cut(self.doing or "no estimate yet", width), LABEL))
            return text if height < 3 else stack([heading("Estimate", "rough", width), Content(""), text])
        guess = self.check.estimate
        time, memory, cost = clock(guess.total), size(guess.memory_bytes), f"{guess.price:.2f}"
        if height < 3:
            parts = line(
                ("Estimate  ", STRONG), (time, VALUE), (f" on {guess.device}   memory ", LABEL), (memory, VALUE)
            )
            parts = line(parts, ("   cost ", LABEL), (cost, VALUE))
            return stack([parts, self._gate(width)][: max(1, height)])
        columns = [
            ("time", time, f"on this {guess.device}"),
            ("memory", memory, f"of {size(self.memory)}" if self.memory and guess.device == "CPU" else "on the device"),
            ("disk", size(self.free) if self.free else "–", "free"),
            ("cost", cost, "USD"),
        ]
        wide = max(12, min(16, width // 4))
        rows = [
            line(*((pad(column[n], wide), style) for column in columns))
            for n, style in ((0, LABEL), (1, STRONG), (2, LABEL))
        ]
        found = [heading("Estimate", "rough", width), *([Content("")] if height >= 8 else []), *rows]
        if height >= 5:
            found += [*([Content("")] if height >= 7 else []), self._gate(width)]
        return stack(found[:height])

    def _gate(self, width: int) -> Content:
        gate = self.check.gate if self.check else ""
        if gate.startswith("waived"):
            return line(("fast-dev-run ", LABEL), (cut(plain(gate, 200), width - 13), VALUE))
        if gate:
            return line(("fast-dev-run ", LABEL), ("✓", "$ok"), f" green for this code, {short(gate)}")
        return line(("fast-dev-run ", LABEL), ("·", LABEL), " not yet for this code")
