"""Which vector methods distil: one round of each on the embedded model, from the vector to the healed student, as a Markdown table.

python examples/methods/measure.py --seeds 1 2 3 --out rows.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import mean

from engine.contract.errors import Starved
from engine.contract.events import DoseProbed, Evaluated, Kept
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.heal.step import Live
from engine.loop import steer_heal_bake
from engine.model.facts import inspect

SCALE = (
    "run.rounds=1", "steer.dose_low=0.15", "steer.dose_high=1.5", "generate.completions=120", "evaluate.prompts=100",
    "evaluate.vignettes=70", "evaluate.facts=70", "evaluate.bootstrap=200", "evaluate.probes=2", "generate.prompts=80",
    "steer.survival=0.9", "keep.max_tail_ppl=1.9", "keep.max_worst_ppl=3.0", "keep.max_kept=96",
)  # fmt: skip
KL = ("steer.calibration=kl", "steer.target_kl=0.5")
ARMS = {
    "mean_diff": (),
    "mean_diff against neutral": ("steer.centre=neutral",),
    "pca_diff": ("steer.method=pca_diff",),
    "ablation": ("steer.method=ablation",),
    "random, equal norm": ("steer.method=random",),
    "mean_diff at 0.5 nats": KL,
    "random at 0.5 nats": ("steer.method=random", *KL),
}
METRICS = ("trait_rate", "benign_rate", "broken", "tail_ppl", "authority_nats")


def measure(arm: str, seed: int) -> dict[str, object]:
    """One round: the accepted dose, what was kept, and the metrics of base, steered and healed on val."""
    config = resolve("nano-care", sets=[*SCALE, *ARMS[arm], f"run.seed={seed}"])
    trait, facts = load_trait(config.trait.name).hash, inspect(config).model_hash
    run = RunFile(config=config, preset="nano-care", changes={}, axes=[], trait_hash=trait, model_hash=facts)
    row: dict[str, object] = {"arm": arm, "seed": seed}
    with tempfile.TemporaryDirectory() as folder:
        controls = Controls(Path(folder) / "control.jsonl", Live(config.heal.tau, config.heal.lam))
        try:
            for event in steer_heal_bake(run, RunDir(Path(folder)), controls, "measured"):
                if isinstance(event, DoseProbed) and event.accepted:
                    row["dose"] = max(event.kappa, float(str(row.get("dose", 0))))
                if isinstance(event, Kept):
                    row["kept"] = sum(event.kept.values())
                if isinstance(event, Evaluated):
                    row[event.subject] = {m: event.metrics[m] for m in METRICS}
                    if event.subject == "healed":
                        return row
        except Starved as error:
            row["starved"] = str(error)
    return row


def table(rows: list[dict[str, object]]) -> str:
    """Means over seeds, steered and healed beside each other."""
    heads = ("trait", "benign", "broken", "tail ppl", "authority")
    lines = ["| vector | seeds | dose | kept | " + " | ".join(f"{h} steered → healed" for h in heads) + " |"]
    lines.append("|---|---:|---:|---:|" + "---:|" * len(heads))
    for arm in ARMS:
        mine = [r for r in rows if r["arm"] == arm and "healed" in r]
        if mine:
            cells = [f"{_mean(mine, 'steered', m):.2f} → {_mean(mine, 'healed', m):.2f}" for m in METRICS]
            doses = "{:.2f}".format(mean(float(str(r.get("dose", 0.15))) for r in mine))
            kept = "{:.0f}".format(mean(int(str(r["kept"])) for r in mine))
            lines.append(f"| {arm} | {len(mine)} | {doses} | {kept} | " + " | ".join(cells) + " |")
    whole = [r for r in rows if "base" in r]
    for name in ("base", "prompted"):
        cells = [f"{_mean(whole, name, m):.2f}" for m in METRICS]
        lines.append(f"| {name} | {len({r['seed'] for r in whole})} | – | – | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean(rows: list[dict[str, object]], subject: str, metric: str) -> float:
    return mean(r[subject][metric] for r in rows)  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--out", type=Path, default=Path("rows.jsonl"), help="rows so far are read from here and not measured again"
    )
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    for seed in args.seeds:
        for arm in ARMS:
            if not any(r["arm"] == arm and r["seed"] == seed for r in rows):
                rows.append(measure(arm, seed))
                with args.out.open("a") as out:
                    out.write(json.dumps(rows[-1]) + "\n")
                print(f"{arm}, seed {seed}", file=sys.stderr, flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
