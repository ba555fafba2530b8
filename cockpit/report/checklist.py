"""A checked checklist for a terminal: item by item what blocks and how to mend it, then what is near and was written, then what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cockpit.preflight.drafts import ITEMS, Check
from cockpit.preflight.knob_text import as_text
from cockpit.preflight.survey import Comparison
from engine.contract.distance import Difference, Near
from engine.contract.preflight import Block
from engine.contract.unchanged import spans
from journal.prior import Quote
from journal.text import duration, plain, short

NAMES = dict(ITEMS)


def show(out: Console, found: Check, file: Path) -> None:
    """Print it. The last line says what to do next."""
    out.print(_title(found, out.width), Text(), sep="\n")
    for part in _items(found, out.width):
        out.print(part)
    for heading, body in _sections(found):
        out.print(Text(f"\n{heading}", style="bold"))
        out.print(Padding(body, (0, 0, 0, 2), expand=False))
    out.print(Text(), _next(found, file), sep="\n")


def show_script(out: Console, blocks: Sequence[Block], file: Path) -> None:
    """The same of a script's checklist, which has no model and no config of ours to be read against."""
    for item, about in ITEMS:
        mine = [b for b in blocks if b.item == item]
        out.print(_line("✓" if not mine else "·" if all(b.empty for b in mine) else "✗", item, about, "", out.width))
        for part in _blocks(mine):
            out.print(part)
    out.print(Text(), _verdict(blocks, file) or _ready(f"cockpit run --preflight {file} -- CMD"), sep="\n")


def _title(found: Check, width: int) -> Text:
    axes = found.known.answers.axes
    knobs = {knob: value for knob, value in found.changes.items() if knob not in axes}
    left = Text(found.known.answers.preset or "own config", style="bold")
    shown = ", ".join(f"{knob} {_value(value)}" for knob, value in list(knobs.items())[:3])
    more = f" and {len(knobs) - 3} more" if len(knobs) > 3 else ""
    left.append(f"  {plain(shown, 200)}{more}" if knobs else "  as shipped", style="not bold dim")
    if axes:
        left.append(f"  axes {', '.join(axes[:3])}{', …' if len(axes) > 3 else ''}", style="not bold dim")
    open_ = len({b.item for b in found.blocks})
    return _ends(left, Text(f"{len(ITEMS) - open_} of {len(ITEMS)} stand", style="dim"), width)


def _items(found: Check, width: int) -> Iterator[RenderableType]:
    """One line an item, the unchanged ones together, and under it what blocks and what is only said."""
    same = found.known.since
    told = {b.item for b in [*found.blocks, *found.flags] if "not acknowledged" not in b.what}
    together = [item for item in same.unchanged if item not in told] if same else []
    for item, about in ITEMS:
        mine = [b for b in found.blocks if b.item == item]
        if item in together:
            if item == together[0] and same is not None:
                asked = any("not acknowledged" in b.what for b in found.blocks)
                given = (
                    ""
                    if found.known.answers.acknowledged is None
                    else ", not acknowledged"
                    if asked
                    else ", acknowledged"
                )
                about = f"unchanged since {short(same.id)}{given}"
                yield _line("·" if asked else "✓", spans(together), about, _tally(found, together), width)
                yield from (Padding(Text(b.mend, style="dim"), (0, 0, 0, 6), expand=False) for b in mine)
            continue
        asks = all(b.empty for b in mine)
        yield _line("·" if mine and asks else "✗" if mine else "✓", item, about, _tally(found, [item]), width)
        yield from _blocks(mine)
        for flag in (f for f in found.flags if f.item == item):
            yield _below("!", "yellow", flag.what, flag.mend)


def _line(sign: str, name: str, about: str, tally: str, width: int) -> Text:
    style = {"✓": "green", "✗": "bold red", "·": "yellow"}[sign]
    left = Text.assemble((sign, style), " ", (name, "bold"), "  ", (about, "" if sign != "✓" else "dim"))
    return _ends(left, Text(tally, style="dim"), width)


def _blocks(blocks: Sequence[Block]) -> Iterator[RenderableType]:
    for block in blocks:
        yield _below("", "", block.what, block.mend)


def _below(sign: str, style: str, what: str, mend: str) -> RenderableType:
    text = Text.assemble((f"{sign} " if sign else "", style), plain(what, 400), ". ", (plain(mend, 600), "dim"))
    return Padding(text, (0, 0, 0, 6), expand=False)


def _tally(found: Check, items: Sequence[str]) -> str:
    counts = [found.tally[item] for item in items]
    if not any(c.unchanged or c.caught for c in counts):
        return ""
    return counts[0]._replace(unchanged=min(c.unchanged for c in counts), caught=sum(c.caught for c in counts)).words()


def _sections(found: Check) -> Iterator[tuple[str, RenderableType]]:
    known = found.known
    if known.near:
        yield "Nearest earlier runs", _near(known.near)
    if known.comparison:
        yield f"Against {short(known.comparison.run)}, the comparator", _comparison(known.comparison)
    if known.quotes:
        yield "Written before", _quotes(known.quotes)
    beside = [*_beside(found)]
    if beside:
        yield "Beside the answers", Text("\n").join(beside)


def _near(near: Sequence[Near]) -> Table:
    table = _table()
    for found in near:
        run = found.run
        status = Text(run.status, style="red" if run.failed else "")
        count = (
            f"{len(found.differs)} knob{'s' if len(found.differs) != 1 else ''}" if found.differs else "the same config"
        )
        differs = ", ".join(_difference(d) for d in found.differs[:2]) + (", …" if len(found.differs) > 2 else "")
        what = Text(f"{count}: {differs}" if differs else count)
        if run.title:
            what.append(f"\n{plain(run.title, 120)}", style="dim")
        table.add_row(Text(short(run.id), style="bold"), status, what)
    return table


def _comparison(comparison: Comparison) -> Table:
    table = _table(header=True)
    for heading in ("knob", short(comparison.run), "this run"):
        table.add_column(heading)
    for knob in comparison.knobs:
        table.add_row(knob.knob, Text(_value(knob.theirs)), Text(_value(knob.ours), style="bold"))
    if not comparison.knobs:
        table.add_row("every knob", "the same", "the same")
    table.add_row(
        Text("numbers", style="dim"), Text(comparison.why, style="dim" if comparison.comparable else "bold red")
    )
    return table


def _quotes(quotes: Sequence[Quote]) -> Table:
    table = _table()
    for quote in quotes:
        text = Text(f"“{quote.text}”")
        text.append(f"  on {', '.join(quote.why[:4])}", style="dim")
        table.add_row(Text(quote.place, style="dim"), text)
    return table


def _beside(found: Check) -> Iterator[Text]:
    for bug in found.bugs:
        if bug["state"] != "open":
            word = "is waived" if bug["state"] == "waived" else "is what this run tests"
            yield Text.assemble((str(bug["rule"]), "bold"), f" {word}: ", (plain(bug["cause"], 300), "dim"))
    for waiver in found.known.answers.waivers:
        until = f" until {waiver.expires}" if waiver.expires else ""
        yield Text.assemble(
            ("waiver ", "dim"), (plain(waiver.rule, 20), "bold"), f"{until}: ", (plain(waiver.reason, 300), "dim")
        )
    split = found.known.prior.splits.get(found.known.answers.prediction.split)
    if split:
        yield Text.assemble(
            ("measured on ", "dim"), split.id, (f", {split.items:,} items, ids {split.hash[:8]}", "dim")
        )


def _next(found: Check, file: Path) -> Text:
    guess = found.estimate
    took = f"roughly {duration(guess.total)} on {guess.device}, {guess.memory_bytes / 2**30:.1f} GiB"
    first = "" if found.gate else "cockpit fast-dev-run (there is none of this code yet), then "
    text = _verdict(found.blocks, file) or _ready(f"{first}cockpit launch --preflight {file}")
    return text.append(f"\n{took}", style="dim")


def _verdict(blocks: Sequence[Block], file: Path) -> Text | None:
    """What is left to do in the file; None when nothing is."""
    if not blocks:
        return None
    wrong = sorted({b.item for b in blocks if not b.empty})
    asked = sorted({b.item for b in blocks if "not acknowledged" not in b.what} - set(wrong))
    parts = [f"{spans(wrong)} to mend"] if wrong else []
    parts += [f"{spans(asked)} to answer"] if asked else []
    parts += ["the unchanged to acknowledge"] if any("not acknowledged" in b.what for b in blocks) else []
    return Text.assemble(("blocked", "bold red"), f": {', '.join(parts)} in {file}")


def _ready(how: str) -> Text:
    return Text.assemble(("ready", "bold green"), f": {how}")


def _difference(found: Difference) -> str:
    return f"{found.knob} {_value(found.theirs)} → {_value(found.ours)}"


def _value(value: Any) -> str:
    """A knob's value as TOML would have it."""
    return as_text(value) or '""'


def _table(*, header: bool = False) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=header, header_style="dim")


def _ends(left: Text, right: Text, width: int) -> Text:
    """Two texts at the two ends of a line, the right one left out where both do not fit."""
    room = width - left.cell_len - right.cell_len
    return left if room < 2 or not right.cell_len else Text.assemble(left, " " * room, right)
