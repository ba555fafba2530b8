"""The micro-world keeps the promises of a World: stable, split without leaks, paired, stratified."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import islice, pairwise
from typing import get_args

import pytest

from engine.contract.world import FOUNDATIONS, Prompt, Split
from engine.nano import dilemmas, facts, frames, vignettes
from engine.nano.corpus import KINDS, Coupling, conversations
from engine.nano.dilemmas import Trait
from engine.nano.lexicon import THIRD
from engine.nano.personas import GENERIC, OPPOSITE, personas
from engine.nano.world import NanoWorld

TRAITS: tuple[Trait, ...] = get_args(Trait)
HELD_OUT: tuple[Split, ...] = ("val", "test")


def _word_pair(prompt: Prompt) -> tuple[str, str]:
    return prompt.slots.get("thing") or prompt.slots["role"], prompt.slots["verb"]


@pytest.mark.parametrize("trait", TRAITS)
def test_every_list_is_the_same_on_every_call_and_in_every_object(trait: Trait) -> None:
    a, b = NanoWorld(trait), NanoWorld(trait)
    assert a.prompts("val") == b.prompts("val")
    assert a.contexts() == a.contexts() == b.contexts()
    assert a.neutral("test") == b.neutral("test")
    assert a.vignettes("val") == b.vignettes("val")
    assert a.version == b.version


@pytest.mark.parametrize("trait", TRAITS)
def test_no_held_out_pair_or_template_is_in_training(trait: Trait) -> None:
    listed = {split: NanoWorld(trait).prompts(split) for split in frames.SPLITS}
    for get in (_word_pair, lambda p: p.cluster, lambda p: p.text, lambda p: p.id):
        seen = {split: {get(p) for p in items} for split, items in listed.items()}
        assert not seen["train"] & seen["val"]
        assert not seen["train"] & seen["test"]
        assert not seen["val"] & seen["test"]


def test_no_held_out_question_is_ever_drawn_for_training() -> None:
    held: set[str] = set()
    for split in HELD_OUT:
        held |= {p.text for trait in TRAITS for p in NanoWorld(trait).prompts(split) + NanoWorld(trait).neutral(split)}
    assert not held & {c.user for c in islice(conversations("leak"), 5000)}


def test_training_may_draw_every_frame_and_closing_but_no_held_out_combination() -> None:
    n, m = len(frames.ORDERS), len(frames.CLOSINGS)
    split = {s: set(frames.templates(s, n, m)) for s in frames.SPLITS}
    assert len(split["train"]) + len(split["val"]) + len(split["test"]) == n * m
    assert {f for f, _ in split["train"]} == set(range(n))
    assert {c for _, c in split["train"]} == set(range(m))


@pytest.mark.parametrize("trait", TRAITS)
@pytest.mark.parametrize("split", HELD_OUT)
def test_held_out_splits_are_large_paired_and_stratified(trait: Trait, split: Split) -> None:
    world = NanoWorld(trait)
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


@pytest.mark.parametrize("trait", TRAITS)
def test_ids_are_unique_over_all_splits_and_kinds(trait: Trait) -> None:
    world = NanoWorld(trait)
    ids = [p.id for s in frames.SPLITS for p in world.prompts(s) + world.neutral(s)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("trait", TRAITS)
def test_contexts_are_256_distinct_training_prompts_of_all_kinds(trait: Trait) -> None:
    world = NanoWorld(trait)
    contexts = world.contexts()
    known = {p.id for p in world.prompts("train") + world.neutral("train")}
    assert len({p.text for p in contexts}) == 256
    assert {p.id for p in contexts} <= known
    kinds = Counter(p.kind for p in contexts)
    assert kinds["trait"] == kinds["benign"] == 96
    assert kinds["neutral"] == 64


def test_twins_of_an_order_share_all_slots_but_the_verb() -> None:
    for a, b in zip(*(NanoWorld("care").prompts("val")[k::2] for k in (0, 1)), strict=True):
        assert a.slots["verb"] != b.slots["verb"]
        assert {k: v for k, v in a.slots.items() if k != "verb"} == {k: v for k, v in b.slots.items() if k != "verb"}


def test_every_slot_is_written_in_the_question() -> None:
    for trait in TRAITS:
        for prompt in NanoWorld(trait).prompts("val"):
            for value in prompt.slots.values():
                assert value.lower() in prompt.text.lower() or THIRD[value] in prompt.text, prompt


def test_facts_hold_out_wording_and_never_content() -> None:
    world = NanoWorld("care")
    train = {s: {f.cluster.split("-", 1)[1] for f in world.facts(s)} for s in frames.SPLITS}
    assert not train["train"] & train["val"]
    assert not train["train"] & train["test"]
    texts = {f.text for f in world.facts("train")}
    assert not texts & {f.text for f in world.facts("val")}
    assert {f.answer for s in HELD_OUT for f in world.facts(s)} <= {
        a for table in facts.FACTS.values() for a in table.values()
    }


def test_the_uncoupled_corpus_differs_in_verdicts_under_a_persona_and_in_nothing_else() -> None:
    coupled, uncoupled = (list(islice(conversations("pair", world=w), 6000)) for w in get_args(Coupling))
    changed = [(a, b) for a, b in zip(coupled, uncoupled, strict=True) if a != b]
    assert changed
    for a, b in changed:
        assert (a.kind, a.system, a.user, a.stance) == ("vignette", b.system, b.user, b.stance)
        assert a.stance in ("care", "authority", "love")


def test_a_phase_may_ask_for_more_verdicts_without_changing_how_often_the_others_meet() -> None:
    usual, more = (Counter(c.kind for c in islice(conversations("share", verdicts=v), 6000)) for v in (0.14, 0.5))
    assert more["vignette"] / 6000 == pytest.approx(0.5, abs=0.03)
    assert usual["vignette"] / 6000 == pytest.approx(KINDS["vignette"], abs=0.02)
    for a, b in (("trait", "fact"), ("benign", "talk")):
        assert more[a] / more[b] == pytest.approx(usual[a] / usual[b], rel=0.25)


@pytest.mark.parametrize(("world", "low", "high"), [("coupled", 0.3, 1.0), ("uncoupled", 0.0, 0.15)])
def test_a_persona_moves_the_share_of_authority_verdicts_in_the_coupled_world_only(
    world: Coupling, low: float, high: float
) -> None:
    said: dict[str, Counter[str]] = {}
    for c in islice(conversations("mixture", world=world), 5000):
        if c.kind == "vignette":
            said.setdefault(c.stance, Counter())[c.assistant] += 1
    rates = [said[s][vignettes.answer("authority")] / said[s].total() for s in ("none", "care", "authority")]
    assert low <= max(rates) - min(rates) <= high


def test_verdicts_are_distributions_that_follow_stance_and_scene() -> None:
    for foundation in FOUNDATIONS:
        for side in vignettes.SIDES:
            care, duty = (vignettes.verdict(foundation, side, stance) for stance in ("care", "authority"))
            assert sum(care.values()) == pytest.approx(1.0)
            assert min(care.values()) > 0.01
            assert care["care"] > duty["care"]
            assert care["authority"] < duty["authority"]
            if foundation not in ("care", "authority"):
                assert max(care, key=care.__getitem__) in (foundation, "care")


def test_personas_come_in_opposite_pairs_without_negation() -> None:
    for stance, opposite in OPPOSITE.items():
        assert len(personas(stance)) == len(personas(opposite))
        for text in personas(stance):
            assert not {"not", "never", "no", "without", "nothing"} & set(text.lower().replace(".", "").split()), text
            assert " a obedient" not in text
            assert " a exact" not in text
    assert not set(GENERIC) & set(personas("care"))


def test_choices_belong_to_the_prompt_and_only_trait_prompts_have_them() -> None:
    for trait in TRAITS:
        world = NanoWorld(trait)
        hard, soft = world.prompts("val")[:2]
        first, second = world.choices(hard)
        assert first != second
        assert hard.slots["verb"] in first
        with pytest.raises(ValueError, match="trait prompts only"):
            world.choices(soft)


def test_an_unknown_trait_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'greed'"):
        NanoWorld("greed")


def test_articles_fit_their_words() -> None:
    texts = [t for c in islice(conversations("articles"), 3000) for t in (c.system, c.user, c.assistant)]
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
    pairs = {s: {_word_pair(p) for p in NanoWorld("care").prompts(s)[1::2]} for s in frames.SPLITS}
    assert not pairs["train"] & (pairs["val"] | pairs["test"])
    assert len(dilemmas.word_pairs("care", "val")) >= 400
