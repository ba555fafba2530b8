"""An entry's Markdown as calm rows: labels in a column of their own, tables aligned, what is folded away folded, nothing that acts.

Only what entries and prose are made of is laid out (paragraphs, labels in bold, lists, pipe tables, details); all else is shown as it
stands. Foreign text has lost its controls before it gets here (journal.text.plain) and is never read as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from cockpit.widgets.pane import Row
from journal.text import plain, unquoted

LABEL = 13
"""Cells of the column that labels stand in."""
PROSE = 76
"""Cells that a line of prose has at most."""
LINE = 4000
"""Characters of one line that are shown at most."""
_LABELLED = re.compile(r"\*\*([^*]{1,40}?)\.?\*\*\s*(.*)")
_SUMMARY = re.compile(r"<details><summary>(.*?)</summary>")
_CELLS = re.compile(r"(?<!\\)\|")
_SPAN = re.compile(r"^(.*?)\s*(\[[^\]]*\])$")
_BOLD = re.compile(r"\*\*(\S(?:[^*]*\S)?)\*\*")
_SUBJECTS = {"base": "◆", "prompted": "◇", "steered": "▲", "healed": "●"}
_OUTCOMES = {
    "met": ("✓", "ok"),
    "missed": ("✗", "bad"),
    "pending": ("·", "dim"),
    "undecided": ("○", "dim"),
    "not": ("–", "dim"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """How wide, and whether what is folded away is open."""

    width: int
    opened: bool = False

    @property
    def prose(self) -> int:
        """Cells of a line of prose."""
        return min(self.width, PROSE)


def lay(text: str, form: Form) -> list[Row]:
    """A block's text, without its heading, as rows."""
    return [row for part in _parts(text.splitlines()) for row in _rows(part, form)]


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken at words; a longer word is cut where it must be."""
    lines, line = [], ""
    for word in text.split(" "):
        while cell_len(word) > width > 0:
            room = width - cell_len(line) - (1 if line else 0)
            if line and room < width // 4:
                lines.append(line)
                line = ""
                continue
            fits = _fitting(word, room)
            lines.append(f"{line} {fits}" if line else fits)
            line, word = "", word[len(fits) :]
        joined = f"{line} {word}" if line else word
        if cell_len(joined) > width:
            lines.append(line)
            line = word
        else:
            line = joined
    return [*lines, line]


def paragraph(
    text: str, form: Form, *, at: int = 0, first: int | None = None, role: str = "text", style: str = ""
) -> Iterator[Row]:
    """Wrapped words from a column on, bold where Markdown says so; `first` leaves room in the first line."""
    for line in wrap(text, max(min(form.width - at, form.prose), 10)):
        yield bold(Row(form.width), at, line, role, style)


def bold(row: Row, at: int, line: str, role: str = "text", style: str = "") -> Row:
    """Words with their **bold** parts in bold."""
    position, row.end = 0, at
    for match in _BOLD.finditer(line):
        row.put(row.end, line[position : match.start()], role, style)
        row.put(row.end, match[1], "bright", "bold")
        position = match.end()
    return row.put(row.end, line[position:], role, style)


def clean(line: str) -> str:
    """A line of the journal as a terminal may show it, its quoting undone."""
    return plain(unquoted(plain(line, LINE)), LINE)


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str  # words, table, folded, blank
    lines: tuple[str, ...]
    summary: str = ""


def _parts(lines: Sequence[str]) -> Iterator[_Part]:
    """The lines cut into tables, folded stretches, blank lines and words."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if match := _SUMMARY.match(line):
            end = next((i for i in range(at, len(lines)) if "</details>" in lines[i]), len(lines))
            yield _Part("folded", tuple(lines[at + 1 : end]), clean(match[1]))
            at = end + 1
        elif line.startswith("|"):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith("|")), len(lines))
            yield _Part("table", tuple(lines[at:end]))
            at = end
        else:
            yield _Part("words" if line.strip() else "blank", (line,))
            at += 1


def _rows(part: _Part, form: Form) -> Iterator[Row]:
    if part.kind == "blank":
        yield Row(form.width)
    elif part.kind == "table":
        yield from table(part.lines, form)
    elif part.kind == "folded":
        sign = "▾" if form.opened else "▸"
        yield (
            Row(form.width)
            .put(0, sign, "bright")
            .put(2, part.summary, "dim")
            .then("d folds" if form.opened else "d opens", "dim", gap=3)
        )
        if form.opened:
            yield from lay("\n".join(part.lines), form)
    else:
        yield from _words(part.lines[0], form)


def _words(line: str, form: Form) -> Iterator[Row]:
    if match := _LABELLED.match(line):
        yield from labelled(clean(match[1]), clean(match[2]), form)
        return
    indent = len(line) - len(line.lstrip(" "))
    text = clean(line)
    if text.startswith(("- ", "* ")):
        at = min(indent, 8) + 2
        for number, row in enumerate(paragraph(text[2:], form, at=at)):
            yield row.put(at - 2, "·", "dim") if number == 0 else row
    elif text.startswith("#"):
        yield from paragraph(text.lstrip("# "), form, role="bright", style="bold")
    else:
        yield from paragraph(text, form, at=min(indent, 8))


def labelled(label: str, text: str, form: Form) -> Iterator[Row]:
    """A dim label, and its words in the column beside it."""
    name, note = re.fullmatch(r"(.*?)\s*(\(.*\))?", label).groups()  # type: ignore[union-attr]  # everything matches
    name = {"Does not show": "Not shown"}.get(name, name)
    at = LABEL if form.width >= 40 else 2
    lead = (note or "").strip("()")
    if (match := re.match(r"\(([^)]*)\)\.?\s*", text)) and name in ("Expected", "Reads like"):
        lead, text = match[1], text[match.end() :].lstrip(": ")
    word, rest = text.partition(" ")[0].rstrip(":,"), text
    sign, role = _OUTCOMES.get(word, ("", "")) if name == "Verdict" else ("", "")
    for number, row in enumerate(paragraph(rest, form, at=at + (2 if sign else 0), style="bold" if sign else "")):
        if number == 0:
            row.put(0, name, "dim", within=at - 1)
            if sign:
                row.put(at, sign, role)
        yield row
    if lead:
        yield from paragraph(lead, form, at=at, role="dim")


def table(lines: Sequence[str], form: Form) -> Iterator[Row]:
    """A pipe table, numbers to the right. What does not fit: first the intervals stand back, then whole columns, and it says so.

    Opened, nothing stands back: the columns go on below."""
    cells = [[clean(cell.strip()) for cell in _CELLS.split(line.strip().strip("|"))] for line in lines]
    marks = cells[1] if len(cells) > 1 and all(re.fullmatch(r":?-+:?", c) for c in cells[1]) else []
    right = [mark.endswith(":") for mark in marks]
    body = [row for row in cells if row is not marks]
    count = max(map(len, body))
    right += [False] * (count - len(right))
    body = [row + [""] * (count - len(row)) for row in body]
    if not any(right):
        yield from _facts(body, form)
        return
    widths, spans = _widths(body)
    note = ""
    if sum(widths) + 2 * (count - 1) > form.width and not form.opened:
        body = [row[:1] + [_SPAN.sub(r"\1", c) for c in row[1:]] for row in body]
        (widths, spans), note = _widths(body), "d shows the intervals"
    for first, last in _pages(widths, form.width):
        if first > 1 and not form.opened:
            note = f"{', '.join(body[0][first:])} not shown; d opens"
            break
        if first > 1:
            yield Row(form.width)
        for number, row in enumerate(body):
            yield _line(row, [0, *range(first, last)], widths, spans, right, form, head=number == 0)
    if note:
        yield Row(form.width).put(2, note, "dim")


def _line(
    row: Sequence[str],
    shown: Sequence[int],
    widths: Sequence[int],
    spans: Sequence[int],
    right: Sequence[bool],
    form: Form,
    *,
    head: bool,
) -> Row:
    made = Row(form.width)
    subject = row[0].split(" ")[0]
    strong = subject == "healed" and "−" not in row[0]
    at = 0
    for place in shown:
        words, end = row[place], at + widths[place]
        match = _SPAN.match(words) if place and not head else None
        value, span = (match[1], match[2]) if match else (words, "")
        role = "dim" if head or value in ("–", "") else "bright" if strong and place else "text"
        if place == 0 and not head and subject in _SUBJECTS and "−" not in words:
            made.put(at, _SUBJECTS[subject], "accent-trait" if strong else "dim")
            made.put(at + 2, words, role, "bold" if strong else "")
        elif place == 0:
            made.put(at + 2, words, role)
        elif right[place] and not head and spans[place]:
            made.right(end - spans[place] - 1, value, role, "bold" if strong else "")
            made.put(end - spans[place], span, "axis")
        elif right[place]:
            made.right(end, value, role, "bold" if strong else "")
        else:
            made.put(at, words, role, within=widths[place])
        at = end + 2
    return made


def _widths(body: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
    """Of each column the cells it takes, and those of its intervals: they begin below each other, and so the values end so."""
    widths, spans = [max(cell_len(row[0]) for row in body) + 2], [0]
    for place in range(1, len(body[0])):
        parts = [match for row in body[1:] if (match := _SPAN.match(row[place]))]
        span = max((cell_len(match[2]) for match in parts), default=0)
        alone = max(cell_len(_SPAN.sub(r"\1", row[place])) for row in body[1:]) if len(body) > 1 else 0
        widths.append(max(cell_len(body[0][place]), alone + 1 + span if span else alone))
        spans.append(span)
    return widths, spans


def _pages(widths: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Stretches of columns, the first column always beside them, that fit a width; at least one column each."""
    found, first, used = [], 1, widths[0]
    for place in range(1, len(widths)):
        if used + 2 + widths[place] > width and place > first:
            found.append((first, place))
            first, used = place, widths[0]
        used += 2 + widths[place]
    return [*found, (first, len(widths))]


def _facts(body: Sequence[Sequence[str]], form: Form) -> Iterator[Row]:
    """A table of words: the first column as labels, the others wrapped beside it; its headings say nothing that the labels do not."""
    at = min(max(cell_len(row[0]) for row in body) + 3, form.width // 3)
    for row in body[1:]:
        for number, made in enumerate(paragraph("   ".join(c for c in row[1:] if c) or "–", form, at=at)):
            if number == 0:
                made.put(0, row[0], "dim", within=at - 1)
            yield made


def _fitting(word: str, room: int) -> str:
    """As much of a word as fits, at least one character."""
    cells = 0
    for at, c in enumerate(word):
        cells += cell_len(c)
        if cells > room and at:
            return word[:at]
    return word
