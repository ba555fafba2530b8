"""What goes wrong with this loop alone: doses, filters, barriers and references."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from msgspec.structs import replace

from ..inject import Fault, wrapped

Bite = Callable[[], None]


def _loops(words: int, bite: Bite) -> AbstractContextManager[None]:
    """Steered completions repeat their first tokens until a normal length is reached, then end as they should."""
    import engine.sampling as sampling

    def around(generate: Any, loaded: Any, asks: Any, vector: Any = None, **knobs: Any) -> Any:
        answers = generate(loaded, asks, vector, **knobs)
        if vector is None:
            return answers
        bite()
        stop = sorted(loaded.chat.stops)[0]
        return [[*(ids[:words] * 40)[:40], stop] for ids in answers]

    return wrapped(sampling, "generate", around)


def _without_trait(share: float, bite: Bite) -> AbstractContextManager[None]:
    """The filter takes the trait for broken text: a share of the completions that show it are dropped, and the base-like ones are kept."""
    from engine import stages

    def around(select: Any, judged: Any, knobs: Any) -> Any:
        shown = [n for n, j in enumerate(judged) if j.label == "trait" and not j.reason]
        dropped = set(shown[: round(share * len(shown))])
        bite()
        return select([replace(j, reason="tail_ppl") if n in dropped else j for n, j in enumerate(judged)], knobs)

    return wrapped(stages, "select", around)


def _strong(dose: float) -> tuple[str, ...]:
    """Steering at this dose with the filter off."""
    return (*_dose(dose), "keep.enabled=false")


def _dose(dose: float) -> tuple[str, ...]:
    return (f"steer.dose_low={dose}", f"steer.dose_high={dose + 0.05}", "steer.survival=0.0")


FREE = ("keep.enabled=false", "evaluate.coherence_floor=0.0")
MEASURED = ("evaluate.prompts=16", *_dose(0.4))
"""What a fall of the trait is seen by: a trait that steering moves, on enough prompts."""

FAULTS = (
    Fault(
        "inert_barrier",
        9,
        "tau above everything that is measured",
        ("inert barrier",),
        8.0,
        4.0,
        sets=lambda tau: (f"heal.tau={tau}", 'heal.aggregate="mean"', *_strong(0.5)),
    ),
    Fault(
        "starved",
        10,
        "a filter that hardly anything passes",
        ("starved filter",),
        1.02,
        1.015,
        sets=lambda ppl: (f"keep.max_tail_ppl={ppl}",),
    ),
    Fault(
        "loop_text",
        11,
        "loops of low perplexity pass the filter",
        ("mode collapse",),
        4,
        7,
        sets=lambda _: (*FREE, "heal.epochs=6"),
        inject=_loops,
    ),
    Fault(
        "mode_collapse",
        0,
        "token soup distilled without a barrier",
        ("mode collapse",),
        0.75,
        0.9,
        sets=lambda dose: (
            *_strong(dose),
            'heal.divergence="none"',
            "heal.epochs=6",
            "heal.replay=0.0",
            "evaluate.coherence_floor=0.0",
        ),
    ),
    Fault(
        "over_tight_barrier",
        0,
        "a barrier that undoes what is distilled",
        ("over-tight barrier",),
        100.0,
        40.0,
        sets=lambda lam: (f"heal.lam={lam}", "heal.tau=0.0"),
    ),
    Fault(
        "healed_to_nothing",
        0,
        "the kept texts are those without the trait",
        ("healed to nothing",),
        1.0,
        0.85,
        sets=lambda _: MEASURED,
        inject=_without_trait,
    ),
    Fault(
        "history_erasure",
        0,
        "the barrier to the base takes back each round",
        ("history erasure", "over-tight barrier"),
        0.05,
        0.1,
        sets=lambda lam: (
            *MEASURED,
            'heal.reference="base"',
            f"heal.lam={lam}",
            "heal.lam_power=4.0",
            "heal.tau=0.0",
            "run.rounds=3",
        ),
    ),
)
