"""The completions of a round in a few rows: kept or dropped and why, dose, tail perplexity, and how it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from textual import events
from textual.message import Message

from cockpit.live.texts import Index, Text
from cockpit.widgets.pane import Pane, Row
from journal.text import number, plain

FILTERS = ("all", "kept", "dropped", "probes", "by dose")
REASONS = {"tail_ppl": "tail ppl", "worst_ppl": "worst ppl", "repetition": "loops", "narration": "narrates", "min_entropy": "entropy",
           "": "kept"}  # fmt: skip
"""What a reason is called in a row."""


EMPTY = "(empty)"


def reason_words(reason: str) -> str:
    """A reason as a person reads it."""
    return plain(REASONS.get(reason, reason.replace("_", " ")), 60)


def choose(index: Index, round_: int, chosen: str, count: int) -> list[int]:
    """The rows of a round's pool to show on `count` lines; with no round yet, the last answers.

    'all' and 'by dose' show what was dropped beside what was kept; a surplus row is neither, and comes last."""
    pool = index.where(round=round_, probe="train")
    if chosen == "probes" or not len(pool):
        return _probes(index, round_, count)
    kept = [int(i) for i in pool if index.columns["kept"][i]]
    surplus_code = index.names["reason"].index("surplus") if "surplus" in index.names["reason"] else -1
    out = [int(i) for i in pool if not index.columns["kept"][i]]
    dropped = [i for i in out if index.columns["reason"][i] != surplus_code]
    surplus = [i for i in out if index.columns["reason"][i] == surplus_code]
    if chosen == "kept":
        return kept[:count]
    if chosen == "dropped":
        return _spread(index, dropped, "reason", count)
    if chosen == "by dose":
        return sorted(_spread(index, kept + dropped, "dose", count), key=lambda i: float(index.columns["dose"][i]))
    half = min((count + 1) // 2, len(kept))
    shown = kept[:half] + _spread(index, dropped, "reason", count - half)
    return shown + (kept[half:] + surplus)[: count - len(shown)]


def _spread(index: Index, rows: list[int], column: str, count: int) -> list[int]:
    """Rows such that each value of a column comes early, the most frequent first."""
    by: dict[float, list[int]] = {}
    for row in rows:
        by.setdefault(float(index.columns[column][row]), []).append(row)
    groups = sorted(by.values(), key=len, reverse=True)
    found: list[int] = []
    while len(found) < count and any(groups):
        for group in groups:
            if group and len(found) < count:
                found.append(group.pop(0))
    return found


def _probes(index: Index, round_: int, count: int) -> list[int]:
    """One fixed prompt as each subject answered it: base, prompted, steered and healed of this round."""
    answers = index.where(probe="answer", round=0, subject="base")
    if not len(answers):
        return [int(i) for i in index.where(probe="answer")[-count:]]
    item = index.item(int(answers[0]))
    rows = [int(i) for i in index.where(item=item)]
    wanted = [i for i in rows if index.columns["round"][i] in (0, round_)]
    return wanted[:count] if count >= len(wanted) else wanted[:1] + wanted[-(count - 1) :] if count > 1 else wanted[-1:]


class CompletionsPane(Pane):
    """A title with the counts and the filters, then rows."""

    index: Index | None = None
    texts: Sequence[Text] = ()
    counted: str = ""
    chosen: str = "all"
    probes: bool = False

    @dataclass
    class Chosen(Message):
        """The person clicked on one of the filters."""

        name: str

    def on_click(self, event: events.Click) -> None:
        """A filter's name chooses it."""
        names = {part.words: part for part in self.laid(0) if part.words in FILTERS}
        hit = next(
            (n for n, part in names.items() if event.y == 0 and part.column <= event.x < part.column + len(n)), None
        )
        if hit is not None:
            self.post_message(self.Chosen(hit))

    def show(self, index: Index, texts: Sequence[Text], counted: str, chosen: str) -> None:
        """Show these texts; `counted` says what the filter did."""
        self.index, self.texts, self.counted, self.chosen = index, texts, counted, chosen
        self.touch()

    @property
    def tall(self) -> bool:
        """Whether each completion has several rows."""
        return self.size.width < 60 and self.size.height > 12

    def capacity(self) -> int:
        """Completions that there is room for."""
        return max((self.size.height - 2) // (LINES + 2) if self.tall else self.size.height - 1, 1)

    def rows(self, width: int, height: int) -> list[Row]:
        row = Row(width).put(0, "Completions", "bright", "bold")
        names = FILTERS if width >= 100 else FILTERS[:3]
        ends, at = [], width
        for name in reversed(names):
            ends.append((at - len(name), name))
            at -= len(name) + 2
        if not self.tall:
            row.put(row.end + 2, self.counted, "dim", within=at - row.end - 3)
        if self.index is None or self.texts:
            row.hairline(row.end + 1, at + 1)
            for start, name in ends:
                now = name == self.chosen
                row.put(start, name, "bright" if now else "dim", "bold underline" if now else "")
        rows = [row, Row(width).put(0, self.counted, "dim")] if self.tall else [row]
        if not self.texts:
            why = "its texts are not in the run's folder" if self.counted else "no completion yet"
            return [*rows, Row(width).put(0, why, "dim")]
        name_width = 10 if width < 100 else 12
        if self.tall:
            return [*rows, *_blocks(self.texts, width, height - len(rows))]
        for text in self.texts[: height - 1]:
            rows.append(line(text, width, name_width))
        return rows


LINES = 3
"""Lines of text of a completion in a narrow, high pane."""


def _blocks(texts: Sequence[Text], width: int, height: int) -> list[Row]:
    """What a completion is in one row, and under it how it reads, whole blocks only."""
    rows: list[Row] = []
    for text in texts:
        head = line(text._replace(text=""), width)
        head.parts = [part for part in head.parts if part.words != EMPTY]
        words = wrap(plain(text.text, 1000) or EMPTY, width - 2)
        if len(words) > LINES:
            words = [*words[: LINES - 1], " ".join(words[LINES - 1 :])]
        if len(rows) + 2 + len(words) > height:
            break
        dropped = text.probe == "train" and not text.kept
        rows += [head, *(Row(width).put(2, part, "dim" if dropped else "text") for part in words), Row(width)]
    return rows


def _ppl(value: float | None) -> str:
    """In house style up to 9,999; above that its power of ten, 4e4, so that it stays in its column."""
    if value is None or value < 9999.5:
        return number("tail_ppl", value)
    head, _, power = f"{value:.0e}".partition("e")
    return f"{head}e{int(power)}"


def line(text: Text, width: int, name_width: int = 12, *, subject: bool = False) -> Row:
    """One completion in one row."""
    row = Row(width)
    trained = text.probe == "train"
    if trained:
        row.put(0, "✓" if text.kept else "·" if text.reason == "surplus" else "✗",
                "ok" if text.kept else "dim" if text.reason == "surplus" else "bad")  # fmt: skip
        row.put(2, reason_words(text.reason), "dim" if text.kept else "text", within=name_width - 1)
    else:
        sign = {"base": "◆", "prompted": "◇", "steered": "▲", "healed": "●"}.get(text.subject, "·")
        row.put(0, sign, "accent-trait" if text.subject == "healed" else "dim")
        where = f" r{text.round}" if text.round else ""
        row.put(2, plain(text.subject, 12) + where, "dim", within=name_width - 1)
    at = name_width + 2
    row.put(at, "κ", "dim").put(at + 2, f"{text.dose:.2f}", "text" if text.dose else "dim")
    row.right(at + 12, _ppl(text.judged_ppl)).put(at + 13, "ppl", "dim")
    dropped = trained and not text.kept
    row.put(at + 19, plain(text.text, 600) or EMPTY, "dim" if dropped else "text")
    return row
