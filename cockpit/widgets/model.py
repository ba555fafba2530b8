"""What a chart shows, as data: curves with their inks, a limit, bands, and how it stands on the axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cockpit.widgets.series import Series
from cockpit.widgets.xaxis import Region


def nats(value: float) -> str:
    """Two places; three significant ones below 0.1; true minus."""
    size = abs(value)
    text = f"{size:.2f}" if size >= 0.0995 or size == 0 else f"{size:.3f}" if size >= 0.001 else f"{size:.0e}"
    return ("−" if value < 0 and any(c in "123456789" for c in text) else "") + text.replace("e-0", "e−").replace(
        "e-", "e−"
    )


def percent(value: float) -> str:
    """A fraction as '36 %'."""
    return f"{100 * value:.0f} %"


@dataclass(frozen=True)
class Ink:
    """The roles of a curve: in the round under way and in earlier ones, below the limit and from it upwards."""

    now: str = "bright"
    past: str | None = None
    above: str | None = None
    above_past: str | None = None

    def role(self, *, now: bool, above: bool) -> str:
        """The role of a cell."""
        plain = self.now if now else self.past or self.now
        if not above:
            return plain
        return (self.above if now else self.above_past or self.above) or plain


KL_INK = Ink("bright", "past", "accent-barrier", "fill-barrier-past")
"""Neutral below tau, the barrier's accent above it."""
FIRED_INK = Ink("fill-barrier", "fill-barrier-past")
"""Bars of the barrier."""


@dataclass(frozen=True)
class Curve:
    """One series with its label, how its values are written, and its ink."""

    series: Series
    label: str
    ink: Ink = field(default_factory=Ink)
    show: Callable[[float], str] = nats
    value_role: str = "text"
    """The role of its value beside the chart."""
    stretches: bool = True
    """Whether the scale makes room for it; one that does not is drawn where it lies within the scale of the others."""


@dataclass(frozen=True)
class Limit:
    """A line that values are read against. `wash` gives the region from it upwards the barrier's ground and says active or inert."""

    value: float
    label: str = "τ"
    role: str = "accent-barrier"
    wash: bool = True
    show: Callable[[float], str] = nats


@dataclass(frozen=True)
class SeedBand:
    """The spread over seeds, between two series on the same axis."""

    low: Series
    high: Series
    label: str = "seeds"


@dataclass(frozen=True)
class Predicted:
    """What was predicted: the value lies in [low, high] (either may be open); and how it stands."""

    low: float | None
    high: float | None
    state: Literal["met", "missed", "pending"] = "pending"

    @property
    def role(self) -> str:
        """The ink of its edges."""
        return {"met": "ok", "missed": "bad", "pending": "axis"}[self.state]

    @property
    def words(self) -> str:
        """Its sign and word; never the colour alone."""
        return {"met": "✓ met", "missed": "✗ missed", "pending": "· pending"}[self.state]


AXIS_UNITS: Mapping[str, str] = {"step": "heal step", "tokens": "tokens", "time": "time"}
"""What stands at the end of each axis."""


@dataclass(frozen=True)
class Model:
    """A chart, less its size and what the person does with it."""

    title: str = ""
    unit: str = ""
    curves: tuple[Curve, ...] = ()
    regions: Mapping[str, tuple[Region, ...]] = field(default_factory=dict)
    """The rounds, on each axis; without them one region holds all values."""
    limit: Limit | None = None
    bands: tuple[SeedBand, ...] = ()
    predicted: Predicted | None = None
    references: tuple[float, ...] = ()
    """Values that are marked by sparse dots, as the ends of a prediction are."""
    kind: Literal["line", "bars"] = "line"
    top: float | None = None
    """For bars: the value that fills the height (1 for a fraction)."""
    zero: bool = True
    """Whether a linear scale starts at 0."""
    most: float | None = None
    """What no value lies above (1 for a rate): nothing is marked beyond it."""
    x_labels: bool = True
    left: int = 6
    """Columns left of the plot, for tick labels."""
    right: int = 14
    """Columns right of the plot, for values; none where the chart is narrower than 44."""
    empty: str = "no steps yet"
    tick: Callable[[float], str] | None = None
    """How tick labels are written, where not as plain numbers."""
