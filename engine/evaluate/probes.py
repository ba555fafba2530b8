"""Coherence probes within a round: 16 fixed val prompts, a few forward passes and one short decode."""

from __future__ import annotations

import math
import time

from engine.contract.events import CoherenceProbed
from engine.contract.world import Prompt, Vignette
from engine.evaluate.coherence import median, tail_ppl
from engine.evaluate.enumerated import verdict_form
from engine.evaluate.foundations import form_of, score_options
from engine.evaluate.subject import Subject
from engine.model.forward import score

PROBES = 16
TOKENS = 24


class CoherenceProbe:
    """Call it with the step: it measures the subject as its gates stand, and has it choose without thinking, which takes too long here."""

    def __init__(self, subject: Subject, vignettes: list[Vignette], prompts: list[Prompt], seed: int) -> None:
        self._subject, self._seed = subject, seed
        few = vignettes[:PROBES]
        self._form = verdict_form() if few and few[0].asked else form_of(few)
        self._verdicts = [subject.prompt(v.asked[0].text if v.asked else v.text, v.id) for v in few]
        self._prompts = [subject.prompt(p.text, p.pair) for p in prompts[:PROBES]]
        self._names = [p.id for p in prompts[:PROBES]]

    def __call__(self, step: int) -> CoherenceProbed:
        began = time.perf_counter()
        subject = self._subject
        with subject.student.gates(history=1.0, current=1.0):
            option, prefill, valid = score_options(subject, self._verdicts, form=self._form)
            answers = subject.answer(
                self._prompts, self._names, self._seed, temperature=1.0, max_new_tokens=TOKENS, batch_size=0
            )
        with subject.student.base():
            ppl = [tail_ppl(lp) for lp in score(subject.loaded, subject.rows(self._prompts, answers))]
        return CoherenceProbed(
            stage="heal",
            step=step,
            mass=float(option.exp().sum(1).mean()),
            prefill_nll=float(prefill.mean()),
            valid_json=float(valid.double().mean()),
            tail_ppl=min(median(ppl), math.exp(20.0)),
            seconds=time.perf_counter() - began,
        )
