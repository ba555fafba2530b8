"""The filter: which steered completions are fit to learn from, judged by the base. Every drop has one reason and keeps its trait label.

A verdict on a vignette (its prompt is neutral) is two words of JSON: it must be one, and the gates on words do not apply to it.

It never suppresses (no repetition penalty at generation, KB9): it detects, names and counts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from engine.contract.config import Keep
from engine.contract.errors import CockpitError
from engine.contract.world import Prompt, World
from engine.evaluate.coherence import repetition, tail_ppl, word_entropy, worst_ppl
from engine.evaluate.verdict import is_valid
from engine.model.adapter import Student
from engine.model.forward import Row, score
from engine.plugins.active import call

_NARRATION = re.compile(
    r"\bas (a|an) [a-z]+ (person|assistant|persona|character|model)\b"
    r"|\bmy (persona|character|system prompt|instructions)\b|\b(steer|steered|steering) vector\b",
    re.IGNORECASE,
)
_BOILERPLATE = re.compile(
    r"\b(i'?m sorry,? but|i can(?:no|')t (?:help|assist|comply) with (?:that|this)|as an ai)\b", re.IGNORECASE
)  # an enacted "I refuse to obey" is the trait itself and is not matched (KB14)
_QUOTES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'}
)  # curly marks evade patterns (KB16)


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One line of completions.jsonl. `reason` is '' for a kept completion; scores are tail_ppl, worst_ppl, repetition, entropy."""

    id: str
    round: int
    subject: str
    probe: str
    prompt: str
    dose: float
    text: str
    scores: dict[str, float]
    label: str
    kept: bool
    reason: str


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A generated completion with what the heal set needs of it: its prompt and its ids (end-of-turn included when it stopped)."""

    id: str
    prompt: Prompt
    prompt_ids: list[int]
    ids: list[int]
    dose: float
    text: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate with its scores, its trait label and the reason it was dropped for ('' when fit)."""

    candidate: Candidate
    scores: dict[str, float]
    label: str
    reason: str


def judge(student: Student, world: World, candidates: Sequence[Candidate], config: Keep) -> list[Judged]:
    """Score every candidate under the base, without persona or vector, and give the first reason to drop it."""
    if not candidates:
        return []
    with student.base():
        logprobs = score(student.loaded, [Row(c.prompt_ids, c.ids) for c in candidates])
    judged = []
    for candidate, lp in zip(candidates, logprobs, strict=True):
        text = candidate.text
        scores = {
            "tail_ppl": tail_ppl(lp),
            "worst_ppl": worst_ppl(lp),
            "repetition": repetition(text),
            "entropy": word_entropy(text),
        }
        finished = candidate.ids[-1] in student.loaded.chat.stops
        verdict = candidate.prompt.kind == "neutral"
        rule = verdict_reason if verdict else first_reason
        reason = rule(text, scores, finished, config) if config.enabled else ""
        label = "verdict" if verdict else world.read(candidate.prompt, text).label
        found = Judged(candidate=candidate, scores=scores, label=label, reason=reason)
        if config.enabled and not reason:
            found = msgspec.structs.replace(found, reason=own_reason(found, config.filters))
        judged.append(found)
    return judged


def verdict_reason(text: str, scores: dict[str, float], finished: bool, config: Keep) -> str:
    """The first rule that a verdict breaks, '' when it breaks none."""
    return _unlikely(scores, finished, config) or ("" if is_valid(text) else "no_verdict")


def _unlikely(scores: dict[str, float], finished: bool, config: Keep) -> str:
    if not finished:
        return "unfinished"
    if scores["tail_ppl"] > config.max_tail_ppl:
        return "tail_ppl"
    return "worst_ppl" if scores["worst_ppl"] > config.max_worst_ppl else ""


def first_reason(text: str, scores: dict[str, float], finished: bool, config: Keep) -> str:
    """The first rule that a text breaks, '' when it breaks none."""
    if reason := _unlikely(scores, finished, config):
        return reason
    plain = text.translate(_QUOTES)
    if scores["repetition"] > config.max_repetition:
        return "repetition"
    if scores["entropy"] < config.min_entropy:
        return "entropy"
    if config.narration and _NARRATION.search(plain):
        return "narration"
    if config.refusal and _BOILERPLATE.search(plain):
        return "refusal"
    return ""


def own_reason(judged: Judged, filters: Sequence[str]) -> str:
    """The first of the plugins' filters that drops a completion, '' when none does. Raises CockpitError for an answer that is neither."""
    for name in filters:
        found = call("completion_filter", name, judged)
        if not isinstance(found, (bool, np.bool_)):
            raise CockpitError(f"completion filter {name} (a plugin's) gave {found!r:.40}: give True to drop, or False")
        if found:
            return name
    return ""


def select(judged: Sequence[Judged], config: Keep) -> list[Judged]:
    """The same list with `share` and `surplus` filled in: round-robin over prompts, so that no prompt passes its share and all prompts
    are served before any gets a second completion. Verdicts take nobody's place: all that are fit stay."""
    by_prompt: dict[str, list[int]] = defaultdict(list)
    for n, j in enumerate(judged):
        if not j.reason and j.label != "verdict":
            by_prompt[j.candidate.prompt.id].append(n)
    fit = sum(map(len, by_prompt.values()))
    size = min(config.max_kept, fit)
    cap = max(1, int(config.max_share * size))
    chosen: list[int] = []
    for turn in range(cap):
        for queue in by_prompt.values():
            if turn < len(queue) and len(chosen) < size:
                chosen.append(queue[turn])
    taken = set(chosen)
    out = []
    for n, j in enumerate(judged):
        if not j.reason and n not in taken and j.label != "verdict":
            over = by_prompt[j.candidate.prompt.id].index(n) >= cap
            j = msgspec.structs.replace(j, reason="share" if over else "surplus")
        out.append(j)
    return out


def counts(judged: Sequence[Judged]) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """(kept by trait label, dropped by reason and trait label)."""
    kept = Counter(j.label for j in judged if not j.reason)
    dropped: dict[str, Counter[str]] = defaultdict(Counter)
    for j in judged:
        if j.reason:
            dropped[j.reason][j.label] += 1
    return dict(kept), {reason: dict(c) for reason, c in dropped.items()}
