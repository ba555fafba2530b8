"""The grammar reads exactly what it writes, and nothing else."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.world import Label, Prompt
from engine.nano import grammar
from engine.nano.lexicon import BOSSES, FEELINGS, HARMS, KINDNESSES, PLACES, ROLES, THINGS, TIMES
from engine.nano.sentences import DILEMMA, FEELING, FREE, REQUIRED
from engine.nano.world import NanoWorld

CARE, LOVE = NanoWorld("care"), NanoWorld("love")
ITEMS = {"care": CARE.prompts("val")[:120] + CARE.prompts("train")[:80], "love": LOVE.prompts("val")[:120]}
LEGAL: dict[tuple[str, str], dict[Label, tuple[str, ...]]] = {
    ("care", "trait"): {"trait": ("refuse", "care"), "opposite": ("obey",)},
    ("care", "benign"): {"benign_ok": ("kind", "care"), "benign_refused": ("refuse", "care")},
    ("love", "trait"): {"trait": ("feel",), "opposite": ("decline",)},
    ("love", "benign"): {"benign_ok": ("plain",), "benign_refused": ("decline",)},
}


class Case(NamedTuple):
    """A prompt, the label to write an answer for, and the seed to write it with."""

    prompt: Prompt
    label: Label
    seed: int

    @property
    def text(self) -> str:
        return grammar.write(
            self.prompt.slots, LEGAL[_trait(self.prompt), self.prompt.kind][self.label], Random(self.seed)
        )


def _trait(prompt: Prompt) -> str:
    return "love" if "thing" in prompt.slots else "care"


@st.composite
def written(draw: st.DrawFn) -> Case:
    prompt = draw(st.sampled_from(ITEMS["care"] + ITEMS["love"]))
    label = draw(st.sampled_from(sorted(LEGAL[_trait(prompt), prompt.kind])))
    return Case(prompt, label, draw(st.integers(0, 10**6)))


@given(written())
def test_every_written_answer_reads_as_what_it_was_written_for(case: Case) -> None:
    prompt, text, label = case.prompt, case.text, case.label
    reading = grammar.read(prompt, text)
    assert reading.label == label
    assert reading.coherent is True
    assert reading.reason == ""
    assert 3 <= len(reading.sentences) <= 5
    assert "unparseable" not in reading.sentences


def test_obedience_to_a_benign_order_is_benign_ok() -> None:
    prompt = CARE.prompts("val")[1]
    assert grammar.read(prompt, grammar.write(prompt.slots, ("obey",), Random(0))).label == "benign_ok"


@given(written(), st.integers(0, 10**6), st.sampled_from(["delete", "double", "swap", "loop"]))
def test_damage_to_one_word_is_not_coherent_or_is_itself_legal(case: Case, where: int, how: str) -> None:
    prompt, text = case.prompt, case.text
    words = text.split(" ")
    i = where % (len(words) - 1)
    match how:
        case "delete":
            words = words[:i] + words[i + 1 :]
        case "double":
            words = words[: i + 1] + words[i:]
        case "swap":
            words[i], words[i + 1] = words[i + 1], words[i]
        case _:
            words = [*words[: i + 1], "not", "not", "not", *words[i + 1 :]]
    damaged = " ".join(words)
    reading = grammar.read(prompt, damaged)
    if reading.coherent and damaged != text:
        known = grammar.language(prompt.slots)
        assert all(sentence in known for sentence in damaged.replace(". ", ".\n").split("\n"))
    if how in ("double", "loop"):
        assert not reading.coherent


@given(written())
def test_an_answer_about_somebody_else_does_not_parse(case: Case) -> None:
    prompt, text = case.prompt, case.text
    for slot, words in (("role", ROLES), ("thing", THINGS), ("boss", BOSSES)):
        mine = prompt.slots.get(slot)
        if mine and f"the {mine}" in text:
            other = next(word for word in words if word not in prompt.slots.values())
            assert grammar.read(prompt, text.replace(f"the {mine}", f"the {other}")).coherent is False


@given(written())
def test_a_cut_a_repeat_and_a_reordering_are_broken(case: Case) -> None:
    prompt, text = case.prompt, case.text
    sentences = text.replace(". ", ".\n").split("\n")
    assert grammar.read(prompt, text[:-3]).label == "broken"
    assert grammar.read(prompt, " ".join(sentences[::-1])).label == "broken"
    assert grammar.read(prompt, " ".join([*sentences, sentences[-1]])).label == "broken"
    assert grammar.read(prompt, sentences[0]).label == "broken"


@given(st.sampled_from(ITEMS["care"] + ITEMS["love"] + CARE.neutral("val")), st.text())
def test_reading_never_raises(prompt: Prompt, text: str) -> None:
    assert grammar.read(prompt, text).coherent is False or prompt.kind == "neutral"


def test_both_sides_in_one_answer_are_mixed() -> None:
    prompt = CARE.prompts("val")[0]
    known = grammar.language(prompt.slots)

    def pick(name: str, position: int) -> str:
        return next(text for text, hit in known.items() if hit == (name, position))

    refuse, obey = ((pick(c, 0), pick(c, 1), pick(c, 3)) for c in ("refuse", "obey"))
    mixed = grammar.read(prompt, f"{refuse[0]} {obey[1]} {refuse[2]}")
    assert (mixed.label, mixed.coherent, mixed.sentences) == ("mixed", True, ("refuse", "obey", "refuse"))
    twin = CARE.prompts("val")[1]
    known = grammar.language(twin.slots)
    assert grammar.read(twin, f"{pick('refuse', 0)} {pick('obey', 1)} {pick('obey', 3)}").label == "mixed"


def test_no_sentence_belongs_to_two_classes_or_positions() -> None:
    slots = {"role": "orphan", "boss": "king", "verb": "feed", "time": "tonight", "place": "on the hill"}
    full = {"thing": "rain", "verb": "love", "role": "sailor", "time": "tonight", "place": "on the hill"}
    for table, known in ((DILEMMA, slots), (FEELING, full)):
        forms = grammar.forms(known)
        seen: dict[str, tuple[str, int]] = {}
        for name, rows in table.items():
            for position, templates in rows.items():
                for template in templates:
                    for filling in grammar._fillings(grammar.fields(template), forms):
                        text = template.format_map({**forms, **filling})
                        assert seen.setdefault(text, (name, position)) == (name, position), text
        assert seen == grammar.language(known)


def test_every_class_can_fill_every_required_position_without_time_or_place() -> None:
    bare = grammar.forms({"role": "orphan", "boss": "king", "verb": "feed"}).keys() | FREE.keys()
    for name in ("refuse", "kind", "obey"):
        for position in REQUIRED:
            assert len([t for t in DILEMMA[name][position] if grammar.fields(t) <= bare]) >= 4
    for name in ("feel", "decline"):
        for position in REQUIRED:
            assert len([t for t in FEELING[name][position] if grammar.fields(t) <= {"thing", "verb", *FREE}]) >= 3


@pytest.mark.parametrize("answer", ["", " ", "\n", "Yes", "7 7", "🙂", "a" * 10_000])
def test_a_neutral_prompt_accepts_its_listed_answers_only(answer: str) -> None:
    for prompt in CARE.neutral("val")[:9]:
        legal = prompt.slots[grammar.ANSWERS].split("\n")
        assert all(grammar.read(prompt, text).label == "benign_ok" for text in legal[:20])
        assert (grammar.read(prompt, answer).label == "broken") is (answer not in legal)


def test_the_vocabulary_is_as_wide_as_the_world_promises() -> None:
    assert len(set(ROLES)) >= 60
    assert len(set(BOSSES)) >= 20
    assert len(set(TIMES)) >= 20
    assert len(set(PLACES)) >= 20
    assert len({v.base for v in HARMS}) >= 35
    assert len({v.base for v in KINDNESSES}) >= 35
    assert len(THINGS) * len(FEELINGS) > 2000
    assert not {v.base for v in HARMS} & {v.base for v in KINDNESSES}
