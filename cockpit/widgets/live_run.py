"""The run that is going on, at a glance: where it is, its rounds, and the three curves that tell whether it is well."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.widgets.line import BRIGHT, LABEL, RULE, STRONG, VALUE, cut, heading, line, spread, stack
from journal.text import duration, number

if TYPE_CHECKING:
    from cockpit.live.glance import RunRow
    from cockpit.live.live import Curve as Points
    from cockpit.live.live import Pulse
    from cockpit.widgets.model import Model
    from cockpit.widgets.series import Series
    from cockpit.widgets.xaxis import Region

GUTTER = 1


class LiveHead(Widget):
    """Heading, the run's own line, and its rounds as bars; the heading alone stays when there is one row."""

    DEFAULT_CSS = "LiveHead { height: 4; text-wrap: nowrap; text-overflow: ellipsis; }"
    runs: reactive[tuple[RunRow, ...]] = reactive(())
    queued: reactive[int] = reactive(0)

    def render(self) -> Content:
        """The lines that fit."""
        if not self.runs:
            return Content("")
        width, height = self.size
        run = self.runs[0]
        assert run.pulse is not None
        note = f"{len(self.runs)} running{f', {self.queued} queued' if self.queued else ''}"
        left = run.pulse.left
        right = line(("left ", LABEL), (duration(left), STRONG)) if left is not None else Content("")
        lines = [heading("Live", note, width, right), self._run(run, run.pulse, width), *self._rounds(run.pulse, width)]
        if height < 4:
            lines = [spread(self._run(run, run.pulse, width), Content(""), width), *self._rounds(run.pulse, width)]
        return stack(lines[:height])

    @staticmethod
    def _run(run: RunRow, pulse: Pulse, width: int) -> Content:
        sign = ("‖", VALUE) if pulse.state == "paused" else ("○", LABEL) if pulse.state == "starting" else ("●", "$ok")
        state = "" if pulse.state == "running" else f"{pulse.state}   "
        where = [(state, BRIGHT)] if state else []
        if pulse.round:
            where += [
                ("round ", LABEL),
                (str(pulse.round), STRONG),
                (f" of {pulse.rounds}, " if pulse.rounds else ", ", LABEL),
            ]
        where += [(pulse.stage or "starting", VALUE if pulse.stage else LABEL)]
        if pulse.total:
            where += [(" ", LABEL), (str(pulse.done), STRONG), (f"/{pulse.total}", LABEL)]
        right = line(*where)
        about = [sign, (f" {run.short}", STRONG), (f"   {run.preset}", LABEL)]
        if run.seed is not None:
            about.append((f"   seed {run.seed}", LABEL))
        if pulse.host:
            about.append((f"   on {pulse.host}", LABEL))
        asked = "smoke" if run.smoke else run.question
        room = width - sum(len(text) for text, _ in about) - right.cell_length - 5
        if room >= 12:
            about.append((f"   {cut(asked, room)}", "italic $dim" if run.smoke else VALUE))
        return spread(line(*about), right, width)

    @staticmethod
    def _rounds(pulse: Pulse, width: int) -> list[Content]:
        """A bar a round, and under each its name and what it took."""
        count = pulse.rounds
        if not count or width // count < 6:
            return []
        bars: list[tuple[str, str]] = []
        names: list[tuple[str, str]] = []
        each = (width - (count - 1) * GUTTER) // count
        for number_ in range(1, count + 1):
            took = pulse.round_seconds[number_ - 1] if number_ <= len(pulse.round_seconds) else None
            done = took is not None
            if done:
                bars.append(("━" * each, LABEL))
                text = f"✓ r{number_}  {duration(took or 0.0)}"
            elif number_ == pulse.round:
                share = _share(pulse)
                full = min(each - 1, max(1, round(share * each)))
                bars += [("━" * full, BRIGHT), ("─" * (each - full), RULE)]
                text = f"▸ r{number_}"
            else:
                bars.append(("─" * each, RULE))
                pace = sum(pulse.round_seconds) / len(pulse.round_seconds) if pulse.round_seconds else None
                text = f"· r{number_}" + (f"  about {duration(pace)}" if pace else "")
            names.append((cut(text, each).ljust(each), BRIGHT if number_ == pulse.round and not done else LABEL))
            if number_ < count:
                bars.append((" " * GUTTER, RULE))
                names.append((" " * GUTTER, RULE))
        return [line(*bars), line(*names)]


STAGES = ("extract", "dose", "generate", "keep", "heal", "bake", "evaluate")


def _share(pulse: Pulse) -> float:
    """How far a round is, by its stages and what is done of the one going on."""
    if pulse.stage not in STAGES:
        return 0.0
    within = pulse.done / pulse.total if pulse.total else 0.0
    return (STAGES.index(pulse.stage) + min(1.0, within)) / len(STAGES)


class LiveRun(Vertical):
    """The live head, and where there is room three small charts under it."""

    DEFAULT_CSS = """
    LiveRun { height: auto; }
    LiveRun Horizontal { height: 1fr; margin-top: 1; }
    LiveRun Chart { width: 1fr; margin-right: 4; }
    LiveRun Chart.-last { margin-right: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head = LiveHead()
        self._charted = False

    def compose(self) -> ComposeResult:
        """The head alone; charts come with the first run."""
        yield self._head

    async def show(self, runs: tuple[RunRow, ...], *, charts: bool, queued: int = 0) -> None:
        """Show the first of these runs; `queued` wait for their turn."""
        self._head.runs, self._head.queued = runs, queued
        pulse = runs[0].pulse if runs else None
        if pulse is None:
            return
        if charts and not self._charted:
            await self._mount_charts()
        for row in self.query(Horizontal):
            row.display = charts
        if charts:
            for chart, model in zip(self.query("Chart"), models(pulse), strict=False):  # fewer while the app closes
                chart.show(model)  # type: ignore[attr-defined]

    async def _mount_charts(self) -> None:
        """Charts need numpy, which no project without a live run waits for."""
        from cockpit.widgets.chart import Chart

        self._charted = True
        charts = [Chart(), Chart(), Chart(classes="-last")]
        for chart in charts:
            chart.can_focus = False
        await self.mount(Horizontal(*charts))


def models(pulse: Pulse) -> tuple[Model, Model, Model]:
    """KL to the reference, tail perplexity and the trait rate of a live run, as charts take them."""
    from cockpit.widgets.model import KL_INK, Curve, Ink, Limit, Model
    from cockpit.widgets.xaxis import Region

    reference = "previous" if pulse.reference == "prev" else "base"
    regions = {"step": _regions(pulse)}
    span = {"step": (Region("", 0.0, max(pulse.rounds, len(pulse.healed)) + 1.0, now=True),)}
    limit = Limit(pulse.tau) if pulse.tau is not None else None
    trait = [v for v in (pulse.base, *pulse.healed) if v is not None]
    trait_title = f"base {number('trait_rate', pulse.base)}" if pulse.base is not None else "–"
    kl = Curve(_series("kl", pulse.kl), "KL", KL_INK, value_role="accent-barrier")
    tail = Curve(_series("tail", pulse.tail), "tail", Ink("accent-coherence"), lambda v: f"{v:.1f}", "accent-coherence")
    rate = Curve(_plain("trait", trait), "trait", Ink("accent-trait"), _rate, "accent-trait")
    return (
        Model(f"KL to {reference}", "nats", (kl,), regions, limit, right=0),
        Model("tail perplexity", "", (tail,), regions, zero=False, right=0, empty="not probed yet"),
        Model("trait rate", trait_title, (rate,), span, right=0, x_labels=False, empty="not evaluated yet", tick=_rate),
    )


def _rate(value: float) -> str:
    return number("trait_rate", value)


def _series(name: str, points: Points) -> Series:
    from cockpit.widgets.series import from_columns

    return from_columns(
        name, points.values, {"step": list(accumulate(points.at, max))}
    )  # damaged files may run backwards


def _plain(name: str, values: list[float]) -> Series:
    from cockpit.widgets.series import from_columns

    return from_columns(name, values, {"step": [1.0 + i for i in range(len(values))]})


def _regions(pulse: Pulse) -> tuple[Region, ...]:
    """The rounds on the axis of steps."""
    from cockpit.widgets.xaxis import Region

    ends: dict[int, float] = {}
    for at, number_ in zip(pulse.kl.at, pulse.kl.rounds, strict=True):
        ends[number_] = at
    found, start = [], 0.0
    for number_, end in sorted(ends.items()):
        found.append(Region(f"r{number_}", start, end, now=number_ == max(ends)))
        start = end
    return tuple(found)
