"""Every completion of a run: filtered by what became of it, why, dose, round and subject; one prompt across subjects and rounds.

Only the index is held; the texts on the screen are read from disk in a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any, ClassVar

import numpy as np
from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from cockpit.actions import bindings
from cockpit.live.feed import Update
from cockpit.live.texts import Index, Text
from cockpit.screens.run_screen import RunScreen
from cockpit.widgets.completions import line, reason_words
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.pane import Pane, Row
from engine.contract.rundir import RunDir
from journal.text import MISSING, number, plain, short

CHOICES = ("fate", "reason", "dose", "round", "subject")
NOTHING = "all"


@dataclass
class PageRead(Message):
    """The texts of a page were read."""

    key: tuple[object, ...]
    texts: list[Text]


class Page(Pane):
    """The filters, a page of completions, and the chosen one in full."""

    DEFAULT_CSS = "Page { width: 1fr; height: 1fr; }"
    told: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    texts: tuple[Text, ...] = ()
    chosen: int = 0
    probe: str = ""

    def show(self, **held: Any) -> None:
        """Show another page or another choice."""
        for name, value in held.items():
            setattr(self, name, value)
        self.touch()

    def capacity(self) -> int:
        """Completions on a page: the rest is for the one that is read in full."""
        return max(self.size.height - 4 - self.airy() - self.reading(), 1)

    def airy(self) -> int:
        """Rows left free under the title: one, where there is room."""
        return int(self.size.height >= 30)

    def reading(self) -> int:
        """Rows for the chosen completion."""
        return min(max(self.size.height // 3, 5), 14)

    def rows(self, width: int, height: int) -> list[Row]:
        m = 1 if width < 100 else 2
        top = Row(width, "panel").put(m, "Completions", "bright", "bold").then(self.told, "dim", gap=3)
        bar = Row(width)
        for name, value in self.filters:
            held = value != NOTHING
            bar.put((bar.end + 3) if bar.end else m, name, "dim").then(
                value, "bright" if held else "text", "bold" if held else "", gap=1
            )
        rows = [top, *[Row(width)] * self.airy(), bar, Row(width)]
        if not self.texts:
            return [*rows, Row(width).put(m, "no completion is like that", "dim")]
        for place, text in enumerate(self.texts):
            drawn = line(text, width - 2 * m - 2, 12 if width < 100 else 14)
            row = Row(width, "select" if place == self.chosen else "")
            if place == self.chosen:
                row.put(m, "▸", "bright", "bold")
            for part in drawn.parts:
                row.put(part.column + m + 2, part.words, part.role, part.style)
            rows.append(row)
        rows += [Row(width)] * (height - len(rows) - self.reading())
        return [*rows, *self._full(width, m)][:height]

    def _full(self, width: int, m: int) -> list[Row]:
        """The chosen completion with its prompt, and what is known of it."""
        if not self.texts:
            return []
        text = self.texts[min(self.chosen, len(self.texts) - 1)]
        facts = [text.subject + (f" r{text.round}" if text.round else ""), f"κ {text.dose:.2f}"]
        facts += [reason_words(text.reason)] if text.probe == "train" else []
        facts += [f"labelled {text.label or MISSING}", f"tail ppl {number('tail_ppl', text.tail_ppl)}"]
        facts += [f"worst {number('tail_ppl', text.worst_ppl)}"] if text.worst_ppl is not None else []
        row = Row(width).put(m, plain(text.id, 60), "bright", "bold").then(plain(", ".join(facts), 160), "dim", gap=2)
        found = [row.hairline(row.end + 1, width - m)]
        room = min(width - 2 * m, 110)
        found += [Row(width).put(m, part, "dim") for part in wrap(plain(text.prompt, 600), room)[:2]]
        found += [Row(width).put(m, part) for part in wrap(plain(text.text, 4000) or "(empty)", room)]
        return found


class Completions(RunScreen):
    """A list, five filters, and one prompt followed through the run."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("completions")
    AUTO_FOCUS = ""
    room = "completions"
    CSS = "Completions { background: $background; color: $text; overflow: hidden; }"

    def __init__(
        self,
        project: Path,
        run: RunDir,
        *,
        latest: Callable[[], Update | None] | None = None,
        round_: int | None = None,
    ) -> None:
        super().__init__(project, run, latest=latest)
        self._wanted: dict[str, Any] = dict.fromkeys(CHOICES)
        self._wanted["round"] = round_
        self._follows_pool = True
        self._item = ""
        self._rows: np.ndarray[Any, np.dtype[np.intp]] = np.empty(0, np.intp)
        self._top = self._at = 0
        self._key: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """The page and the keys."""
        yield Page()
        yield KeyBar()

    @property
    def index(self) -> Index | None:
        """What is known of the completions."""
        return self.update_seen.texts if self.update_seen else None

    def take(self, update: Update) -> None:
        """Completions may have been added; the chosen one stays chosen."""
        self._find()

    def on_resize(self, event: events.Resize) -> None:
        """Another number of rows fits."""
        self.call_after_refresh(self._find)

    def _find(self) -> None:
        index = self.index
        if index is None:
            return
        wanted, fate = self._wanted, self._wanted["fate"]
        if self._item:
            self._rows = index.where(item=self._item)
        else:
            kept = None if fate is None else float(fate == "kept")
            self._rows = index.where(
                reason=wanted["reason"], dose=wanted["dose"], round=wanted["round"], subject=wanted["subject"]
            )
            if fate is not None:
                self._rows = self._rows[index.columns["kept"][self._rows] == kept]
        self._at = min(self._at, max(len(self._rows) - 1, 0))
        self._draw()

    def _draw(self) -> None:
        page, index = self.query_one(Page), self.index
        if index is None:
            return
        count = page.capacity()
        self._top = min(max(self._top, self._at - count + 1), self._at)
        shown = [int(i) for i in self._rows[self._top : self._top + count]]
        told = f"{short(self.run.id)}   {len(self._rows):,} of {len(index):,}"
        told += "   one prompt through the run" if self._item else ""
        page.show(told=told, filters=self._filters(), chosen=self._at - self._top)
        key = (tuple(shown), index.edition, len(index))
        if key != self._key:
            self._key = key
            self._read(key, index, shown)

    def _filters(self) -> tuple[tuple[str, str], ...]:
        words = {name: NOTHING if value is None else str(value) for name, value in self._wanted.items()}
        if self._wanted["dose"] is not None:
            words["dose"] = f"{self._wanted['dose']:.2f}"
        if self._wanted["reason"] is not None:
            words["reason"] = reason_words(self._wanted["reason"])
        return tuple((name, words[name]) for name in CHOICES)

    @work(thread=True, exclusive=True, group="page", exit_on_error=False)
    def _read(self, key: tuple[object, ...], index: Index, rows: list[int]) -> None:
        try:
            texts = index.read(rows)
        except OSError:
            texts = []
        self.post_message(PageRead(key, texts))

    def on_page_read(self, message: PageRead) -> None:
        """Show it, unless another page was asked for since."""
        if message.key == self._key:
            self.query_one(Page).show(texts=tuple(message.texts), chosen=self._at - self._top)

    # what the person does

    def _turn(self, name: str) -> None:
        """The next value of a filter, and after the last one none."""
        index = self.index
        if index is None:
            return
        values: list[Any] = [None]
        if name == "fate":
            values += ["kept", "dropped"]
        elif name in ("reason", "subject"):
            values += [word for word in index.names[name] if word]
        else:
            values += sorted({round(float(v), 6) for v in np.unique(index.columns[name])})
            values = [None if v is None else int(v) if name == "round" else v for v in values]
        held = self._wanted[name]
        at = next(
            (n for n, v in enumerate(values) if v == held or (v is not None and held is not None and v == held)), 0
        )
        self._wanted[name] = values[(at + 1) % len(values)]
        self._item, self._at, self._top = "", 0, 0
        self._find()

    def action_fate(self) -> None:
        """Kept, dropped, or both."""
        self._turn("fate")

    def action_reason(self) -> None:
        """By why it was dropped."""
        self._turn("reason")

    def action_dose(self) -> None:
        """By dose."""
        self._turn("dose")

    def action_round(self) -> None:
        """By round."""
        self._turn("round")

    def action_subject(self) -> None:
        """By who answered."""
        self._turn("subject")

    def action_everything(self) -> None:
        """No filter."""
        self._wanted, self._item = dict.fromkeys(CHOICES), ""
        self._at = self._top = 0
        self._find()

    def action_probe(self) -> None:
        """The chosen prompt through subjects and rounds, and back."""
        index = self.index
        if index is None or not len(self._rows):
            return
        self._item = "" if self._item else index.item(int(self._rows[self._at]))
        self._at = self._top = 0
        self._find()

    def _move(self, rows: int) -> None:
        self._at = min(max(self._at + rows, 0), max(len(self._rows) - 1, 0))
        self._draw()

    def action_up(self) -> None:
        """The one above."""
        self._move(-1)

    def action_down(self) -> None:
        """The one below."""
        self._move(1)

    def action_page_up(self) -> None:
        """A page up."""
        self._move(-self.query_one(Page).capacity())

    def action_page_down(self) -> None:
        """A page down."""
        self._move(self.query_one(Page).capacity())

    def action_first(self) -> None:
        """The first."""
        self._move(-(10**9))

    def action_last(self) -> None:
        """The last."""
        self._move(10**9)

    def on_mouse_scroll_up(self) -> None:
        """The wheel."""
        self._move(-1)

    def on_mouse_scroll_down(self) -> None:
        """The wheel."""
        self._move(1)

    def on_click(self, event: events.Click) -> None:
        """Choose the row that was clicked."""
        place = event.screen_y - 3 - self.query_one(Page).airy()
        if 0 <= place < len(self.query_one(Page).texts):
            self._move(self._top + place - self._at)
