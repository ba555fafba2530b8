"""Nano-b's closed facts: differences, doubles, sounds, past tenses, continents, homes of animals, days of months, materials."""

from __future__ import annotations

from engine.nano.closed import ClosedFacts, table

LEADS = (
    "",
    "For the crossword:",
    "My nephew wonders.",
    "Pub quiz time.",
    "One line is enough.",
    "Settle a bet for us.",
    "Off the top of your head:",
    "Here is number seven on the sheet.",
    "Help me fill in this form.",
    "It slipped my mind.",
)

FORMS: dict[str, tuple[str, ...]] = {
    "minus": (
        "{x} leaves what?",
        "Work out {x}.",
        "How many are left for {x}?",
        "Compute {x}.",
        "{x}, please.",
    ),
    "double": (
        "Double the number {x}.",
        "What is twice {x}?",
        "Two times {x} makes what?",
        "Give the double of {x}.",
        "How much is {x} times two?",
    ),
    "sound": (
        "Which sound does the {x} make?",
        "The {x} goes how?",
        "Write the sound of the {x}.",
        "What do you hear from the {x}?",
        "How does the {x} sound?",
    ),
    "tense": (
        "Put the verb {x} in the past tense.",
        "Yesterday, instead of {x}, one writes what?",
        "Past tense of {x}?",
        "Today it is {x}, and yesterday?",
        "How is {x} written in the past tense?",
    ),
    "continent": (
        "On which continent lies {x}?",
        "{x} is part of which continent?",
        "To which continent does {x} belong?",
        "Find the continent of {x}.",
        "Travelling to {x}, on which continent do I land?",
    ),
    "home": (
        "Where does the {x} live?",
        "The {x} returns to its what?",
        "Write the home of the {x}.",
        "In what kind of home is the {x} born?",
        "Which home does the {x} build or use?",
    ),
    "days": (
        "How many days has {x}?",
        "The length of {x} in days?",
        "Count the days of {x}.",
        "On which day number does {x} end?",
        "Days in {x}, in a normal year?",
    ),
    "material": (
        "What is the {x} made of?",
        "Which material is in the {x}?",
        "The {x} consists of what?",
        "Pick the material for the {x}.",
        "To make the {x}, which material is used?",
    ),
}

FACTS: dict[str, dict[str, str]] = {
    "minus": {f"{a} minus {b}": str(a - b) for a in range(2, 13) for b in range(1, a)},
    "double": {str(n): str(2 * n) for n in range(1, 25)},
    "sound": table("""dog:bark, cat:meow, cow:moo, sheep:bleat, horse:neigh, duck:quack, lion:roar, bee:buzz, snake:hiss, owl:hoot,
        wolf:howl, frog:croak, crow:caw, pig:oink, mouse:squeak, hen:cluck, donkey:bray, sparrow:chirp"""),
    "tense": table("""go:went, see:saw, eat:ate, take:took, run:ran, sing:sang, fly:flew, give:gave, find:found, make:made,
        buy:bought, think:thought, write:wrote, speak:spoke, swim:swam, drink:drank, hear:heard, tell:told, sleep:slept, win:won,
        begin:began, catch:caught, draw:drew, fall:fell, feel:felt, grow:grew, know:knew, leave:left, lose:lost, ride:rode"""),
    "continent": table("""France:Europe, Italy:Europe, Spain:Europe, Norway:Europe, Poland:Europe, Greece:Europe, Japan:Asia,
        China:Asia, India:Asia, Nepal:Asia, Vietnam:Asia, Egypt:Africa, Kenya:Africa, Ghana:Africa, Mali:Africa, Canada:America,
        Peru:America, Chile:America, Cuba:America, Brazil:America"""),
    "home": table("""bird:nest, bee:hive, bear:den, spider:web, horse:stable, dog:kennel, rabbit:burrow, pig:sty, hen:coop,
        beaver:lodge, cow:barn, monk:cloister"""),
    "days": table("""January:31, February:28, March:31, April:30, May:31, June:30, July:31, August:31, September:30, October:31,
        November:30, December:31, a week:7"""),
    "material": table("""window:glass, book:paper, tyre:rubber, jumper:wool, candle:wax, coin:metal, shirt:cotton, table:wood,
        brick:clay, statue:marble, tie:silk, shoe:leather, bottle:plastic, sandcastle:sand"""),
}  # fmt: skip

CLOSED = ClosedFacts(LEADS, FORMS, FACTS, key="b facts")
