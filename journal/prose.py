"""The researcher's own words on an entry: what stands between its block and the next one. It is theirs, outside of every block.

Writing it changes those bytes and no others, and only while they are the bytes that were read: whoever else wrote there meanwhile is
told of, never overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from engine.contract.errors import BadInput, Refused
from engine.contract.hashes import sha256
from journal.blocks import Block, parse, stray_markers
from journal.book import Book
from journal.index import Row
from journal.text import short

FORM = "**Discussion.** \n**Alternative.** \n**Distinguish.** \n**Next.** "
"""What a first discussion is asked to say."""


class Prose(NamedTuple):
    """The words below one block: `data[start:end]` of the journal. `line` is that of the block's first line, from 1."""

    text: str
    start: int
    end: int
    digest: str
    line: int

    @property
    def editable(self) -> bool:
        """Whether a text field can hold it unchanged: valid UTF-8 with no control characters but line ends and tabs."""
        return all(c >= " " or c in "\n\r\t" for c in self.text) and not set(self.text) & {"\ufffd", "\x7f", "\x9b"}


def below(data: bytes, rows: Sequence[Row] | Sequence[Block], key: str) -> Prose | None:
    """The prose below the block of a key: the last intact one, else the last; None without such a block. `rows` in any order."""
    mine = [row for row in rows if row.key == key]
    if not mine:
        return None
    block = max(mine, key=lambda row: (row.intact, row.start))
    end = min((row.start for row in rows if row.start >= block.end), default=len(data))
    raw = data[block.end : end]
    line = data.count(b"\n", 0, block.start) + 1
    return Prose(raw.decode("utf-8", "replace").strip("\r\n"), block.end, end, sha256(raw), line)


def write(book: Book, key: str, text: str, digest: str) -> None:
    """Put `text` below the block of a key, where the prose with this digest stood; every other byte stays.

    Raises Refused when the prose is another one by now, when the entry is gone, or when the text would open or close a block; BadInput
    when the journal cannot be written."""
    words = text.replace("\r\n", "\n").strip("\n").encode("utf-8", "replace")
    if stray_markers(words + b"\n", []) or parse(words + b"\n"):
        raise Refused("a line of the text looks like one of the journal's own markers (<!-- run:...); change it")

    def change(data: bytes) -> bytes:
        blocks = parse(data)
        now = below(data, blocks, key)
        if now is None:
            raise Refused(f"the entry of {key} is no longer in {book.path}")
        if now.digest != digest:
            raise Refused(
                f"the text below {short(key)} was changed in the file meanwhile, so nothing was written. "
                "Copy yours, leave, and open it again"
            )
        last = now.end == len(data)
        ending = b"\r\n" if b"\r\n" in data[now.start : now.end] else b"\n"
        body = words.replace(b"\n", ending)
        if not body:
            return data[: now.start] + (b"" if last else ending) + data[now.end :]
        lead = b"" if data[: now.start].endswith(b"\n") else ending
        return data[: now.start] + lead + body + ending * (1 if last else 2) + data[now.end :]

    try:
        book.edit(change)
    except OSError as error:
        raise BadInput(f"cannot write {book.path}: {error.strerror or error}") from None
