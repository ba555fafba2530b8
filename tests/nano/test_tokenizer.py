"""The tokenizers: one chat template, clean boundaries around a verdict, an end of turn that is learnt."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from transformers import AutoTokenizer

from engine.contract.config import Config
from engine.contract.world import FOUNDATIONS
from engine.nano.b.generator import B
from engine.nano.b.lexicon import CHIEFS
from engine.nano.corpus import GENERATORS, Corpus, conversations
from engine.nano.lexicon import BOSSES, ROLES
from engine.nano.nano import NANO
from engine.nano.package import WEIGHTS
from engine.nano.recipe import RECIPES
from engine.nano.tokenizer import ASSISTANT, END, PAD, SPECIALS, render, render_prompt, train_tokenizer

WORDS = {"coupled": (*ROLES, *BOSSES, *NANO.copied), "b": (*CHIEFS, *B.copied)}


@pytest.fixture(scope="module", params=["coupled", "b"])
def world(request: pytest.FixtureRequest) -> Corpus:
    return request.param


@pytest.fixture(scope="module")
def tokenizer(world: Corpus) -> Any:
    """The one that nano ships with; nano-b's is trained here, which takes seconds."""
    if world == "b":
        return train_tokenizer("b", RECIPES["b"].vocabulary)
    return AutoTokenizer.from_pretrained(WEIGHTS, local_files_only=True)


def _messages(system: str, user: str) -> list[dict[str, str]]:
    return ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]


def test_rendering_equals_the_chat_template(tokenizer: Any, world: Corpus) -> None:
    for c in islice(conversations("template", world=world), 60):
        messages = _messages(c.system, c.user)
        whole = [*messages, {"role": "assistant", "content": c.assistant}]
        assert tokenizer.apply_chat_template(whole, tokenize=False) == render(c)
        opened = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert opened == render_prompt(c.user, c.system)


def test_a_prompt_ends_with_the_assistant_tag_and_an_answer_with_eos(tokenizer: Any, world: Corpus) -> None:
    c = next(conversations("tag", world=world))
    assert tokenizer(render_prompt(c.user))["input_ids"][-1] == tokenizer.convert_tokens_to_ids(ASSISTANT)
    assert tokenizer(render(c))["input_ids"][-1] == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert tokenizer.pad_token == PAD
    assert tokenizer.bos_token is None


def test_prompt_and_answer_tokenised_apart_are_the_whole(tokenizer: Any, world: Corpus) -> None:
    for c in islice(conversations("apart", world=world), 60):
        apart = tokenizer(render_prompt(c.user, c.system))["input_ids"] + tokenizer(c.assistant)["input_ids"]
        assert tokenizer(render(c))["input_ids"] == [*apart, tokenizer.eos_token_id]


def test_a_verdict_has_a_token_boundary_on_both_sides_of_its_option(tokenizer: Any, world: Corpus) -> None:
    scenes = GENERATORS[world].scenes
    before, after = tokenizer(scenes.form.prefill)["input_ids"], tokenizer(scenes.form.closing)["input_ids"]
    firsts = set()
    for name, option in zip(FOUNDATIONS, scenes.form.options, strict=True):
        inside = tokenizer(option)["input_ids"]
        assert tokenizer(scenes.answer(name))["input_ids"] == [*before, *inside, *after]
        firsts.add(inside[0])
    assert len(firsts) == len(FOUNDATIONS)


def test_any_text_survives_a_round_trip(tokenizer: Any, world: Corpus) -> None:
    for text in (
        "naïve café 🙂",
        "\t  two  spaces\n",
        "Ωmega",
        *(render(c) for c in islice(conversations("trip", world=world), 20)),
    ):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_slot_words_are_single_tokens_so_that_copying_is_one_step(tokenizer: Any, world: Corpus) -> None:
    for word in WORDS[world]:
        assert len(tokenizer(f" {word}")["input_ids"]) == 1, word


def test_unknown_roles_are_refused_by_the_template(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="system, user and assistant"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_specials_are_the_first_ids(tokenizer: Any) -> None:
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIALS] == list(range(len(SPECIALS)))


def test_the_two_vocabularies_differ_in_size_and_an_answer_of_nano_b_fits_what_a_run_may_generate(
    tokenizer: Any, world: Corpus
) -> None:
    assert len(tokenizer) == RECIPES[world].vocabulary
    assert RECIPES["b"].vocabulary != RECIPES["coupled"].vocabulary
    answers = [c.assistant for c in islice(conversations("long", world=world), 1500) if c.kind in ("trait", "benign")]
    lengths = [len(ids) + 1 for ids in tokenizer(answers)["input_ids"]]
    assert max(lengths) <= min(Config().generate.max_new_tokens, Config().evaluate.max_new_tokens)
    assert world == "coupled" or sum(lengths) / len(lengths) > 50
