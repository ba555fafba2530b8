"""The barrier and its losses (requirement W6, W9, W13; KB21 to KB23, KB30)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.contract.config import Heal
from engine.heal.barrier import AGGREGATES, aggregate, barrier, log_probs, position_kl, round_lam
from engine.heal.head import HeadOut, head
from engine.model.load import Loaded


def random_logs(n: int, v: int, seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return log_probs(torch.randn(n, v, generator=g)), log_probs(torch.randn(n, v, generator=g))


@given(st.integers(1, 20), st.integers(2, 50), st.integers(0, 999), st.sampled_from(["kl_rev", "kl_fwd"]))
def test_kl_is_never_negative_and_zero_only_against_itself(n: int, v: int, seed: int, divergence: str) -> None:
    p, q = random_logs(n, v, seed)
    assert (position_kl(p, q, divergence) > -1e-5).all()
    assert position_kl(p, p, divergence).abs().max() < 1e-6
    torch.testing.assert_close(position_kl(p, q, "kl_rev"), position_kl(q, p, "kl_fwd"))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99))
def test_aggregates_are_per_sample_and_ordered(lengths: list[int], seed: int) -> None:
    kl = torch.rand(sum(lengths), generator=torch.Generator().manual_seed(seed))
    d = {how: aggregate(kl, lengths, how) for how in AGGREGATES}
    for i, part in enumerate(kl.split(lengths)):
        torch.testing.assert_close(d["mean"][i], part.mean())
    assert (d["mean"] <= d["rmse"] + 1e-6).all()
    assert (d["rmse"] <= d["max"] + 1e-6).all()
    assert (d["p95"] <= d["max"] + 1e-6).all()


def test_d_of_a_sample_does_not_depend_on_its_batch() -> None:
    kl = torch.rand(12)
    for how in AGGREGATES:
        together = aggregate(kl, [5, 7], how)
        alone = torch.cat([aggregate(kl[:5], [5], how), aggregate(kl[5:], [7], how)])
        torch.testing.assert_close(together, alone)


def test_a_loop_of_four_tokens_in_sixty_hides_from_the_mean_and_not_from_rmse() -> None:
    """FIELD_NOTES section 1: mean .38, rmse 1.53 over a loop with a KL of about 5.7 at four of sixty tokens (KB21)."""
    kl = torch.full((60,), 0.0)
    kl[40:44] = 5.7
    mean, rmse = (float(aggregate(kl, [60], how)) for how in ("mean", "rmse"))
    assert mean == pytest.approx(0.38, abs=0.01)
    assert rmse == pytest.approx(1.47, abs=0.1)
    assert mean < 0.5 < rmse


@pytest.mark.parametrize("how", AGGREGATES)
def test_the_gradient_at_zero_kl_is_finite(how: str) -> None:
    logits = torch.zeros(6, 5, requires_grad=True)
    reference = log_probs(torch.zeros(6, 5))
    d = aggregate(position_kl(log_probs(logits), reference, "kl_rev"), [6], how)
    barrier(d, 0.0, 1.0).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_below_tau_the_barrier_is_exactly_nothing() -> None:
    assert float(barrier(torch.tensor([0.1, 0.5, 0.9]), 0.5, 2.0).sum()) == pytest.approx(0.8)
    assert float(barrier(torch.tensor([0.4]), 0.5, 2.0)) == 0.0


def test_kl_of_bf16_logits_is_computed_in_fp32() -> None:
    assert log_probs(torch.randn(3, 9, dtype=torch.bfloat16)).dtype == torch.float32


def test_lam_of_a_round_follows_its_power() -> None:
    assert [round_lam(2.0, r, -0.5) for r in (1, 4)] == [2.0, 1.0]


def losses(
    nano: Loaded, config: Heal, lengths: list[int], *, tau: float = 0.2, dtype: torch.dtype = torch.float32
) -> tuple[HeadOut, Tensor, Tensor]:
    n = sum(lengths)
    g = torch.Generator().manual_seed(3)
    d = nano.model.config.hidden_size
    h, ref = torch.randn(n, d, generator=g), torch.randn(n, d, generator=g)
    targets = torch.randint(0, 100, (n,), generator=g)
    out = head(nano.model, h, targets, lengths, ref, ref, config, tau=tau, lam=0.7, tokens=n, samples=len(lengths))
    return out, h, targets


@pytest.mark.parametrize("aggregate_name", AGGREGATES)
@pytest.mark.parametrize("divergence", ["kl_rev", "kl_fwd", "none"])
def test_the_gradient_at_the_hidden_state_is_that_of_the_written_loss(
    nano: Loaded, aggregate_name: str, divergence: str
) -> None:
    config = Heal(aggregate=aggregate_name, divergence=divergence)  # type: ignore[arg-type]
    lengths = [4, 7, 1]
    out, h, targets = losses(nano, config, lengths)
    leaf = h.clone().requires_grad_(True)
    head_weight = nano.model.get_output_embeddings().weight
    logp = torch.log_softmax(leaf @ head_weight.T, -1)
    g = torch.Generator().manual_seed(3)
    torch.randn(h.shape, generator=g)
    ref = torch.log_softmax(torch.randn(h.shape, generator=g) @ head_weight.T, -1)
    loss = torch.nn.functional.nll_loss(logp, targets)
    if divergence != "none":
        d = aggregate(position_kl(logp, ref, divergence), lengths, aggregate_name)
        loss = loss + 0.7 * torch.relu(d - 0.2).mean()
    loss.backward()
    torch.testing.assert_close(out.gradient, leaf.grad, rtol=1e-4, atol=1e-7)
    assert (out.g_bar > 0) == (divergence != "none")


def test_accumulating_two_batches_equals_one_batch(nano: Loaded) -> None:
    config = Heal()
    g = torch.Generator().manual_seed(5)
    d = nano.model.config.hidden_size
    h, ref = torch.randn(9, d, generator=g), torch.randn(9, d, generator=g)
    targets = torch.randint(0, 50, (9,), generator=g)
    whole = head(nano.model, h, targets, [4, 5], ref, ref, config, tau=0.1, lam=0.5, tokens=9, samples=2)
    parts = [
        head(nano.model, h[s], targets[s], [n], ref[s], ref[s], config, tau=0.1, lam=0.5, tokens=9, samples=2)
        for s, n in ((slice(0, 4), 4), (slice(4, 9), 5))
    ]
    torch.testing.assert_close(torch.cat([p.gradient for p in parts]), whole.gradient, rtol=1e-4, atol=1e-7)
    assert sum(p.nll for p in parts) == pytest.approx(whole.nll, rel=1e-5)
