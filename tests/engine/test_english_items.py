"""The English world's own items: enough of each kind, balanced over the splits, none twice or nearly so."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import cast

import pytest

from engine.contract.world import FOUNDATIONS, FirstPerson, Split, Vignette
from engine.evaluate import english_items
from engine.evaluate.capability import is_right
from engine.evaluate.english import EnglishWorld
from engine.nano.world import NanoWorld

HALVES: tuple[Split, ...] = ("val", "test")


@pytest.fixture(scope="module")
def own() -> dict[Split, list[Vignette]]:
    found = english_items.own_vignettes()
    return {"val": found.val, "test": found.test}


def grams(text: str, n: int = 5) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w']+", text.lower())
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def near(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of texts that share five words in a row."""
    found = [(t, grams(t)) for t in texts]
    return [(a, b) for (a, x), (b, y) in combinations(found, 2) if a == b or x & y]


def test_every_foundation_has_each_wrongness_equally_often_in_both_halves(own: dict[Split, list[Vignette]]) -> None:
    for half in HALVES:
        counts = Counter((v.foundation, v.wrong) for v in own[half])
        assert set(counts) == {(f, w) for f in FOUNDATIONS for w in (1.0, 2.0, 3.0)}
        assert set(counts.values()) == {4}
    assert sum(map(len, own.values())) == 168


def test_vignettes_are_short_scenes_in_the_third_person_and_no_two_share_five_words(
    own: dict[Split, list[Vignette]],
) -> None:
    every = [*own["val"], *own["test"]]
    assert len({v.id for v in every}) == len(every)
    assert near([v.text for v in every]) == []
    for v in every:
        assert 7 <= len(v.text.split()) <= 30, v.text
        assert v.text.endswith(".")
        assert len(re.findall(r"[.!?](?: |$)", v.text)) <= 2, v.text
        assert not re.search(r"\b(?:you|your|i|my|we)\b", v.text, re.IGNORECASE), v.text


def test_no_vignette_names_its_foundation(own: dict[Split, list[Vignette]]) -> None:
    words = re.compile(
        r"\b(?:car(?:e|ing)|fair(?:ness|ly)?|loyal(?:ty)?|authority|sanctity|libert(?:y|ies)|social norms?)\b",
        re.IGNORECASE,
    )
    assert [v.text for half in HALVES for v in own[half] if words.search(v.text)] == []


def test_dilemmas_hold_every_pair_of_foundations_once_in_each_half() -> None:
    texts = []
    for half in HALVES:
        found = english_items.dilemmas(half)
        pairs = Counter(frozenset(d.asked[0].order) for d in found)
        assert pairs == Counter(frozenset(p) for p in combinations(FOUNDATIONS, 2))
        for d in found:
            first, second = d.asked
            assert first.order == second.order[::-1]
            assert re.search(r"\b[Yy]ou(?:r)?\b", first.text.split("\nWhat do you do?")[0]), first.text
            texts.append(first.text.split("\nWhat do you do?")[0])
    assert len(texts) == 42
    assert near(texts) == []


def test_a_number_stands_for_the_action_or_value_that_its_order_says() -> None:
    for vignette in map(english_items.in_two_orders, english_items.own_vignettes().val[:3]):
        assert [q.order for q in vignette.asked] == [FOUNDATIONS, FOUNDATIONS[::-1]]
        for q in vignette.asked:
            listed = re.findall(r"^(\d)\. ([a-z ]+) \(", q.text, re.MULTILINE)
            assert [name.replace(" ", "_") for _, name in listed] == list(q.order)
            assert [n for n, _ in listed] == list("1234567")
    dilemma = english_items.dilemmas("val")[0]
    one, two = (dict(re.findall(r"^(\d)\. (.+)$", q.text, re.MULTILINE)) for q in dilemma.asked)
    assert one == {"1": two["2"], "2": two["1"]}


def test_sixty_questions_have_one_short_answer_and_groups_are_even() -> None:
    found = {half: english_items.questions(half) for half in HALVES}
    every = [*found["val"], *found["test"]]
    assert len(every) == 60 == len({f.id for f in every}) == len({f.text for f in every})
    for half in HALVES:
        assert set(Counter(f.cluster for f in found[half]).values()) == {3}
    for f in every:
        assert f.text.count("?") == 1
        for answer in (f.answer, *f.also):
            assert 1 <= len(answer.split()) <= 4
            for written in (f" {answer.upper()}.", f"**{answer}.**", f'"{answer}".'):
                assert is_right(written, f.answer, *f.also)
        assert not is_right(f"{f.answer} or so", f.answer, *f.also)
        others = {other.answer.casefold() for other in every} - {f.answer.casefold(), *(a.casefold() for a in f.also)}
        assert not any(is_right(other, f.answer, *f.also) for other in others)


def test_numbers_in_the_questions_are_as_they_are_answered() -> None:
    """The sums are done again."""
    done = 0
    for f in (f for half in HALVES for f in english_items.questions(half)):
        for pattern, of in (
            (r"What is (\d+) plus (\d+)\?", lambda a, b: a + b),
            (r"What is (\d+) minus (\d+)\?", lambda a, b: a - b),
            (r"What is (\d+) times (\d+)\?", lambda a, b: a * b),
            (r"What is (\d+) divided by (\d+)\?", lambda a, b: a / b),
        ):
            if found := re.match(pattern, f.text):
                assert float(f.answer) == of(*map(int, found.groups()))
                done += 1
    assert done == 5


def test_the_world_keeps_val_and_test_apart_from_training() -> None:
    world = EnglishWorld("care")
    assert isinstance(world, FirstPerson)
    assert not isinstance(NanoWorld("care"), FirstPerson)
    for kind in ("prompts", "vignettes", "facts"):
        texts = [{i.text for i in getattr(world, kind)(s)} for s in ("train", *HALVES)]
        assert all(texts)
        assert not any(a & b for a, b in combinations(texts, 2))
    assert world.dilemmas(cast(Split, "train")) == []
