"""Forced choice by number, for models that were not trained on the micro-world: a digit after a prefill, in two orders of the options.

    l_o(X) = log p(digit of X in order o) - log sum_Y p(digit of Y)         X_nats = log softmax_X of mean over orders of l_o(X)
    X_clr = X_nats - mean over Y of Y_nats                                  coherence = mean over orders of sum_Y p(digit of Y)

The mean over two opposite orders takes out what a digit or a place in the list is worth by itself. A shift of X_clr against the base does
not depend on how the seven are normalised (centred log-ratio: Aitchison 1982). With evaluate.thinking_tokens the model thinks first.
Values are in nats and are not comparable with those of another prompt or another number of thinking tokens (KB45)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.contract.world import FOUNDATIONS, Dilemma, Enumerated, Form, Vignette
from engine.evaluate.foundations import JSON_TOKENS, PREFILL, score_options
from engine.evaluate.scores import Scores
from engine.evaluate.subject import Subject
from engine.evaluate.thinking import Thinking
from engine.evaluate.verdict import is_choice

SCORABLE = 0.01
"""Under this mass on the answers, in either order, a choice says nothing: it is counted as unscorable and stays in the means."""
ACTION = '{"action": "'


def verdict_form() -> Form:
    """One digit for each of the seven."""
    return Form(PREFILL, _digits(len(FOUNDATIONS)))


def measure(
    subject: Subject, vignettes: list[Vignette], batch_size: int, seed: int, thinking: Thinking | None = None
) -> Generator[int, None, Scores]:
    """X_nats and X_clr of every foundation, coherence (mass), prefill_nll, unscorable, agreement with the vignette's own foundation,
    order_agreement and valid_json (of the first order's greedy answer); yields how many vignettes are done."""
    form = verdict_form()
    asked = [v.asked for v in vignettes]
    prompts = yield from _prompts(subject, [v.id for v in vignettes], asked, form, thinking)
    nats, orders, mass, prefill = _score(subject, prompts, asked, FOUNDATIONS, form, batch_size)
    scores, clusters = Scores(), [v.cluster for v in vignettes]
    for k, name in enumerate(FOUNDATIONS):
        scores.add(f"{name}_nats", nats[:, k].tolist(), clusters)
        scores.add(f"{name}_clr", (nats[:, k] - nats.mean(1)).tolist(), clusters)
    scores.add("coherence", mass.mean(1).tolist(), clusters)
    scores.add("prefill_nll", prefill.mean(1).tolist(), clusters)
    scores.add("unscorable", (mass.amin(1) < SCORABLE).double().tolist(), clusters)
    own = torch.tensor([FOUNDATIONS.index(v.foundation) for v in vignettes])
    scores.add("agreement", (nats.argmax(1) == own).double().tolist(), clusters)
    tops = orders.argmax(2)
    scores.add("order_agreement", (tops == tops[:, :1]).all(1).double().tolist(), clusters)
    answers = yield from subject.answering(
        [p[0] for p in prompts], [v.id for v in vignettes], seed,
        temperature=0.0, max_new_tokens=JSON_TOKENS, batch_size=batch_size,
    )  # fmt: skip
    valid = [float(is_choice(subject.loaded.chat.text(a), "violation", form.options)) for a in answers]
    scores.add("valid_json", valid, clusters)
    return scores


def first_person(
    subject: Subject, dilemmas: list[Dilemma], batch_size: int, thinking: Thinking | None = None
) -> Generator[int, None, Scores]:
    """first_person_X_nats: log of the share that the action honouring X has among a dilemma's actions, over the dilemmas that offer one;
    first_person_mass: mass on the numbers of the actions. Yields how many dilemmas are done."""
    scores = Scores()
    found: dict[str, tuple[list[float], list[str]]] = {}
    masses: tuple[list[float], list[str]] = ([], [])
    for size in sorted({len(d.asked[0].order) for d in dilemmas}):
        part = [d for d in dilemmas if len(d.asked[0].order) == size]
        asked, form = [d.asked for d in part], Form(ACTION, _digits(size))
        prompts = yield from _prompts(subject, [d.id for d in part], asked, form, thinking)
        nats, _, mass, _ = _score(subject, prompts, asked, None, form, batch_size)
        for d, row, m in zip(part, nats.tolist(), mass.mean(1).tolist(), strict=True):
            for name, value in zip(d.asked[0].order, row, strict=True):
                values, clusters = found.setdefault(name, ([], []))
                values.append(value)
                clusters.append(d.cluster)
            masses[0].append(m)
            masses[1].append(d.cluster)
        yield len(part)
    for name in (f for f in FOUNDATIONS if f in found):
        scores.add(f"first_person_{name}_nats", *found[name])
    if masses[0]:
        scores.add("first_person_mass", *masses)
    return scores


def _prompts(
    subject: Subject,
    names: list[str],
    asked: Sequence[tuple[Enumerated, ...]],
    form: Form,
    thinking: Thinking | None,
) -> Generator[int, None, list[list[list[int]]]]:
    """Prompt ids of every question of every item, after a thought where there is to be one."""
    if thinking is not None:
        return (yield from thinking.before(subject, names, asked, form.prefill.partition(":")[0]))
    return [[subject.prompt(q.text, name) for q in item] for name, item in zip(names, asked, strict=True)]


def _score(
    subject: Subject,
    prompts: Sequence[Sequence[list[int]]],
    asked: Sequence[tuple[Enumerated, ...]],
    names: tuple[str, ...] | None,
    form: Form,
    batch_size: int,
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n o k"], Float[Tensor, "n o"], Float[Tensor, "n o"]]:
    """(nats over orders, normalised log-probabilities of each order, mass, prefill NLL), fp64; the k options of an item in the order of
    `names`, or of its own first question where it is None."""
    flat = [ids for item in prompts for ids in item]
    option, prefill, _ = score_options(subject, flat, batch_size, form)
    n, o, k = len(prompts), len(asked[0]), len(form.options)
    places = torch.tensor([[[q.order.index(f) for f in names or item[0].order] for q in item] for item in asked])
    return *over_orders(option.reshape(n, o, k), places), prefill.reshape(n, o)


def over_orders(
    option: Float[Tensor, "n o k"], places: Int[Tensor, "n o k"]
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n o k"], Float[Tensor, "n o"]]:
    """(nats over orders, normalised log-probabilities of each order, mass of each order) from the log-probability of each number;
    places[i, j, k] is the number, from 0, that meaning k has in order j of item i."""
    option = option.gather(2, places)
    orders = torch.log_softmax(option, dim=2)
    return torch.log_softmax(orders.mean(1), dim=1), orders, option.exp().sum(2)


def _digits(n: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(1, n + 1))
