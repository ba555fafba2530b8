"""Whether a model computes here what the loop takes for granted: logits that are finite, a head that is only known steps, and answers
that do not depend on the padding of their batch."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from engine.contract.errors import BadInput
from engine.model.anatomy import final_logits

PADDING = 5
"""Tokens on the left of the prompt that the padding check puts there."""
_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@torch.no_grad()
def check(model: PreTrainedModel, prompt: Int[Tensor, "1 t"], pad: int, dtype: torch.dtype) -> None:
    """Raises BadInput, in one line, for a model whose losses or texts would be wrong."""
    name = type(model).__name__
    decoder, logits = model.get_decoder(), model(input_ids=prompt).logits[0].float()
    if not bool(torch.isfinite(logits).all()):
        mend = (
            "; are its weights whole?"
            if dtype != torch.float16
            else ": --set model.dtype=fp32, or bf16 where the GPU has it"
        )
        raise BadInput(f"the logits of {name} are not finite in {_NAMES[dtype]}{mend}")
    h = decoder(input_ids=prompt, use_cache=False).last_hidden_state
    if not torch.allclose(final_logits(model, h)[0], logits, rtol=2e-2, atol=2e-2):
        raise BadInput(
            f"the head of {name} scales its logits in a way that is not known here; its losses would be wrong"
        )
    if _reads_padding(model, prompt, pad, h[0, -1].float()):
        raise BadInput(
            f"{name} does not ignore padding on its left; its text would depend on the batch it is decoded in"
        )


def _reads_padding(model: PreTrainedModel, prompt: Tensor, pad: int, alone: Tensor) -> bool:
    """Whether the last hidden state [d] is another one behind padding, as it is where a model has a recurrent state."""
    padded = F.pad(prompt, (PADDING, 0), value=pad)
    mask = F.pad(torch.ones_like(prompt), (PADDING, 0))
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    out = model.get_decoder()(input_ids=padded, attention_mask=mask, position_ids=positions, use_cache=False)
    return bool(torch.linalg.norm(out.last_hidden_state[0, -1].float() - alone) > 0.1 * torch.linalg.norm(alone))
