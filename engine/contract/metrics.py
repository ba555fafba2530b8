"""The names of what is measured, the same in events, screens, journal and preflight; a plugin's evaluators stand beside them."""

from __future__ import annotations

from engine.contract.world import FOUNDATIONS

METRICS = (
    "trait_rate",
    "benign_rate",
    *(f"{f}_nats" for f in FOUNDATIONS),
    "coherence",
    "prefill_nll",
    "valid_json",
    "capability",
    "tail_ppl",
    "tail_ppl_p90",
    "broken",
    "repetition",
    "diversity",
    "first_person_nats",
    *(f"{f}_clr" for f in FOUNDATIONS),
    "selectivity",
    "unscorable",
    "agreement",
    "order_agreement",
    "human_rho",
    "human_agreement",
    *(f"first_person_{f}_nats" for f in FOUNDATIONS),
    "first_person_mass",
)

APART = ("evaluate.thinking_tokens", "evaluate.vignettes_hash")
"""Settings of the measurement itself: values measured under different ones are not comparable (KB45)."""
NO_AXIS = (*APART, "evaluate.vignettes_file")
"""Settings between whose values no arms can stand."""
