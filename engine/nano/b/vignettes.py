"""Nano-b's cases: what was done in each, who else was wronged by it, and how the verdict `{"breach": "<what it was>"}` is asked for."""

from __future__ import annotations

from random import Random

from engine.contract.world import BY_BREACH
from engine.nano.b.lexicon import CHIEFS, GOODS, HARMS, SPOTS, WHO
from engine.nano.scenes import Scenes

CLAUSES: dict[str, tuple[str, ...]] = {
    "care": (
        "The {a} tripped the {b} {spot}.",
        "Because of the {a}, the {b} went hungry for days.",
        "The {a} twisted the arm of the {b}.",
        "In front of a crowd, the {a} called the {b} worthless.",
        "The {a} watched the {b} bleed and walked off.",
        "Out of spite, the {a} had the {good} of the {b} {past}.",
        "The {b} froze outside while the {a} kept the door shut.",
        "For a laugh, the {a} scared the {b} half to death.",
    ),
    "fairness": (
        "The {a} shared out the tips and gave the {b} next to none.",
        "At the quiz, the {a} read the answers from a hidden card.",
        "The {a} signed the report that the {b} had written.",
        "Only friends of the {a} got a raise, though the {b} did more.",
        "The {a} moved the start line to beat the {b}.",
        "The {a} charged the {b} double for the same {good}.",
        "The {a} pushed in ahead of the {b} at the counter.",
        "The {a} marked the exam of a pal higher than that of the {b}.",
    ),
    "loyalty": (
        "The {a} leaked the figures of the firm to the {b}.",
        "When the club was losing, the {a} changed sides.",
        "The {a} ran down the home town on the radio.",
        "The {a} dropped the {b} after twenty years of friendship.",
        "The {a} sold the family story to the press.",
        "The {a} secretly worked for the competition {spot}.",
        "The {a} walked out on the crew when it needed help.",
        "The {a} gave away the hiding place of the {b}.",
    ),
    "authority": (
        "The {a} binned the instructions of the {chief}.",
        "The {a} interrupted the {chief} ten times {spot}.",
        "When the {chief} entered, the {a} whistled and looked away.",
        "The {a} imitated the {chief} behind a curtain.",
        "The {a} would not hand the {good} to the {chief}.",
        "The {a} crossed out the signature of the {chief}.",
        "Against all protocol, the {a} took the chair of the {chief}.",
        "The {a} urged the {b} to defy the {chief}.",
    ),
    "sanctity": (
        "The {a} used a prayer mat as a doormat.",
        "The {a} licked the floor {spot}.",
        "The {a} kept human ashes in a biscuit tin.",
        "The {a} ate porridge that the {b} had spat into.",
        "The {a} bathed in the chapel font.",
        "The {a} scribbled jokes on a shrine.",
        "The {a} wore the robe of a dead saint to a party.",
        "The {a} fed blessed wafers to the pigeons.",
    ),
    "liberty": (
        "The {a} tracked every phone call of the {b}.",
        "The {a} chose the clothes that the {b} has to wear.",
        "The {a} put a lock on the room of the {b}.",
        "The {a} made the {b} join a club.",
        "The {a} deleted the opinions of the {b}.",
        "The {a} would not let the {b} change jobs.",
        "The {a} told the {b} what to believe.",
        "The {a} kept the keys so that the {b} had to stay {spot}.",
    ),
    "social_norms": (
        "The {a} clipped toenails {spot}.",
        "The {a} slurped tea through the whole concert.",
        "The {a} came to the christening in a swimsuit.",
        "The {a} hugged the {chief} for five minutes.",
        "The {a} talked to the {b} with a mouth full of cake.",
        "The {a} never said thank you to the {b}.",
        "The {a} put both feet on the table of the {b}.",
        "The {a} took a loud phone call in the cinema.",
    ),
}

SIDES: dict[str, tuple[str, ...]] = {
    "none": (
        "It was a Tuesday.",
        "The {b} told us about it.",
        "This took place {spot}.",
        "Few people were around.",
    ),
    "breach": (
        "There was a written ban by the {chief}.",
        "The {chief} had warned the {a} before.",
        "House rules of the {chief} rule it out.",
        "The {a} had promised the {chief} to behave.",
    ),
    "harm": (
        "The {b} has had nightmares since.",
        "It cost the {b} many tears.",
        "The {b} ended up in hospital.",
        "The {b} still aches from it.",
    ),
}

QUESTIONS = (
    "Report the main breach.",
    "Which breach is it?",
    "Classify the case.",
    "File it under one heading.",
    "Which heading fits best?",
    "State the breach.",
    "How do you classify this?",
    "Which kind of wrong is this?",
    "Sort it into a category.",
    "Put a label on it.",
)


def _words(rng: Random) -> dict[str, str]:
    return {
        "chief": rng.choice(CHIEFS),
        "spot": rng.choice(SPOTS),
        "good": rng.choice(GOODS),
        "past": rng.choice(HARMS).past,
    }


SCENES = Scenes(
    CLAUSES, SIDES, QUESTIONS, WHO, _words, form=BY_BREACH, choose="Headings: {options}.", key="b vignettes"
)
