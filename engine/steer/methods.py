"""How a vector is made. mean_diff: the mean over contexts of h(positive persona) - h(negative persona) at the assistant tag, at the
output of the chosen layers; random, shuffled and zero are its controls."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from engine.contract.config import Steer
from engine.contract.traits import Persona, TraitFile
from engine.contract.world import Prompt
from engine.model.forward import auto_batch, by_length, pad
from engine.model.load import Loaded
from engine.steer.vector import Vector


def band(layers: int, config: Steer) -> list[int]:
    """Indices of the steered layers: those whose depth i / layers lies in the band, at least the one nearest its middle (KB1)."""
    inside = [i for i in range(layers) if config.layer_low <= i / layers <= config.layer_high]
    middle = (config.layer_low + config.layer_high) / 2
    return inside or [min(range(layers), key=lambda i: abs(i / layers - middle))]


def extract(loaded: Loaded, trait: TraitFile, contexts: list[Prompt], config: Steer, seed: int) -> Vector:
    """The vector of `config.method` for the model as its gates stand now.

    The random and shuffled controls are keyed by the seed alone: they push the same way every round, as the real vector does."""
    layers = band(len(loaded.layers), config)
    pairs = with_personas(contexts[: config.contexts], trait)
    positive = tag_states(loaded, [loaded.chat.prompt(p.text, persona.positive) for p, persona in pairs], layers)
    negative = tag_states(loaded, [loaded.chat.prompt(p.text, persona.negative) for p, persona in pairs], layers)
    generator = torch.Generator().manual_seed(seed)
    kinds = [p.kind for p, _ in pairs]
    signs = half_turned(kinds, generator) if config.method == "shuffled" else torch.ones(len(pairs))
    found = {}
    for n, index in enumerate(layers):
        difference = positive[:, n] - negative[:, n]
        found[index] = _direction(difference, signs, config, generator)
    return Vector(found, config.method, len(pairs))


def half_turned(kinds: list[str], generator: torch.Generator) -> Tensor:
    """Signs [n] that turn half the pairs of every kind: same data, no direction. A surplus of either sign would leave the mean difference
    itself in the sum, and scaling that to the norm brings the real vector back."""
    signs = torch.ones(len(kinds))
    for kind in dict.fromkeys(kinds):
        mine = [i for i, k in enumerate(kinds) if k == kind]
        for j in torch.randperm(len(mine), generator=generator)[: len(mine) // 2].tolist():
            signs[mine[j]] = -1.0
    return signs


def with_personas(contexts: list[Prompt], trait: TraitFile) -> list[tuple[Prompt, Persona]]:
    """Contexts with the trait's personas in turn, in turn within every kind, so that no kind misses one."""
    rank: Counter[str] = Counter()
    pairs = []
    for prompt in contexts:
        pairs.append((prompt, trait.personas[rank[prompt.kind] % len(trait.personas)]))
        rank[prompt.kind] += 1
    return pairs


def _direction(difference: Tensor, signs: Tensor, config: Steer, generator: torch.Generator) -> Tensor:
    """One layer's direction [d] from the paired differences [n, d]; controls are scaled to the mean difference's norm."""
    mean = difference.mean(0)
    norm = mean.norm() if config.norm == "raw" else torch.tensor(1.0)
    if config.method == "zero":
        return torch.zeros_like(mean)
    if config.method == "random":
        mean = torch.randn(mean.shape, generator=generator)
    elif config.method == "shuffled":
        mean = (difference * signs[:, None]).mean(0)
    return mean / mean.norm().clamp(min=1e-12) * norm


@torch.no_grad()
def tag_states(loaded: Loaded, prompts: list[list[int]], layers: list[int]) -> Tensor:
    """Outputs [n, layers, d] (fp32, CPU) of the chosen blocks at the last prompt token, which is the assistant tag (KB6)."""
    found = torch.zeros(len(prompts), len(layers), loaded.model.config.get_text_config().hidden_size)
    caught: dict[int, Tensor] = {}

    def catcher(index: int):  # type: ignore[no-untyped-def]
        def hook(_m, _i, out):  # type: ignore[no-untyped-def]
            caught[index] = (out[0] if isinstance(out, tuple) else out)[:, -1]

        return hook

    handles = []
    try:
        handles = [loaded.layers[i].register_forward_hook(catcher(i)) for i in layers]
        for chunk in by_length([len(p) for p in prompts], auto_batch(loaded)):
            batch = pad([prompts[i] for i in chunk], loaded.chat.pad, loaded.device, left=True)
            loaded.model.get_decoder()(
                input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
            )
            for n, index in enumerate(layers):
                found[chunk, n] = caught[index].float().cpu()
    finally:
        for handle in handles:
            handle.remove()
    return found
