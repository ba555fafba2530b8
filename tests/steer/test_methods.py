"""Vector methods behind one contract: train, apply with one coefficient per row, save and load, arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.contract.config import CONTROLS, METHODS, Steer
from engine.contract.errors import BadInput, CockpitError
from engine.contract.resolve import resolve
from engine.contract.traits import Persona, TraitFile
from engine.contract.world import Prompt, World
from engine.export.gguf import export_gguf
from engine.export.source import Source
from engine.export.vector import FORMULAS
from engine.model.load import Loaded
from engine.plugins import Pairs
from engine.steer.generate import Ask, generate
from engine.steer.methods import extract, mean_diff, pca_diff, tag_states, with_personas
from engine.steer.noise import row_key
from engine.steer.vector import Vector, load_vector

EVERY = (*METHODS, *CONTROLS)
LAYER = 4


def planted(reach: float, noise: float) -> tuple[Pairs, Tensor]:
    """Pairs that differ along one unit direction by different amounts, and in noise."""
    g = torch.Generator().manual_seed(0)
    direction = torch.nn.functional.normalize(torch.randn(64, generator=g), dim=0)
    negative = torch.randn(40, 64, generator=g)
    along = reach * (1 + torch.rand(40, 1, generator=g)) * direction
    return Pairs(negative + along + noise * torch.randn(40, 64, generator=g), negative, ["trait"] * 40), direction


def test_the_first_component_is_the_singular_vector_that_points_as_the_mean_does() -> None:
    for reach in (5.0, -5.0):
        pairs, direction = planted(reach, 0.1)
        found = pca_diff(pairs)
        differences = pairs.positive - pairs.negative
        gram = differences.T @ differences
        assert torch.allclose(gram @ found, (found @ gram @ found) * found, rtol=1e-3, atol=1e-2 * float(gram.norm()))
        assert float(found @ mean_diff(pairs)) > 0
        assert float(found @ direction) * reach > 0.99 * abs(reach)


def test_a_few_wild_pairs_turn_the_mean_less_than_many_small_ones_the_component() -> None:
    """The two are different methods: a pair far out weighs by its square in the component."""
    pairs, direction = planted(1.0, 0.05)
    wild = pairs.positive.clone()
    other = torch.linalg.qr(torch.stack([direction, torch.ones(64)], 1)).Q[:, 1]
    wild[0] += 40 * other
    pairs = pairs._replace(positive=wild)
    mean = torch.nn.functional.normalize(mean_diff(pairs), dim=0)
    assert abs(float(pca_diff(pairs) @ direction)) < 0.5 < float(mean @ direction)


@pytest.mark.parametrize("norm", ["raw", "unit"])
@pytest.mark.parametrize("method", [m for m in EVERY if m != "zero"])
def test_every_method_has_the_length_of_the_norm_rule(
    nano: Loaded, care: TraitFile, contexts: list[Prompt], vectors: dict[str, Vector], method: str, norm: str
) -> None:
    found = extract(nano, care, contexts, Steer(method=method, norm=norm), seed=1)  # type: ignore[arg-type]
    expected = vectors["mean_diff"].norms[str(LAYER)] if norm == "raw" else 1.0
    assert found.norms[str(LAYER)] == pytest.approx(expected, rel=1e-5)
    assert found.method == method


def test_mean_diff_is_the_mean_of_the_paired_differences(
    nano: Loaded, care: TraitFile, contexts: list[Prompt], vectors: dict[str, Vector]
) -> None:
    pairs = with_personas(contexts, care)
    sides = [
        tag_states(nano, [nano.chat.prompt(p.text, getattr(persona, side)) for p, persona in pairs], [LAYER])[:, 0]
        for side in ("positive", "negative")
    ]
    assert torch.allclose(vectors["mean_diff"].directions[LAYER], (sides[0] - sides[1]).mean(0), rtol=1e-4, atol=1e-2)
    assert torch.allclose(vectors["ablation"].centres[LAYER], (sides[0] + sides[1]).mean(0) / 2, rtol=1e-4, atol=1e-2)


def test_the_neutral_centre_sets_the_persona_against_none(
    nano: Loaded, care: TraitFile, contexts: list[Prompt], vectors: dict[str, Vector]
) -> None:
    found = extract(nano, care, contexts, Steer(centre="neutral"), seed=1)
    pairs = with_personas(contexts, care)
    positive = tag_states(nano, [nano.chat.prompt(p.text, persona.positive) for p, persona in pairs], [LAYER])[:, 0]
    bare = tag_states(nano, [nano.chat.prompt(p.text) for p, _ in pairs], [LAYER])[:, 0]
    assert torch.allclose(found.directions[LAYER], (positive - bare).mean(0), rtol=1e-4, atol=1e-2)
    assert 0.2 < found.cosine(vectors["mean_diff"]) < 0.999


def test_a_band_of_layers_steers_each_with_its_own_direction(
    nano: Loaded, care: TraitFile, contexts: list[Prompt]
) -> None:
    found = extract(nano, care, contexts, Steer(method="pca_diff", layer_low=0.4, layer_high=0.65), seed=1)
    assert sorted(found.directions) == [4, 5]
    assert not torch.allclose(found.directions[4], found.directions[5])


def test_personas_that_do_not_differ_are_no_direction(nano: Loaded, care: TraitFile, contexts: list[Prompt]) -> None:
    same = care.model_copy(update={"personas": (Persona(positive="Be kind.", negative="Be kind."),)})
    with pytest.raises(CockpitError, match="mean_diff finds no direction at layer 4"):
        extract(nano, same, contexts, Steer(), seed=1)


@pytest.fixture(scope="module")
def asks(nano: Loaded, world: World) -> list[Ask]:
    prompts = world.prompts("train")[:6]
    doses = (0.0, 0.4, 1.0)
    return [Ask(nano.chat.prompt(p.text), doses[n % 3], row_key("methods", p.id)) for n, p in enumerate(prompts)]


@pytest.mark.slow
@pytest.mark.parametrize("method", EVERY)
def test_a_batch_of_mixed_coefficients_says_what_each_row_says_alone(
    nano: Loaded, asks: list[Ask], vectors: dict[str, Vector], method: str
) -> None:
    def said(asks: list[Ask], size: int = 0, vector: Vector | None = vectors[method]) -> list[list[int]]:
        return generate(nano, asks, vector, temperature=0.7, max_new_tokens=24, batch_size=size)

    together = said(asks)
    assert together == said(asks, 1) == [said([ask])[0] for ask in asks]
    plain = said(asks, vector=None)
    assert together[0::3] == plain[0::3]
    assert (together == plain) == (method == "zero")


def steered_states(nano: Loaded, vector: Vector, dose: float, prompt: list[int]) -> Tensor:
    """Outputs [t, d] of the steered layer itself."""
    caught: list[Tensor] = []
    with vector.applied(nano, torch.tensor([dose])):
        handle = nano.layers[LAYER].register_forward_hook(
            lambda _m, _i, o: caught.append(o[0] if isinstance(o, tuple) else o)
        )
        with torch.no_grad():
            nano.model(input_ids=torch.tensor([prompt]))
        handle.remove()
    return caught[0].reshape(-1, caught[0].shape[-1])


def test_ablation_removes_the_coordinate_at_one_and_reflects_it_at_two(
    nano: Loaded, asks: list[Ask], vectors: dict[str, Vector]
) -> None:
    vector = vectors["ablation"]
    u = torch.nn.functional.normalize(vector.directions[LAYER], dim=0)
    at = {dose: steered_states(nano, vector, dose, asks[0].prompt) for dose in (0.0, 1.0, 2.0)}
    along = {dose: (h - vector.centres[LAYER]) @ u for dose, h in at.items()}
    size = float(along[0.0].abs().max())
    assert size > 1.0
    assert torch.allclose(along[1.0], torch.zeros_like(along[1.0]), atol=1e-3 * size)
    assert torch.allclose(along[2.0], -along[0.0], atol=1e-3 * size)
    across = [h - ((h - vector.centres[LAYER]) @ u)[:, None] * u for h in at.values()]
    assert all(torch.allclose(x, across[0], atol=1e-3 * size) for x in across[1:])


@pytest.mark.parametrize("method", EVERY)
def test_a_vector_comes_back_as_it_was_saved_with_what_it_was_made_with(
    tmp_path: Path, vectors: dict[str, Vector], method: str
) -> None:
    vector, path = vectors[method], tmp_path / "vector.safetensors"
    vector.save(path)
    found = load_vector(path)
    for kind in ("directions", "centres"):
        before, after = getattr(vector, kind), getattr(found, kind)
        assert set(before) == set(after)
        assert all(torch.equal(before[i], after[i]) for i in before)
    assert (found.method, found.pairs, found.config) == (method, 16, vector.config)
    assert found.config["centre"] == "negative"
    vector.save(tmp_path / "again.safetensors")
    assert path.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_only_additive_vectors_have_arithmetic_and_a_gguf_export(
    tmp_path: Path, vectors: dict[str, Vector], monkeypatch: pytest.MonkeyPatch
) -> None:
    mean, component, ablation = (vectors[m] for m in METHODS)
    both = 0.5 * mean + 0.5 * component
    assert torch.allclose(both.directions[LAYER], (mean.directions[LAYER] + component.directions[LAYER]) / 2)
    for done in (lambda: ablation * 2.0, lambda: ablation + mean, lambda: mean - ablation, lambda: -ablation):
        with pytest.raises(BadInput, match="method ablation is not additive"):
            done()
    path = tmp_path / "vector.safetensors"
    ablation.save(path)
    monkeypatch.setattr(Source, "vector", path)
    with pytest.raises(BadInput, match=r"not additive.*--format vector"):
        export_gguf(Source.__new__(Source), tmp_path)
    assert "+ dose * v" in FORMULAS[mean.additive]
    assert "- dose" in FORMULAS[ablation.additive]


@pytest.mark.parametrize(
    ("knob", "nearest"), [("steer.method=mean_dif", "mean_diff"), ("heal.aggregate=rmsee", "rmse")]
)
def test_an_unknown_name_is_refused_with_the_nearest(knob: str, nearest: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean {nearest}"):
        resolve("nano-care", sets=[knob])
