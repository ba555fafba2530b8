"""How a vector is made: states under the two sides, a direction from them by the method, and its length by the norm rule.

    mean_diff   mean_i (p_i - n_i)
    pca_diff    the first right singular vector of the differences p_i - n_i, pointing as their mean does (Zou et al. 2023)
    ablation    mean_diff's direction, which is taken out of the hidden states about (mean p + mean n) / 2 instead of added to them
    random, shuffled, zero    controls: Gaussian, half of the differences turned, nothing

p_i and n_i are the outputs of a layer at the assistant tag of context i, under the positive persona and under what it is set against.
Every direction but zero gets the length of the mean difference (steer.norm = raw), or 1: a dose means the same for all methods, and a
random vector is matched on norm with each. The differences are not centred for pca_diff: taken both ways their mean is 0, and taken one
way their mean is what is looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from engine.contract.config import METHODS, Steer
from engine.contract.errors import CockpitError
from engine.contract.traits import Persona, TraitFile
from engine.contract.world import Prompt
from engine.model.forward import auto_batch, by_length, pad
from engine.model.load import Loaded
from engine.plugins import Pairs
from engine.plugins.active import call, shape_fault
from engine.steer.vector import Vector


def mean_diff(pairs: Pairs) -> Float[Tensor, " d"]:
    """The mean of the paired differences."""
    return (pairs.positive - pairs.negative).mean(0)


def pca_diff(pairs: Pairs) -> Float[Tensor, " d"]:
    """The first principal component of the paired differences about 0, oriented by their mean; of length 1."""
    differences = (pairs.positive - pairs.negative).double()
    first = torch.linalg.svd(differences, full_matrices=False).Vh[0]
    return (first if first @ differences.mean(0) >= 0 else -first).float()


_TRAIN: dict[str, Callable[[Pairs], Tensor]] = {"mean_diff": mean_diff, "pca_diff": pca_diff, "ablation": mean_diff}
"""The direction of each method that ships, of any length; a plugin's vector_method has the same signature."""
assert set(_TRAIN) == set(METHODS), "a method that nothing makes"


def band(layers: int, config: Steer) -> list[int]:
    """Indices of the steered layers: those whose depth i / layers lies in the band, at least the one nearest its middle (KB1)."""
    inside = [i for i in range(layers) if config.layer_low <= i / layers <= config.layer_high]
    middle = (config.layer_low + config.layer_high) / 2
    return inside or [min(range(layers), key=lambda i: abs(i / layers - middle))]


def extract(loaded: Loaded, trait: TraitFile, contexts: list[Prompt], config: Steer, seed: int) -> Vector:
    """The vector of `config.method` for the model as its gates stand now. Raises CockpitError when a method gives no direction.

    The random and shuffled controls are keyed by the seed alone: they push the same way every round, as the real vector does."""
    layers = band(len(loaded.layers), config)
    pairs = with_personas(contexts[: config.contexts], trait)
    against = [p.negative if config.centre == "negative" else "" for _, p in pairs]
    positive = tag_states(loaded, [loaded.chat.prompt(p.text, persona.positive) for p, persona in pairs], layers)
    negative = tag_states(
        loaded, [loaded.chat.prompt(p.text, said) for (p, _), said in zip(pairs, against, strict=True)], layers
    )
    generator = torch.Generator().manual_seed(seed)
    kinds = [p.kind for p, _ in pairs]
    signs = half_turned(kinds, generator) if config.method == "shuffled" else torch.ones(len(pairs))
    found, centres = {}, {}
    for n, index in enumerate(layers):
        at = Pairs(positive[:, n], negative[:, n], kinds)
        found[index] = _direction(at, signs, config, generator, index)
        if config.method == "ablation":
            centres[index] = (at.positive.mean(0) + at.negative.mean(0)) / 2
    about = config.model_dump(mode="json", include={"centre", "norm", "contexts", "layer_low", "layer_high"})
    return Vector(found, config.method, len(pairs), centres, about)


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


def _direction(pairs: Pairs, signs: Tensor, config: Steer, generator: torch.Generator, layer: int) -> Tensor:
    """One layer's direction [d] from its pairs, at the length of the norm rule."""
    mean = mean_diff(pairs)
    norm = mean.norm() if config.norm == "raw" else torch.tensor(1.0)
    if config.method == "zero":
        return torch.zeros_like(mean)
    if config.method == "random":
        found = torch.randn(mean.shape, generator=generator)
    elif config.method == "shuffled":
        found = ((pairs.positive - pairs.negative) * signs[:, None]).mean(0)
    elif config.method in _TRAIN:
        found = _TRAIN[config.method](pairs)
    else:
        found = call("vector_method", config.method, pairs)
        if wrong := shape_fault(found, tuple(mean.shape)):
            raise CockpitError(f"vector method {config.method} (a plugin's) {wrong}: it must give a direction [d]")
        found = found.detach().float().cpu()
    if not 1e-12 < float(found.norm()) < float("inf"):
        raise CockpitError(
            f"vector method {config.method} finds no direction at layer {layer} (its length is {float(found.norm()):g}): "
            "look whether the two personas of the trait differ"
        )
    return found / found.norm().clamp(min=1e-12) * norm


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
