"""Capability: closed questions with exact answers, decoded greedily."""

from __future__ import annotations

import re
from collections.abc import Generator

from engine.contract.world import Fact
from engine.evaluate.scores import Scores
from engine.evaluate.subject import Subject

ANSWER_TOKENS = 24
_MARKS = " \"'`*_"


def measure(subject: Subject, facts: list[Fact], batch_size: int, seed: int) -> Generator[int, None, Scores]:
    """capability: fraction answered exactly; yields how many questions were just answered."""
    prompts = [subject.prompt(f.text, f.id) for f in facts]
    answers = yield from subject.answering(
        prompts, [f.id for f in facts], seed, temperature=0.0, max_new_tokens=ANSWER_TOKENS, batch_size=batch_size
    )
    texts = [subject.loaded.chat.text(a) for a in answers]
    scores = Scores()
    scores.add(
        "capability",
        [float(is_right(t, f.answer, *f.also)) for t, f in zip(texts, facts, strict=True)],
        [f.cluster for f in facts],
    )
    return scores


def is_right(text: str, *answers: str) -> bool:
    """Equal to one of the answers up to case, surrounding blanks, quotes or emphasis, and a final full stop."""
    return _plain(text) in map(_plain, answers)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(_MARKS).rstrip(".").strip(_MARKS).casefold()
