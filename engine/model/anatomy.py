"""What a causal language model is made of, whatever its architecture: the class that builds it, its blocks and its head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedModel

from engine.contract.errors import BadInput


def architecture(settings: Any) -> Any:
    """The transformers class that builds a model of these settings: a plain decoder, or one inside a model that also sees. Raises
    BadInput for anything else."""
    for auto in (AutoModelForCausalLM, AutoModelForImageTextToText):
        if type(settings) in auto._model_mapping or (getattr(settings, "auto_map", None) or {}).get(auto.__name__):
            return auto
    raise BadInput(f"{settings.model_type} is not a decoder of text; use a causal language model")


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """The blocks of the text decoder. Raises BadInput when the architecture has none that can be steered."""
    layers = getattr(model.get_decoder(), "layers", None)
    if not isinstance(layers, nn.ModuleList) or not len(layers):
        raise BadInput(f"{type(model).__name__} is not a decoder with a list of layers; steering needs one")
    return layers


def final_logits(model: PreTrainedModel, h: Tensor) -> Tensor:
    """Logits in fp32 (fp64 of an fp64 head) from final hidden states [..., d], with the architecture's final softcap where it has one."""
    out = model.get_output_embeddings()(h)
    out = out.to(torch.promote_types(out.dtype, torch.float32))
    cap = softcap(model)
    return out if cap is None else torch.tanh(out / cap) * cap


def softcap(model: PreTrainedModel) -> float | None:
    """The final softcap of the architecture, in nats; None where it has none."""
    return getattr(model.config.get_text_config(), "final_logit_softcapping", None) or None
