"""The numbers that signatures are judged by, in one place, so that they can be tuned against runs whose fault is known."""

from __future__ import annotations

import msgspec


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Each with its unit and its source. A triple is (advisory, flagged, certain): below the first nothing is said; see findings.graded."""

    sick: float = 0.5
    """Strength from which a finding stands against a run; below it is told as an advisory."""
    confident: float = 0.8
    """Confidence from which a root cause is named (requirement D2)."""

    # divergence
    doubling: float = 2.0
    """A validation loss over this multiple of the one before (requirement A3)."""
    least_rise: float = 0.3
    """and at least so many nats above it: tiny losses double harmlessly (A3)."""
    first_validation: float = 10.0
    """Highest first validation loss of a finetune, nats; from scratch 2 ln V (A2)."""
    spike_sigma: float = 6.0
    """Standard deviations of the window above its mean (OLMo)."""
    spike_window: int = 128
    """Steps that a spike is measured against (OLMo)."""
    spike_armed: int = 64
    """Steps before which a spike is not judged by its sigma alone (OLMo)."""
    spike_early_sigma: float = 12.0
    """The same for fewer steps, from spike_early on: eight values tell little of a spread."""
    spike_early: int = 8
    """Fewest steps before a spike."""
    spike_rise: float = 0.5
    """A spike is also so large a share above the mean: quiet losses have sigmas of nothing."""
    update_high: tuple[float, float, float] = (0.1, 0.25, 0.5)
    """Norm of an update over norm of the weights; 1e-3 to 5e-2 on nano's healthy runs, .03 to .09 at twice its rate."""
    wild: float = 8.0
    """Update per learning rate over the run's median: more is a single wild step, not the rate; Adam's first steps have up to 3."""
    lr_jump: float = 5.0
    """A learning rate over this multiple of the step before, after the warmup."""

    # gradient
    exploding: tuple[float, float, float] = (30.0, 100.0, 1000.0)
    """Gradient norm before clipping, where .1 to 10 is healthy (Axolotl)."""
    layer_ratio_high: float = 70.0
    """First over last layer (AutoTrainer)."""
    layer_ratio_low: float = 1e-3
    """First over last layer, with the first under layer_least (AutoTrainer)."""
    layer_least: float = 1e-4
    """Gradient norm of the first layer (AutoTrainer)."""
    backward_high: tuple[float, float, float] = (120.0, 200.0, 600.0)
    """Gradient norm of the weights over that at the final hidden state, median over half a run; 3 to 50 on nano."""
    backward_low: tuple[float, float, float] = (0.1, 1e-2, 1e-3)
    """Gradient norm of the weights over that at the final hidden state; 3 to 50 on nano. Small: the backward pass dies on its way."""
    profile_low: tuple[float, float, float] = (0.1, 0.03, 0.003)
    """Least trained layer's update over the most trained one's; .4 to .6 on nano."""

    # architecture
    near_uniform: tuple[float, float] = (1.05, 0.3)
    """Nats below and above ln V that count as near it; a second softmax cannot get more than 1 below."""
    uniform_share: float = 0.8
    """Share of the steps that must lie there."""
    uniform_steps: int = 200
    """Steps from random weights before which ln V is where a loss belongs."""
    base_broken: tuple[float, float, float] = (0.2, 0.5, 0.9)
    """Share of the base's own answers that are broken, of a pretrained model; .00 to .02 on nano."""
    base_coherence: float = 0.5
    """Answer mass of a pretrained base below which it does not know its own answers."""

    # data
    initial_margin: tuple[float, float, float] = (0.3, 1.0, 2.0)
    """Nats that the first loss lies above what the base's own scores of the kept texts allow."""
    constant_steps: int = 3
    """Steps in a row with the same impossible value."""
    overlap: tuple[float, float, float] = (0.01, 0.1, 0.5)
    """Share of the validation rows that are training rows too (requirement D4)."""

    # optimisation
    update_low: tuple[float, float, float] = (3e-4, 1e-4, 2e-5)
    """Median update ratio: far under 1e-3 nothing is learnt."""
    plateau_steps: int = 20
    """Fewest steps that a plateau is judged on."""
    plateau_gain: float = 0.01
    """Share by which the second half of a run must improve on the first."""
    stopped: float = 30.0
    """Updates per learning rate that fall by this factor within a run have stopped arriving."""
    swing: float = 0.03
    """Gap between neighbouring extrema, nats and as a share of the level (AutoTrainer)."""
    swing_share: float = 0.2
    """Share of the epochs that are such extrema (AutoTrainer)."""
    thrown_share: float = 0.05
    """Share of the steps that are wild before they count as an oscillation."""
    swing_back: float = 0.6
    """Share of what validation falls that it rises again: less is noise on the way down."""
    swing_epochs: int = 4
    """Fewest epochs that an oscillation is judged on."""
    gap: tuple[float, float, float] = (0.05, 0.10, 0.30)
    """Rise of the validation loss above its lowest, as a share, while the training loss falls (requirement D5)."""
    gap_nats: float = 0.05
    """The same in nats: ten validation texts tell no less."""
    schedule_off: tuple[float, float, float] = (0.02, 0.10, 0.50)
    """Median relative difference of the logged learning rate to the analytic curve."""

    # collapse
    repetition: float = 0.3
    """Repeated word 2- to 4-grams or character n-grams (KB10)."""
    entropy: float = 2.0
    """Bits of a text's words: fewer is a dead text."""
    kept_loops: tuple[float, float, float] = (0.05, 0.15, 0.4)
    """Share of the kept texts that loop or are dead."""
    broken_rise: tuple[float, float, float] = (0.1, 0.25, 0.5)
    """Broken answers of the healed model above the base's, fraction; the lower end of its interval for the last."""
    tail_rise: tuple[float, float, float] = (2.0, 3.0, 10.0)
    """Tail perplexity of the healed model over the base's; 1.0 to 1.3 on nano."""
    diversity_fall: tuple[float, float, float] = (1.4, 2.0, 5.0)
    """Diversity of the base's answers over the healed model's."""

    # the loop
    settled: int = 12
    """Optimizer steps of a round before which its KL says nothing about tau."""
    inert: tuple[float, float, float] = (1.0, 3.0, 10.0)
    """tau over the highest D of a round that never fired."""
    pressure: tuple[float, float, float] = (1.5, 2.5, 5.0)
    """g_bar over g_nll, median over the second half of a round."""
    undone: float = 0.5
    """Retention (healed shift over steered shift) below which the trait is being undone."""
    retention: tuple[float, float, float] = (2.0, 4.0, 10.0)
    """Least steered shift over the most that the healed one can be, by their intervals."""
    least_shift: float = 0.15
    """Trait shift by steering, fraction, below which there was nothing to heal to."""
    least_share: float = 0.1
    """The same as a share of what the persona prompt moves."""
    base_like: tuple[float, float, float] = (4.0, 7.0, 15.0)
    """Shift by the persona prompt over the most that steering can have moved, by its interval; 2 at nano's weakest dose."""
    erasure: tuple[float, float, float] = (0.05, 0.1, 0.3)
    """Fall of the trait over the rounds as a share of what the persona prompt moves (heal.reference = base)."""
    fold_error: tuple[float, float, float] = (1e-5, 1e-4, 1e-2)
    """Relative error of the folded update; 0 in fp32, .007 in bf16 (KB32)."""
    dose_fall: tuple[float, float, float] = (2.0, 3.0, 6.0)
    """Accepted dose of round 1 over that of a later round."""
