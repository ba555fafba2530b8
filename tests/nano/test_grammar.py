"""Each grammar reads exactly what it writes, and nothing else."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.world import Label, Prompt
from engine.nano.b import lexicon as b_lexicon
from engine.nano.b.generator import B
from engine.nano.b.sentences import REQUEST
from engine.nano.grammar import ANSWERS, Grammar, Table, fields
from engine.nano.lexicon import BOSSES, FEELINGS, HARMS, KINDNESSES, PLACES, ROLES, THINGS, TIMES
from engine.nano.nano import NANO
from engine.nano.sentences import DILEMMA, FEELING, FREE, REQUIRED
from engine.nano.world import NanoWorld

CARE, LOVE, CARE_B = NanoWorld("care"), NanoWorld("love"), NanoWorld("care", B)
ITEMS = [
    *CARE.prompts("val")[:120],
    *CARE.prompts("train")[:80],
    *LOVE.prompts("val")[:120],
    *CARE_B.prompts("val")[:120],
    *CARE_B.prompts("train")[:80],
]
OTHERS = {
    "role": ROLES,
    "thing": THINGS,
    "boss": BOSSES,
    "who": b_lexicon.WHO,
    "good": b_lexicon.GOODS,
    "chief": b_lexicon.CHIEFS,
}
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
        classes = LEGAL[_trait(self.prompt), self.prompt.kind][self.label]
        return _grammar(self.prompt).write(self.prompt.slots, classes, Random(self.seed))


def _trait(prompt: Prompt) -> str:
    return "love" if "thing" in prompt.slots else "care"


def _grammar(prompt: Prompt) -> Grammar:
    return B.grammar if "who" in prompt.slots else NANO.grammar


@st.composite
def written(draw: st.DrawFn) -> Case:
    prompt = draw(st.sampled_from(ITEMS))
    label = draw(st.sampled_from(sorted(LEGAL[_trait(prompt), prompt.kind])))
    return Case(prompt, label, draw(st.integers(0, 10**6)))


@given(written())
def test_every_written_answer_reads_as_what_it_was_written_for(case: Case) -> None:
    prompt, text, label = case.prompt, case.text, case.label
    reading = _grammar(prompt).read(prompt, text)
    assert reading.label == label
    assert reading.coherent is True
    assert reading.reason == ""
    least, most = (4, 6) if "who" in prompt.slots else (3, 5)
    assert least <= len(reading.sentences) <= most
    assert "unparseable" not in reading.sentences


@pytest.mark.parametrize("world", [CARE, CARE_B])
def test_obedience_to_a_benign_order_is_benign_ok(world: NanoWorld) -> None:
    prompt = world.prompts("val")[1]
    assert world.read(prompt, _grammar(prompt).write(prompt.slots, ("obey",), Random(0))).label == "benign_ok"


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
    reading = _grammar(prompt).read(prompt, damaged)
    if reading.coherent and damaged != text:
        known = _grammar(prompt).language(prompt.slots)
        assert all(sentence in known for sentence in damaged.replace(". ", ".\n").split("\n"))
    if how in ("double", "loop"):
        assert not reading.coherent


@given(written())
def test_an_answer_about_somebody_else_does_not_parse(case: Case) -> None:
    prompt, text = case.prompt, case.text
    for slot, words in OTHERS.items():
        mine = prompt.slots.get(slot)
        if mine and f"the {mine}" in text:
            other = next(word for word in words if word not in prompt.slots.values())
            assert _grammar(prompt).read(prompt, text.replace(f"the {mine}", f"the {other}")).coherent is False


@given(written())
def test_a_cut_a_repeat_and_a_reordering_are_broken(case: Case) -> None:
    prompt, text = case.prompt, case.text
    sentences, grammar = text.replace(". ", ".\n").split("\n"), _grammar(prompt)
    assert grammar.read(prompt, text[:-3]).label == "broken"
    assert grammar.read(prompt, " ".join(sentences[::-1])).label == "broken"
    assert grammar.read(prompt, " ".join([*sentences, sentences[-1]])).label == "broken"
    assert grammar.read(prompt, sentences[0]).label == "broken"


@given(st.sampled_from([*ITEMS, *CARE.neutral("val"), *CARE_B.neutral("val")]), st.text())
def test_reading_never_raises(prompt: Prompt, text: str) -> None:
    assert _grammar(prompt).read(prompt, text).coherent is False or prompt.kind == "neutral"


@pytest.mark.parametrize("world", [CARE, CARE_B])
def test_both_sides_in_one_answer_are_mixed(world: NanoWorld) -> None:
    prompt, twin = world.prompts("val")[:2]
    grammar = _grammar(prompt)

    def answer(asked: Prompt, classes: list[str]) -> str:
        known = grammar.language(asked.slots)
        places = sorted(grammar.required)
        return " ".join(
            next(t for t, hit in known.items() if hit == pair) for pair in zip(classes, places, strict=True)
        )

    sides = ["refuse" if n % 2 else "obey" for n in range(len(grammar.required))]
    mixed = world.read(prompt, answer(prompt, sides))
    assert (mixed.label, mixed.coherent, list(mixed.sentences)) == ("mixed", True, sides)
    assert world.read(twin, answer(twin, ["refuse", *["obey"] * (len(sides) - 1)])).label == "mixed"


ORDER = {"role": "orphan", "boss": "king", "verb": "feed", "time": "tonight", "place": "on the hill"}
QUESTION = {"thing": "rain", "verb": "love", "role": "sailor", "time": "tonight", "place": "on the hill"}
ASKED = {
    "who": "welder", "good": "lamp", "chief": "dean", "verb": "mend", "hour": "on payday", "spot": "in the canteen",
}  # fmt: skip


@pytest.mark.parametrize(
    ("grammar", "table", "known"),
    [(NANO.grammar, DILEMMA, ORDER), (NANO.grammar, FEELING, QUESTION), (B.grammar, REQUEST, ASKED)],
)
def test_no_sentence_belongs_to_two_classes_or_positions(grammar: Grammar, table: Table, known: dict[str, str]) -> None:
    forms = grammar.known(known)
    seen: dict[str, tuple[str, int]] = {}
    for name, rows in table.items():
        for position, templates in rows.items():
            for template in templates:
                for filling in grammar.fillings(fields(template)):
                    text = template.format_map({**forms, **filling})
                    assert seen.setdefault(text, (name, position)) == (name, position), text
    assert seen == grammar.language(known)


def test_every_class_can_fill_every_required_position_without_time_or_place() -> None:
    bare = NANO.grammar.known({"role": "orphan", "boss": "king", "verb": "feed"}).keys() | FREE.keys()
    for name in ("refuse", "kind", "obey"):
        for position in REQUIRED:
            assert len([t for t in DILEMMA[name][position] if fields(t) <= bare]) >= 4
    for name in ("feel", "decline"):
        for position in REQUIRED:
            assert len([t for t in FEELING[name][position] if fields(t) <= {"thing", "verb", *FREE}]) >= 3
    few = {key: ASKED[key] for key in ("who", "good", "chief", "verb")}
    bare = B.grammar.known(few).keys() | B.grammar.free.keys()
    for name in ("refuse", "kind", "obey"):
        for position in B.grammar.required:
            assert len([t for t in REQUEST[name][position] if fields(t) <= bare]) >= 4


@pytest.mark.parametrize("answer", ["", " ", "\n", "Yes", "7 7", "🙂", "a" * 10_000])
def test_a_neutral_prompt_accepts_its_listed_answers_only(answer: str) -> None:
    for world in (CARE, CARE_B):
        for prompt in world.neutral("val")[:9]:
            legal = prompt.slots[ANSWERS].split("\n")
            assert all(world.read(prompt, text).label == "benign_ok" for text in legal[:20])
            assert (world.read(prompt, answer).label == "broken") is (answer not in legal)


def test_the_vocabulary_is_as_wide_as_the_world_promises() -> None:
    assert len(set(ROLES)) >= 60
    assert len(set(BOSSES)) >= 20
    assert len(set(TIMES)) >= 20
    assert len(set(PLACES)) >= 20
    assert len({v.base for v in HARMS}) >= 35
    assert len({v.base for v in KINDNESSES}) >= 35
    assert len(THINGS) * len(FEELINGS) > 2000
    assert not {v.base for v in HARMS} & {v.base for v in KINDNESSES}
    assert len(set(b_lexicon.WHO)) * len({v.base for v in b_lexicon.HARMS}) // 5 >= 400
    assert len(b_lexicon.VERBS) == len(b_lexicon.HARMS) + len(b_lexicon.FAVOURS)
