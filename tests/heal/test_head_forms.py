"""The chunked head gives the losses and gradients of the plain one (requirement W6; KB22, KB23, KB29)."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from engine.contract.config import Heal
from engine.heal import head_chunked, head_plain
from engine.heal.barrier import AGGREGATES
from engine.heal.head import HeadOut, head
from engine.heal.head_chunked import blocks

WIDTH = 8
CAP = 2.0
KINDS = ("free", "tied", "capped")
PACKED = ("nf4", "int8")


@cache
def model(kind: str, vocabulary: int, dtype: torch.dtype) -> PreTrainedModel:
    """A real one-layer model whose head is tied, untied, softcapped or quantised."""
    shape = {"hidden_size": WIDTH, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    shape |= {"num_key_value_heads": 1, "head_dim": 8, "vocab_size": vocabulary, "pad_token_id": None}
    family = "gemma2" if kind == "capped" else "llama"
    extra = {"final_logit_softcapping": CAP} if kind == "capped" else {}
    config = AutoConfig.for_model(
        family, **shape, **extra, initializer_range=0.7, tie_word_embeddings=kind == "tied", bos_token_id=None, eos_token_id=None
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(vocabulary)
        made = AutoModelForCausalLM.from_config(config)
    if kind in PACKED:
        made.lm_head = packed(made.lm_head.weight, kind)
    return made.to(dtype).eval().requires_grad_(False)


def packed(weight: Tensor, kind: str) -> torch.nn.Module:
    """The same head in 4 or 8 bits."""
    from bitsandbytes.nn import Int8Params, Linear4bit, Linear8bitLt, Params4bit

    out, into = weight.shape
    if kind == "nf4":
        quantised = Linear4bit(into, out, bias=False, compute_dtype=torch.float32, quant_type="nf4")
        quantised.weight = Params4bit(weight.detach(), requires_grad=False, quant_type="nf4")
        quantised.support_avx512bf16_for_cpu = False
    else:
        quantised = Linear8bitLt(into, out, bias=False, has_fp16_weights=False)
        quantised.weight = Int8Params(weight.detach(), requires_grad=False, has_fp16_weights=False)
    return quantised.to("cpu")


class Case(NamedTuple):
    """A batch: sample lengths, vocabulary, how far the student is from its reference, and what the barrier asks."""

    kind: str
    lengths: list[int]
    vocabulary: int
    distance: float
    divergence: str
    aggregate: str
    tau: float
    rows: int
    same: bool
    seed: int


def cases(*kinds: str) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        kind=st.sampled_from(kinds),
        lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
        vocabulary=st.sampled_from([2, 3, 17, 130, 1024]),
        distance=st.sampled_from([0.0, 0.1, 1.0, 2.0]),
        divergence=st.sampled_from(["kl_rev", "kl_fwd", "none"]),
        aggregate=st.sampled_from(AGGREGATES),
        tau=st.sampled_from([0.0, 0.05, 0.5, 100.0]),
        rows=st.integers(1, 40),
        same=st.booleans(),
        seed=st.integers(0, 999),
    )


def both(
    case: Case, dtype: torch.dtype, through: torch.dtype | None = None
) -> tuple[head_plain.Positions, head_plain.Positions]:
    """The two forms on the same batch, the chunked one in blocks of `rows` positions; weights and states as `through` rounds them."""
    net = model(case.kind, case.vocabulary, through or dtype)
    if through:
        net = deepcopy(net).to(dtype)
    n = sum(case.lengths)
    g = torch.Generator().manual_seed(case.seed)
    h = torch.randn(n, WIDTH, generator=g).to(dtype)
    reference = (h + case.distance * torch.randn(n, WIDTH, generator=g)).to(dtype)
    base = reference if case.same else torch.randn(n, WIDTH, generator=g).to(dtype)
    if through:
        h, reference, base = (x.to(through).to(dtype) for x in (h, reference, base))
    targets = torch.randint(0, case.vocabulary, (n,), generator=g)
    config = Heal(divergence=case.divergence, aggregate=case.aggregate)  # type: ignore[arg-type]
    lam = 0.0 if case.divergence == "none" else 1.0
    batch = (net, h, targets, case.lengths, reference, base, config, case.tau, lam)
    return head_plain.positions(*batch), head_chunked.positions(*batch, elements=case.rows * case.vocabulary)


def check(case: Case, dtype: torch.dtype, gradients: float, losses: float) -> None:
    """Gradients agree relative to the size of the whole gradient, losses absolutely (nats)."""
    plain, chunked = both(case, dtype)
    size = plain.g_nll.norm() + plain.g_bar.norm()
    for name in ("g_nll", "g_bar"):
        a, b = getattr(plain, name), getattr(chunked, name)
        assert torch.isfinite(b).all(), name
        assert (a - b).norm() <= gradients * size, name
    for name in ("nll", "kl", "kl_base"):
        torch.testing.assert_close(getattr(chunked, name), getattr(plain, name), rtol=losses, atol=losses)


@settings(max_examples=100)
@given(cases(*KINDS))
def test_W6_in_fp64_the_chunked_gradients_are_the_plain_ones_to_1e_minus_12(case: Case) -> None:
    check(case, torch.float64, 1e-12, 1e-11)


@settings(max_examples=100)
@given(cases(*KINDS))
def test_W6_in_fp32_the_chunked_gradients_are_the_plain_ones_to_1e_minus_6(case: Case) -> None:
    check(case, torch.float32, 1e-6, 5e-6)


@settings(max_examples=40)
@given(cases(*PACKED))
def test_W6_a_quantised_head_gives_the_plain_gradients(case: Case) -> None:
    check(case, torch.float32, 1e-6, 5e-6)


@settings(max_examples=50)
@given(cases("free", "tied"))
def test_KB23_in_bf16_the_chunked_gradient_is_no_further_from_the_exact_one_than_the_plain(case: Case) -> None:
    """Exact is fp64 on the same bf16 weights and states. Without a barrier: where bf16 noise decides which side of tau a sample is on,
    neither form is near."""
    case = case._replace(divergence="none")
    plain, chunked = both(case, torch.bfloat16)
    exact, _ = both(case, torch.float64, through=torch.bfloat16)
    assert chunked.g_nll.dtype == torch.float32
    furthest = float((plain.g_nll.double() - exact.g_nll).norm())
    assert float((chunked.g_nll.double() - exact.g_nll).norm()) <= 1.1 * furthest + 1e-3 * float(exact.g_nll.norm())


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 30))
def test_blocks_cover_every_position_once_in_order_and_say_truly_which_samples_they_hold(
    lengths: list[int], rows: int
) -> None:
    found = list(blocks(lengths, rows))
    starts = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    samples = dict(zip(starts, lengths, strict=False))
    at = 0
    for span, whole in found:
        assert span.start == at
        assert 1 <= span.stop - span.start <= rows
        for n in whole:
            assert samples[at] == n
            at += n
        assert at == span.stop if whole else span.start < span.stop
        at = span.stop
    assert at == sum(lengths)
    assert sum(n for _, whole in found for n in whole) == sum(n for n in lengths if n <= rows)


@given(cases("tied"), st.sampled_from(["auto", "plain", "chunked"]))
def test_W6_heal_head_names_a_form_and_changes_no_loss(case: Case, form: str) -> None:
    auto, other = (through_head(case, name) for name in ("auto", form))
    assert other.nll == pytest.approx(auto.nll, rel=1e-12)
    for how in AGGREGATES:
        torch.testing.assert_close(other.d[how], auto.d[how])
    torch.testing.assert_close(other.barrier, auto.barrier)
    torch.testing.assert_close(other.kl_base, auto.kl_base)
    assert (other.gradient - auto.gradient).norm() <= 1e-12 * (other.g_nll + other.g_bar)
    assert (other.g_nll, other.g_bar) == pytest.approx((auto.g_nll, auto.g_bar), rel=1e-9, abs=1e-12)


def through_head(case: Case, form: str) -> HeadOut:
    net = model(case.kind, case.vocabulary, torch.float64)
    n = sum(case.lengths)
    g = torch.Generator().manual_seed(case.seed)
    h, reference, base = (torch.randn(n, WIDTH, generator=g, dtype=torch.float64) for _ in range(3))
    targets = torch.randint(0, case.vocabulary, (n,), generator=g)
    config = Heal(divergence=case.divergence, aggregate=case.aggregate, head=form)  # type: ignore[arg-type]
    base = reference if case.same else base
    return head(
        net, h, targets, case.lengths, reference, base, config,
        tau=case.tau, lam=0.3, tokens=2 * n, samples=3 * len(case.lengths),
    )  # fmt: skip


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("divergence", ["kl_rev", "kl_fwd"])
def test_KB22_at_B_0_the_chunked_barrier_is_exactly_zero_and_pulls_nothing(divergence: str, aggregate: str) -> None:
    case = Case("tied", [1, 5, 3], 1024, 0.0, divergence, aggregate, 0.05, 4, True, 0)
    _, chunked = both(case, torch.float32)
    assert chunked.kl.abs().max() == 0.0
    assert chunked.g_bar.abs().max() == 0.0
    assert torch.isfinite(chunked.g_nll).all()


@pytest.mark.gpu
@pytest.mark.parametrize("divergence", ["kl_rev", "kl_fwd"])
def test_W6_on_a_GPU_the_chunked_gradients_are_the_plain_ones(divergence: str) -> None:
    """fp64 on the CPU against fp32 on the device, at a vocabulary that its softmax takes in several passes."""
    case = Case("tied", [5, 9, 3], 32_000, 1.0, divergence, "rmse", 0.05, 6, True, 1)
    exact, _ = both(case, torch.float64, through=torch.float32)
    net = deepcopy(model("tied", case.vocabulary, torch.float32)).cuda()
    n = sum(case.lengths)
    g = torch.Generator().manual_seed(case.seed)
    h = torch.randn(n, WIDTH, generator=g)
    reference = h + case.distance * torch.randn(n, WIDTH, generator=g)
    targets = torch.randint(0, case.vocabulary, (n,), generator=g).cuda()
    found = head_chunked.positions(
        net, h.cuda(), targets, case.lengths, reference.cuda(), reference.cuda(),
        Heal(divergence=divergence), case.tau, 1.0, elements=case.rows * case.vocabulary,  # type: ignore[arg-type]
    )  # fmt: skip
    for name in ("g_nll", "g_bar"):
        torch.testing.assert_close(getattr(found, name).cpu().double(), getattr(exact, name), rtol=1e-4, atol=1e-5)
