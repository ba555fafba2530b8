"""The compared arms in words and numbers: which runs they are, what was measured, what differs and whether it is more than noise."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events
from textual.message import Message

from cockpit.compare.comparison import Against, Arm, Comparison, Value, named, told
from cockpit.widgets.entry_text import Form, lay, paragraph
from cockpit.widgets.intervals import told_rows
from cockpit.widgets.pane import Pane, Row, heading
from journal.text import MISSING, cell, interval, number, plain, short


class ArmList(Pane, can_focus=True):
    """One row an arm: its runs and seeds, how they ended, and what to be careful about."""

    DEFAULT_CSS = "ArmList { height: auto; }"

    class Chosen(Message):
        """Another arm is under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.found = Comparison()
        self.at = 0

    def show(self, found: Comparison) -> None:
        """Show these arms."""
        self.found = found
        self.at = max(0, min(self.at, len(found.arms) - 1))
        self.styles.height = max(len(found.arms), 1) + len(found.problems)
        self.touch()

    @property
    def arm(self) -> Arm | None:
        """The arm under the cursor."""
        return self.found.arms[self.at] if self.at < len(self.found.arms) else None

    def move(self, by: int) -> None:
        """Choose another arm; stops at both ends."""
        to = max(0, min(len(self.found.arms) - 1, self.at + by))
        if to != self.at:
            self.at = to
            self.post_message(self.Chosen())
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """The arms, then what could not be read."""
        edge = _edge(width)
        rows = [self._row(i, width, edge) for i in range(len(self.found.arms))]
        for problem in self.found.problems:
            rows.append(Row(width).put(edge, "!", "warn").put(edge + 2, plain(problem, 300), "text"))
        return rows or [Row(width).put(edge, "reading the runs", "dim")]

    def _row(self, at: int, width: int, edge: int) -> Row:
        arm, here = self.found.arms[at], at == self.at
        row = Row(width, "select" if here else "")
        row.put(edge - 1, "▸" if here else " ", "bright")
        row.put(edge + 1, arm.name, "bright" if here else "text", "bold" if here else "")
        row.put(edge + 11, "compared with" if at == self.found.reference else "", "dim")
        changed = [f"{name} {held[at]}" for name, held in self.found.knobs if name not in ("seeds", "code")]
        flags = sorted({flag for side in arm.sides for flag in side.flags})
        ended = sorted({side.status for side in arm.sides})
        seeds = f"seed {', '.join(map(str, arm.seeds))}" if arm.seeds else ""
        right = "   ".join(plain(part, 40) for part in (*flags, *ended, seeds) if part)
        row.right(width - edge, right, "dim")
        row.put(
            edge + 26, ", ".join(changed), "text" if here else "dim", within=max(width - 2 * edge - 29 - len(right), 0)
        )
        return row

    def on_click(self, event: events.Click) -> None:
        """Choose what was clicked."""
        self.move(event.y - self.at)


class CompareTable(Pane):
    """Values with their intervals, differences, and what was set otherwise; as high as it is."""

    DEFAULT_CSS = "CompareTable { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.found = Comparison()
        self._made_rows: list[Row] = []

    def show(self, found: Comparison) -> None:
        """Show this comparison."""
        self.found = found
        self._lay()

    def on_resize(self) -> None:
        """Lay for the new width."""
        self._lay()
        super().on_resize()

    def _lay(self) -> None:
        width = self.size.width
        if width > 20 and self.found.arms:
            self._made_rows = list(table_rows(self.found, width))
            self.styles.height = len(self._made_rows)
            self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """All of them."""
        return self._made_rows


def table_rows(found: Comparison, width: int) -> Iterator[Row]:
    """The table, the differences, the settings."""
    yield heading(width, "Values", f"{found.split}, 95 % interval")
    yield from lay("\n".join(values(found)), Form(width, opened=True))
    for against in found.against:
        yield Row(width)
        yield from differences(found, against, width)
    yield Row(width)
    yield from settings(found, width)


def values(found: Comparison) -> Iterator[str]:
    """base and prompted once where all arms agree on them, then steered and healed of every arm, as a pipe table."""
    shown = told(found)
    if not shown:
        yield f"nothing was measured on {found.split} yet"
        return
    yield "| arm | " + " | ".join(cell(named(m)) for m in shown) + " |"
    yield "|---|" + "---:|" * len(shown)
    for subject in ("base", "prompted"):
        alike: dict[tuple[float | None, ...], list[int]] = {}
        for i in range(len(found.arms)):
            held = [found.value(i, subject, m) for m in shown]
            if any(held):
                alike.setdefault(tuple(v.value if v else None for v in held), []).append(i)
        for arms in alike.values():
            names = ", ".join(found.arms[i].name for i in arms) if len(alike) > 1 else ""
            yield _table_line(f"{subject} {names}".strip(), shown, [found.value(arms[0], subject, m) for m in shown])
    for subject in ("steered", "healed", "model"):
        for i, arm in enumerate(found.arms):
            held = [found.value(i, subject, m) for m in shown]
            if any(held):
                yield _table_line(f"{subject} {arm.name}", shown, held)


def _table_line(name: str, shown: list[str], held: list[Value | None]) -> str:
    return f"| {name} | " + " | ".join(_cell(m, v) for m, v in zip(shown, held, strict=True)) + " |"


def _cell(metric: str, held: Value | None) -> str:
    if held is None:
        return MISSING
    span = (held.low, held.high) if held.low is not None and held.high is not None else None
    return f"{number(metric, held.value)} {interval(metric, span)}".strip()


def differences(found: Comparison, against: Against, width: int) -> Iterator[Row]:
    """An arm less the reference: each metric on a line with zero; what is inside the noise says so."""
    arm, reference = found.arms[against.arm], found.arms[found.reference]
    title = f"{arm.name} − {reference.name}"
    if against.apart:
        yield heading(width, title, "not comparable")
        yield from paragraph(f"no difference is told: {against.apart}.", Form(width), at=2)
        return
    if not against.differences:
        yield heading(width, title, "no metric in common")
        return
    yield heading(width, title, f"{found.arms[against.arm].sides[0].subject} on {found.split}, 95 %, {against.how}")
    yield from told_rows(against.differences, width)


def settings(found: Comparison, width: int) -> Iterator[Row]:
    """What was set otherwise, an arm a column; where that does not fit, an arm a row."""
    yield heading(width, "What differs", "settings, and what else changes numbers")
    if not found.knobs:
        yield Row(width).put(2, "nothing but the seed" if len(found.arms) < 2 else "nothing that is known", "dim")
        return
    name = max(len(knob) for knob, _ in found.knobs) + 2
    wide = [max(len(arm.name), *(len(held[i]) for _, held in found.knobs)) for i, arm in enumerate(found.arms)]
    if 2 + name + sum(wide) + 3 * len(wide) <= width:
        head, at = Row(width), 2 + name
        for arm, cells in zip(found.arms, wide, strict=True):
            head.put(at, arm.name, "dim")
            at += cells + 3
        yield head
        for knob, held in found.knobs:
            row, at = Row(width).put(2, knob, "dim"), 2 + name
            for words, cells in zip(held, wide, strict=True):
                row.put(at, words, "text")
                at += cells + 3
            yield row
        return
    for knob, held in found.knobs:
        told = "   ".join(f"{short(arm.sides[0].run)} {words}" for arm, words in zip(found.arms, held, strict=True))
        for n, row in enumerate(paragraph(told, Form(width), at=2 + name)):
            yield row.put(2, knob, "dim") if n == 0 else row


def _edge(width: int) -> int:
    return 1 if width < 92 else 2
