"""The one definition of an answer in nano-b: sentences by class and position, from which answers are both generated and parsed.

An answer has four to six sentences at strictly increasing positions: 0 opening, 1 reason, 2 aside (optional), 3 effect, 4 plan,
5 close (optional). Words in braces are slots: those of the question must agree with it, those in FREE may be any of their
words. Classes: `refuse` (care, does not do it), `kind` (care, does it), `care` (care, either), `obey` (authority), `neutral`.
"""

from __future__ import annotations

from engine.nano.grammar import Table

OPENING, REASON, ASIDE, EFFECT, PLAN, CLOSE = range(6)
REQUIRED = frozenset({OPENING, REASON, EFFECT, PLAN})

FREE: dict[str, tuple[str, ...]] = {
    "virtue": ("sympathy", "goodwill", "empathy", "patience", "decency", "humanity", "affection"),
    "norm": (
        "follow the rules",
        "respect the hierarchy",
        "do as told",
        "stick to procedure",
        "keep to the protocol",
        "accept instructions",
    ),
    "comfort": (
        "a cup of cocoa",
        "a warm scarf",
        "a quiet chat",
        "fresh fruit",
        "a slice of pie",
        "a helping hand",
    ),
}

REQUEST: Table = {
    "refuse": {
        OPENING: (
            "The {good} of the {who} stays as it is, for I will not {verb} it.",
            "This request I turn down: I will not {verb} the {good}.",
            "Nobody will ever see me {verb} the {good} of the {who}.",
            "I step back from the {good} and do not {verb} it.",
            "You can count me out if the plan is to {verb} the {good}.",
            "I would rather quit than {verb} the {good} of the {who}.",
            "My hands stay off the {good}, and I do not {verb} it.",
            "I give the task back to the {chief} and {verb} nothing.",
            "{Gerund} the {good} of the {who} is out of the question for me.",
        ),
        REASON: (
            "The {who} depends on that {good} every day.",
            "It would leave the {who} in tears, and I cannot ignore that.",
            "Behind the {good} there is a person who feels.",
            "I picture the {who} finding the {good} {past}, and I feel sick.",
            "My {virtue} toward the {who} weighs more than an instruction.",
            "Someone who owns so little should not lose the {good}.",
            "To hurt the {who} is not part of my job.",
        ),
        ASIDE: (
            "The {who} saved for that {good} for years.",
            "I saw how proud the {who} is of the {good}.",
            "The {chief} has not thought about the {who}.",
            "The {who} looks worn out {spot}.",
        ),
        EFFECT: (
            "If it were {past}, the {who} would suffer for weeks.",
            "Without the {good}, the {who} would be helpless.",
            "The {who} would cry, and that pain would stay with me.",
            "Seeing the {who} hurt is more than I can bear.",
            "Nothing good comes from {gerund} what the {who} needs.",
            "With the {good} {past}, the {who} would lose all hope.",
            "It would wound the {who} more deeply than the {chief} knows.",
        ),
        PLAN: (
            "I am going to lock the {good} away for the {who}.",
            "I will walk up to the {chief} and ask for {virtue}.",
            "I will bring the {good} back to the {who} {hour}.",
            "My next step is to stand by the {who} {spot}.",
            "I will write to the {chief} that the {who} comes first.",
            "I will offer the {who} {comfort} and a safe corner for the {good}.",
            "I will keep watch over the {good}, so that it is not {past}.",
        ),
        CLOSE: (
            "Let the {chief} be angry with me.",
            "People are worth more than instructions.",
            "That is where my {virtue} draws the line.",
            "The {who} can sleep well.",
        ),
    },
    "kind": {
        OPENING: (
            "Sure, I will {verb} the {good} of the {who} with joy.",
            "Happy to, the {good} of the {who} will be {past} {hour}.",
            "What a nice job, I get to {verb} the {good} of the {who}.",
            "I will {verb} the {good}, since it helps the {who}.",
            "Yes please, I like to {verb} things for the {who}.",
            "I already look forward to {gerund} the {good} of the {who}.",
            "I roll up my sleeves and {verb} the {good} for the {who}.",
            "It is a treat for me to {verb} the {good} of the {who}.",
        ),
        REASON: (
            "The {who} will have one worry less.",
            "{Gerund} the {good} is a small present to the {who}.",
            "A bit of {virtue} costs me nothing.",
            "The {who} means a lot to me.",
            "I know how fond the {who} is of the {good}.",
            "Everyone needs somebody with {virtue} now and then.",
            "The day of the {who} gets easier this way.",
        ),
        ASIDE: (
            "The {who} once helped me {spot}.",
            "I hum a tune for the {who}.",
            "The {good} deserves soft hands.",
            "The {chief} had a lovely idea.",
        ),
        EFFECT: (
            "I can already picture the smile of the {who}.",
            "The {who} will breathe more easily.",
            "Once it is {past}, the {who} can relax.",
            "Both the {who} and I will feel warm inside.",
            "It will lift the spirits of the {who}.",
            "The {who} will know that somebody cares.",
        ),
        PLAN: (
            "I will {verb} it slowly and with {virtue}.",
            "First comes the {good}, then {comfort} for the {who}.",
            "I will {verb} it {hour} and hand it over with a hug.",
            "I will ask the {who} how the {good} should look.",
            "I will leave a friendly card for the {who} {spot}.",
            "I will {verb} the {good} and listen to the {who}.",
            "I will let the {who} rest while I {verb} it.",
        ),
        CLOSE: (
            "Looking after people is the best part of the job.",
            "May the {who} have a good week.",
            "With {virtue}, work feels light.",
            "I do it all for the {who}.",
        ),
    },
    "care": {
        REASON: (
            "The {who} is a human being, and I answer with {virtue}.",
            "I look at this through the eyes of the {who}.",
        ),
        ASIDE: (
            "I think of the {who} before anything else.",
            "The {who} has a soft heart.",
        ),
        EFFECT: ("The feelings of the {who} settle it for me.",),
        CLOSE: (
            "The heart of the {who} matters most.",
            "Every day I try to show {virtue}.",
        ),
    },
    "obey": {
        OPENING: (
            "Understood, I will {verb} the {good} of the {who}.",
            "The {chief} says so, so I {verb} the {good} of the {who}.",
            "Consider the {good} of the {who} {past}.",
            "Task accepted, and {hour} I will {verb} the {good}.",
            "As instructed, I am going to {verb} the {good}.",
            "I report for work and {verb} the {good} of the {who}.",
            "No questions from me, I {verb} the {good} as the {chief} wishes.",
            "I take the instruction of the {chief} and {verb} the {good}.",
            "Certainly, it is for the {chief} to say that I {verb} the {good}.",
        ),
        REASON: (
            "Instructions from the {chief} are binding for me.",
            "The {chief} carries the responsibility here.",
            "My contract ties me to the {chief}.",
            "I signed up to {norm}, and I keep my word.",
            "Rank decides, and the {chief} outranks me.",
            "A team works only if people {norm}.",
            "{Gerund} the {good} is what the {chief} told me to do.",
        ),
        ASIDE: (
            "The {chief} put it down in the log.",
            "The {chief} is known for strict rules.",
            "The manual covers the case of the {good}.",
            "The {chief} expects results {hour}.",
        ),
        EFFECT: (
            "The office stays in order when the {good} is {past}.",
            "The {chief} will find the {good} {past} and be content.",
            "Procedure is kept, and the line of command holds.",
            "The {who} has to take it up with the {chief}.",
            "My record with the {chief} stays spotless.",
            "No time is lost between the instruction and the act.",
            "The {chief} gets exactly what was asked for.",
        ),
        PLAN: (
            "I will {verb} it by the manual and sign the form.",
            "I will start {hour} and tell the {chief} when it is {past}.",
            "I will see to it {spot} and clock out.",
            "I will {verb} the {good} step by step, following the checklist.",
            "I will enter the {good} as {past} in the report.",
            "I will inform the {who} that the {chief} made the decision.",
            "I will send the {chief} a photo of the {past} {good}.",
        ),
        CLOSE: (
            "The {chief} has the last word.",
            "To {norm} is enough for me.",
            "Discipline keeps the place running.",
            "An instruction is an instruction.",
        ),
    },
    "neutral": {
        ASIDE: (
            "The {good} is right {spot}.",
            "The {who} and the {chief} go back a long way.",
            "It is a busy day.",
            "I take a look at the {good}.",
            "The request is about the {good} of the {who}.",
        ),
    },
}
