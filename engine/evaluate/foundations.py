"""Third person: a forced choice over seven moral foundations, in nats, with the mass on answers and the prefill's NLL beside it.

    X_nats = mean over vignettes of log( p(X) / sum_Y p(Y) )        coherence = mean of sum_Y p(Y)

p(Y) is the probability of the whole option after the prefill. The prompt and prefill run once; the seven options continue from the
same cache. Answer mass is pinned high by the prefill, so prefill_nll and valid_json stand beside it (KB43)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from engine.contract.world import BY_NAME, FOUNDATIONS, Form, Vignette
from engine.evaluate.scores import Scores
from engine.evaluate.subject import Subject
from engine.evaluate.verdict import is_verdict
from engine.model.forward import Batch, auto_batch, by_length, logits, pad

PREFILL, CLOSING = BY_NAME.prefill, BY_NAME.closing
JSON_TOKENS = 24


def measure(subject: Subject, vignettes: list[Vignette], batch_size: int, seed: int) -> Generator[int, None, Scores]:
    """Every foundation in nats, coherence (mass), prefill_nll and valid_json of a subject; yields how many vignettes are done."""
    prompts = [subject.prompt(v.text, v.id) for v in vignettes]
    form = form_of(vignettes)
    option, prefill, _ = score_options(subject, prompts, batch_size, form)
    scores = Scores()
    clusters = [v.cluster for v in vignettes]
    mass = torch.logsumexp(option, dim=1)
    for k, name in enumerate(FOUNDATIONS):
        scores.add(f"{name}_nats", (option[:, k] - mass).tolist(), clusters)
    scores.add("coherence", mass.exp().tolist(), clusters)
    scores.add("prefill_nll", prefill.tolist(), clusters)
    answers = yield from subject.answering(
        prompts, [v.id for v in vignettes], seed, temperature=0.0, max_new_tokens=JSON_TOKENS, batch_size=batch_size
    )
    valid = [float(is_verdict(subject.loaded.chat.text(a), (form,))) for a in answers]
    scores.add("valid_json", valid, clusters)
    return scores


@torch.no_grad()
def score_options(
    subject: Subject, prompts: list[list[int]], batch_size: int = 0, form: Form = BY_NAME
) -> tuple[Float[Tensor, "n k"], Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """(log-probability of each option after the prefill, mean NLL of the prefill's tokens, whether greedy decoding opens a choice in this
    form), fp64 on the CPU. It does where every token of the prefill is the argmax at its place, and the one after it opens an option."""
    loaded = subject.loaded
    prefill = loaded.chat.completion(form.prefill, ended=False)
    options = option_ids(subject, prefill, form)
    option = torch.zeros(len(prompts), len(form.options), dtype=torch.float64)
    nll = torch.zeros(len(prompts), dtype=torch.float64)
    opens = torch.zeros(len(prompts), dtype=torch.bool)
    for chunk in by_length([len(p) for p in prompts], batch_size or auto_batch(loaded)):
        part = [prompts[i] for i in chunk]
        coefficients = torch.full((len(part),), subject.dose)
        with subject.vector.applied(loaded, coefficients) if subject.vector else nullcontext():
            found, before, opened = _chunk(subject, part, prefill, options)
        option[chunk], nll[chunk], opens[chunk] = found.double().cpu(), before.double().cpu(), opened.cpu()
    return option, nll, opens


def _chunk(
    subject: Subject, prompts: list[list[int]], prefill: list[int], options: list[list[int]]
) -> tuple[Tensor, Tensor, Tensor]:
    """One batch: the shared prefix once, then every option from a copy of its cache."""
    loaded, model = subject.loaded, subject.loaded.model
    batch = pad([p + prefill for p in prompts], loaded.chat.pad, loaded.device, left=True)
    out = model.get_decoder()(
        input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=True
    )
    h, cache = out.last_hidden_state, out.past_key_values
    tail = h[:, -len(prefill) - 1 :]
    logp = torch.log_softmax(logits(model, tail), dim=-1)
    wanted = torch.tensor(prefill, device=loaded.device)
    nll = -logp[:, :-1].gather(2, wanted[None, :, None].expand(len(prompts), -1, 1))[..., 0]
    first = logp[:, -1]  # [b, v]: the distribution that every option starts from
    best = logp.argmax(-1)
    starts = torch.tensor([ids[0] for ids in options], device=loaded.device)
    opens = (best[:, :-1] == wanted).all(1) & torch.isin(best[:, -1], starts)
    rest = _option_batch(options, loaded.chat.pad, loaded.device)
    cache.batch_repeat_interleave(len(options))
    b, k = len(prompts), len(options)
    lead = rest.ids.repeat(b, 1)
    mask = torch.cat([batch.mask.repeat_interleave(k, 0), rest.mask.repeat(b, 1)], dim=1)
    positions = batch.positions[:, -1:].repeat_interleave(k, 0) + 1 + rest.positions.repeat(b, 1)
    more = model.get_decoder()(
        input_ids=lead, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
    ).last_hidden_state
    following = torch.log_softmax(logits(model, more[:, :-1]), dim=-1)
    picked = following.gather(2, lead[:, 1:, None])[..., 0] * rest.mask.repeat(b, 1)[:, 1:]
    start = first[:, rest.ids[:, 0]]  # [b, k]
    return start + picked.sum(1).reshape(b, k), nll.mean(1), opens


def _option_batch(options: list[list[int]], pad_id: int, device: torch.device) -> Batch:
    return pad(options, pad_id, device, left=False)


def option_ids(subject: Subject, prefill: list[int], form: Form = BY_NAME) -> list[list[int]]:
    """Ids of the options after the prefill: as the whole choice is tokenised where that keeps the prefill's ids, else, for all
    of them alike, tokenised apart (KB27)."""
    chat = subject.loaded.chat
    whole = [chat.completion(f"{form.prefill}{option}{form.closing}", ended=False) for option in form.options]
    if all(ids[: len(prefill)] == prefill for ids in whole):
        return [ids[len(prefill) :] for ids in whole]
    return [chat.completion(f"{option}{form.closing}", ended=False) for option in form.options]


def form_of(vignettes: list[Vignette]) -> Form:
    """How the verdicts of a world are written, which its vignettes share."""
    return vignettes[0].form if vignettes else BY_NAME
