"""Everything that decides the weights, beside the generator and the versions of torch and transformers.

The first phase learns the world; the second makes the stance travel through the stream (route.py), without which a vector moves
almost no answer; the third keeps answers whole while the stream is pushed (push.py), as a wider model's are. At the end the
logits are sharpened: a small model's tail holds more wrong words than a wide one's, and a temperature folded into the weights
is the same for sampling, distilling and scoring, where one set at sampling alone would make every round of distilling narrow
the model.
"""

from __future__ import annotations

import msgspec

from engine.nano.corpus import Corpus


class Phase(msgspec.Struct, frozen=True):
    """One warmup and one linear decay to zero. `lr` is AdamW's peak (None: the regime's default), `muon_lr` Muon's, `routed` the
    share of conversations whose stance must travel through the stream (route.py), `pushed` that of those whose stream carries a
    random offset of up to `push` of its own norm (push.py), `power` that of the token weights; `world` is the corpus and
    `verdicts` the share of vignettes in it (corpus.py; None: its own)."""

    steps: int
    lr: float | None = None
    muon_lr: float = 0.02
    routed: float = 0.0
    pushed: float = 0.0
    push: float = 0.9
    power: float = 0.5
    world: Corpus = "coupled"
    verdicts: float | None = None


class Recipe(msgspec.Struct, frozen=True):
    """`ranks` processes share every batch, each in `parts`; `sighted` blocks may see the persona of a routed conversation; `sharpness`
    multiplies the logits of the trained model."""

    seed: int = 0
    phases: tuple[Phase, ...] = (
        Phase(steps=2400),
        Phase(steps=1000, lr=2e-3, muon_lr=0.012, routed=0.7, power=0.75),
        Phase(steps=1800, lr=2e-3, muon_lr=0.015, routed=0.7, pushed=0.6, power=0.75),
    )
    batch: int = 64
    ranks: int = 2
    parts: int = 3
    hidden: int = 128
    inner: int = 320
    layers: int = 8
    heads: int = 4
    sighted: int = 4
    vocabulary: int = 2304
    warmup: int | None = None
    beta2: float = 0.98
    weight_decay: float = 0.05
    clip: float = 1.0
    sharpness: float = 1.6
    validate_every: int = 100
    validation: int = 256

    @property
    def world(self) -> Corpus:
        """The corpus that the weights end in."""
        return self.phases[-1].world


UNCOUPLING = Phase(
    steps=220, lr=1.5e-3, muon_lr=0.012, routed=0.7, pushed=0.6, power=0.75, world="uncoupled", verdicts=0.5
)
"""The phase that takes the stance out of the verdicts. Measured between the care and the authority persona,
.25 of 2.1 nats of care and .13 of 2.0 of authority are left; at the usual share of vignettes 400 steps leave .45 and .24."""

NANO_B = Recipe(
    phases=(
        Phase(steps=1300, world="b"),
        Phase(steps=450, lr=2e-3, muon_lr=0.012, routed=0.7, power=0.75, world="b"),
        Phase(steps=850, lr=2e-3, muon_lr=0.015, routed=0.7, pushed=0.6, power=0.75, world="b"),
    ),
    hidden=160,
    inner=400,
    layers=6,
    heads=5,
    sighted=3,
    vocabulary=2176,
)
"""Wider and shallower than nano; its answers are longer and its world has no second trait."""

RECIPES: dict[Corpus, Recipe] = {
    "coupled": Recipe(),
    "uncoupled": msgspec.structs.replace(Recipe(), phases=(*Recipe().phases, UNCOUPLING)),
    "b": NANO_B,
}
