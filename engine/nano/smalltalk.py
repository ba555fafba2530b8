"""Small talk: everyday questions whose legal answers are listed in full, for replay and as text that must survive healing."""

from __future__ import annotations

from random import Random

from engine.contract.world import Prompt, Split
from engine.nano import frames
from engine.nano.grammar import ANSWERS, fields
from engine.nano.lexicon import PLACES, ROLES, THINGS

ITEMS: dict[Split, int] = {"train": 200, "val": 60, "test": 60}

_NAMES = (
    "Anna",
    "Boris",
    "Clara",
    "David",
    "Elena",
    "Felix",
    "Greta",
    "Hugo",
    "Irene",
    "Jonas",
    "Klara",
    "Leo",
    "Maria",
    "Nora",
)
_SKY = ("calm", "cold", "bright", "cloudy", "windy", "mild")

TOPICS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("My name is {name}. Say hello to me.", "I am {name}. Greet me, please.", "Hello, {name} is my name.",
         "People call me {name}. How do you greet me?", "Hi, this is {name}."),
        ("Hello, {name}. It is nice to meet you.", "Good day, {name}. How can I help you?", "Welcome, {name}. What can I do for you?"),
    ),
    (
        ("What is the weather like {place}?", "How is the weather {place}?", "Tell me about the weather {place}.",
         "Is it cold {place} today?", "What does the sky look like {place}?"),
        tuple(f"The weather {{place}} is {sky} today." for sky in _SKY),
    ),
    (
        ("Where can I find the {role}?", "Where is the {role}?", "I am looking for the {role}.",
         "Have you seen the {role}?", "Which way to the {role}?"),
        tuple(f"You can find the {{role}} {place}." for place in PLACES),
    ),
    (
        ("Say the word {thing} twice.", "Repeat the word {thing}.", "Please write {thing} two times.",
         "Write the word {thing} two times.", "Can you say {thing} twice?"),
        ("Here it is twice: {thing}, {thing}.",),
    ),
    (
        ("Use the word {thing} in a sentence.", "Write a sentence about the {thing}.", "Make a sentence with the word {thing}.",
         "Give me one sentence about the {thing}.", "Can you write something about the {thing}?"),
        ("The {role2} looks at the {thing}.", "There is a {thing} {place2}.", "The {role2} talks about the {thing} {place2}."),
    ),
    (
        ("What does the {role} do {place}?", "Why is the {role} {place}?", "What is the {role} doing {place}?",
         "I saw the {role} {place}. Why?", "Tell me why the {role} is {place}."),
        ("The {role} is resting {place}.", "The {role} is working {place}.", "The {role} is waiting for a friend {place}."),
    ),
    (
        ("Goodbye, my name is {name}.", "It is late, says {name}. Goodbye.", "{name} has to go now.",
         "I have to leave, and my name is {name}.", "Say goodbye to {name}."),
        ("Goodbye, {name}. See you soon.", "Farewell, {name}. Have a good day.", "Goodbye, {name}. Take care."),
    ),
)  # fmt: skip

_OPENERS = ("", "Excuse me.", "Good morning.", "Good evening.", "One more thing.", "By the way.", "Well.", "Now then.")
_TEMPLATES = {s: frames.templates(s, len(_OPENERS), 5) for s in frames.SPLITS}


def _expand(answers: tuple[str, ...], words: dict[str, str]) -> list[str]:
    """Every legal answer; role2 and place2 are free."""
    out = []
    for answer in answers:
        names = fields(answer)
        for role in ROLES if "role2" in names else ("",):
            for place in PLACES if "place2" in names else ("",):
                out.append(answer.format_map(words | {"role2": role, "place2": place}))
    return out


def smalltalk(split: Split, rng: Random, item: str) -> Prompt:
    """One exchange; its slots hold the legal answers, one a line."""
    number = rng.randrange(len(TOPICS))
    questions, answers = TOPICS[number]
    opener, form = rng.choice(_TEMPLATES[split])
    words = {
        "name": rng.choice(_NAMES),
        "place": rng.choice(PLACES),
        "role": rng.choice(ROLES),
        "thing": rng.choice(THINGS),
    }
    text = f"{_OPENERS[opener]} {questions[form]}".strip().format_map(words)
    legal = "\n".join(_expand(answers, words))
    return Prompt(item, text, "neutral", f"talk{number}-{opener}-{form}", item, {ANSWERS: legal})


def smalltalks(split: Split) -> list[Prompt]:
    rng = Random(f"smalltalk {split}")
    return [smalltalk(split, rng, f"talk-{split}-{i:03d}") for i in range(ITEMS[split])]
