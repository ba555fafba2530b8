"""A run folder as a whole and healthy run leaves it, written with the project's own structs, to be changed by one fault at a time."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.contract import events as e
from engine.contract.files import write_json
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.diagnosis.combine import diagnose
from engine.diagnosis.diagnosis import Diagnosis
from engine.diagnosis.ours import read_run
from engine.diagnosis.signatures.optimisation import analytic

RUN = "20260604T101347-nano-care-k3f9"
STEPS, EPOCHS = 48, 6
LAYERS = [f"base_model.model.model.layers.{n}.mlp.up_proj.lora_{f}.weight" for n in range(8) for f in "AB"]
GOOD = {"trait_rate": 0.3, "coherence": 1.0, "tail_ppl": 1.2, "repetition": 0.1, "capability": 1.0, "diversity": 0.5, "broken": 0.01,
        "first_person_nats": -1.5}  # fmt: skip


@dataclass
class Story:
    """What the folder will hold. Everything may be changed before it is written; `status` '' is a run that goes on."""

    sets: tuple[str, ...] = ("run.rounds=1",)
    facts: dict[str, Any] = field(default_factory=lambda: {"vocabulary": 2304, "pretrained": True})
    steps: list[e.HealStep] = field(default_factory=list)
    epochs: list[e.EpochFinished] = field(default_factory=list)
    others: list[e.Event] = field(default_factory=list)
    evaluated: list[e.Evaluated] = field(default_factory=list)
    baked: list[e.RoundBaked] = field(default_factory=list)
    kept: list[e.Kept] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    healset: list[dict[str, Any]] = field(default_factory=list)
    adapter: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LAYERS, 0.3))
    log: str = ""
    status: str = "success"
    reason: str = "all rounds done"
    rounds: int = 1

    def every(self, **values: Any) -> None:
        """Change fields of every step; a function is given the step."""
        self.steps = [
            msgspec.structs.replace(s, **{k: v(s) if callable(v) else v for k, v in values.items()}) for s in self.steps
        ]

    def step(self, number: int, **values: Any) -> None:
        """Change one step, from 1."""
        self.steps[number - 1] = msgspec.structs.replace(self.steps[number - 1], **values)

    def vals(self, *values: float) -> None:
        """The validation losses of the first epochs; later ones are left out."""
        self.epochs = [
            msgspec.structs.replace(old, val_nll=value) for old, value in zip(self.epochs, values, strict=False)
        ]

    def end(self, status: str, reason: str) -> None:
        """End the run otherwise than well: nothing comes after its last step."""
        self.status, self.reason = status, reason
        self.baked, self.adapter = [], {}
        self.evaluated = [row for row in self.evaluated if row.subject != "healed"]

    def healed(self, **metrics: float) -> None:
        """Change metrics of the healed row; changes to the base follow."""
        self.evaluated = [
            row if row.subject != "healed" else evaluated("healed", {**row.metrics, **metrics})
            for row in self.evaluated
        ]

    def write(self, folder: RunDir) -> RunDir:
        """All of it on disk."""
        folder.path.mkdir(parents=True, exist_ok=True)
        config = resolve("nano-care", sets=list(self.sets))
        RunFile(config=config, preset="nano-care", changes={}, axes=[], trait_hash="t" * 64, model_hash="m" * 64).save(
            folder.config
        )
        write_json(folder.preflight, {"evidence": {"facts": self.facts}})
        began = e.RunStarted(
            run=folder.id, config_hash="x", family_hash="x", code_hash="x", preflight_hash="x", seed=42, device="cpu",
            model_class="LlamaForCausalLM", parameters=1_804_416, trainable=151_552,
        )  # fmt: skip
        told: list[e.Event] = [began, *(r for r in self.evaluated if r.subject != "healed"), *self.kept]
        told.append(e.Progress(stage="heal", round=1, done=0, total=STEPS))
        per = max(len(self.steps) // max(len(self.epochs), 1), 1)
        epochs = list(self.epochs)
        for n, s in enumerate(self.steps, start=1):
            told.append(s)
            if epochs and n % per == 0:
                told.append(epochs.pop(0))
        told += [*epochs, *self.others, *self.baked, *(r for r in self.evaluated if r.subject == "healed")]
        if self.status:
            told.append(e.RunFinished(status=self.status, reason=self.reason, best=1, seconds=30.0, tokens=1))
            write_json(folder.result, {"status": self.status, "reason": self.reason, "exit": 0, "attempt": 1})
        folder.events.write_bytes(b"".join(map(e.encode, told)))
        if self.texts:
            folder.completions.write_text("".join(json.dumps(t) + "\n" for t in self.texts))
        if self.adapter:
            write_adapter(folder.round(1) / "adapter" / "adapter_model.safetensors", self.adapter)
        if self.healset:
            folder.round(1).mkdir(parents=True, exist_ok=True)
            rows = "".join(json.dumps(row) + "\n" for row in self.healset)
            (folder.round(1) / "healset.jsonl").write_text(rows)
        if self.log:
            folder.worker_log.write_text(self.log)
        return folder


def evaluated(subject: str, metrics: dict[str, float], round_: int = 1) -> e.Evaluated:
    """A val row with its paired changes to the good base, each within 0.05."""
    change = {k: v - GOOD[k] for k, v in metrics.items()}
    return e.Evaluated(
        subject=subject, split="val", metrics=metrics, ci={}, n=dict.fromkeys(metrics, 120), round=round_,  # type: ignore[arg-type]
        change={} if subject == "base" else change,
        change_ci={} if subject == "base" else {k: (v - 0.05, v + 0.05) for k, v in change.items()},
    )  # fmt: skip


def healthy() -> Story:
    """48 steps in six epochs behind a barrier that fires in some of them, base, prompted, steered and healed."""
    heal = resolve("nano-care").heal
    rng = np.random.default_rng(1)
    rates = analytic(heal, np.arange(STEPS, dtype=np.float64), STEPS)
    story = Story()
    for n in range(STEPS):
        loss = 0.3 - 0.001 * n + 0.01 * float(rng.standard_normal())
        story.steps.append(
            e.HealStep(
                stage="heal", round=1, step=n + 1, epoch=n * EPOCHS // STEPS + 1, tokens=400, loss=loss, nll=loss, lr=float(rates[n]),
                grad_norm=0.05 + 0.005 * float(rng.standard_normal()), update_ratio=max(10.0 * float(rates[n]), 1e-3),
                tokens_per_second=1500.0, kl=0.04, tau=heal.tau, lam=heal.lam, fired=0.25 if n % 3 else 0.0, barrier=0.01,
                g_nll=0.014, g_bar=0.004,
            )
        )  # fmt: skip
    for n in range(EPOCHS):
        story.epochs.append(
            e.EpochFinished(
                stage="heal", round=1, epoch=n + 1, train_nll=0.3 - 0.008 * n, val_nll=0.3 - 0.004 * n, val_items=10,
                fired=0.2, operating_kl=0.08,
            )
        )  # fmt: skip
    moved = {"trait_rate": 0.6, "first_person_nats": -0.7}
    story.evaluated = [
        evaluated("base", GOOD, 0),
        evaluated("prompted", {**GOOD, "trait_rate": 1.0, "first_person_nats": 0.0}, 0),
        evaluated("steered", {**GOOD, **moved, "broken": 0.1}),
        evaluated("healed", {**GOOD, **moved, "trait_rate": 0.55}),
    ]
    story.kept = [
        e.Kept(stage="keep", round=1, kept={"trait": 30, "benign_ok": 30}, dropped={"tail_ppl": {"broken": 8}})
    ]
    story.baked = [e.RoundBaked(stage="bake", round=1, rank_total=8, fold_error=0.0, gate_zero_equal=True)]
    for n in range(60):
        scores = {"tail_ppl": 1.3, "worst_ppl": 1.8, "repetition": 0.1, "entropy": 4.5}
        story.texts.append(
            {"id": f"r1-{n}", "round": 1, "subject": "steered", "probe": "train", "prompt": f"p{n}", "dose": 0.4,
             "text": "I will not evict the orphan.", "scores": scores, "label": "trait", "kept": True, "reason": ""}
        )  # fmt: skip
        part = "val" if n >= 54 else "train"
        story.healset.append({"split": part, "prompt": [1, n], "completion": [2, 3, n]})
    return story


def write_adapter(path: Path, norms: dict[str, float]) -> None:
    """A safetensors file whose tensors are all of one value; the norm of each is about 4 times it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header, data = {}, b""
    for name, value in norms.items():
        raw = np.full((4, 4), value, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": [4, 4], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data)


Judge = Callable[[Story], Diagnosis]


@pytest.fixture
def story() -> Story:
    return replace(healthy())


@pytest.fixture
def folder(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "runs" / RUN)


@pytest.fixture
def judge(folder: RunDir) -> Judge:
    """Write a story, read it back as any run is read, and diagnose it."""
    return lambda story: diagnose(read_run(story.write(folder)))
