"""One entry to read: what it says, how it stands, what was said of it, and the researcher's own words below it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from cockpit.review.differences import is_course
from cockpit.review.reading import Opened
from cockpit.widgets.entry_charts import chart_rows
from cockpit.widgets.entry_list import REVIEW
from cockpit.widgets.entry_text import LABEL, Form, clean, lay, paragraph, wrap
from cockpit.widgets.pane import Pane, Row
from journal.text import plain, short, unquoted

CHART = 38
"""Cells of the charts of an entry."""
BESIDE = 100
"""Cells of an entry from which on they stand beside its words."""


class EntryText(Pane):
    """The rows of an entry, as many as it takes."""

    DEFAULT_CSS = "EntryText { height: auto; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._made_rows: list[Row] = []
        self._made: tuple[object, ...] = ()

    def show(self, opened: Opened | None, form: Form) -> None:
        """Show an entry at a width."""
        made = (opened, form)
        if made == self._made:
            return
        self._made = made
        self._made_rows = list(entry_rows(opened, form)) if opened else []
        self.styles.height = max(len(self._made_rows), 1)
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """All of them."""
        return self._made_rows


class EntryView(VerticalScroll, can_focus=True):
    """Scrolls the entry. `opened` is whether what is folded away is open."""

    DEFAULT_CSS = "EntryView { scrollbar-size-vertical: 1; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entry: Opened | None = None
        self.opened = False

    def compose(self) -> ComposeResult:
        """The text."""
        yield EntryText()

    def show(self, entry: Opened | None) -> None:
        """Show another entry, from its top; the same one stays where it is."""
        before = self.entry
        self.entry = entry
        self._lay()
        if before is None or entry is None or before.item.row.key != entry.item.row.key:
            self.scroll_home(animate=False)

    def fold(self) -> None:
        """Open what is folded away, or fold it."""
        self.opened = not self.opened
        self._lay()

    def on_resize(self) -> None:
        """Lay for the new width."""
        self._lay()

    def _lay(self) -> None:
        width = self.size.width - 2
        if width > 10:
            self.query_one(EntryText).show(self.entry, Form(width, self.opened))


def entry_rows(opened: Opened, form: Form) -> Iterator[Row]:
    """The whole entry."""
    item = opened.item
    row = item.row
    head = "the smoke run" if row.smoke else ""
    title = clean(unquoted(row.title)) or head
    level = plain(unquoted(row.level), 80)
    lines = wrap(title, max(form.width - cell_len(level) - 3, 30))
    for number, words in enumerate(lines):
        made = Row(form.width).put(0, words, "bright", "bold")
        yield (
            made.right(form.width, level, "dim")
            if number == 0 and made.end + 2 + cell_len(level) <= form.width
            else made
        )
    yield _standing(opened, form)
    if reason := item.state.reason:
        yield from paragraph(
            plain(reason, 600), form, role="text" if item.state.state in ("retracted", "superseded") else "dim"
        )
    if not row.intact:
        told = "edited by hand: what the run wrote is in its folder; cockpit journal check says what differs"
        for number, made in enumerate(paragraph(told, form, at=2)):
            yield made.put(0, "!", "warn") if number == 0 else made
    yield Row(form.width)
    body = opened.text.split("\n", 1)[1] if opened.text.startswith("## ") else opened.text
    yield from _body(body.strip("\n"), form)
    yield from _said(opened, form)
    if opened.prose is not None and opened.prose.text.strip():
        yield Row(form.width)
        yield from _yours(opened.prose.text, form)


def _body(text: str, form: Form) -> Iterator[Row]:
    """What the run wrote; its differences are drawn beside what was asked, or below the table where there is no room beside."""
    drawn = list(chart_rows(text, min(form.width, CHART)))
    if drawn:
        text = "\n".join(line for line in text.split("\n") if not is_course(line))
    head, table = text, ""
    if (at := text.find("\n|")) >= 0:
        head, table = text[: at + 1].rstrip("\n"), text[at + 1 :]
    if form.width < BESIDE or not drawn:
        table, _, rest = table.partition("\n\n")
        yield from lay(head + "\n\n" + table, form)
        if drawn:
            yield from (Row(form.width), *drawn)
        yield from lay("\n" + rest, form)
        return
    left = lay(head, Form(form.width - CHART - 4, form.opened))
    for mine, theirs in zip_longest(left, drawn):
        row = Row(form.width)
        row.parts += mine.parts if mine else []
        row.parts += [part._replace(column=part.column + form.width - CHART) for part in theirs.parts] if theirs else []
        yield row
    yield from lay("\n" + table, form)


def _standing(opened: Opened, form: Form) -> Row:
    """Date and letter, id, what it follows; at the right how it stands."""
    row, state = opened.item.row, opened.item.state
    made = Row(form.width).put(0, f"{row.date} ({row.letter})" if row.letter else row.date, "dim")
    kind = "" if row.kind == "run" else f"{row.kind} "
    sign, role = REVIEW.get(state.state, ("", "dim"))
    word: str = "not reviewed" if state.state == "draft" and not state.by else state.state
    if state.superseded_by:
        word += f" by {short(state.superseded_by)}"
    who = f"{word} by {plain(state.by, 30)}, {state.at[:10]}" if state.by and not state.superseded_by else word
    who = who if made.end + cell_len(who) + 40 < form.width else word
    made.right(form.width, who, "text" if state.state != "draft" else "dim")
    if sign:
        made.right(form.width - cell_len(who) - 1, sign, role)
    room = form.width - made.end - cell_len(who) - 6
    made.put(made.end + 3, f"{kind}{plain(row.key, 120)}", "dim", within=max(room, 0))
    return made


def _said(opened: Opened, form: Form) -> Iterator[Row]:
    """What else was said of it: lessons, tags, notes."""
    state = opened.item.state
    rows: list[tuple[str, str]] = []
    if state.condemned:
        rows.append(("condemned", f"this miss counts as a failed configuration: {state.condemned}"))
    if state.promoted:
        rows.append(("known bug", ", ".join(state.promoted)))
    if state.tags:
        rows.append(("tags", "  ".join(state.tags)))
    rows += [("note", f"{said.text}   ({said.by}, {said.at[:10]})") for said in state.notes]
    if rows:
        yield Row(form.width)
    for name, words in rows:
        for number, made in enumerate(paragraph(plain(words, 2200), form, at=LABEL)):
            yield made.put(0, name.capitalize(), "dim") if number == 0 else made


def _yours(text: str, form: Form) -> Iterator[Row]:
    """The researcher's own words, a bar at their left."""
    inner = Form(form.width - 2, opened=True)
    for number, row in enumerate(lay(text, inner)):
        made = Row(form.width).put(0, "▎", "axis")
        made.parts += [part._replace(column=part.column + 2) for part in row.parts]
        if number == 0 and row.end + 10 < form.width:
            made.right(form.width, "yours", "dim", "italic")
        yield made
