"""Thinking before a forced choice by number: the prompt that is scored, one noise for all subjects, and no comparison across (KB45)."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from engine.contract.config import Config, Evaluate, Heal, Model
from engine.contract.errors import BadInput
from engine.contract.events import Evaluated, Kept, standing_events
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.traits import load_trait
from engine.contract.world import FOUNDATIONS
from engine.evaluate import english_items, enumerated
from engine.evaluate.evaluation import evaluate, items
from engine.evaluate.foundations import CLOSING, PREFILL
from engine.evaluate.steps import whole
from engine.evaluate.subject import Subject
from engine.evaluate.thinking import Thinking
from engine.evaluate.worlds import load_world
from engine.model.adapter import Student
from engine.model.chat import LET_ME_THINK, Chat
from engine.model.families import FAMILIES
from engine.model.load import NANO, load, load_tokenizer
from engine.steer.vector import Vector
from journal.record import completions, load_record
from tests.engine.test_loop import RANDOM
from tests.engine.test_resume import attempt, told

TOKENS = 12


def subject_of(model: str, name: str = "base", vector: Vector | None = None) -> Subject:
    return Subject(name, Student(load(Model(id=model)), Heal()), load_trait("english-care"), vector, 1.0)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def qwen() -> Chat:
    return Chat(load_tokenizer(Model(id="random:qwen3")))


@pytest.fixture(scope="module")
def plain() -> Chat:
    return Chat(load_tokenizer(Model(id="nano")))


def said(chat: Chat, ids: list[int]) -> str:
    return str(chat.tokenizer.decode(ids))


@pytest.mark.parametrize(
    "thought", ["she was hurt.\n</think>\n\n{", "she was hurt.</think> {", "she was hurt.", "she was hurt.\n"]
)
def test_a_template_with_a_thinking_block_has_it_opened_and_closed_as_it_writes_it(qwen: Chat, thought: str) -> None:
    opened = qwen.thinking(qwen.prompt("Who was it?"))
    assert said(qwen, opened).endswith("<think>\n")
    assert said(qwen, opened).count("<think>") == 1
    whole_ = opened + qwen.concluded(qwen.completion(thought, ended=False), '{"violation"')
    assert said(qwen, whole_).endswith("<think>\nshe was hurt.\n</think>\n\n")


def test_a_template_without_one_thinks_after_a_few_words_and_stops_where_the_answer_begins(plain: Chat) -> None:
    prompt = plain.prompt("Who was it?")
    opened = plain.thinking(prompt)
    assert opened[: len(prompt)] == prompt
    assert said(plain, opened).endswith(LET_ME_THINK)
    for thought in (' It hurts. {"violation": "3"}', " It hurts. "):
        closed = said(plain, plain.concluded(plain.completion(thought, ended=False), '{"violation"'))
        assert closed.rstrip() == " It hurts."
        assert closed.endswith("\n\n")


def test_the_end_of_the_turn_is_no_part_of_a_thought(plain: Chat, qwen: Chat) -> None:
    for chat in (plain, qwen):
        ended, broken_off = (chat.concluded(chat.completion("It hurts.", ended=e), "{") for e in (True, False))
        assert ended == broken_off
        assert chat.concluded([], "{") == chat.concluded([chat.end], "{")


def test_a_thought_is_never_tokenised_again(qwen: Chat) -> None:
    """Ids that no tokenizer would give for their text stay what was sampled (KB17)."""
    letters = [i for word in "she was hurt" for i in qwen.completion(word, ended=False)]
    assert letters != qwen.completion("she was hurt", ended=False)
    assert qwen.concluded(letters, "{")[: len(letters)] == letters


def test_other_marks_and_blanks_are_read_off_the_template() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO)
    tokenizer.chat_template += (
        "{% if add_generation_prompt and enable_thinking is false %}{{ '<reason></reason>' }}{% endif %}"
    )
    chat = Chat(tokenizer)
    opened = chat.thinking(chat.prompt("x"))
    assert said(chat, opened).endswith("<reason>")
    assert said(chat, chat.concluded(chat.completion("so", ended=False), "{")) == "so</reason>"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["random:qwen3", "random:llama", "nano"])
def test_the_number_is_scored_after_the_thought_of_plain_greedy_decoding(model: str) -> None:
    """Against one token at a time through the whole model, without a cache."""
    subject = subject_of(model)
    chat, loaded = subject.loaded.chat, subject.loaded
    vignettes = [english_items.in_two_orders(v) for v in english_items.own_vignettes().val[::40]]
    thinking = Thinking(Evaluate(thinking_tokens=TOKENS, temperature=0.0), 42)
    scores = whole(enumerated.measure(subject, vignettes, 0, 42, thinking))
    assert len(thinking.thoughts) == 2 * len(vignettes)
    for i, vignette in enumerate(vignettes):
        orders = []
        for n, q in enumerate(vignette.asked):
            ids = chat.thinking(subject.prompt(q.text, vignette.id))
            thought: list[int] = []
            with torch.no_grad():
                while len(thought) < TOKENS and not (thought and thought[-1] in chat.stops):
                    thought.append(int(loaded.model(input_ids=torch.tensor([ids + thought])).logits[0, -1].argmax()))
                lead = ids + chat.concluded(thought, '{"violation"') + chat.completion(PREFILL, ended=False)
                logp = []
                for digit in "1234567":
                    tail = chat.completion(f"{PREFILL}{digit}{CLOSING}", ended=False)
                    tail = tail[len(chat.completion(PREFILL, ended=False)) :]
                    found = torch.log_softmax(
                        loaded.model(input_ids=torch.tensor([lead + tail])).logits[0].double(), -1
                    )
                    logp.append(float(found[len(lead) - 1 : -1].gather(1, torch.tensor(tail)[:, None]).sum()))
            assert thinking.thoughts[2 * i + n].text == chat.text(thought)
            by_name = np.array(logp)[[q.order.index(f) for f in FOUNDATIONS]]
            orders.append(by_name - np.logaddexp.reduce(by_name))
        want = np.mean(orders, axis=0)
        want = want - np.logaddexp.reduce(want)
        got = np.array([scores.items[f"{f}_nats"][0][i] for f in FOUNDATIONS])
        np.testing.assert_allclose(got, want, atol=2e-3)


KNOBS = {"prompts": 2, "vignettes": 7, "facts": 4, "bootstrap": 100, "max_new_tokens": 4}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["nano", *(f"random:{f}" for f in FAMILIES)])
def test_every_family_thinks_and_the_record_says_how_long(model: str) -> None:
    subject, config = subject_of(model), Config(evaluate=Evaluate(**KNOBS, thinking_tokens=TOKENS))
    world = load_world(subject.trait, config.evaluate)
    val = items(world, config, "val")
    event, _, records = whole(evaluate(subject, world, val, config, 0, None))
    assert event.thinking_tokens == TOKENS
    assert sum(r.probe == "thinking" for r in records) == 2 * (len(val.vignettes) + len(val.dilemmas))
    assert len({r.id for r in records}) == len(records)


def test_without_thinking_tokens_nothing_is_thought_and_only_the_choices_differ() -> None:
    subject, found = subject_of("random:llama"), []
    for tokens in (0, TOKENS):
        config = Config(evaluate=Evaluate(**KNOBS, thinking_tokens=tokens))
        world = load_world(subject.trait, config.evaluate)
        event, _, records = whole(evaluate(subject, world, items(world, config, "val"), config, 0, None))
        assert event.thinking_tokens == tokens
        assert any(r.probe == "thinking" for r in records) == bool(tokens)
        found.append(event.metrics)
    apart = {name for name in found[0] if found[0][name] != found[1][name]}
    assert {"care_nats", "authority_nats", "first_person_mass", "prefill_nll"} <= apart
    assert not {"trait_rate", "benign_rate", "capability", "tail_ppl", "first_person_nats", "diversity"} & apart


def test_subjects_share_the_noise_of_a_thought_and_batches_do_not_change_it() -> None:
    vignettes = [english_items.in_two_orders(v) for v in english_items.own_vignettes().val[:3]]

    def thoughts(name: str, batch_size: int, seed: int = 42) -> list[str]:
        thinking = Thinking(Evaluate(thinking_tokens=TOKENS, batch_size=batch_size), seed)
        whole(enumerated.measure(subject_of("random:llama", name), vignettes, batch_size, seed, thinking))
        return [t.text for t in thinking.thoughts]

    alone = thoughts("base", 1)
    assert alone == thoughts("base", 5) == thoughts("healed", 0)  # an untrained student is the base
    assert alone != thoughts("base", 1, seed=7)


def test_a_steered_subject_thinks_under_its_vector() -> None:
    vignettes = [english_items.in_two_orders(v) for v in english_items.own_vignettes().val[:2]]
    found = []
    for vector in (None, Vector({2: torch.full((64,), 3.0)}, "mean_diff", 2)):
        thinking = Thinking(Evaluate(thinking_tokens=TOKENS), 42)
        whole(enumerated.measure(subject_of("random:llama", "steered", vector), vignettes, 0, 42, thinking))
        found.append([t.text for t in thinking.thoughts])
    assert all(a != b for a, b in zip(*found, strict=True))


@pytest.mark.slow
def test_a_run_thinks_in_every_evaluation_and_goes_on_after_a_cut_as_it_would_have(tmp_path: Path) -> None:
    sets = [
        *RANDOM,
        "model.id=random:qwen3",
        "trait.name=english-care",
        f"evaluate.thinking_tokens={TOKENS}",
        "run.rounds=1",
    ]
    config = resolve("nano-care", sets=sets)
    whole_, cut = RunDir(tmp_path / "whole"), RunDir(tmp_path / "cut")
    assert attempt(whole_, config, 1)
    assert not attempt(cut, config, 1, until=Kept)
    assert attempt(cut, config, 2)
    rows = [e for e in standing_events(whole_.events) if isinstance(e, Evaluated)]
    assert {(e.subject, e.split) for e in rows} == set(
        product(("base", "prompted", "steered", "healed"), ("val", "test"))
    )
    assert {e.thinking_tokens for e in rows} == {TOKENS}
    thoughts = [c for c in completions(whole_.completions) if c["probe"] == "thinking"]
    assert {c["subject"] for c in thoughts} == {"base", "prompted", "steered", "healed"}
    assert told(cut) == told(whole_)
    assert cut.completions.read_bytes() == whole_.completions.read_bytes()
    assert load_record(whole_).sample["probe"] == "answer"


def test_a_world_that_asks_by_name_refuses_thinking_tokens(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="never taught to think"):
        load_world(load_trait("care"), Evaluate(thinking_tokens=8))
