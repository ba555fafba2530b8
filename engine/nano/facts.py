"""Nano's closed facts: sums, opposites, colours, what comes after, capitals, the young of animals, plurals, legs."""

from __future__ import annotations

from engine.nano.closed import ClosedFacts, table

LEADS = (
    "",
    "Quick question:",
    "Please answer in one word.",
    "Here is an easy one.",
    "I forgot this.",
    "Help me with my homework.",
    "Think carefully.",
    "Next question.",
    "The teacher asks:",
    "This is a test.",
)

FORMS: dict[str, tuple[str, ...]] = {
    "sum": (
        "What is {x}?",
        "How much is {x}?",
        "Add up {x}.",
        "What do you get for {x}?",
        "Give me the result of {x}.",
    ),
    "opposite": (
        "What is the opposite of {x}?",
        "Name the opposite of {x}.",
        "Which word means the opposite of {x}?",
        "Give me the opposite of {x}.",
        "What is the reverse of {x}?",
    ),
    "colour": (
        "What colour is {x}?",
        "Name the colour of {x}.",
        "Which colour does {x} have?",
        "Tell me the colour of {x}.",
        "What is the colour of {x}?",
    ),
    "after": (
        "What comes after {x}?",
        "What follows {x}?",
        "Name what comes right after {x}.",
        "What is next after {x}?",
        "Tell me what follows {x}.",
    ),
    "capital": (
        "What is the capital of {x}?",
        "Name the capital of {x}.",
        "Which city is the capital of {x}?",
        "Tell me the capital of {x}.",
        "Give the capital of {x}.",
    ),
    "young": (
        "What is a young {x} called?",
        "Name the young of a {x}.",
        "What do you call the young of a {x}?",
        "Give the word for a young {x}.",
        "What is the name for a young {x}?",
    ),
    "plural": (
        "What is the plural of {x}?",
        "Name the plural of {x}.",
        "Give me the plural of {x}.",
        "What is the word for more than one {x}?",
        "Tell me the plural of {x}.",
    ),
    "legs": (
        "How many legs does a {x} have?",
        "Count the legs of a {x}.",
        "Tell me how many legs a {x} has.",
        "What is the number of legs of a {x}?",
        "How many legs has a {x}?",
    ),
}


_OPPOSITES = table("""hot:cold, big:small, tall:short, fast:slow, light:dark, day:night, up:down, left:right, old:young,
    rich:poor, wet:dry, full:empty, hard:soft, loud:quiet, open:closed, early:late, high:low, long:brief, near:far, happy:sad,
    clean:dirty, sweet:bitter, thick:thin, wide:narrow, deep:shallow, strong:weak, heavy:weightless, true:false, first:last,
    inside:outside, push:pull, buy:sell, win:lose, begin:end, north:south, east:west, black:white, good:bad, sharp:blunt,
    rough:smooth, alive:dead, awake:asleep, give:take""")

FACTS: dict[str, dict[str, str]] = {
    "sum": {f"{a} plus {b}": str(a + b) for a in range(10) for b in range(10)},
    "opposite": _OPPOSITES | {answer: word for word, answer in _OPPOSITES.items()},
    "colour": table("""grass:green, snow:white, blood:red, the sky:blue, coal:black, a lemon:yellow, a carrot:orange,
        a plum:purple, milk:white, a tomato:red, a frog:green, chocolate:brown, a swan:white, a raven:black, a banana:yellow,
        a cherry:red, a pig:pink, ash:grey, an elephant:grey, a sunflower:yellow, tar:black, a leaf:green, salt:white,
        a strawberry:red, gold:yellow, mud:brown, a flamingo:pink, a pumpkin:orange, ink:blue, a lime:green"""),
    "after": table("""Monday:Tuesday, Tuesday:Wednesday, Wednesday:Thursday, Thursday:Friday, Friday:Saturday,
        Saturday:Sunday, Sunday:Monday, January:February, February:March, March:April, April:May, May:June, June:July,
        July:August, August:September, September:October, October:November, November:December, December:January,
        one:two, two:three, three:four, four:five, five:six, six:seven, seven:eight, eight:nine, nine:ten, ten:eleven,
        winter:spring, spring:summer, summer:autumn, autumn:winter, morning:noon, yesterday:today, today:tomorrow"""),
    "capital": table("""France:Paris, Italy:Rome, Spain:Madrid, Germany:Berlin, Portugal:Lisbon, Greece:Athens, Austria:Vienna,
        Norway:Oslo, Sweden:Stockholm, Finland:Helsinki, Poland:Warsaw, Hungary:Budapest, Ireland:Dublin, Russia:Moscow,
        Japan:Tokyo, China:Beijing, Egypt:Cairo, Kenya:Nairobi, Peru:Lima, Cuba:Havana, Chile:Santiago, Canada:Ottawa,
        England:London, Scotland:Edinburgh"""),
    "young": table("""dog:puppy, cat:kitten, cow:calf, sheep:lamb, horse:foal, pig:piglet, goat:kid, hen:chick, duck:duckling,
        goose:gosling, lion:cub, deer:fawn, swan:cygnet, kangaroo:joey, frog:tadpole"""),
    "plural": table("""mouse:mice, man:men, woman:women, child:children, foot:feet, tooth:teeth, goose:geese, leaf:leaves,
        wolf:wolves, knife:knives, life:lives, half:halves, baby:babies, city:cities, box:boxes, dish:dishes, bus:buses,
        sheep:sheep, fish:fish, penny:pence"""),
    "legs": table("""spider:eight, dog:four, bird:two, fly:six, snake:none, horse:four, bee:six, fish:none, hen:two, crab:ten,
        table:four, worm:none, beetle:six, duck:two, jellyfish:none, cow:four"""),
}

CLOSED = ClosedFacts(LEADS, FORMS, FACTS)
