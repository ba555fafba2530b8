"""Healthy runs in all their variety: what diagnosis must not call sick."""

from __future__ import annotations

from itertools import cycle

from .inject import Case

SEEDS = (42, 137, 256, 314, 512)

VARIANTS: tuple[tuple[str, ...], ...] = (
    (),
    ("heal.lr=1e-3",),
    ("heal.lr=4e-3",),
    ("heal.rank=4", "heal.alpha=8.0"),
    ("heal.rank=16", "heal.alpha=32.0"),
    ('heal.aggregate="mean"',),
    ('heal.aggregate="p95"',),
    ('heal.divergence="kl_fwd"',),
    ('heal.divergence="none"',),
    ("heal.batch_size=4",),
    ("heal.batch_size=16", "heal.epochs=6"),
    ("heal.batch_size=4", "heal.accumulation=2"),
    ("heal.epochs=3",),
    ("heal.epochs=8",),
    ("run.rounds=2",),
    ("run.rounds=3",),
    ('heal.schedule="constant"',),
    ("heal.warmup=0.3",),
    ("generate.doses=[0.75, 1.0]",),
    ("steer.dose_high=0.4",),
    ("heal.replay=0.4",),
    ("heal.lam=0.3", "heal.tau=0.1"),
    ("keep.max_tail_ppl=2.5",),
    ("heal.weight_decay=0.01",),
)
"""Settings that a person would try without anything being wrong: half and twice the rate, ranks, aggregates, batches, epochs, rounds."""

RANDOM = tuple(
    (
        f'model.id="random:{family}"', "keep.enabled=false", "evaluate.coherence_floor=0.0", "evaluate.tail_ppl_ceiling=1e9",
        "generate.max_new_tokens=16", "evaluate.max_new_tokens=16",
    )
    for family in ("llama", "qwen3", "gemma3")
)  # fmt: skip
"""Plumbing on models that mean nothing: neither healthy nor sick, but never sick."""

STEERED = {
    "nano-care": ("steer.dose_low=0.3", "steer.dose_high=0.45", "steer.survival=0.5"),
    "nano-love": ("steer.dose_low=0.8", "steer.dose_high=1.0", "steer.survival=0.3"),
}
"""Doses that show the trait: at a weaker one a short run is healed to nothing in earnest."""
LOVE = ((), ("heal.lr=4e-3",), ("run.rounds=2",))
CONTROLS = (('steer.method="random"',), ('steer.method="shuffled"',))


def healthy(count: int) -> list[Case]:
    """`count` cases: every variant in turn with another seed each time, and one in six of another trait, a control, or a random model."""
    cases, variants, seeds = [], cycle(enumerate(VARIANTS)), cycle(SEEDS)
    others = cycle(
        [(f"love{n}", "nano-love", sets) for n, sets in enumerate(LOVE)]
        + [(f"control{n}", "nano-care", sets) for n, sets in enumerate(CONTROLS)]
        + [(f"random{n}", "nano-care", sets) for n, sets in enumerate(RANDOM)]
    )
    for n in range(count):
        if n % 6 == 5:
            variant, preset, sets = next(others)
        else:
            number, sets = next(variants)
            variant, preset = f"v{number}", "nano-care"
        seed = next(seeds)
        cases.append(Case(variant=f"{n:02d}-{variant}", preset=preset, sets=(*STEERED[preset], *sets), seed=seed))
    return cases
