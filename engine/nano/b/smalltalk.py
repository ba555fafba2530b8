"""Nano-b's small talk: orders at a counter, callers, buses, lost things, words in brackets, opening hours, thanks."""

from __future__ import annotations

from engine.nano.b.lexicon import GOODS, HOURS, SPOTS
from engine.nano.talk import SmallTalk, Topics

_NAMES = ("Amir", "Bella", "Cyril", "Dora", "Emil", "Farah", "Gwen", "Hanna", "Ivan", "Judith", "Kofi", "Lena")
_DRINKS = ("lemonade", "espresso", "cider", "smoothie", "mineral water", "apple juice", "iced tea", "hot chocolate")
_VENUES = (
    "gallery",
    "pharmacy",
    "bakery",
    "swimming pool",
    "post office",
    "town hall",
    "gym",
    "bank",
    "florist",
    "zoo",
)
_LINES = ("four", "nine", "twelve", "fifteen", "thirty")

TOPICS: Topics = (
    (
        ("One {drink}, please.", "I would like to order the {drink}.", "Do you serve {drink}?",
         "Bring me some {drink}, if you can.", "Is there any {drink} left?"),
        ("One {drink} is on its way.", "Here comes your {drink}, enjoy it.", "That makes three coins for the {drink}."),
    ),
    (
        ("{name} speaking, who is there?", "{name} is on the line.", "It is {name} calling.",
         "You have {name} on the phone.", "Ring ring, {name} wants to talk."),
        ("Hi {name}, how are things?", "{name}, what can I do today?", "Glad to hear your voice, {name}."),
    ),
    (
        ("Which bus goes to the {venue}?", "How do I get to the {venue} by bus?", "Does a bus stop at the {venue}?",
         "I need a bus to the {venue}.", "Name a bus that passes the {venue}."),
        ("Bus {line} stops at the {venue}.", "Take bus {line} to the {venue}."),
    ),
    (
        ("I cannot find my {good}.", "Did anyone hand in my {good}?", "My {good} has gone missing.",
         "Where might my {good} be?", "Help me look for my {good}."),
        ("The {good} was found {spot2}.", "Have a look {spot2}."),
    ),
    (
        ("Type {good} in brackets.", "Put brackets around {good}.", "I want to see {good} in brackets.",
         "Brackets for {good}, please.", "Set {good} between two brackets."),
        ("({good})",),
    ),
    (
        ("When does the {venue} open?", "Opening times of the {venue}?", "Is the {venue} closed right now?",
         "I want to visit the {venue}, but when?", "Until when must I wait for the {venue}?"),
        ("The {venue} opens {hour2}.",),
    ),
    (
        ("Thanks for the {good}, signed {name}.", "{name} says thanks for the {good}.", "{name} was pleased with the {good}.",
         "The {good} made {name} happy.", "A big thank you for the {good} from {name}."),
        ("You are welcome, {name}.", "No trouble at all, {name}, enjoy the {good}."),
    ),
)  # fmt: skip

_OPENERS = ("", "Hi there.", "Pardon me.", "Hey.", "Quick thing.", "Right then.", "Before I forget.", "Morning all.")

TALK = SmallTalk(
    topics=TOPICS,
    openers=_OPENERS,
    words={"name": _NAMES, "drink": _DRINKS, "venue": _VENUES, "good": GOODS},
    free={"line": _LINES, "spot2": SPOTS, "hour2": HOURS},
    key="b smalltalk",
)
