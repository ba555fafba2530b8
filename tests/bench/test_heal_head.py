"""Seconds and peak extra memory of a heal step on nano's trunk over three vocabularies: the plain loop, the plain head, the chunked head.

The plain loop is the published way: logits of every position of the padded batch, log-softmax of student and reference with the reference
recomputed at every step, gradients by automatic differentiation of all of it. The two heads project completion positions only, against
reference hidden states that were computed once. The floor is the time of the chunked head's matrix products alone."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from engine.contract.config import Heal, Model
from engine.heal.barrier import aggregate, barrier
from engine.heal.head import HeadOut, head
from engine.heal.reference import cache
from engine.heal.trunk import Trunk
from engine.machine import PeakMemory
from engine.model.adapter import Student
from engine.model.forward import Batch, Row, completion_positions, hidden, pad
from engine.model.load import Loaded, load

pytestmark = pytest.mark.bench

LAM = 0.3
REPEATS = 3
NANO = 2_304


class Step(NamedTuple):
    """One optimizer step's batch and what the heads need of it."""

    student: Student
    batch: Batch
    where: Tensor
    targets: Tensor
    lengths: list[int]
    reference: Tensor
    tau: float


def prepare(vocabulary: int, rows: int) -> Step:
    """Nano's trunk under a random head of `vocabulary` tokens, its round's adapter moved away from the reference; tau lets half fire."""
    nano = load(Model())
    config = type(nano.model.config).from_dict(nano.model.config.to_dict() | {"vocab_size": vocabulary})
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    torch.manual_seed(0)
    for name, weight in nano.model.named_parameters():
        if "embed" not in name:
            model.get_parameter(name).copy_(weight)
    model.get_output_embeddings().weight.normal_(std=float(nano.model.get_output_embeddings().weight.std()))
    student = Student(Loaded(model, nano.chat, nano.device, nano.dtype), Heal())
    g = torch.Generator().manual_seed(0)
    data = []
    for i in range(rows):
        size = 24 + 9 * (i % 4), 26 + 7 * (i % 3)
        prompt, completion = (torch.randint(0, min(vocabulary, 900), (n,), generator=g).tolist() for n in size)
        data.append(Row(prompt, completion))
    reference = torch.cat(cache(Trunk(student, data), "base"))
    for p in student.begin_round(0):
        p.data += 0.03 * torch.randn(p.shape, generator=g)
    batch = pad([r.prompt + r.completion for r in data], nano.chat.pad, nano.device, left=False)
    where, targets = completion_positions(data, batch.ids.shape[1], nano.device)
    step = Step(student, batch, where, targets, [len(r.completion) for r in data], reference, 0.0)
    return step._replace(tau=float(step_with(step, "chunked").d["rmse"].quantile(0.5)))


def plain_loop(step: Step) -> None:
    """Forward and backward of the published loop, batched."""
    model = step.student.loaded.model
    feed = {"input_ids": step.batch.ids, "attention_mask": step.batch.mask, "position_ids": step.batch.positions}
    with step.student.gates():
        logp = model(**feed, use_cache=False).logits.float().log_softmax(-1)
    with torch.no_grad(), step.student.base():
        ref = model(**feed, use_cache=False).logits.float().log_softmax(-1)
    nll = -logp.flatten(0, 1)[step.where].gather(1, step.targets[:, None]).mean()
    kl = (logp.exp() * (logp - ref)).sum(-1).flatten()[step.where]
    (nll + barrier(aggregate(kl, step.lengths, "rmse"), step.tau, LAM).mean()).backward()


def step_with(step: Step, form: str) -> HeadOut:
    """Forward and backward of the engine's heal step with one form of the head."""
    with step.student.gates():
        h = hidden(step.student.loaded.model, step.batch).flatten(0, 1)[step.where]
        out = only_head(step, h, form)
        h.backward(out.gradient)
    return out


def only_head(step: Step, h: Tensor, form: str) -> HeadOut:
    config = Heal(head=form, reference="base")  # type: ignore[arg-type]
    n, samples = len(h), len(step.lengths)
    return head(
        step.student.loaded.model, h, step.targets, step.lengths, step.reference, step.reference, config,
        tau=step.tau, lam=LAM, tokens=n, samples=samples,
    )  # fmt: skip


def products(step: Step, felt: int) -> None:
    """The matrix products that the chunked head cannot do without: two projections, one pull of every position, one of those felt."""
    weight = step.student.loaded.model.get_output_embeddings().weight
    for h in (step.reference, step.reference):
        for part in h.split(64):
            logits = part @ weight.T
    for n in (len(step.reference), felt):
        for start in range(0, n, 64):
            logits[: n - start] @ weight


def seconds(work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each, taken in turns so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(REPEATS + 1):
        for name, do in work.items():
            began = time.perf_counter()
            do()
            taken[name].append(time.perf_counter() - began)
    return {name: median(t[1:]) for name, t in taken.items()}


def extra_megabytes(do: Callable[[], object]) -> float:
    """Peak resident memory while it runs, above what was resident before."""
    gc.collect()
    if platform.system() == "Linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    peak = PeakMemory()
    before = peak.megabytes()
    do()
    return peak.megabytes() - before


@pytest.mark.parametrize(("vocabulary", "rows"), [(NANO, 16), (32_000, 16), (262_144, 4)])
def test_heal_head(vocabulary: int, rows: int) -> None:
    step = prepare(vocabulary, rows)
    out = step_with(step, "chunked")
    fired = out.barrier > 0
    felt = sum(n for n, f in zip(step.lengths, fired.tolist(), strict=True) if f)
    with torch.no_grad(), step.student.gates():
        h = hidden(step.student.loaded.model, step.batch).flatten(0, 1)[step.where]
    work: dict[str, Callable[[], object]] = {
        "plain loop": lambda: plain_loop(step),
        "plain head": lambda: step_with(step, "plain"),
        "chunked head": lambda: step_with(step, "chunked"),
        "  head alone, plain": lambda: only_head(step, h, "plain"),
        "  head alone, chunked": lambda: only_head(step, h, "chunked"),
        "  floor of it": lambda: products(step, felt),
    }
    time_of = seconds(work)
    memory_of = {name: extra_megabytes(do) for name, do in work.items()}
    print(
        f"\nvocabulary {vocabulary:,}: {rows} samples, {len(h)} completion positions of {step.batch.ids.numel()}, "
        f"{float(fired.float().mean()):.0%} fired, {torch.get_num_threads()} threads of {os.cpu_count()} cores"
    )
    print(f"  {'':<22} {'ms':>8} {'x faster':>9} {'extra MB':>9} {'of plain':>9}")
    first_time, first_memory = time_of["plain loop"], memory_of["plain loop"]
    for name in work:
        print(
            f"  {name:<22} {1e3 * time_of[name]:>8.1f} {first_time / time_of[name]:>9.2f} "
            f"{memory_of[name]:>9.0f} {memory_of[name] / max(first_memory, 1e-9):>9.0%}"
        )
