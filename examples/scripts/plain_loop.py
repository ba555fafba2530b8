"""A plain PyTorch loop under the cockpit: `say` is all it takes; without the cockpit the script runs as it always did.

cockpit run --preflight F.toml -- python examples/scripts/plain_loop.py --seed 42
"""

from __future__ import annotations

import argparse
import json
import os

import torch
from torch import nn


def say(event: str, **values: object) -> None:
    """Append one line for the cockpit; nothing happens where there is none."""
    if path := os.environ.get("COCKPIT_EVENTS"):
        with open(path, "a") as f:
            f.write(json.dumps({"event": event, **values}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--lr", type=float, default=0.05)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    points = torch.rand(512, 2) * 2 - 1
    labels = (points[:, 0] * points[:, 1] > 0).long()  # which of two diagonals of quadrants
    train, held_out = slice(0, 384), slice(384, 512)
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    count = sum(p.numel() for p in model.parameters())
    say(
        "model",
        name="two-layer net",
        parameters=count,
        data="quadrants",
        count=384,
        batch=64,
        seed=args.seed,
        **{"class": "Sequential"},
    )
    for step in range(1, args.steps + 1):
        rows = torch.randint(train.start, train.stop, (64,))
        loss = nn.functional.cross_entropy(model(points[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        say("step", step=step, loss=loss.item(), lr=args.lr)
    right = (model(points[held_out]).argmax(1) == labels[held_out]).float().mean().item()
    say("eval", split="val", metrics={"accuracy": right}, n=128)
    print(f"accuracy {right:.3f}")


if __name__ == "__main__":
    main()
