"""Journal entries as one self-contained web page: no script, nothing fetched, light and dark by the reader's setting.

Reads only the Markdown that entries are made of (headings, bold, tables, lists, a folded part); everything else is shown as the text
it is, so that nothing in an entry can act.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from journal.text import unquoted

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_FOLD = re.compile(r"<details><summary>([^<>]*)</summary>")
_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+")
_CELLS = re.compile(r"(?<!\\)\|")
STYLE = """
:root{color-scheme:light dark;--bg:#faf8f3;--text:#26282a;--dim:#64625c;--rule:#d3cec1;--panel:#f1eee6}
@media(prefers-color-scheme:dark){:root{--bg:#141516;--text:#d6d4ce;--dim:#979b9c;--rule:#363a3e;--panel:#1b1d1f}}
body{background:var(--bg);color:var(--text);font:16px/1.55 Georgia,serif;max-width:58rem;margin:3rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;font-weight:600}h2{font-size:1.1rem;font-weight:600;margin:0 0 .6rem}
article{border-top:1px solid var(--rule);padding:1.6rem 0}
.said,summary,footer,th{color:var(--dim)}.said,summary,footer{font-size:.87rem}
table{border-collapse:collapse;font:.8rem/1.5 ui-monospace,Menlo,Consolas,monospace;margin:.8rem 0;display:block;overflow-x:auto}
th,td{text-align:left;padding:.15rem .9rem .15rem 0;border-bottom:1px solid var(--rule);font-weight:400;vertical-align:top}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}
details{background:var(--panel);padding:.5rem .9rem;margin:.8rem 0}
""".strip()


def page(title: str, entries: Iterable[tuple[str, str, str]], footer: str) -> str:
    """The whole file. Each entry is (anchor, Markdown text, one line on how it stands)."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">""",
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
    ]
    for anchor, text, said in entries:
        parts.append(f'<article id="{escape(anchor)}">')
        parts.extend(_lines(text))
        parts.append(f'<p class="said">{escape(said)}</p></article>' if said else "</article>")
    return "\n".join([*parts, f"<footer>{escape(footer)}</footer>", "</body></html>", ""])


def _lines(text: str) -> Iterator[str]:
    """An entry's lines as HTML, in order."""
    table: list[str] = []
    listing: list[str] = []
    paragraph: list[str] = []
    folded = False
    for line in [*text.splitlines(), ""]:
        line = line.rstrip()
        if table and not line.startswith("|"):
            yield _table(table)
            table = []
        if listing and not line.startswith("- "):
            yield "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in listing) + "</ul>"
            listing = []
        fold = _FOLD.fullmatch(line)
        closes = line == "</details>" and folded
        special = not line or line.startswith(("|", "- ", "## ")) or fold or closes
        if paragraph and special:
            yield "<p>" + "<br>\n".join(map(_inline, paragraph)) + "</p>"
            paragraph = []
        if line.startswith("|"):
            table.append(line)
        elif line.startswith("- "):
            listing.append(line[2:])
        elif line.startswith("## "):
            yield f"<h2>{_inline(line[3:])}</h2>"
        elif fold and not folded:
            folded = True
            yield f"<details><summary>{escape(fold[1])}</summary>"
        elif closes:
            folded = False
            yield "</details>"
        elif line:
            paragraph.append(line)
    if folded:
        yield "</details>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip().replace("\\|", "|") for cell in _CELLS.split(line.strip().strip("|"))] for line in lines]
    numeric: list[bool] = []
    if len(lines) > 1 and _RULE.fullmatch(lines[1]):
        numeric = [cell.endswith(":") for cell in rows.pop(1)]
        head, rows = rows[0], rows[1:]
    else:
        head = []
    made = [_cells("th", head, numeric)] if head else []
    return "<table>" + "".join(made + [_cells("td", row, numeric) for row in rows]) + "</table>"


def _cells(tag: str, row: list[str], numeric: list[bool]) -> str:
    right = [i < len(numeric) and numeric[i] for i in range(len(row))]
    return (
        "<tr>"
        + "".join(
            f"<{tag}{' class=n' if is_number else ''}>{_inline(cell)}</{tag}>"
            for cell, is_number in zip(row, right, strict=True)
        )
        + "</tr>"
    )


def _inline(text: str) -> str:
    """Bold parts stay bold; every other character is shown as itself."""
    parts = _BOLD.split(text)
    shown = [escape(unquoted(part)) for part in parts]
    return "".join(f"<b>{part}</b>" if i % 2 else part for i, part in enumerate(shown))
