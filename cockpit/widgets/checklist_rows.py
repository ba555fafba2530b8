"""The checklist as lines: what stands as it did in one line, the item of the cursor open with its answers, the others in two lines each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from cockpit.theme import ascii_only
from cockpit.widgets.checklist_items import (
    BUG,
    ITEMS,
    Field,
    Item,
    in_words,
    item_of,
    numbers,
    shown,
    target_of,
)
from cockpit.widgets.checklist_state import ACK, State
from cockpit.widgets.line import BRIGHT, LABEL, RULE, STRONG, VALUE, cut, heading, line, spread
from cockpit.widgets.wrapping import wrap
from engine.contract.answers import Answers
from engine.contract.preflight import Block
from journal.text import plain, short

INDENT = 7
LONGEST = 4
PROSE = 76
"""Cells that a line of prose may be wide."""
"""Lines that an answer shows while the cursor is not on it."""
OPS = {">=": "≥", "<=": "≤"}
"""As they are shown where a sign of one cell does not make them less exact."""


class Line(NamedTuple):
    """One line, and which cells of it lead where when they are clicked: (start, end, target)."""

    content: Content
    spans: tuple[tuple[int, int, str], ...] = ()


class Laid(NamedTuple):
    """The lines above the place where is typed, and those below; `at` is the line of the cursor."""

    above: list[Line]
    below: list[Line]
    at: int


def lay(state: State, width: int) -> Laid:
    """Every line for a pane of this width."""
    lines: list[Line] = [_heading(state, width), Line(Content(""))]
    at, split = 0, -1
    folded = state.folded
    if folded:
        at = len(lines) if state.cursor == ACK else at
        lines += [*_unchanged(state, folded, width), Line(Content(""))]
    current = item_of(state.cursor) if state.cursor not in (ACK, "") else None
    for item in ITEMS:
        if item.number in folded:
            continue
        if item is not current:
            lines += _closed(state, item, width)
        else:
            for made, target, place in _open(state, item, width):
                if target == state.cursor:
                    at = len(lines)
                lines.append(made)
                if place:
                    split = len(lines)
        lines.append(Line(Content("")))
    lines = [
        made._replace(content=made.content.truncate(width)) if made.content.cell_length > width else made
        for made in lines
    ]
    if split < 0:
        return Laid(lines, [], at)
    return Laid(lines[:split], lines[split:], at)


def _heading(state: State, width: int) -> Line:
    parts: list[tuple[str, str]] = []
    current = item_of(state.cursor) if state.cursor not in (ACK, "") else None
    for item in ITEMS:
        against = state.against(item)
        style = (
            RULE
            if not state.ready
            else BRIGHT
            if item is current
            else "$bad"
            if any(not b.empty for b in against)
            else RULE
            if against
            else LABEL
        )
        parts += [("━━", style), (" ", RULE)]
    return Line(heading("Checklist", "", width, line(*parts[:-1]) if width >= 46 else None))


def _unchanged(state: State, folded: Sequence[int], width: int) -> Iterator[Line]:
    here = state.cursor == ACK
    sign = ("·", LABEL) if state.asks else ("✓", "$ok")
    counts = _tally(state, [r for n in folded for r in ITEMS[n - 1].requirements])
    word = "a acknowledges, enter opens" if state.asks else "acknowledged"
    label = f"{numbers(folded)} unchanged since {short(state.since)}"
    mark = ("▸", BRIGHT) if here and state.asks else sign
    left = line(mark, "  ", (label, STRONG if here else VALUE))
    if left.cell_length + len(word) + 2 > width:
        word = word.partition(",")[0]
    content = spread(left, line((word, LABEL)), width)
    yield _row(content, ACK, width, here)
    facts = _facts(state.answers)
    yield _row(spread(line("   ", (facts, LABEL)), line((counts, LABEL)), width), ACK, width, here)


def _facts(answers: Answers) -> str:
    said = (
        answers.tokenization.type,
        answers.architecture.model_class,
        f"rank {answers.init.rank}",
        answers.direction.direction,
    )
    return ", ".join(plain(s, 40) for s in said if s)


def _closed(state: State, item: Item, width: int) -> Iterator[Line]:
    """An item in two lines: its name, and what stands against it or what was answered."""
    target = item.fields[0].where
    yield Line(_title(state, item, width, here=False), ((0, width, target),))
    against = sorted(state.against(item), key=lambda b: b.empty)
    if against:
        text, style = in_words(against[0]), VALUE if not against[0].empty else LABEL
        more = f", and {len(against) - 1} more" if len(against) > 1 else ""
        text = cut(text, max(8, width - INDENT - len(more))) + more
    else:
        said = [shown(state.answers, f.where) for f in item.fields]
        text, style = cut("; ".join(plain(s, 160) for s in said if s), width - INDENT), LABEL
    yield Line(line(" " * INDENT, (text, style)), ((0, width, target),))


def _title(state: State, item: Item, width: int, *, here: bool) -> Content:
    against = state.against(item)
    if not state.ready:
        sign = ("·", LABEL)
    elif any(not b.empty for b in against):
        sign = ("✗", "bold $bad")
    else:
        sign = ("·", LABEL) if against else ("✓", "$ok")
    if here and sign[0] == "·":
        sign = ("▸", BRIGHT)
    left = line(
        sign, "  ", (str(item.number), STRONG if here else LABEL), "   ", (item.title, STRONG if here else VALUE)
    )
    note = _tally(state, item.requirements)
    if item.number == 8 and state.rules and state.bugs:
        note = f"{len(state.bugs)} of {state.rules} rules hit"
    if item.number == 7 and state.ready and not state.answers.prior.comparator:
        note = "comparator not chosen"
    right = line((note, LABEL))
    return spread(left, right if left.cell_length + right.cell_length + 2 <= width else Content(""), width)


def _tally(state: State, requirements: Sequence[str]) -> str:
    counts = [state.counts[r] for r in requirements if r in state.counts]
    if not any(map(any, counts)):
        return ""
    unchanged, caught = min(c[0] for c in counts), sum(c[1] for c in counts)
    return f"unchanged {unchanged} {'time' if unchanged == 1 else 'times'}, caught {caught}"


def _open(state: State, item: Item, width: int) -> Iterator[tuple[Line, str, bool]]:
    """The lines of the open item, each with its target; True behind the one under which is typed."""
    yield Line(_title(state, item, width, here=True), ((0, width, item.fields[0].where),)), "", False
    for requirement in item.requirements:
        if requirement in state.moved:
            yield from (
                (Line(c), "", False)
                for c in _wrapped(f"since {short(state.since)}: {state.moved[requirement]}", width, LABEL)
            )
    if item.number == 8:
        for hit in state.bugs:
            yield from _bug(state, hit, width)
    about: dict[str, list[Block]] = {}
    for block in state.against(item):
        about.setdefault(target_of(block), []).append(block)
    fields = list(item.fields)
    while fields:
        if fields[0].long:
            yield from _long(state, fields[0], about.get(fields[0].where, []), width)
            fields = fields[1:]
            continue
        chunk: list[Field] = []
        while fields and not fields[0].long:
            chunk.append(fields.pop(0))
        yield from _shorts(state, chunk, about, width)
    for flag in (f for f in state.flags if f.item in item.requirements):
        for n, content in enumerate(_wrapped(f"{flag.what}. {flag.mend}", width - 2, LABEL, indent=INDENT + 2)):
            yield Line(_sign(content, "!", "$warn") if n == 0 else content), "", False


def _sign(content: Content, sign: str, style: str) -> Content:
    return Content.assemble(" " * INDENT, (sign, style), content[INDENT + 1 :])


def _bug(state: State, hit: Mapping[str, Any], width: int) -> Iterator[tuple[Line, str, bool]]:
    """A rule that was hit: what will happen and why, and what can be done about it."""
    rule, target = str(hit["rule"]), BUG + str(hit["rule"])
    here = state.cursor == target
    style = "bold $bad" if hit["state"] == "open" else LABEL
    words = {"waived": " (waived)", "tested": " (this is what the run tests)"}.get(str(hit["state"]), "")
    text = f"{hit['cause']}, which leads to: {hit['symptom']}{words}"
    inner = width - INDENT - len(rule) - 2
    for n, part in enumerate(wrap(plain(text, 600), max(16, inner)) or [""]):
        head = ("▸ " if here and n == 0 else "  ", BRIGHT)
        name = (rule if n == 0 else " " * len(rule), style)
        body = line(" " * (INDENT - 2), head, name, "  ", (part, VALUE if hit["state"] == "open" else LABEL))
        yield _row(body, target, width, here), target if n == 0 else "", False
    if hit["state"] == "open":
        for part in wrap("Fix: " + plain(str(hit["fix"]), 400), max(16, inner)):
            yield _row(line(" " * (INDENT + len(rule) + 2), (part, LABEL)), target, width, here), "", False
        does = [("f", "fix the setting"), ("w", "waive"), *([("v", "it is what this tests")] if hit["knobs"] else [])]
    else:
        does = [("w", "take the waiver back")] if hit["state"] == "waived" else [("v", "no longer what this tests")]
    keys: list[str | tuple[str, str]] = [" " * INDENT]
    for key, word in does:
        keys += [(key, STRONG), (f" {word}   ", LABEL)]
    yield _row(line(*keys).truncate(width), target, width, here), "", False
    if here and state.wrong:
        yield from ((Line(c), "", False) for c in _wrapped(state.wrong, width, "$bad"))


def _long(state: State, field: Field, against: Sequence[Block], width: int) -> Iterator[tuple[Line, str, bool]]:
    """A sentence: its question, what was answered, and what is wrong with it."""
    where, here = field.where, state.cursor == field.where
    typing = here and state.editing
    label = line(" " * INDENT, (field.label, BRIGHT if here else LABEL))
    yield _row(spread(label, Content(""), width), where, width, here and not typing), where, typing
    text = shown(state.answers, where)
    bar = (" " * INDENT + "▎ ", BRIGHT if here else RULE)
    if not typing:
        if text:
            parts = [
                p
                for row in text.strip("\n").split("\n")
                for p in wrap(plain(row, 4000), max(16, min(PROSE, width - INDENT - 2)))
            ]
            if not here and len(parts) > LONGEST:
                parts = [*parts[: LONGEST - 1], cut(parts[LONGEST - 1] + " " + parts[LONGEST], width - INDENT - 2)]
            for part in parts:
                yield _row(line(bar, (part, BRIGHT if here else VALUE)), where, width, here), "", False
        else:
            empty = next((b.mend for b in against if b.empty), "" if against else "not asked for now")
            was = f"It was: {plain(state.was[where], 400)}" if against and state.was.get(where) else ""
            for said in filter(None, (empty, was)):
                for part in wrap(plain(said, 500), max(16, min(PROSE, width - INDENT - 2))):
                    yield _row(line(bar, (part, "italic $dim")), where, width, here), "", False
    yield from _wrong(state, where, [b for b in against if not b.empty or typing], width)


def _shorts(
    state: State, fields: Sequence[Field], about: Mapping[str, Sequence[Block]], width: int
) -> Iterator[tuple[Line, str, bool]]:
    """Answers of one word, as many in a line as fit."""
    rows: list[list[Field]] = [[]]
    used = INDENT
    for field in fields:
        need = cell_len(field.label) + 1 + cell_len(_word(state, field)) + 3
        if rows[-1] and used + need > width:
            rows.append([])
            used = INDENT
        rows[-1].append(field)
        used += need
    for row in rows:
        parts: list[Content | str | tuple[str, str]] = [" " * INDENT]
        spans, at, target = [], INDENT, ""
        for field in row:
            here = state.cursor == field.where
            word = _word(state, field)
            given = bool(shown(state.answers, field.where))
            label = f"{field.label} " if field.label else ""
            bad = any(not b.empty for b in about.get(field.where, []))
            style = "$bad" if bad else VALUE if given else "italic $dim"
            parts += [(label, BRIGHT if here else LABEL), (word, f"bold {style} on $select" if here else style), "   "]
            size = cell_len(label) + cell_len(word)
            spans.append((at, at + size, field.where))
            at += size + 3
            target = field.where if here else target
        typing = bool(target) and state.editing
        yield Line(line(*parts), tuple(spans)), target, typing
        for field in row:
            against = [b for b in about.get(field.where, []) if not b.empty or state.cursor == field.where]
            yield from _wrong(state, field.where, against, width)


def _word(state: State, field: Field) -> str:
    text = shown(state.answers, field.where)
    return cut(plain(text if ascii_only() else OPS.get(text, text), 60), 40) if text else "not given"


def _wrong(state: State, where: str, against: Sequence[Block], width: int) -> Iterator[tuple[Line, str, bool]]:
    if where == state.cursor and state.wrong:
        yield from ((Line(c), "", False) for c in _wrapped(state.wrong, width, "$bad"))
    elif where == state.cursor and state.editing:
        yield Line(line(" " * INDENT, ("enter done   tab next   ctrl+j new line   esc leave", LABEL))), "", False
    else:
        for block in against:
            said = block.mend if block.empty else f"{block.what}. {block.mend}"
            style = LABEL if block.empty else VALUE
            for n, content in enumerate(_wrapped(said, width - 2, style, indent=INDENT + (0 if block.empty else 2))):
                yield Line(_sign(content, "✗", "$bad") if n == 0 and not block.empty else content), "", False


def _wrapped(text: str, width: int, style: str, *, indent: int = INDENT) -> list[Content]:
    return [line(" " * indent, (part, style)) for part in wrap(plain(text, 600), max(16, min(PROSE, width - indent)))]


def _row(content: Content, target: str, width: int, here: bool) -> Line:
    """A line that leads somewhere, on the panel's ground where the cursor is."""
    if here:
        content = Content.assemble(content, " " * max(0, width - content.cell_length)).stylize("on $panel")
    return Line(content, ((0, width, target),))
