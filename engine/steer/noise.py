"""Keyed sampling noise: the Gumbel noise of a token depends on (row key, step, token id) and on nothing else.

A counter-based hash replaces generator state, so that a row's text is the same at any batch size, rank, early stop or resume."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int
from torch import Tensor

_MIX1, _MIX2 = -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # the odd multipliers of splitmix64, as signed 64-bit


def row_key(*parts: object) -> int:
    """A signed 63-bit key from (seed, round, prompt, dose, draw) or whatever names the row."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def gumbel(keys: Int[Tensor, " b"], step: int, vocabulary: int) -> Float[Tensor, "b v"]:
    """Standard Gumbel noise [b, v] in fp32 for one decoding step, on the device of `keys`."""
    tokens = torch.arange(vocabulary, device=keys.device, dtype=torch.long).mul_(0x1E3779B97F4A7C15)
    x = _mix(keys + _signed(0x632BE59BD9B4E019 * (step + 1)))[:, None] + tokens
    bits = _mix(x).bitwise_and_(0x7FFFFF)  # 23 bits: exact in fp32, never 0 or 1 after the half step
    uniform = bits.float().add_(0.5).mul_(1.0 / 0x800000)
    return uniform.log_().neg_().log_().neg_()


def _signed(x: int) -> int:
    """x modulo 2**64 as a signed 64-bit integer."""
    return (x + 2**63) % 2**64 - 2**63


def _mix(x: Tensor) -> Tensor:
    """splitmix64's finaliser, in place; signed shifts are made logical by masking."""
    x.bitwise_xor_((x >> 30).bitwise_and_(0x3FFFFFFFF)).mul_(_MIX1)
    x.bitwise_xor_((x >> 27).bitwise_and_(0x1FFFFFFFFF)).mul_(_MIX2)
    return x.bitwise_xor_((x >> 31).bitwise_and_(0x1FFFFFFFF))
