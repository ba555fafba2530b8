"""The shipped tokenizer: one chat template, clean boundaries around a verdict, an end of turn that is learnt."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from transformers import AutoTokenizer

from engine.contract.world import FOUNDATIONS
from engine.nano.corpus import conversations
from engine.nano.lexicon import BOSSES, ROLES, VERBS
from engine.nano.package import WEIGHTS
from engine.nano.tokenizer import ASSISTANT, END, PAD, SPECIALS, render, render_prompt


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS, local_files_only=True)


def _messages(system: str, user: str) -> list[dict[str, str]]:
    return ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]


def test_rendering_equals_the_chat_template(tokenizer: Any) -> None:
    for c in islice(conversations("template"), 60):
        messages = _messages(c.system, c.user)
        whole = [*messages, {"role": "assistant", "content": c.assistant}]
        assert tokenizer.apply_chat_template(whole, tokenize=False) == render(c)
        opened = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert opened == render_prompt(c.user, c.system)


def test_a_prompt_ends_with_the_assistant_tag_and_an_answer_with_eos(tokenizer: Any) -> None:
    c = next(conversations("tag"))
    assert tokenizer(render_prompt(c.user))["input_ids"][-1] == tokenizer.convert_tokens_to_ids(ASSISTANT)
    assert tokenizer(render(c))["input_ids"][-1] == tokenizer.eos_token_id == tokenizer.convert_tokens_to_ids(END)
    assert tokenizer.pad_token == PAD
    assert tokenizer.bos_token is None


def test_prompt_and_answer_tokenised_apart_are_the_whole(tokenizer: Any) -> None:
    for c in islice(conversations("apart"), 60):
        apart = tokenizer(render_prompt(c.user, c.system))["input_ids"] + tokenizer(c.assistant)["input_ids"]
        assert tokenizer(render(c))["input_ids"] == [*apart, tokenizer.eos_token_id]


def test_a_verdict_has_a_token_boundary_on_both_sides_of_its_option(tokenizer: Any) -> None:
    before, after = tokenizer('{"violation": "')["input_ids"], tokenizer('"}')["input_ids"]
    firsts = set()
    for name in FOUNDATIONS:
        inside = tokenizer(name)["input_ids"]
        assert tokenizer(f'{{"violation": "{name}"}}')["input_ids"] == [*before, *inside, *after]
        firsts.add(inside[0])
    assert len(firsts) == len(FOUNDATIONS)


def test_any_text_survives_a_round_trip(tokenizer: Any) -> None:
    for text in (
        "naïve café 🙂",
        "\t  two  spaces\n",
        "Ωmega",
        *(render(c) for c in islice(conversations("trip"), 20)),
    ):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_slot_words_are_single_tokens_so_that_copying_is_one_step(tokenizer: Any) -> None:
    for word in (*ROLES, *BOSSES, *(form for verb in VERBS.values() for form in verb)):
        assert len(tokenizer(f" {word}")["input_ids"]) == 1, word


def test_unknown_roles_are_refused_by_the_template(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="system, user and assistant"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)


def test_specials_are_the_first_ids(tokenizer: Any) -> None:
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIALS] == list(range(len(SPECIALS)))
