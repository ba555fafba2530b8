"""Nano's scenes: what is done in each, who else is wronged by it, and how the verdict `{"violation": "<foundation>"}` is asked for."""

from __future__ import annotations

from random import Random

from engine.nano.lexicon import BOSSES, HARMS, PLACES, ROLES
from engine.nano.scenes import Scenes

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


def _words(rng: Random) -> dict[str, str]:
    return {"boss": rng.choice(BOSSES), "place": rng.choice(PLACES), "past": rng.choice(HARMS).past}


SCENES = Scenes(CLAUSES, SIDES, QUESTIONS, ROLES, _words)
