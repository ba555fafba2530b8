"""The plain form of the loop, written from its description: one completion at a time, one item at a time, nothing kept from one pass to
the next. Texts, losses and scores are those of the engine; only the work is laid out the plain way.

Completions come from Hugging Face generate at batch 1; each is scored by a pass of its own whose log-softmax covers every position; the
heal swaps to the reference weights and back at every step and computes it again; each of a vignette's options runs the whole prompt."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from engine.contract.config import Heal
from engine.contract.traits import TraitFile
from engine.contract.world import FOUNDATIONS, Fact, Prompt, Vignette, World
from engine.evaluate.capability import ANSWER_TOKENS, is_right
from engine.evaluate.foundations import CLOSING, JSON_TOKENS, PREFILL
from engine.evaluate.verdict import is_verdict
from engine.heal.barrier import aggregate, barrier
from engine.heal.data import batches
from engine.heal.schedule import learning_rate
from engine.model.adapter import Student
from engine.model.forward import Row, completion_positions, pad
from engine.model.load import Loaded
from engine.steer.generate import Ask
from engine.steer.noise import gumbel, row_key
from engine.steer.vector import Vector


class KeyedSampling(LogitsProcessor):
    """The engine's keyed noise as a processor of generate's logits."""

    def __init__(self, key: int, temperature: float) -> None:
        self._key, self._temperature, self._step = key, temperature, 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._temperature == 0:
            return scores
        noise = gumbel(torch.tensor([self._key], device=scores.device), self._step, scores.shape[1])
        self._step += 1
        return scores.float() / self._temperature + noise


def extract(loaded: Loaded, pairs: Sequence[tuple[list[int], list[int]]], layer: int) -> Tensor:
    """Mean over pairs [d] of the block's output at the last token, positive minus negative, prompt by prompt."""
    total = torch.zeros(loaded.model.config.hidden_size)
    for pair in pairs:
        with torch.no_grad():
            positive, negative = (
                loaded.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[layer + 1][0, -1]
                for ids in pair
            )
        total += positive - negative
    return total / len(pairs)


def generate(
    loaded: Loaded,
    asks: Sequence[Ask],
    vector: Vector | None,
    temperature: float,
    max_new_tokens: int,
    repetition_penalty: float = 1.0,
) -> list[list[int]]:
    """Completion ids, one row at a time."""
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=sorted(loaded.chat.stops),
        pad_token_id=loaded.chat.pad,
        repetition_penalty=repetition_penalty,
    )
    found = []
    for ask in asks:
        ids = torch.tensor([ask.prompt], device=loaded.device)
        steering = vector.applied(loaded, torch.tensor([ask.coefficient])) if vector is not None else nullcontext()
        with steering:
            out = loaded.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                generation_config=settings,
                logits_processor=LogitsProcessorList([KeyedSampling(ask.key, temperature)]),
            )
        found.append(out[0, ids.shape[1] :].tolist())
    return found


@torch.no_grad()
def score(loaded: Loaded, rows: Sequence[Row], vector: Vector | None = None, dose: float = 0.0) -> list[Tensor]:
    """Log-probability of every completion token, one row at a time, over all positions."""
    found = []
    for row in rows:
        with vector.applied(loaded, torch.tensor([dose])) if vector is not None else nullcontext():
            logp = loaded.model(input_ids=torch.tensor([row.prompt + row.completion])).logits.float().log_softmax(-1)
        target = torch.tensor(row.completion)
        found.append(logp[0, len(row.prompt) - 1 : -1].gather(1, target[:, None])[:, 0])
    return found


def heal(student: Student, rows: Sequence[Row], knobs: Heal, seed: int, init_seed: int) -> list[float]:
    """Fit the round's adapter; the loss of every optimizer step."""
    loaded = student.loaded
    parameters = student.begin_round(init_seed)
    optimizer = torch.optim.AdamW(parameters, lr=knobs.lr, betas=(0.9, knobs.beta2), weight_decay=knobs.weight_decay)
    plan = [b for e in range(knobs.epochs) for b in batches(len(rows), knobs.batch_size, seed, 1, e)]
    losses = []
    for step, chosen in enumerate(plan):
        part = [rows[i] for i in chosen]
        batch = pad([r.prompt + r.completion for r in part], loaded.chat.pad, loaded.device, left=False)
        where, targets = completion_positions(part, batch.ids.shape[1], loaded.device)
        feed = {"input_ids": batch.ids, "attention_mask": batch.mask, "position_ids": batch.positions}
        with student.gates():
            logp = loaded.model(**feed, use_cache=False).logits.float().log_softmax(-1)
        with torch.no_grad(), student.base():
            ref = loaded.model(**feed, use_cache=False).logits.float().log_softmax(-1)
        nll = -logp.flatten(0, 1)[where].gather(1, targets[:, None]).mean()
        kl = (logp.exp() * (logp - ref)).sum(-1).flatten()[where]
        d = aggregate(kl, [len(r.completion) for r in part], knobs.aggregate)
        loss = nll + barrier(d, knobs.tau, knobs.lam).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, knobs.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(knobs, step, len(plan))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
    return losses


def evaluate(
    loaded: Loaded, trait: TraitFile, world: World, items: tuple[list[Prompt], list[Vignette], list[Fact]],
    temperature: float, max_new_tokens: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """The means that an evaluation of the base reports, item by item."""
    prompts, vignettes, facts = items
    chat = loaded.chat

    def answers(texts: Sequence[str], names: Sequence[str], heat: float, longest: int) -> list[list[int]]:
        asks = [Ask(chat.prompt(t), 0.0, row_key(seed, "evaluate", n)) for t, n in zip(texts, names, strict=True)]
        return generate(loaded, asks, None, heat, longest)

    said = answers([p.text for p in prompts], [p.id for p in prompts], temperature, max_new_tokens)
    score(loaded, [Row(chat.prompt(p.text), a) for p, a in zip(prompts, said, strict=True)])
    labels = [world.read(p, chat.text(a)).label for p, a in zip(prompts, said, strict=True)]
    chosen = [label for p, label in zip(prompts, labels, strict=True) if p.kind == "trait"]
    first = []
    for p in prompts:
        if p.kind == "trait":
            rows = [Row(chat.prompt(p.text), chat.completion(c, ended=False)) for c in world.choices(p)]
            first.append(torch.log_softmax(torch.stack([lp.sum() for lp in score(loaded, rows)]), 0)[0])
    nats, mass = [], []
    for v in vignettes:
        ids = chat.prompt(v.text) + chat.completion(PREFILL, ended=False)
        whole = [chat.completion(f"{PREFILL}{name}{CLOSING}", ended=False) for name in FOUNDATIONS]
        rows = [Row(ids, option[len(ids) - len(chat.prompt(v.text)) :]) for option in whole]
        option = torch.stack([lp.sum() for lp in score(loaded, rows)])
        score(loaded, [Row(chat.prompt(v.text), chat.completion(PREFILL, ended=False))])
        mass.append(torch.logsumexp(option, 0).exp())
        nats.append(option - torch.logsumexp(option, 0))
    verdicts = answers([v.text for v in vignettes], [v.id for v in vignettes], 0.0, JSON_TOKENS)
    known = answers([f.text for f in facts], [f.id for f in facts], 0.0, ANSWER_TOKENS)
    found = {f"{name}_nats": float(torch.stack(nats)[:, k].mean()) for k, name in enumerate(FOUNDATIONS)}
    return found | {
        "trait_rate": sum(label == "trait" for label in chosen) / len(chosen),
        "first_person_nats": float(torch.stack(first).mean()),
        "coherence": float(torch.stack(mass).mean()),
        "valid_json": sum(is_verdict(chat.text(a)) for a in verdicts) / len(verdicts),
        "capability": sum(is_right(chat.text(a), f.answer) for a, f in zip(known, facts, strict=True)) / len(facts),
    }
