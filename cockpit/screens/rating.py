"""Blind rating of a run's answers: a text, a grade for coherence, a grade for the trait, the next text. Each pair of grades is on the disk
before the next text is shown, so that leaving loses nothing; arms are told when the last text is rated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen

from cockpit.actions import bindings
from cockpit.review import agreement, rating
from cockpit.review.author import author
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.rating import RatingPane, RatingTitle
from engine.contract.errors import CockpitError
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.traits import load_trait
from journal.text import plain, short


@dataclass
class Drawn(Message):
    """The texts of the run were drawn for a rater, or why they could not be."""

    sheet: rating.Sheet | None
    rater: str = ""
    trait: str = ""
    trouble: str = ""


class RatingScreen(Screen[None]):
    """One run and one rater; without a name the rater is who writes notes in this project."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("rating")
    AUTO_FOCUS = ""
    room = "rating"
    CSS = "RatingScreen { background: $background; color: $text; overflow: hidden; }"

    def __init__(self, project: Path, run: RunDir, *, rater: str = "") -> None:
        super().__init__()
        self._project, self.run, self._named = project, run, rater
        self.rater = ""
        self.sheet: rating.Sheet | None = None
        self._order: list[rating.Answer] = []
        self._done: set[str] = set()
        self._at = 0
        self._coherence = 0

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield RatingTitle()
        yield RatingPane()
        yield KeyBar()

    def on_mount(self) -> None:
        """Draw once the first frame stands."""
        self.call_after_refresh(self._draw)

    @work(thread=True, group="rating", exit_on_error=False)
    def _draw(self) -> None:
        try:
            rater = rating.rater_name(self._named or author(self._project))
            sheet = rating.draw(self.run)
            rating.ratings_file(self.run, rater)
            self.post_message(Drawn(sheet, rater, _trait(self.run)))
        except (CockpitError, OSError) as error:
            self.post_message(Drawn(None, trouble=str(error)))

    def on_drawn(self, message: Drawn) -> None:
        """Begin, or go on where the rater left."""
        if message.sheet is None:
            self.query_one(RatingPane).show(lines=(plain(message.trouble, 400),))
            return
        self.sheet, self.rater = message.sheet, message.rater
        self._order = self.sheet.order(self.rater)
        self._done = set(rating.ratings(self.sheet, self.rater))
        self.query_one(RatingPane).show(trait=plain(message.trait, 120))
        self._next(0)

    def _next(self, start: int) -> None:
        """The first text from `start` on that is not rated, else any that is not, else the end."""
        places = [*range(start, len(self._order)), *range(start)]
        open_ = [n for n in places if self._order[n].id not in self._done]
        if open_:
            self._show(open_[0])
        else:
            self._end()

    def _show(self, place: int) -> None:
        self._at, self._coherence = place, 0
        answer = self._order[place]
        self.query_one(RatingPane).show(prompt=answer.prompt, text=answer.text, coherence=0, lines=())
        self._tell()

    def _end(self) -> None:
        assert self.sheet is not None
        self._at = len(self._order)
        lines = agreement.told(agreement.report(self.sheet, [self.rater]))
        others = [n for n in rating.raters(self.run) if n != self.rater]
        if others:
            lines += ["", f"with {', '.join(others)}: cockpit rate {self.run.id} --report"]
        self.query_one(RatingPane).show(lines=tuple(lines))
        self._tell()

    def _tell(self) -> None:
        count = f"{len(self._done)} of {len(self._order)} rated"
        self.query_one(RatingTitle).show(short(self.run.id), f"as {self.rater}", count)

    # what the person does

    def _grade(self, grade: int) -> None:
        """The grade of the question that is asked now."""
        if self.sheet is None or self._at >= len(self._order):
            return
        if not self._coherence:
            self._coherence = grade
            self.query_one(RatingPane).show(coherence=grade)
            return
        answer = self._order[self._at]
        try:
            rating.rate(self.sheet, self.rater, answer, self._coherence, grade)
        except OSError as error:
            self.notify(f"not saved: {error.strerror}", severity="error", markup=False)
            return
        self._done.add(answer.id)
        self._next(self._at + 1)

    def action_one(self) -> None:
        """1."""
        self._grade(1)

    def action_two(self) -> None:
        """2."""
        self._grade(2)

    def action_three(self) -> None:
        """3."""
        self._grade(3)

    def action_four(self) -> None:
        """4."""
        self._grade(4)

    def action_five(self) -> None:
        """5."""
        self._grade(5)

    def action_again(self) -> None:
        """Take the grade of coherence back, or rate the text before this one again; not once the arms were told."""
        if self.sheet is None or self._at >= len(self._order):
            return
        self._show(self._at if self._coherence else max(self._at - 1, 0))

    def action_up(self) -> None:
        """One line up."""
        self.query_one(RatingPane).scroll_rows(-1)

    def action_down(self) -> None:
        """One line down."""
        self.query_one(RatingPane).scroll_rows(1)


def _trait(run: RunDir) -> str:
    """What the trait's own answer looks like, in the trait file's words; its name where the file is not there any more."""
    name = load_runfile(run.config).config.trait.name
    try:
        trait = load_trait(name)
    except CockpitError:
        return name
    return trait.labels.get("trait") or trait.description
