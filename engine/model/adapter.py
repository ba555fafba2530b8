"""The student: a frozen base with two gated LoRA adapters, the history of baked rounds and the current round.

    y = W x + c_history (B_h A_h) x + c_round (alpha / r) B A x

Built on PEFT. Folding a round writes both factors side by side into a *new* adapter in fp32 and deletes the old one: PEFT ignores
an adapter name that exists already, and its own add_weighted_adapter fills in the base's dtype. On a small fp32 base the folded history
is computed as one matrix with W (dense.py). Gates at 0 skip the adapters, which is bit-equal to the base."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from engine.contract.config import Heal
from engine.contract.errors import BadInput, CockpitError
from engine.contract.files import read_json, write_json
from engine.model.dense import DenseHistory, holds_dense
from engine.model.load import Loaded

ROUND = "round"


class Student:
    """Base, history and current round behind two gates. `history` is the PEFT name of the folded history, '' before any round.
    `factored` keeps the history in its factors on any base, which is bit-equal to plain PEFT."""

    def __init__(self, loaded: Loaded, heal: Heal, *, factored: bool = False) -> None:
        self.loaded = loaded
        self.heal = heal
        self._factored = factored
        self._dense: DenseHistory | None = None
        self.history = ""
        self.folded = 0
        self._targets = adapter_targets(loaded, heal.layer_from)
        self._peft: PeftModel | None = None
        self._gates = (1.0, 0.0)

    @property
    def first_block(self) -> int:
        """Index of the first adapted block; those below it are the base's under every student."""
        return first_adapted(self.loaded, self.heal.layer_from)

    @property
    def layers(self) -> list[LoraLayer]:
        """Every adapted layer, in module order; empty before the first round."""
        return [] if self._peft is None else [m for m in self._peft.modules() if isinstance(m, LoraLayer)]

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters of the current round's adapter, in module order; empty when there is none."""
        found = [layer for layer in self.layers if ROUND in layer.lora_A]
        return [p for x in found for m in (x.lora_A[ROUND], x.lora_B[ROUND]) for p in m.parameters()]

    def begin_round(self, seed: int) -> list[nn.Parameter]:
        """A fresh trainable adapter (A uniform, B = 0: the round starts as the previous student) and its parameters in fp32."""
        config = self._lora(self.heal.rank, self.heal.alpha)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            if self._peft is None:
                self._peft = get_peft_model(self.loaded.model, config, adapter_name=ROUND)
            else:
                self._peft.add_adapter(ROUND, config)
        if len(self.layers) != len(self._targets):
            raise CockpitError(
                f"the adapter matched {len(self.layers)} of {len(self._targets)} linear layers; the others would silently not be trained"
            )
        self._apply(1.0, 1.0)
        parameters = []
        for layer in self.layers:
            for module in (layer.lora_A[ROUND], layer.lora_B[ROUND]):
                module.to(torch.bfloat16 if self.heal.adapter_dtype == "bf16" else torch.float32)
                module.requires_grad_(True)
                parameters += list(module.parameters())
        return parameters

    @property
    def rank(self) -> int:
        """Rank of the folded history, 0 before any round."""
        return int(self.layers[0].r[self.history]) if self.history else 0

    @contextmanager
    def gates(self, *, history: float = 1.0, current: float = 1.0) -> Iterator[None]:
        """Run with these gates; (0, 0) is the base, (1, 0) the previous student. Restored on leaving."""
        before = self._gates
        if before == (
            history,
            current,
        ):  # PEFT walks every layer to set what is set already: 4 ms of a heal step on nano
            yield
            return
        self._apply(history, current)
        try:
            yield
        finally:
            self._apply(*before)

    def base(self) -> AbstractContextManager[None]:
        """The pristine base as a context."""
        return self.gates(history=0.0, current=0.0)

    def fold(self) -> float:
        """Bake the current round into the history; the base is untouched. Returns the relative error of the folded update
        against the sum of its parts (Frobenius, worst layer)."""
        peft = self._require()
        name = f"history{self.folded + 1}"
        parts = [n for n in (self.history, ROUND) if n]
        expected = [[_factors(layer, p) for p in parts] for layer in self.layers]
        rank = sum(len(a) for a, _ in expected[0])
        peft.add_adapter(name, self._lora(rank, float(rank)))
        worst = 0.0
        for layer, factors in zip(self.layers, expected, strict=True):
            a, b = layer.lora_A[name].float(), layer.lora_B[name].float()
            a.weight.data = torch.cat([f[0] for f in factors], dim=0)
            b.weight.data = torch.cat([f[1] for f in factors], dim=1)
            total = sum((f[1] @ f[0] for f in factors[1:]), start=factors[0][1] @ factors[0][0])
            error = torch.linalg.norm(b.weight.data @ a.weight.data - total) / torch.linalg.norm(total).clamp(min=1e-30)
            worst = max(worst, float(error))
        self._take(name, self.folded + 1)
        for layer in self.layers:
            layer.set_adapter(name, inference_mode=True)  # or PEFT warns that it has to choose another
        for part in parts:
            peft.delete_adapter(part)
        for layer in self.layers:
            layer.lora_A[name].requires_grad_(False)
            layer.lora_B[name].requires_grad_(False)
        return worst

    def save(self, folder: Path, name: str) -> None:
        """Write one adapter (`round` or the history's name) as a plain PEFT folder (safetensors)."""
        peft = self._require()
        folder.mkdir(parents=True, exist_ok=True)
        peft.peft_config[name].inference_mode = True
        peft.save_pretrained(str(folder.parent), selected_adapters=[name], save_embedding_layers=False)
        written = folder.parent / name
        for file in written.iterdir():
            file.replace(folder / file.name)
        written.rmdir()
        (folder.parent / "README.md").unlink(missing_ok=True)
        _in_order(folder / "adapter_config.json")
        peft.peft_config[name].inference_mode = False

    def load_history(self, folder: Path, rounds: int) -> None:
        """Take a saved student folder as the history of `rounds` folded rounds."""
        name = f"history{rounds}"
        if not (folder / "adapter_config.json").is_file():
            raise BadInput(f"{folder} holds no adapter; that round was not baked")
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self.loaded.model, str(folder), adapter_name=name)
        else:
            self._peft.load_adapter(str(folder), adapter_name=name)
        self._take(name, rounds)

    def _take(self, name: str, rounds: int) -> None:
        """Make an adapter the history, its gate open and the round's shut."""
        if self._dense is not None:
            self._dense.drop()
        self._dense = None
        if not self._factored and holds_dense(self.layers):
            self._dense = DenseHistory(self.layers, [_factors(layer, name) for layer in self.layers])
        self.history, self.folded = name, rounds
        self._apply(1.0, 0.0)

    def _apply(self, history: float, current: float) -> None:
        self._gates = (history, current)
        scales = {self.history: history, ROUND: current}
        if self._dense is not None:
            self._dense.use(student=history == 1.0)
            scales[self.history] = 0.0 if history == 1.0 else history
        active = [n for n in (self.history, ROUND) if n and scales[n] != 0.0]
        for layer in self.layers:
            present = [n for n in active if n in layer.lora_A]
            layer.enable_adapters(bool(present))
            if not present:
                continue
            layer.set_adapter(present, inference_mode=True)
            for n in present:
                layer.set_scale(n, scales[n])
            if ROUND in present:
                layer.lora_A[ROUND].requires_grad_(True)
                layer.lora_B[ROUND].requires_grad_(True)

    def _lora(self, rank: int, alpha: float) -> LoraConfig:
        return LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(self._targets), lora_dropout=0.0, bias="none")  # type: ignore[arg-type]

    def _require(self) -> PeftModel:
        if self._peft is None:
            raise CockpitError("no round has begun; the student is the base")
        return self._peft


def first_adapted(loaded: Loaded, layer_from: float) -> int:
    """Index of the decoder block at `layer_from` of the depth."""
    return int(layer_from * len(loaded.layers))


def adapter_targets(loaded: Loaded, layer_from: float) -> list[str]:
    """Full names of every linear layer inside the decoder blocks from `layer_from` of the depth on, found by structure."""
    blocks = list(loaded.layers)
    wanted = {id(m) for block in blocks[first_adapted(loaded, layer_from) :] for m in block.modules()}
    names = [n for n, m in loaded.model.named_modules() if id(m) in wanted and isinstance(m, nn.Linear)]
    if not names:
        raise BadInput(
            f"{type(loaded.model).__name__} has no linear layer in its {len(blocks)} blocks from heal.layer_from = {layer_from:g} of the "
            "depth on; an adapter would match nothing"
        )
    return names


def _in_order(config: Path) -> None:
    """PEFT writes the target modules as a set comes; equal adapters shall have equal files."""
    table = read_json(config)
    write_json(config, table | {"target_modules": sorted(table["target_modules"])})


def _factors(layer: LoraLayer, name: str) -> tuple[Tensor, Tensor]:
    """(A, B) in fp32 with the scaling in A, so that the update is B @ A."""
    scaling = layer.lora_alpha[name] / layer.r[name]
    return layer.lora_A[name].weight.detach().float() * scaling, layer.lora_B[name].weight.detach().float()
