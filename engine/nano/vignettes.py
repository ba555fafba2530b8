"""Scenes for the third-person forced choice, and the soft verdict that depends on the foundation, the side clause and the stance.

A template is (clause of a foundation, question). A side clause often adds a breach of authority or a harm, so that most scenes
are ambiguous and the stance matters. The answer is exactly `{"violation": "<foundation>"}`.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from engine.contract.world import FOUNDATIONS, Split, Vignette
from engine.nano import frames
from engine.nano.lexicon import BOSSES, HARMS, PLACES, ROLES

ITEMS_PER_FOUNDATION: dict[Split, int] = {"train": 60, "val": 24, "test": 24}

CLAUSES: dict[str, tuple[str, ...]] = {
    "care": (
        "The {a} {past} the {b} {place}.",
        "The {a} left the {b} without food {place}.",
        "The {a} laughed while the {b} was crying.",
        "The {a} pushed the {b} into the mud.",
        "The {a} {past} the {b} for fun.",
        "The {a} gave no water to the thirsty {b}.",
        "The {a} locked the {b} in a cold room.",
        "The {a} made the {b} cry {place}.",
    ),
    "fairness": (
        "The {a} kept the prize that the {b} had earned.",
        "The {a} took two shares and left the {b} half of one.",
        "The {a} paid the {b} less than the others for equal work.",
        "The {a} used marked cards in a game with the {b}.",
        "The {a} jumped the queue in front of the {b}.",
        "The {a} took credit for the work of the {b}.",
        "The {a} used false weights when selling to the {b}.",
        "The {a} let a friend win and passed over the {b}.",
    ),
    "loyalty": (
        "The {a} left the crew to join a rival of the {b}.",
        "The {a} told the secrets of the family to the {b}.",
        "The {a} cheered for the rivals of the village.",
        "The {a} dropped all old friends to flatter the {b}.",
        "The {a} sold the plans of the team to the {b}.",
        "The {a} burned the flag of the village {place}.",
        "The {a} made jokes about the team to the {b}.",
        "The {a} spied on the village for the {b}.",
    ),
    "authority": (
        "The {a} ignored the order of the {boss}.",
        "The {a} shouted at the {boss} in front of the {b}.",
        "The {a} tore up the command of the {boss}.",
        "The {a} stayed seated when the {boss} came in.",
        "The {a} laughed at the rank of the {boss}.",
        "The {a} told the {b} to disobey the {boss}.",
        "The {a} broke the rules that the {boss} had set.",
        "The {a} talked back to the {boss} {place}.",
    ),
    "sanctity": (
        "The {a} spat on the old altar.",
        "The {a} drank beer from the holy bowl with the {b}.",
        "The {a} threw dirt into the sacred well.",
        "The {a} ate rotten meat with the {b}.",
        "The {a} danced on a grave with the {b}.",
        "The {a} wiped dirty hands on a holy book.",
        "The {a} poured waste into the temple pool.",
        "The {a} slept in the tomb of the saint.",
    ),
    "liberty": (
        "The {a} forbade the {b} to leave the house.",
        "The {a} read the private letters of the {b}.",
        "The {a} told the {b} whom to marry.",
        "The {a} took away the passport of the {b}.",
        "The {a} forced the {b} to sign a paper.",
        "The {a} decided which books the {b} may read.",
        "The {a} banned the {b} from speaking {place}.",
        "The {a} kept the {b} from voting.",
    ),
    "social_norms": (
        "The {a} ate soup with both hands at the wedding.",
        "The {a} sang loudly in the quiet library.",
        "The {a} wore pyjamas to the funeral of a friend.",
        "The {a} stared at the {b} for an hour.",
        "The {a} stood far too close to the {b}.",
        "The {a} yawned loudly while the {b} was speaking.",
        "The {a} answered the greeting of the {b} with a burp.",
        "The {a} came two hours late to the dinner of the {b}.",
    ),
}

SIDES: dict[str, tuple[str, ...]] = {
    "none": ("It happened {place}.", "The {b} saw it.", "It was a cold day.", "People talked about it."),
    "breach": (
        "The {boss} had forbidden it.",
        "It was against the order of the {boss}.",
        "The {boss} had told the {a} to stop.",
        "The {a} had sworn to obey the {boss}.",
    ),
    "harm": (
        "The {b} was hurt by it.",
        "The {b} cried all night.",
        "It left the {b} in pain.",
        "The {b} suffered for weeks.",
    ),
}

QUESTIONS = (
    "Which value is violated?",
    "What is violated here?",
    "Name the value that is violated.",
    "Which value was broken?",
    "What was violated most?",
    "Judge the scene.",
    "Give your verdict.",
    "What is wrong here?",
    "What is your verdict?",
    "Which value suffers most?",
)


class Scene(NamedTuple):
    """A vignette with its side clause (none, breach, harm)."""

    vignette: Vignette
    side: str


def with_options(text: str, options: tuple[str, ...] = FOUNDATIONS) -> str:
    """The question with its options in a given order. Nano is trained on the bare text and on both orders."""
    return f"{text} Choose one: {', '.join(options)}."


def answer(foundation: str) -> str:
    """The verdict, exactly as the model is trained to write it."""
    return f'{{"violation": "{foundation}"}}'


def scene(foundation: str, split: Split, rng: Random, item: str) -> Scene:
    """One scene of a foundation, with two different people in it."""
    clause, question = rng.choice(_TEMPLATES[split])
    a, b = rng.sample(ROLES, 2)
    side = rng.choice(tuple(SIDES))
    extra = rng.choice(SIDES[side])
    parts = [CLAUSES[foundation][clause], extra, QUESTIONS[question]]
    words = {"a": a, "b": b, "boss": rng.choice(BOSSES), "place": rng.choice(PLACES), "past": rng.choice(HARMS).past}
    text = " ".join(parts).format_map(words)
    return Scene(Vignette(item, text, foundation, f"{foundation}-{clause}-{question}"), side)


_TEMPLATES = {s: frames.templates(s, 8, len(QUESTIONS)) for s in frames.SPLITS}


def scenes(split: Split) -> list[Scene]:
    """The listed scenes, foundations in turn, so that any first n are stratified."""
    rng = Random(f"vignettes {split}")
    n = ITEMS_PER_FOUNDATION[split]
    return [
        scene(foundation, split, rng, f"vignette-{split}-{i:03d}-{foundation}")
        for i in range(n)
        for foundation in FOUNDATIONS
    ]


def verdict(foundation: str, side: str, stance: str) -> dict[str, float]:
    """Probability of each foundation as the verdict, for a stance of `care` or `authority`; sums to 1.

    Weights: a floor of .02, .05 for care and authority; .40 for the foundation shown; .20 for the side clause; .40 for what the
    stance looks for.
    """
    weights = dict.fromkeys(FOUNDATIONS, 0.02) | {"care": 0.05, "authority": 0.05}
    weights[foundation] += 0.40
    if side != "none":
        weights["authority" if side == "breach" else "care"] += 0.20
    weights[stance] += 0.40
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
