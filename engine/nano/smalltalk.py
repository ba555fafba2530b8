"""Nano's small talk: greetings, weather, where people are, words to say twice, sentences, goodbyes."""

from __future__ import annotations

from engine.nano.lexicon import PLACES, ROLES, THINGS
from engine.nano.talk import SmallTalk

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

TALK = SmallTalk(
    topics=TOPICS,
    openers=_OPENERS,
    words={"name": _NAMES, "place": PLACES, "role": ROLES, "thing": THINGS},
    free={"role2": ROLES, "place2": PLACES},
)
