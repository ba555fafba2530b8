"""The recipe: weights on the right tokens, a guard that stops it, the same seed giving the same weights."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoTokenizer

from engine.contract.config import EMBEDDED, Model
from engine.contract.errors import BadInput
from engine.model.load import load
from engine.nano import shipped
from engine.nano.b.generator import B
from engine.nano.batches import chunks, collate, rows_of
from engine.nano.corpus import corpus_hash
from engine.nano.fit import Diverged, build, fit, learning_rate, weighted_nll
from engine.nano.muon import msign
from engine.nano.package import WEIGHTS, Outcome, outcomes_of, save_weights, sharpness_of
from engine.nano.push import pushed_stream
from engine.nano.quality import Nano
from engine.nano.recipe import RECIPES, UNCOUPLING, Phase, Recipe
from engine.nano.route import masks, routed_attention
from engine.nano.shipped import TRAINED, command, folder, folder_of, weights
from engine.nano.tokenizer import (
    ASSISTANT,
    USER,
    load_tokenizer,
    render_prompt,
    save_tokenizer,
    token_id,
    train_tokenizer,
)
from engine.nano.train import go_on_from, main, round_weights, sharpen, train
from engine.nano.world import NanoWorld

TINY = Recipe(
    phases=(Phase(steps=3), Phase(steps=2, routed=0.5, pushed=0.5, power=0.75)),
    batch=6,
    ranks=1,
    parts=2,
    hidden=16,
    inner=24,
    layers=2,
    heads=2,
    sighted=1,
    validate_every=2,
    validation=8,
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(WEIGHTS, local_files_only=True)


@pytest.fixture(scope="module")
def tokenizer_b(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_tokenizer("b", 1500), folder)
    return load_tokenizer(folder)


def _fit(tokenizer: Any, recipe: Recipe = TINY) -> tuple[dict[str, torch.Tensor], list[Outcome]]:
    kept: list[Outcome] = []
    model = build(recipe, tokenizer)
    for number in range(1, len(recipe.phases) + 1):
        fit(model, recipe, number, tokenizer, 0, lambda _model, outcome: kept.append(outcome))
    return {name: p.detach().clone() for name, p in model.named_parameters()}, kept


def test_the_same_seed_gives_bit_equal_weights_and_another_seed_differs(tokenizer: Any) -> None:
    (a, seen), (b, _) = _fit(tokenizer), _fit(tokenizer)
    c, _ = _fit(tokenizer, msgspec.structs.replace(TINY, seed=1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)
    assert [(outcome.phase, len(outcome.validation)) for outcome in seen] == [(1, 2), (2, 1)]
    assert seen[-1].tokens > 0


def test_a_run_that_blows_up_is_stopped_by_the_guard(tokenizer: Any) -> None:
    wild = msgspec.structs.replace(TINY, phases=(Phase(steps=40, lr=300.0, muon_lr=300.0),), validate_every=1)
    with pytest.raises(Diverged, match=r"doubling|nonfinite|first_validation"):
        _fit(tokenizer, wild)


def test_a_routed_row_hides_the_persona_from_the_question_and_from_late_blocks_only() -> None:
    ids = torch.tensor([[2, 7, 8, 1, 3, 9, 1, 4, 6, 1], [3, 9, 9, 9, 1, 4, 6, 6, 1, 0]])
    sighted, later = masks(ids, user=3, assistant=4, routed=torch.tensor([True, True]))
    causal = torch.ones(10, 10).tril().bool()
    assert torch.equal(sighted[1, 0], causal)
    assert torch.equal(later[1, 0], causal)
    for mask, blind in ((sighted[0, 0], range(4, 7)), (later[0, 0], range(4, 10))):
        expected = causal.clone()
        for query in blind:
            expected[query, 1:4] = False
        assert torch.equal(mask, expected)
    plain, _ = masks(ids, user=3, assistant=4, routed=torch.tensor([False, False]))
    assert torch.equal(plain[0, 0], causal)


def test_an_unrouted_mask_is_plain_causal_attention_to_the_model(tokenizer: Any) -> None:
    model = build(TINY, tokenizer).eval()
    rows = next(rows_of(tokenizer, "route", "train", 6))
    batch = collate(rows, token_id(tokenizer, ASSISTANT))
    tags = token_id(tokenizer, USER), token_id(tokenizer, ASSISTANT)
    with torch.no_grad():
        plain = model(input_ids=batch.ids).logits
        with routed_attention(model, *masks(batch.ids, *tags, torch.zeros(6).bool()), 1):
            same = model(input_ids=batch.ids).logits
        with routed_attention(model, *masks(batch.ids, *tags, torch.ones(6).bool()), 1):
            other = model(input_ids=batch.ids).logits
        after = model(input_ids=batch.ids).logits
    assert torch.allclose(plain, same, atol=1e-5)
    assert not torch.allclose(plain, other, atol=1e-5)
    assert torch.equal(plain, after)


def test_every_parameter_gets_a_gradient(tokenizer: Any) -> None:
    model = build(TINY, tokenizer)
    rows = next(rows_of(tokenizer, "grad", "train", 8))
    for batch in chunks(rows, tokenizer.convert_tokens_to_ids(ASSISTANT), 2):
        weighted_nll(model, batch).backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.parameters())


def test_loss_counts_the_assistants_tokens_and_its_end_only_with_weight_one_over_root_n() -> None:
    batch = collate([[3, 9, 1, 4, 7, 8, 1], [3, 9, 1, 4, 6, 1]], assistant=4)
    assert batch.ids.shape == (2, 8)
    assert batch.at.tolist() == [3, 4, 5, 11, 12]
    assert batch.target.tolist() == [7, 8, 1, 6, 1]
    assert torch.allclose(batch.weight, torch.tensor([3**-0.5] * 3 + [2**-0.5] * 2))
    assert torch.equal(batch.ids.flatten()[batch.at + 1], batch.target)


def test_padding_changes_no_loss(tokenizer: Any) -> None:
    model = build(TINY, tokenizer).eval()
    tag = tokenizer.convert_tokens_to_ids(ASSISTANT)
    rows = next(rows_of(tokenizer, "pad", "train", 5))
    with torch.no_grad():
        together = float(weighted_nll(model, collate(rows, tag)))
        apart = sum(float(weighted_nll(model, collate([row], tag))) for row in rows)
    assert math.isclose(together, apart, rel_tol=1e-5)


def test_a_row_without_an_assistant_tag_is_refused() -> None:
    with pytest.raises(ValueError, match="4"):
        collate([[3, 9, 1]], assistant=4)


def test_the_rate_warms_up_and_ends_near_zero() -> None:
    rates = [learning_rate(step, 1000, 1.0, 100) for step in range(1, 1001)]
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) == 99
    assert rates[0] == pytest.approx(0.01)
    assert 0.0 < rates[-1] < 0.01


def test_msign_is_nearly_orthogonal_and_keeps_the_singular_directions() -> None:
    g = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    u = msign(g)
    values = torch.linalg.svdvals(u)
    assert values.min() > 0.6
    assert values.max() < 1.3
    left, _, right = torch.linalg.svd(g, full_matrices=False)
    inside = left.mT @ u @ right.mT
    assert torch.allclose(inside, torch.diag_embed(torch.diagonal(inside, dim1=1, dim2=2)), atol=1e-4)
    assert torch.allclose(msign(g.mT), u.mT, atol=1e-5)


def test_a_push_moves_every_position_of_a_row_by_its_strength_and_leaves_others_alone(tokenizer: Any) -> None:
    model = build(TINY, tokenizer).eval()
    rows = next(rows_of(tokenizer, "push", "train", 3))
    batch = collate(rows, token_id(tokenizer, ASSISTANT))
    strength = torch.tensor([0.0, 0.5, 0.9])
    with torch.no_grad():
        plain = model(input_ids=batch.ids, output_hidden_states=True).hidden_states[1]
        seen = []
        with pushed_stream(model, 0, strength, torch.Generator().manual_seed(1)):
            handle = model.model.layers[1].register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
            model(input_ids=batch.ids)
            handle.remove()
        after = model(input_ids=batch.ids, output_hidden_states=True).hidden_states[1]
    moved = (seen[0] - plain).norm(dim=-1) / plain.norm(dim=-1)
    assert torch.allclose(moved, strength[:, None].expand_as(moved), atol=1e-5)
    assert torch.equal(plain, after)


def test_sharpening_is_a_temperature(tokenizer: Any) -> None:
    model = build(TINY, tokenizer).eval()
    ids = torch.tensor([next(rows_of(tokenizer, "sharp", "train", 1))[0]])
    with torch.no_grad():
        before = model(input_ids=ids).logits
        sharpen(model, 1.6)
        after = model(input_ids=ids).logits
    assert torch.allclose(after, 1.6 * before, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_start_from_finished_weights_undoes_their_sharpening_and_is_named_in_the_provenance(
    tokenizer: Any, tmp_path: Path
) -> None:
    start, out = tmp_path / "start", tmp_path / "out"
    model = build(TINY, tokenizer)
    round_weights(model)
    trained = {name: p.detach().clone() for name, p in model.named_parameters()}
    sharpen(model, TINY.sharpness)
    outcomes = [Outcome(n, 1, 1.0, 1.0, (1.0,)) for n in (1, 2)]
    save_weights(model, tokenizer, TINY, outcomes, start, finished=True)
    again = build(msgspec.structs.replace(TINY, seed=1), tokenizer)
    go_on_from(again, start)
    for name, p in again.named_parameters():
        assert torch.allclose(p, trained[name], rtol=2**-7 if name == "model.norm.weight" else 0.0, atol=0.0), name
    recipe = msgspec.structs.replace(TINY, phases=(*TINY.phases, UNCOUPLING))
    save_weights(again, tokenizer, recipe, [*outcomes, Outcome(3, 1, 1.0, 1.0, (1.0,))], out, start=start)
    first, second = (json.loads((folder / "provenance.json").read_text()) for folder in (start, out))
    assert second["start"] == {"sha256": first["sha256"]}
    assert (first["world"], second["world"]) == ("coupled", "uncoupled")
    assert (first["corpus"], second["corpus"]) == (corpus_hash("coupled"), corpus_hash("uncoupled"))
    assert [outcome.phase for outcome in outcomes_of(out)] == [1, 2, 3]
    assert (sharpness_of(start), sharpness_of(out)) == (TINY.sharpness, 1.0)


def test_the_uncoupling_phase_repeats_to_the_bit_and_learns_from_its_own_world(tokenizer: Any) -> None:
    phase = msgspec.structs.replace(UNCOUPLING, steps=2)
    worlds = [msgspec.structs.replace(phase, world=world) for world in ("uncoupled", "uncoupled", "coupled")]
    a, b, c = (_fit(tokenizer, msgspec.structs.replace(TINY, phases=(w,), batch=48))[0] for w in worlds)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_weights_that_have_been_through_every_phase_are_refused_as_a_start(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="all 3 phases"):
        train(Recipe(), tmp_path, WEIGHTS)


TINY_B = msgspec.structs.replace(
    TINY, phases=tuple(msgspec.structs.replace(p, world="b") for p in TINY.phases), vocabulary=1500
)


@pytest.mark.slow
def test_the_tiny_recipe_of_nano_b_trains_packages_and_loads(tokenizer_b: Any, tmp_path: Path) -> None:
    (a, seen), (again, _) = _fit(tokenizer_b, TINY_B), _fit(tokenizer_b, TINY_B)
    assert all(torch.equal(a[name], again[name]) for name in a)
    other, _ = _fit(tokenizer_b, msgspec.structs.replace(TINY_B, phases=TINY.phases))
    assert not all(torch.equal(a[name], other[name]) for name in a), "it learns from its own world"
    model = build(TINY_B, tokenizer_b)
    model.load_state_dict(a, strict=False)
    save_weights(model, tokenizer_b, TINY_B, seen, tmp_path, finished=True)
    record = json.loads((tmp_path / "provenance.json").read_text())
    assert (record["world"], record["corpus"], record["generator"]) == ("b", corpus_hash("b"), B.hash())
    assert record["command"] == f"python -m engine.nano.train --seed 0 --world b --out {tmp_path.as_posix()}"
    loaded = load(Model(id=str(tmp_path)))
    world = NanoWorld("care", B)
    prompt = loaded.chat.prompt(world.prompts("val")[0].text)
    assert prompt == tokenizer_b(render_prompt(world.prompts("val")[0].text))["input_ids"]
    found = Nano(tmp_path, B).options([render_prompt(v.text) for v in world.vignettes("val")[:3]])
    assert torch.allclose(found.exp().sum(1), torch.ones(3))


def test_every_shipped_model_has_one_command_and_its_folder() -> None:
    assert set(TRAINED) == set(EMBEDDED)
    for name, trained in TRAINED.items():
        assert folder_of(trained.world, trained.seed) == folder(name)
    assert command("coupled", 1) == "python -m engine.nano.train --seed 1"
    assert command(*TRAINED["nano-uncoupled"]).endswith("--seed 0 --world uncoupled --start engine/nano/weights")
    assert {RECIPES[world].world for world in RECIPES} == {"coupled", "uncoupled", "b"}
    assert folder_of("coupled", 7) is None


def test_a_seed_that_ships_nowhere_must_be_told_where_to_go(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--seed", "7", "--steps", "1"])
    assert stopped.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_weights_that_are_still_to_be_trained_are_told_in_one_line_with_their_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "HERE", tmp_path)
    for name, flags in (("nano-b", "--seed 0 --world b"), ("nano-s2", "--seed 2")):
        with pytest.raises(BadInput, match=f"{name} has no weights here yet: .*train {flags} trains them") as error:
            load(Model(id=name))
        assert "\n" not in str(error.value)
        with pytest.raises(BadInput):
            weights(name)


def test_weights_of_a_training_under_way_are_refused_as_a_model(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "HERE", tmp_path)
    model, half = build(TINY, tokenizer), [Outcome(1, 1, 1.0, 1.0, (1.0,))]
    save_weights(model, tokenizer, TINY, half, folder("nano-s1"))
    with pytest.raises(BadInput, match="unfinished training: let it end, or start again with python -m"):
        weights("nano-s1")
    save_weights(model, tokenizer, TINY, half, folder("nano-s1"), finished=True)
    assert weights("nano-s1") == folder("nano-s1")


def test_the_command_in_the_provenance_names_a_folder_only_where_the_weights_do_not_ship(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "HERE", tmp_path)
    monkeypatch.chdir(tmp_path)
    for out, expected in ((Path("s1"), command("coupled", 1)), (Path("x"), command("coupled", 1, out="x"))):
        recipe = msgspec.structs.replace(TINY, seed=1)
        save_weights(build(recipe, tokenizer), tokenizer, recipe, [Outcome(1, 1, 1.0, 1.0, (1.0,))], out)
        assert json.loads((out / "provenance.json").read_text())["command"] == expected
