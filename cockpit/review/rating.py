"""Blind rating: 50 answers of a run to trait prompts, who gave them hidden, in an order of each rater's own; ratings are JSON lines in the
run folder.

Drawn by a key of the run alone, so that all raters read the same texts: as many from each arm, and of the same prompts as far as every arm
answered them. The arms are those of the table: base, prompted, the raw steering of round 1, and the healed student of the best round."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.files import append_line, read_json
from engine.contract.hashes import sha256
from engine.contract.rundir import RunDir, check_name

TEXTS = 50
ARMS = ("base", "prompted", "steered", "healed")
SCALES = ("coherence", "trait")
LEVELS = 5

T = TypeVar("T")
Grade = Annotated[int, msgspec.Meta(ge=1, le=LEVELS)]


class Answer(msgspec.Struct, frozen=True):
    """A line of completions.jsonl as far as a rating needs it. `subject` is the arm."""

    id: str
    subject: str
    probe: str
    prompt: str
    text: str
    round: int = 0
    scores: dict[str, float] = {}
    label: str = ""
    kept: bool = True

    @property
    def key(self) -> str:
        """12 hex digits that stand for the id in a ratings file: the id itself names the arm."""
        return sha256(self.id.encode())[:12]

    @property
    def hash(self) -> str:
        """12 hex digits of what was rated: a text that was generated anew has no ratings yet."""
        return sha256(f"{self.prompt}\n{self.text}".encode())[:12]


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ratings/<rater>.jsonl; a later line about the same answer replaces an earlier one. It names no arm."""

    key: str
    hash: str
    coherence: Grade
    trait: Grade
    at: str


class Sheet(NamedTuple):
    """The texts that every rater of a run reads, in no rater's order."""

    run: RunDir
    answers: tuple[Answer, ...]

    def order(self, rater: str) -> list[Answer]:
        """The texts in the order of a rater."""
        return sorted(self.answers, key=lambda a: _key(self.run.id, rater, a.id))


def draw(run: RunDir, texts: int = TEXTS) -> Sheet:
    """The texts to rate, fewer where the run has no more. Raises Refused while the run goes on, BadInput when it has no answers."""
    if not run.result.is_file():
        raise Refused(f"{run.id} goes on or was not closed: its texts can be rated when it has ended")
    best = _best(run)
    by_arm: dict[str, dict[str, Answer]] = {arm: {} for arm in ARMS}
    benign: set[str] = set()
    for answer in _answers(run.completions):
        if answer.label.startswith("benign") or answer.id.endswith("-benign"):
            benign.add(answer.prompt)
        if (answer.subject != "steered" or answer.round == 1) and (answer.subject != "healed" or answer.round == best):
            by_arm[answer.subject][answer.prompt] = answer
    found = {arm: {p: a for p, a in answers.items() if p not in benign} for arm, answers in by_arm.items()}
    arms = [arm for arm in ARMS if found[arm]]
    if len(arms) < 2:
        raise BadInput(f"{run.id} has answers of {arms[0] if arms else 'no arm'} alone; blind rating needs two arms")
    everywhere = set.intersection(*(set(found[arm]) for arm in arms))
    chosen: list[Answer] = []
    for place, arm in enumerate(arms):
        size = texts // len(arms) + (place < texts % len(arms))
        prompts = sorted(found[arm], key=lambda p: (p not in everywhere, _key(run.id, p)))
        chosen += [found[arm][p] for p in prompts[:size]]
    return Sheet(run, tuple(chosen))


def rater_name(name: str) -> str:
    """A rater's name as the name of a file: lower case, blanks as '-'. Raises BadInput when nothing of it can be used."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:40]
    if not plain:
        raise BadInput(f"rater {name!r} has no letter or digit; name yourself with --rater anna")
    return check_name(plain)


def ratings_file(run: RunDir, rater: str) -> Path:
    """ratings/<rater>.jsonl of a run. Raises BadInput when the folder is a link."""
    folder = run.path / "ratings"
    if folder.is_symlink():
        raise BadInput(f"{folder} is a link; remove it, ratings are kept in the run folder itself")
    return folder / f"{rater}.jsonl"


def raters(run: RunDir) -> list[str]:
    """Who has begun, by name."""
    return sorted(p.stem for p in (run.path / "ratings").glob("*.jsonl"))


def ratings(sheet: Sheet, rater: str) -> dict[str, Rating]:
    """The ratings of a rater that are about the sheet's texts as they stand, by the answer's id; torn and foreign lines are skipped."""
    known = {a.key: a for a in sheet.answers}
    found: dict[str, Rating] = {}
    for rating in _decoded(ratings_file(sheet.run, rater), Rating):
        answer = known.get(rating.key)
        if answer is not None and answer.hash == rating.hash:
            found[answer.id] = rating
    return found


def rate(sheet: Sheet, rater: str, answer: Answer, coherence: int, trait: int) -> Rating:
    """Append a rating, on the disk when this returns. Raises ValueError for a grade off the scale."""
    if not {coherence, trait} <= set(range(1, LEVELS + 1)):
        raise ValueError(f"grades go from 1 to {LEVELS}, not {coherence} and {trait}")
    rating = Rating(key=answer.key, hash=answer.hash, coherence=coherence, trait=trait, at=now())
    file = ratings_file(sheet.run, rater)
    file.parent.mkdir(exist_ok=True)
    append_line(file, msgspec.json.encode(rating), sync=True)
    return rating


def left(sheet: Sheet, rater: str) -> Sequence[Answer]:
    """What a rater has not rated yet, in their order."""
    done = ratings(sheet, rater)
    return [a for a in sheet.order(rater) if a.id not in done]


def _best(run: RunDir) -> int:
    """The round that the run chose, else the last that was measured."""
    result = read_json(run.result)
    best = result.get("best") if isinstance(result, dict) else None
    if isinstance(best, int) and best > 0:
        return best
    return max((a.round for a in _answers(run.completions) if a.subject == "healed"), default=0)


def _answers(path: Path) -> Iterator[Answer]:
    return (a for a in _decoded(path, Answer) if a.probe == "answer" and a.subject in ARMS)


def _decoded(path: Path, kind: type[T]) -> Iterator[T]:
    """The lines of a file that are of a kind; a missing file has none."""
    if not path.is_file():
        return
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as f:
        for line in f:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode())
