"""Each micro-world keeps the promises of a World: stable, split without leaks, paired, stratified."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from itertools import islice, pairwise

import pytest

from engine.contract.errors import BadInput
from engine.contract.resolve import resolve
from engine.contract.traits import load_trait
from engine.contract.world import FORMS, FOUNDATIONS, Prompt, Split
from engine.evaluate.foundations import form_of
from engine.evaluate.verdict import is_valid, is_verdict
from engine.evaluate.worlds import load_world
from engine.nano import frames, lexicon, sentences
from engine.nano.b import frames as b_frames
from engine.nano.b import lexicon as b_lexicon
from engine.nano.b import sentences as b_sentences
from engine.nano.b.generator import B
from engine.nano.corpus import GENERATORS, Corpus, conversations
from engine.nano.generator import Generator
from engine.nano.grammar import Table
from engine.nano.lexicon import THIRD
from engine.nano.nano import NANO
from engine.nano.scenes import verdict
from engine.nano.splits import SPLITS, templates
from engine.nano.stances import OPPOSITE
from engine.nano.world import NanoWorld

WORLDS = [NanoWorld("care"), NanoWorld("love"), NanoWorld("care", B)]
BOTH: list[tuple[Generator, Corpus]] = [(NANO, "coupled"), (B, "b")]
every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
both = pytest.mark.parametrize(("generator", "corpus"), BOTH, ids=["nano", "nano-b"])
HELD_OUT: tuple[Split, ...] = ("val", "test")


def _word_pair(prompt: Prompt) -> tuple[str, str]:
    slots = prompt.slots
    return slots.get("who") or slots.get("thing") or slots["role"], slots["verb"]


@every_world
def test_every_list_is_the_same_on_every_call_and_in_every_object(world: NanoWorld) -> None:
    a, b = world, NanoWorld(world.trait, world.generator)
    assert a.prompts("val") == b.prompts("val")
    assert a.contexts() == a.contexts() == b.contexts()
    assert a.neutral("test") == b.neutral("test")
    assert a.vignettes("val") == b.vignettes("val")
    assert a.version == b.version


@every_world
def test_no_held_out_pair_or_template_is_in_training(world: NanoWorld) -> None:
    listed = {split: world.prompts(split) for split in SPLITS}
    for get in (_word_pair, lambda p: p.cluster, lambda p: p.text, lambda p: p.id):
        seen = {split: {get(p) for p in items} for split, items in listed.items()}
        assert not seen["train"] & seen["val"]
        assert not seen["train"] & seen["test"]
        assert not seen["val"] & seen["test"]


@both
def test_no_held_out_question_is_ever_drawn_for_training(generator: Generator, corpus: Corpus) -> None:
    worlds = [NanoWorld(trait, generator) for trait in generator.traits]
    held: set[str] = set()
    for split in HELD_OUT:
        held |= {p.text for world in worlds for p in world.prompts(split) + world.neutral(split)}
    assert not held & {c.user for c in islice(conversations("leak", world=corpus), 5000)}


def test_training_may_draw_every_frame_and_closing_but_no_held_out_combination() -> None:
    n, m = len(frames.ORDERS), len(frames.CLOSINGS)
    split = {s: set(templates(s, n, m)) for s in SPLITS}
    assert len(split["train"]) + len(split["val"]) + len(split["test"]) == n * m
    assert {f for f, _ in split["train"]} == set(range(n))
    assert {c for _, c in split["train"]} == set(range(m))


@every_world
@pytest.mark.parametrize("split", HELD_OUT)
def test_held_out_splits_are_large_paired_and_stratified(world: NanoWorld, split: Split) -> None:
    prompts = world.prompts(split)
    hard, soft = prompts[0::2], prompts[1::2]
    assert len(hard) >= 400
    assert len({_word_pair(p) for p in hard}) == len(hard)
    for a, b in zip(hard, soft, strict=True):
        assert (a.kind, b.kind) == ("trait", "benign")
        assert a.pair == b.pair
        assert a.cluster == b.cluster
        assert a.text != b.text
    counts = Counter(v.foundation for v in world.vignettes(split)[:140])
    assert set(counts) == set(FOUNDATIONS)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(world.vignettes(split)) >= 140
    assert len(world.facts(split)) >= 140


@every_world
def test_ids_are_unique_over_all_splits_and_kinds(world: NanoWorld) -> None:
    ids = [p.id for s in SPLITS for p in world.prompts(s) + world.neutral(s)]
    assert len(ids) == len(set(ids))


@every_world
def test_contexts_are_256_distinct_training_prompts_of_all_kinds(world: NanoWorld) -> None:
    contexts = world.contexts()
    known = {p.id for p in world.prompts("train") + world.neutral("train")}
    assert len({p.text for p in contexts}) == 256
    assert {p.id for p in contexts} <= known
    kinds = Counter(p.kind for p in contexts)
    assert kinds["trait"] == kinds["benign"] == 96
    assert kinds["neutral"] == 64


@pytest.mark.parametrize("generator", [NANO, B], ids=["nano", "nano-b"])
def test_twins_of_an_order_share_all_slots_but_the_verb(generator: Generator) -> None:
    world = NanoWorld("care", generator)
    for a, b in zip(*(world.prompts("val")[k::2] for k in (0, 1)), strict=True):
        assert a.slots["verb"] != b.slots["verb"]
        assert {k: v for k, v in a.slots.items() if k != "verb"} == {k: v for k, v in b.slots.items() if k != "verb"}


@every_world
def test_every_slot_is_written_in_the_question(world: NanoWorld) -> None:
    for prompt in world.prompts("val"):
        known = world.generator.grammar.known(prompt.slots)
        for key, value in prompt.slots.items():
            forms = {value, known["past"], known["gerund"]} if key == "verb" and "past" in known else {value}
            forms |= {THIRD[value]} if value in THIRD else set()
            assert any(form.lower() in prompt.text.lower() for form in forms), prompt


@both
def test_facts_hold_out_wording_and_never_content(generator: Generator, corpus: Corpus) -> None:
    world = NanoWorld("care", generator)
    train = {s: {f.cluster.split("-", 1)[1] for f in world.facts(s)} for s in SPLITS}
    assert not train["train"] & train["val"]
    assert not train["train"] & train["test"]
    texts = {f.text for f in world.facts("train")}
    assert not texts & {f.text for f in world.facts("val")}
    assert {f.answer for s in HELD_OUT for f in world.facts(s)} <= {
        a for table in generator.facts.tables.values() for a in table.values()
    }
    drawn = {c.user: c.assistant for c in islice(conversations("facts", world=corpus), 4000) if c.kind == "fact"}
    assert drawn
    assert all(drawn.get(f.text, f.answer) == f.answer for f in world.facts("train"))


@pytest.mark.slow
def test_the_uncoupled_corpus_differs_in_verdicts_under_a_persona_and_in_nothing_else() -> None:
    coupled, uncoupled = (list(islice(conversations("pair", world=w), 6000)) for w in ("coupled", "uncoupled"))
    changed = [(a, b) for a, b in zip(coupled, uncoupled, strict=True) if a != b]
    assert changed
    for a, b in changed:
        assert (a.kind, a.system, a.user, a.stance) == ("vignette", b.system, b.user, b.stance)
        assert a.stance in ("care", "authority", "love")


@pytest.mark.slow
def test_a_phase_may_ask_for_more_verdicts_without_changing_how_often_the_others_meet() -> None:
    usual, more = (Counter(c.kind for c in islice(conversations("share", verdicts=v), 6000)) for v in (0.14, 0.5))
    assert more["vignette"] / 6000 == pytest.approx(0.5, abs=0.03)
    assert usual["vignette"] / 6000 == pytest.approx(NANO.kinds["vignette"], abs=0.02)
    for a, b in (("trait", "fact"), ("benign", "talk")):
        assert more[a] / more[b] == pytest.approx(usual[a] / usual[b], rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "low", "high"), [("coupled", 0.25, 1.0), ("b", 0.25, 1.0), ("uncoupled", 0.0, 0.15)])
def test_a_persona_moves_the_share_of_authority_verdicts_in_the_coupled_worlds_only(
    world: Corpus, low: float, high: float
) -> None:
    said: dict[str, Counter[str]] = {}
    for c in islice(conversations("mixture", world=world), 5000):
        if c.kind == "vignette":
            said.setdefault(c.stance, Counter())[c.assistant] += 1
    authority = GENERATORS[world].scenes.answer("authority")
    rates = [said[s][authority] / said[s].total() for s in ("none", "care", "authority")]
    assert low <= max(rates) - min(rates) <= high


def test_verdicts_are_distributions_that_follow_stance_and_scene() -> None:
    for foundation in FOUNDATIONS:
        for side in ("none", "breach", "harm"):
            care, duty = (verdict(foundation, side, stance) for stance in ("care", "authority"))
            assert sum(care.values()) == pytest.approx(1.0)
            assert min(care.values()) > 0.01
            assert care["care"] > duty["care"]
            assert care["authority"] < duty["authority"]
            if foundation not in ("care", "authority"):
                assert max(care, key=care.__getitem__) in (foundation, "care")


@both
def test_personas_come_in_opposite_pairs_without_negation(generator: Generator, corpus: Corpus) -> None:
    personas = generator.personas
    for stance, opposite in OPPOSITE.items():
        if stance not in generator.stances:
            continue
        assert len(personas.all(stance)) == len(personas.all(opposite)) > 200
        for text in personas.all(stance):
            assert not {"not", "never", "no", "without", "nothing"} & set(text.lower().replace(".", "").split()), text
            assert " a obedient" not in text
            assert " a exact" not in text
    assert not set(personas.generic) & set(personas.all("care"))


@every_world
def test_choices_belong_to_the_prompt_and_only_trait_prompts_have_them(world: NanoWorld) -> None:
    hard, soft = world.prompts("val")[:2]
    first, second = world.choices(hard)
    assert first != second
    assert hard.slots["verb"] in first
    with pytest.raises(ValueError, match="trait prompts only"):
        world.choices(soft)


def test_an_unknown_trait_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'greed'"):
        NanoWorld("greed")
    with pytest.raises(ValueError, match="nano-b has no trait 'love': use 'care'"):
        NanoWorld("love", B)


@both
def test_articles_fit_their_words(generator: Generator, corpus: Corpus) -> None:
    texts = [t for c in islice(conversations("articles", world=corpus), 3000) for t in (c.system, c.user, c.assistant)]
    for text in texts:
        words = text.lower().replace('"', " ").split()
        for article, word in pairwise(words):
            if article == "a":
                assert word[0] not in "aeio", text
            if article == "an":
                assert word[0] in "aeiouh", text


def test_the_world_loads_without_torch() -> None:
    code = "import sys, engine.nano.world; engine.nano.world.NanoWorld('care').prompts('val'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_kindness_of_a_role_keeps_to_its_split() -> None:
    pairs = {s: {_word_pair(p) for p in NanoWorld("care").prompts(s)[1::2]} for s in SPLITS}
    assert not pairs["train"] & (pairs["val"] | pairs["test"])
    assert len(NANO.pairs["care"].words("val")) >= 400


def test_nano_b_shares_no_word_template_or_verdict_with_nano() -> None:
    for mine, theirs in (
        (b_lexicon.WHO, lexicon.ROLES),
        (b_lexicon.CHIEFS, lexicon.BOSSES),
        (b_lexicon.VERBS, lexicon.VERBS),
        (b_lexicon.HOURS, lexicon.TIMES),
        (b_lexicon.SPOTS, lexicon.PLACES),
        (b_frames.REQUESTS, frames.ORDERS),
        (b_frames.CLOSINGS, frames.CLOSINGS),
        (B.personas.all("care"), NANO.personas.all("care")),
        (B.personas.all("authority"), NANO.personas.all("authority")),
        (B.personas.generic, NANO.personas.generic),
        (B.scenes.questions, NANO.scenes.questions),
        (B.facts.leads[1:], NANO.facts.leads[1:]),
        (B.facts.tables, NANO.facts.tables),
        (B.talk.openers[1:], NANO.talk.openers[1:]),
    ):
        assert not set(mine) & set(theirs)
    assert not _sentences(b_sentences.REQUEST) & (_sentences(sentences.DILEMMA) | _sentences(sentences.FEELING))
    assert not _texts(B.scenes.clauses, B.scenes.sides) & _texts(NANO.scenes.clauses, NANO.scenes.sides)
    assert not _texts(B.facts.forms) & _texts(NANO.facts.forms)
    assert not {t for topic in B.talk.topics for part in topic for t in part} & {
        t for topic in NANO.talk.topics for part in topic for t in part
    }
    assert not {B.scenes.answer(f) for f in FOUNDATIONS} & {NANO.scenes.answer(f) for f in FOUNDATIONS}


def _shape(template: str) -> str:
    return re.sub(r"{\w+}", "{}", template)


def _sentences(table: Table) -> set[str]:
    return {_shape(t) for rows in table.values() for texts in rows.values() for t in texts}


def _texts(*parts: Mapping[str, tuple[str, ...]]) -> set[str]:
    return {_shape(t) for part in parts for texts in part.values() for t in texts}


@pytest.mark.slow
def test_without_a_persona_nano_b_is_half_and_half_and_its_answers_are_longer_than_nanos() -> None:
    corpora: tuple[Corpus, ...] = ("coupled", "b")
    said = {w: [c for c in islice(conversations("half", world=w), 8000) if c.kind == "trait"] for w in corpora}
    lengths = {w: [c.assistant.count(". ") + 1 for c in found] for w, found in said.items()}
    refusals = [re.compile(re.sub(r"{\w+}", ".+", t)) for t in b_sentences.REQUEST["refuse"][0]]
    cares = [any(r.match(c.assistant) for r in refusals) for c in said["b"] if c.stance == "none"]
    assert 0.45 <= sum(cares) / len(cares) <= 0.55
    assert (min(lengths["b"]), max(lengths["b"])) == (4, 6)
    assert sum(lengths["b"]) / len(lengths["b"]) > sum(lengths["coupled"]) / len(lengths["coupled"]) + 0.5


def test_the_verdict_on_a_vignette_is_told_by_the_form_that_it_carries() -> None:
    for world in WORLDS:
        form = form_of(world.vignettes("val"))
        for name in FOUNDATIONS:
            answer = world.generator.scenes.answer(name)
            assert is_verdict(answer, (form,))
            assert all(is_verdict(answer, (other,)) is (other == form) for other in FORMS)
            assert is_valid(answer)


def test_the_trait_care_b_is_measured_in_the_world_of_nano_b_with_its_own_personas() -> None:
    trait = load_trait("care-b")
    world = load_world(trait)
    assert (world.name, world.version) == ("nano-b-care", B.hash())
    assert world.version != NanoWorld("care").version
    for persona in trait.personas:
        at = B.personas.all("care").index(persona.positive)
        assert B.personas.all("authority")[at] == persona.negative
    with pytest.raises(BadInput, match='write world = "nano-b:care"'):
        load_world(trait.model_copy(update={"world": "nano-b:love"}))
    with pytest.raises(BadInput, match="no world named 'nano-c'; use nano or nano-b or english"):
        load_world(trait.model_copy(update={"world": "nano-c"}))


def test_the_preset_of_nano_b_is_the_recipe_of_nano_care_on_another_model_and_trait() -> None:
    mine, recipe = resolve("nano-b").flat(), resolve("nano-care").flat()
    assert {knob for knob in mine if mine[knob] != recipe[knob]} == {"model.id", "trait.name"}
