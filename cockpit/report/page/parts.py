"""What pages are made of: sections, tables, figures. Every piece of foreign text goes through words(), and so cannot act."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from cockpit.report.figures.drawing import Drawing
from journal.text import MISSING, interval, number, plain, unquoted


def words(text: object, limit: int = 2000) -> str:
    """Foreign text for a page: one line without escapes or controls, and what HTML acts on as entities."""
    return escape(plain(str(text), limit))


def said(text: str, limit: int = 2000) -> str:
    """Text that was quoted for the journal, for a page."""
    return words(unquoted(text), limit)


def lines(text: object, limit: int = 4000) -> str:
    """Foreign text that keeps its line breaks."""
    return "\n".join(words(line, limit) for line in str(text)[:limit].splitlines())


class Cell(NamedTuple):
    """A cell as HTML with its class; `told` shows when a pointer rests on it, `data` are attributes for who reads the page by program."""

    html: str
    kind: str = ""
    told: str = ""
    data: tuple[tuple[str, str], ...] = ()


def figure_cell(
    metric: str, value: float | None, ci: tuple[float, float] | None, at: str, *, sign: bool = False
) -> Cell:
    """A number in house style over its interval; `at` is the file and line that it was read from."""
    if value is None:
        return Cell(MISSING, "n dim")
    span = f'<span class="ci">{interval(metric, ci, sign=sign)}</span>' if ci is not None else ""
    data = (("metric", metric), ("value", repr(value)), ("at", at))
    return Cell(number(metric, value, sign=sign) + span, "n", f"{value:.6g}, {at}", data)


def table(headings: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]], *, numbers: bool = True) -> str:
    """A table; each row is (class, cells), headings are plain words. With `numbers` every column but the first is one of numbers."""
    head = "".join(f"<th{' class=n' if numbers and i else ''}>{words(h)}</th>" for i, h in enumerate(headings))
    made = "".join(f"<tr{_class(kind)}>{''.join(map(_cell, cells))}</tr>" for kind, cells in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{made}</tbody></table></div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Two columns of words, the second already HTML."""
    made = "".join(f'<tr><td class="dim">{words(name)}</td><td class="words">{html}</td></tr>' for name, html in rows)
    if not made:
        return ""
    return f'<div class="scroll"><table><tbody>{made}</tbody></table></div>'


def section(anchor: str, title: str, *body: str, long: bool = False) -> str:
    """A section with its heading; nothing where there is nothing to say."""
    inner = "".join(body)
    if not inner:
        return ""
    return f'<section id="{anchor}"{" class=long" if long else ""}><h2>{words(title)}</h2>{inner}</section>'


def figure(drawing: Drawing | None, caption: str) -> str:
    """A figure that takes its colours from the page."""
    if drawing is None:
        return ""
    return f'<figure><div class="scroll">{drawing.svg(alone=False)}</div><figcaption>{words(caption)}</figcaption></figure>'


def folded(summary: str, body: str, *, open_: bool = False, paper: bool = False) -> str:
    """A part that opens; `paper` opens it when the page is printed."""
    if not body:
        return ""
    return f"<details{' class=paper' if paper else ''}{' open' if open_ else ''}><summary>{words(summary)}</summary>{body}</details>"


def paragraph(text: str, kind: str = "") -> str:
    """Words as a paragraph."""
    return f"<p{_class(kind)}>{words(text)}</p>" if text else ""


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _cell(cell: Cell) -> str:
    data = "".join(f' data-{name}="{escape(value)}"' for name, value in cell.data)
    title = f' title="{escape(cell.told)}"' if cell.told else ""
    return f"<td{_class(cell.kind)}{title}{data}>{cell.html}</td>"
