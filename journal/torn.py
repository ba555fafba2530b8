"""What is left of a block that lost one of its markers: which of its lines stand there, and the way back to a whole entry.

Nothing of it may be deleted by us: without both markers nobody knows any more what a person wrote into it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from journal.blocks import Block, stray_markers

_DATA = re.compile(rb"^<!-- data \{.*\} -->\r?$", re.MULTILINE)
_HEAD = re.compile(rb"^(?:## |- )\d{4}-\d\d-\d\d \([a-z]{1,3}\)", re.MULTILINE)


def torn(data: bytes, blocks: Sequence[Block]) -> Iterator[tuple[int, str, str]]:
    """(offset, what is wrong, how to mend it) of every marker that stands alone. Time is linear in the file, but for sorting."""
    strays = stray_markers(data, blocks)
    if not strays:
        return
    edges = [0, *sorted([b.start for b in blocks] + [b.end for b in blocks] + [at for at, _ in strays]), len(data)]
    newlines = [match.start() for match in re.finditer(b"\n", data)]
    whole = {f"{b.kind}:{b.key}": b for b in blocks if b.intact}

    def line(at: int) -> int:
        return bisect_left(newlines, at) + 1

    for at, name in strays:
        floor, ceiling = edges[bisect_left(edges, at) - 1] if at else 0, edges[bisect_right(edges, at)]
        opens = not data.startswith(b"<!-- /", at)
        start, end = _opened(data, at, floor, ceiling) if opens else _closed(data, at, floor)
        first, last = line(start), line(end - 1)
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        if name in whole:
            mend = f"delete {lines}: the whole entry stands in line {line(whole[name].start)}"
        elif opens:
            mend = f"put <!-- /{name} --> on a line of its own below line {last}, where the entry ends"
        elif name.startswith("run:"):
            mend = (
                f"delete {lines}, then: cockpit journal rebuild {name.removeprefix('run:').partition('#')[0]} --write"
            )
        else:
            mend = f"take the lines above back from an older copy of the file, or delete {lines}"
        yield at, f"the {'end' if opens else 'start'} marker of {name} is gone, so {lines} count as prose", mend


def _opened(data: bytes, at: int, floor: int, ceiling: int) -> tuple[int, int]:
    """From the heading above a start marker to the hidden line that ends its body; without one, only the marker."""
    above = data.rfind(b"\n", 0, max(at - 1, 0)) + 1
    start = above if above >= floor and data.startswith(b"## ", above) else at
    last = _DATA.search(data, at, ceiling)
    return start, last.end() if last else _end_of_line(data, at)


def _closed(data: bytes, at: int, floor: int) -> tuple[int, int]:
    """From the last heading or ledger line above an end marker to the marker; without one, only the marker."""
    heads = [match.start() for match in _HEAD.finditer(data, floor, at)]
    return heads[-1] if heads else at, _end_of_line(data, at)


def _end_of_line(data: bytes, at: int) -> int:
    found = data.find(b"\n", at)
    return found if found >= 0 else len(data)
