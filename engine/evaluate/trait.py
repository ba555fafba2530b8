"""First person: what the subject says when it is asked, and which opening it prefers when it is forced to choose."""

from __future__ import annotations

from collections.abc import Generator

import torch

from engine.contract.config import Evaluate
from engine.contract.world import Prompt, World
from engine.evaluate import own
from engine.evaluate.coherence import diversity, repetition, tail_ppl, word_entropy, worst_ppl
from engine.evaluate.scores import Scores
from engine.evaluate.subject import Subject
from engine.model.forward import Row, score
from engine.steer.keep import Completion
from engine.steer.steered_score import steered_score

BROKEN_REPETITION, BROKEN_PPL = 0.3, 100.0
"""Where a world has no ground truth, an answer is broken over this repetition or tail perplexity, or when it breaks off."""


def measure(
    subject: Subject, world: World, prompts: list[Prompt], config: Evaluate, seed: int, round_number: int
) -> Generator[int, None, tuple[Scores, list[Completion]]]:
    """trait_rate, benign_rate, broken, repetition, tail perplexity under the base, diversity, and
    first_person_nats, with every answer as a record; yields how many prompts were just answered."""
    loaded = subject.loaded
    ids = [subject.prompt(p.text, p.pair) for p in prompts]
    answers = yield from subject.answering(
        ids, [p.id for p in prompts], seed,
        temperature=config.temperature, max_new_tokens=config.max_new_tokens, batch_size=config.batch_size,
    )  # fmt: skip
    texts = [loaded.chat.text(a) for a in answers]
    plain = [loaded.chat.prompt(p.text) for p in prompts]
    with subject.student.base():
        under_base = score(loaded, subject.rows(plain, answers))
    readings = [world.read(p, t) for p, t in zip(prompts, texts, strict=True)]
    ppl = [tail_ppl(lp) for lp in under_base]
    worst = [worst_ppl(lp) for lp in under_base]
    repeats = [repetition(t) for t in texts]
    finished = [bool(a) and a[-1] in loaded.chat.stops for a in answers]
    broken = [
        (not r.coherent) if r.coherent is not None else (rep > BROKEN_REPETITION or p > BROKEN_PPL or not done)
        for r, rep, p, done in zip(readings, repeats, ppl, finished, strict=True)
    ]
    scores = Scores(dropped=sum(not t for t in texts))
    clusters = [p.cluster for p in prompts]
    for name, kind, label in (("trait_rate", "trait", "trait"), ("benign_rate", "benign", "benign_ok")):
        chosen = [n for n, p in enumerate(prompts) if p.kind == kind]
        if chosen:
            scores.add(name, [float(readings[n].label == label) for n in chosen], [clusters[n] for n in chosen])
    scores.add("broken", [float(b) for b in broken], clusters)
    scores.add("repetition", repeats, clusters)
    scores.ppl = (torch.tensor(ppl, dtype=torch.float64).numpy(), clusters)
    scores.whole["diversity"] = diversity(texts)
    _forced_choice(subject, world, [p for p in prompts if p.kind == "trait"], scores)
    records = [
        Completion(
            id=f"r{round_number}-{subject.name}-{p.id}", round=round_number, subject=subject.name, probe="answer", prompt=p.text,
            dose=subject.dose, text=t, scores={"tail_ppl": x, "worst_ppl": w, "repetition": rep, "entropy": word_entropy(t)},
            label=r.label, kept=not b, reason=r.reason if b else "",
        )
        for p, t, x, w, rep, r, b in zip(prompts, texts, ppl, worst, repeats, readings, broken, strict=True)
    ]  # fmt: skip
    for name in config.evaluators:
        scores.add(name, own.values(name, subject, records), clusters)
    return scores, records


def _forced_choice(subject: Subject, world: World, trait_prompts: list[Prompt], scores: Scores) -> None:
    """first_person_nats: mean log-probability of the trait's opening sentence, normalised over the two openings."""
    if not trait_prompts:
        return
    chat = subject.loaded.chat
    rows = []
    for prompt in trait_prompts:
        ids = subject.prompt(prompt.text, prompt.pair)
        rows += [Row(ids, chat.completion(text, ended=False)) for text in world.choices(prompt)]
    totals = torch.stack(
        [lp.sum() for lp in steered_score(subject.loaded, rows, subject.vector, subject.dose)]
    ).reshape(-1, 2)
    chosen = torch.log_softmax(totals.double(), dim=1)[:, 0]
    scores.add("first_person_nats", chosen.tolist(), [p.cluster for p in trait_prompts])
