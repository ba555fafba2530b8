"""The eight items as a person answers them: which answers belong to which item, in which words, and what may be chosen.

K0, the math, is asked together with the question that it is about, so that there are eight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from engine.contract.answers import Answers
from engine.contract.checks import METRICS, OPS, SUBJECTS, TOKENIZERS, Block
from journal.text import plain


class Field(NamedTuple):
    """One answer. `where` is its place in the file; `choices` are what space goes through, and all that
    may stand there unless it is `free`; a `long` one is a sentence."""

    where: str
    label: str
    long: bool = False
    choices: tuple[str, ...] = ()
    number: bool = False
    free: bool = False


class Item(NamedTuple):
    """One of the eight, the requirements it answers, and its answers."""

    number: int
    title: str
    requirements: tuple[str, ...]
    fields: tuple[Field, ...]


ITEMS = (
    Item(1, "Tokenization", ("K1",), (
        Field("tokenization.type", "type", choices=TOKENIZERS),
        Field("tokenization.comparable", "Does the comparator have the same tokenizer?", long=True),
    )),
    Item(2, "Architecture", ("K2",), (
        Field("architecture.model_class", "class"),
        Field("architecture.answer", "What about it matters here?", long=True),
    )),
    Item(3, "Init and matrices", ("K3",), (
        Field("init.base", "base", choices=("pretrained", "structured", "random")),
        Field("init.rank", "rank", number=True),
        Field("init.initial_b", "B", choices=("zero",), free=True),
        Field("init.distribution", "How is A drawn?", long=True),
    )),
    Item(4, "Training direction", ("K4",), (
        Field("direction.direction", "direction", choices=("forward", "reverse", "mixed", "none")),
        Field("direction.why", "Why this direction?", long=True),
    )),
    Item(5, "Metric, split, unit", ("K5",), (
        Field("metric.name", "metric", choices=METRICS),
        Field("metric.split", "split", choices=("val", "test")),
        Field("metric.tokenizer", "tokenizer"),
        Field("metric.unit", "Unit", long=True),
    )),
    Item(6, "Research question", ("K0", "K6"), (
        Field("math.optimised", "What is optimised, in one to three lines", long=True),
        Field("math.unnecessary", "What in it is unnecessary, and which ablation shows it?", long=True),
        Field("question.hypothesis", "This run tests hypothesis", long=True),
        Field("prediction.metric", "Prediction", choices=METRICS),
        Field("prediction.op", "is", choices=OPS),
        Field("prediction.threshold", "", number=True),
        Field("prediction.of", "as", choices=("value", "change")),
        Field("prediction.subject", "of", choices=SUBJECTS),
        Field("prediction.split", "on", choices=("test", "val")),
        Field("prediction.round", "round", number=True),
        Field("prediction.comparator", "against"),
        Field("prediction.confidence", "confidence", number=True),
        Field("prediction.miss_means", "If it fails, it means", long=True),
    )),
    Item(7, "Prior results", ("K7",), (
        Field("prior.comparator", "comparator"),
        Field("prior.learnt", "What do journal, notes and failed runs say?", long=True),
        Field("prior.difference", "What is different from the failed run of this config?", long=True),
    )),
    Item(8, "Known bugs", ("K8",), (
        Field("known_bugs.answer", "Which come near this run, and why do they not bite?", long=True),
    )),
)  # fmt: skip
FIELDS = {field.where: field for item in ITEMS for field in item.fields}
BUG = "bug:"
"""What a target of the cursor begins with when it is a rule that was hit, not an answer."""


def item_of(target: str) -> Item:
    """The item that an answer or a rule belongs to."""
    return next((item for item in ITEMS if any(f.where == target for f in item.fields)), ITEMS[-1])


def targets(item: Item, bugs: Iterable[str] = ()) -> list[str]:
    """What the cursor goes through in an item: its answers, and in the eighth the rules that were hit before them."""
    own = [field.where for field in item.fields]
    return [*(BUG + rule for rule in bugs), *own] if item.number == 8 else own


def target_of(block: Block) -> str:
    """The answer, or the rule, that a block is about."""
    if block.what.startswith("known bug "):
        return BUG + block.what.split()[2].rstrip(":")
    if block.what.startswith("the hypothesis is that of"):
        return "question.hypothesis"
    first = block.what.split(" ", 1)[0]
    if first in FIELDS:
        return first
    if "perplexity" in block.what and block.item == "K5":
        return "metric.tokenizer"
    named = next((where for where in FIELDS if where in block.mend), "")
    return named or next((i.fields[0].where for i in ITEMS if block.item in i.requirements), "known_bugs.answer")


def in_words(block: Block) -> str:
    """What stands against a launch, in a few words."""
    target = target_of(block)
    if target.startswith(BUG):
        return f"{target.removeprefix(BUG)} is neither fixed nor waived"
    if not block.empty or target not in FIELDS:
        return plain(block.what, 300)
    label = FIELDS[target].label or target.partition(".")[2]
    return f"not answered: {label[:1].lower()}{label[1:].rstrip('?')}"


def is_ack(block: Block) -> bool:
    """Whether it only asks for what is unchanged to be acknowledged."""
    return block.empty and "not acknowledged" in block.what


def open_targets(blocks: Iterable[Block]) -> list[str]:
    """What is to be answered or mended, in the order of the checklist, each once."""
    found = {target_of(b) for b in blocks if not is_ack(b)}
    order = [t for item in ITEMS for t in targets(item)]
    bugs = sorted(t for t in found if t.startswith(BUG))
    return [
        *(t for t in order if t in found and t != "known_bugs.answer"),
        *bugs,
        *(t for t in order[-1:] if t in found),
    ]


def shown(answers: Answers, where: str) -> str:
    """An answer as text: '' when it is not given."""
    section, _, name = where.partition(".")
    value = getattr(getattr(answers, section), name)
    if value is None or value != value or (where == "init.rank" and not value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def typed(field: Field, text: str) -> Any:
    """What a person typed as the file holds it: numbers also as .96. Raises ValueError with what is wrong, in words."""
    text = text.strip()
    if not field.number:
        return text
    if field.where == "prediction.round" and text == "best":
        return text
    try:
        if field.where in ("prediction.round", "init.rank"):
            return int(text)
        return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
    except ValueError:
        kinds = {"prediction.round": "a round's number, or best", "init.rank": "a whole number"}
        raise ValueError(f"{text[:30]!r} is not {kinds.get(field.where, 'a number, such as 0.9')}") from None


def collapsed(unchanged: Iterable[str], blocks: Iterable[Block], flags: Iterable[Block] = ()) -> list[int]:
    """The items that stand as they did, of which all requirements are unchanged and nothing else is said."""
    same = set(unchanged)
    told = {b.item for b in [*blocks, *flags] if not is_ack(b)}
    return [i.number for i in ITEMS if set(i.requirements) <= same and not set(i.requirements) & told]


def numbers(found: Iterable[int]) -> str:
    """'1 to 4, 7'."""
    runs: list[list[int]] = []
    for number in sorted(found):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]} to {r[-1]}" if len(r) > 2 else ", ".join(map(str, r)) for r in runs)


def answered(blocks: Iterable[Block]) -> int:
    """How many of the eight nothing stands against."""
    against = {b.item for b in blocks}
    return sum(1 for item in ITEMS if not against & set(item.requirements))


def bugs_of(hits: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The rules that still block, by name."""
    return (str(hit["rule"]) for hit in hits if hit["state"] == "open")
