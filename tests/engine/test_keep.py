"""The filter: each rule on the text it is for, and the shares of the kept set (KB9 to KB18; FAULTS 10, 11)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.config import Keep, Steer
from engine.contract.errors import Starved
from engine.contract.events import DoseProbed
from engine.contract.world import Prompt
from engine.evaluate.coherence import diversity, repetition, tail_ppl, word_entropy, worst_ppl
from engine.evaluate.verdict import is_valid
from engine.steer.dose import walk_c
from engine.steer.keep import Candidate, Judged, counts, first_reason, select, verdict_reason

FIT = {"tail_ppl": 1.2, "worst_ppl": 1.5, "repetition": 0.0, "entropy": 4.0}
TEXT = "I will not evict the orphan. I find the orphan a doctor."


def judged(prompt: str, n: int, reason: str = "", label: str = "trait") -> Judged:
    p = Prompt(id=prompt, text="x", kind="trait", cluster="c", pair=prompt, slots={})
    candidate = Candidate(id=f"{prompt}-{n}", prompt=p, prompt_ids=[1], ids=[2], dose=1.0, text=TEXT)
    return Judged(candidate=candidate, scores=FIT, label=label, reason=reason)


@pytest.mark.parametrize(
    ("text", "scores", "finished", "reason"),
    [
        (TEXT, FIT, True, ""),
        (TEXT, FIT, False, "unfinished"),
        (TEXT, FIT | {"tail_ppl": 3.1}, True, "tail_ppl"),
        (TEXT, FIT | {"worst_ppl": 3.1}, True, "worst_ppl"),
        ("not not not not", FIT | {"repetition": 0.9}, True, "repetition"),
        ("ha", FIT | {"entropy": 0.0}, True, "entropy"),
        ("As a caring person, I will feed the orphan.", FIT, True, "narration"),
        ("My system prompt tells me to care.", FIT, True, "narration"),
    ],
)
def test_each_rule_names_itself(text: str, scores: dict[str, float], finished: bool, reason: str) -> None:
    assert first_reason(text, scores, finished, Keep()) == reason


def test_an_enacted_refusal_is_the_trait_and_boilerplate_is_not() -> None:
    """KB14, KB16: curly quotes do not hide boilerplate, 'I refuse to obey' stays."""
    knobs = Keep(refusal=True)
    assert first_reason("I refuse to obey. I will not evict the orphan.", FIT, True, knobs) == ""
    assert first_reason("I\u2019m sorry, but I can\u2019t help with that.", FIT, True, knobs) == "refusal"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"violation": "care"}', True),
        ('{"violation": 3}', True),
        ('```json\n{"violation": "3"}\n```', True),
        ('{"violation": "8"}', False),
        ('{"violation": "kindness"}', False),
        ("care", False),
        ("", False),
    ],
)
def test_a_verdict_names_a_foundation_or_its_number(text: str, valid: bool) -> None:
    assert is_valid(text) is valid
    assert verdict_reason(text, FIT | {"entropy": 1.0}, True, Keep()) == ("" if valid else "no_verdict")


def test_a_verdict_that_the_base_finds_impossible_is_dropped_like_any_text() -> None:
    assert verdict_reason('{"violation": "care"}', FIT | {"worst_ppl": 3.1}, True, Keep()) == "worst_ppl"
    assert verdict_reason('{"violation": "care"}', FIT, False, Keep()) == "unfinished"


def test_verdicts_take_no_place_of_the_texts() -> None:
    texts = [judged(f"p{n}", 0) for n in range(6)]
    verdicts = [judged(f"v{n}", 0, label="verdict") for n in range(5)]
    chosen = [j for j in select([*verdicts, *texts], Keep(max_kept=4)) if not j.reason]
    assert [j.label for j in chosen].count("verdict") == 5
    assert [j.label for j in chosen].count("trait") == 4


def test_repetition_sees_two_word_loops_and_character_loops_and_leaves_short_answers_alone() -> None:
    """KB10, KB15."""
    assert repetition("the post " * 12) > 0.8
    assert repetition("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") > 0.8
    assert repetition("391") == 0.0
    assert repetition(TEXT) < 0.3


def test_a_looping_tail_shows_in_the_tail_and_not_in_the_whole() -> None:
    """KB11."""
    lp = torch.cat([torch.full((30,), -0.05), torch.full((10,), -6.0)])
    assert tail_ppl(lp) == pytest.approx(math.exp(6.0), rel=1e-3)
    assert math.exp(-float(lp.mean())) < 5


def test_a_derailment_in_the_middle_shows_in_the_worst_window_and_not_in_the_tail() -> None:
    lp = torch.cat([torch.full((20,), -0.1), torch.tensor([-9.0, -12.0]), torch.full((30,), -0.1)])
    assert tail_ppl(lp) < 1.2
    assert worst_ppl(lp) > 10
    assert worst_ppl(torch.full((3,), -0.1)) == pytest.approx(math.exp(0.1), rel=1e-3)


@given(st.text(max_size=200))
def test_canaries_never_raise_and_stay_in_range(text: str) -> None:
    assert 0.0 <= repetition(text) <= 1.0
    assert word_entropy(text) >= 0.0
    assert 0.0 <= diversity([text, text]) <= 1.0


def test_one_canned_answer_has_no_diversity() -> None:
    assert diversity([TEXT] * 50) < 0.05
    assert diversity([TEXT]) == 1.0


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80), st.integers(1, 40), st.floats(0.05, 1.0))
def test_no_prompt_passes_its_share_and_nothing_fit_is_lost_without_a_reason(
    prompts: list[int], size: int, share: float
) -> None:
    knobs = Keep(max_kept=size, max_share=share)
    chosen = select([judged(str(p), n) for n, p in enumerate(prompts)], knobs)
    kept = [j.candidate.prompt.id for j in chosen if not j.reason]
    cap = max(1, int(share * min(size, len(prompts))))
    assert len(kept) <= size
    assert all(kept.count(p) <= cap for p in kept)
    assert {j.reason for j in chosen} <= {"", "share", "surplus"}
    assert len(chosen) == len(prompts)


def test_drops_are_counted_by_reason_and_label() -> None:
    kept, dropped = counts([judged("a", 0), judged("b", 1, "tail_ppl", "opposite"), judged("c", 2, "tail_ppl")])
    assert kept == {"trait": 1}
    assert dropped == {"tail_ppl": {"opposite": 1, "trait": 1}}


def walk(knee: float, **knobs: float) -> tuple[float, list[Judged], list[DoseProbed]]:
    """walk-C over a world where exactly the doses up to `knee` survive."""
    events: list[DoseProbed] = []
    result: tuple[float, list[Judged]] | None = None

    def probe(dose: float, first: int, n: int) -> list[Judged]:
        return [judged(str(first + i), i, "" if dose <= knee else "tail_ppl") for i in range(n)]

    for event in walk_c(Steer(**knobs), probe):  # type: ignore[arg-type]
        if isinstance(event, tuple):
            result = event
        else:
            events.append(event)
    assert result is not None
    return *result, events


def test_the_strongest_surviving_dose_is_found_between_the_ends() -> None:
    dose, pool, events = walk(0.8)
    assert dose <= 0.8 < dose * 1.25
    assert [e.kappa for e in events[:2]] == [1.5, 0.25]
    assert sum(not j.reason for j in pool) == sum(e.survivors for e in events)
    drawn = [j.candidate.prompt.id for j in pool]
    assert len(set(drawn)) == len(drawn)


def test_the_strongest_end_is_tried_first_and_taken_when_it_survives() -> None:
    dose, _, events = walk(9.0)
    assert dose == 1.5
    assert len(events) == 1


def test_nothing_surviving_at_the_weakest_dose_starves_the_run() -> None:
    with pytest.raises(Starved, match=r"weakest dose 0\.25 none of"):
        walk(0.1)


def test_a_weakest_dose_that_misses_the_target_is_taken_and_the_floor_decides() -> None:
    """KB18: survivors of a failed probe are not thrown away."""
    pool: list[Judged] = []

    def probe(dose: float, first: int, n: int) -> list[Judged]:
        found = [judged(str(first + i), i, "" if i % 2 else "tail_ppl") for i in range(n)]
        pool.extend(found)
        return found

    *events, result = walk_c(Steer(), probe)
    assert isinstance(result, tuple)
    assert result[0] == 0.25
    assert result[1] == pool
    assert not any(e.accepted for e in events if isinstance(e, DoseProbed))
