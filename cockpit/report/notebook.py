"""The journal in a terminal: the list of entries, what was said of one, the places a search found, and what it all adds up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from cockpit.preflight.tally import Tally
from journal.calibration import Calibration
from journal.query import Item
from journal.review import STATES, State
from journal.search import Found, Query, marks
from journal.text import LABELS, MISSING, RATES, number, plain, short, unquoted

SIGNS = {"reviewed": ("✓", "green"), "draft": ("·", "dim"), "retracted": ("✗", "red"), "superseded": ("→", "dim")}
"""The review mark of each state with its style."""
WIDE = 96
"""Columns of a terminal from which on every column of the list is shown."""


def entries_table(found: Sequence[Item], width: int = WIDE) -> Table:
    """The journal screen's columns: when, run, hypothesis, verdict, trait, tail ppl, seeds, level, review. Narrower than WIDE, seeds
    and level give their room to the hypothesis."""
    table = _table()
    whens = [str(item.get("when")) for item in found]
    one_year = len({when[:4] for when in whens}) == 1
    table.add_column("when", style="dim", no_wrap=True)
    table.add_column("run", no_wrap=True)
    table.add_column("hypothesis", no_wrap=True, overflow="ellipsis", ratio=1, min_width=12)
    table.add_column("verdict", no_wrap=True)
    table.add_column("trait", justify="right", no_wrap=True)
    table.add_column("tail ppl", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("seeds", justify="right", no_wrap=True)
        table.add_column("level", no_wrap=True)
    table.add_column("review", justify="center", no_wrap=True)
    for item, when in zip(found, whens, strict=True):
        quiet = item.row.smoke or item.state.state in ("retracted", "superseded")
        table.add_row(
            when[5:] if one_year else when,
            Text(item.row.short),
            Text(asked(item)),
            _verdict(item),
            _measured("trait_rate", item),
            _measured("tail_ppl", item),
            *(_standing(item) if width >= WIDE else ()),
            _mark(item),
            style="dim" if quiet else "",
        )
    table.expand = True
    return table


def fields_table(found: Sequence[Item], names: Sequence[str]) -> Table:
    """The run and the named fields, numbers to the right."""
    table = _table()
    table.add_column("run", no_wrap=True)
    shown = [name for name in names if name not in ("run", "key")] if len(names) > 1 else list(names)
    for name in shown:
        values = [item.get(name) for item in found]
        table.add_column(name, justify="right" if any(_is_number(v) for v in values) else "left", overflow="ellipsis")
    for item in found:
        cells = [Text(_value(_metric(name, item), item.get(name))) for name in shown]
        table.add_row(Text(item.row.short), *cells, style="dim" if item.row.smoke else "")
    return table


def summary(shown: int, chosen: Sequence[Item], everything: Sequence[Item]) -> str:
    """'30 of 31 entries, 128 in all · 12 unreviewed'."""
    text = f"{shown} of {len(chosen):,} entries" if shown < len(chosen) else f"{shown:,} {_entries(shown)}"
    if len(chosen) < len(everything):
        text += f", {len(everything):,} in all"
    drafts = sum(item.state.state == "draft" for item in chosen)
    edited = sum(not item.row.intact for item in chosen)
    text += f" · {drafts:,} unreviewed" if drafts else ""
    text += f" · {edited:,} edited by hand (marked !): cockpit journal check" if edited else ""
    return text + (" · --limit 0 shows all" if shown < len(chosen) else "")


def state_lines(state: State) -> Group | None:
    """What was said of an entry since it was written; None when nothing was and nothing has to be."""
    rows: list[tuple[str, str]] = []
    if state.state:
        who = f"{state.by}, {state.at[:10]}" if state.by else ""
        what = state.state + (f" by {short(state.superseded_by)}" if state.superseded_by else "")
        rows.append(("state", "   ".join(part for part in (what, state.reason, who) if part)))
    if state.condemned:
        rows.append(("condemned", f"this miss counts as a failed configuration: {state.condemned}"))
    if state.promoted:
        rows.append(("known bug", ", ".join(state.promoted)))
    if state.tags:
        rows.append(("tags", ", ".join(state.tags)))
    rows += [
        ("note" if i == 0 else "", f"{said.at[:10]}  {said.text}  ({said.by})") for i, said in enumerate(state.notes)
    ]
    if not rows:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        sign, style = SIGNS.get(value.split(" ")[0], ("", "")) if name == "state" else ("", "")
        table.add_row(name, Text(f"{sign} " if sign else "", style=style).append(value, style=""))
    return Group(table)


def places_table(found: Sequence[Found], query: Query, of: Mapping[str, str]) -> Table:
    """Where it says so: the line of the file, the run it is about, and the words around with what was searched for in bold."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for place in found:
        snippet = Text(place.snippet)
        for start, end in marks(place.snippet, query):
            snippet.stylize("bold", start, end)
        run = Text(short(of.get(place.key, place.key))) if place.key else Text(place.about, style="dim")
        table.add_row(f"{place.file}:{place.line}", run, snippet)
    return table


def calibration_table(found: Calibration) -> Table:
    """Confidence down; how many, how many met, the met fraction with its interval, and whether the stated confidence lies in it."""
    table = _table()
    table.add_column("stated", no_wrap=True)
    for name in ("predictions", "met"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("met fraction", no_wrap=True)
    table.add_column("mean stated", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for b in found.bins:
        rate = Text(number("trait_rate", b.met / b.count))
        rate.append(f" [{number('trait_rate', b.interval[0])}, {number('trait_rate', b.interval[1])}]", style="dim")
        side = "over-confident" if b.confidence > b.interval[1] else "under-confident"
        said = Text("agrees", style="dim") if b.agrees else Text(side)
        span = f"{number('trait_rate', b.low)} to {number('trait_rate', b.high)}"
        table.add_row(span, str(b.count), str(b.met), rate, number("trait_rate", b.confidence), said)
    return table


def counts(found: Sequence[Item]) -> dict[str, Any]:
    """Entries by kind, status, state and verdict."""
    runs = [item for item in found if item.row.kind == "run" and not item.row.smoke]
    return {
        "entries": len(found),
        "smoke": sum(item.row.smoke for item in found),
        "edited": sum(not item.row.intact for item in found),
        "kinds": dict(Counter(item.row.kind for item in found).most_common()),
        "status": dict(Counter(str(item.get("status", "unknown")) for item in runs).most_common()),
        "state": {s: n for s in STATES if (n := sum(item.state.state == s for item in found))},
        "verdict": dict(Counter(str(item.get("verdict", "none")) for item in runs).most_common()),
        "condemned": sum(bool(item.state.condemned) for item in found),
        "promoted": sorted({rule for item in found for rule in item.state.promoted}),
    }


def stats_table(counted: Mapping[str, Any], judged: Calibration, checked: Mapping[str, Tally]) -> Table:
    """The counts, one line a question."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    smoke = f", of them {counted['smoke']:,} smoke" if counted["smoke"] else ""
    edited = f", {counted['edited']:,} edited by hand" if counted["edited"] else ""
    table.add_row("entries", f"{counted['entries']:,}{smoke}{edited}")
    for name in ("status", "verdict", "state"):
        said = "   ".join(f"{word} {n:,}" for word, n in counted[name].items())
        table.add_row(f"by {name}", said or MISSING)
    if counted["condemned"] or counted["promoted"]:
        rules = f"   known bugs of this project {', '.join(counted['promoted'])}" if counted["promoted"] else ""
        table.add_row("lessons", f"condemned {counted['condemned']:,}{rules}")
    table.add_row("predictions", judged.sentence())
    if any(tally.caught or tally.unchanged for tally in checked.values()):
        caught = "   ".join(f"{item} {tally.caught:,}" for item, tally in checked.items() if tally.caught)
        table.add_row("checklist caught", caught or "nothing yet")
        if idle := [item for item, tally in checked.items() if tally.unchanged and not tally.caught]:
            table.add_row("", f"only ever unchanged: {', '.join(idle)}", style="dim")
    return table


def _table() -> Table:
    return Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
        border_style="dim",
    )


def asked(item: Item) -> str:
    """What it asked; what came of it where nothing was; '!' before it when it was edited by hand."""
    text = str(item.get("hypothesis") or item.get("question") or unquoted(item.row.title))
    return ("! " if not item.row.intact else "") + plain(text, 300)


def outcome(item: Item) -> str:
    """One word: met, missed, pending, or how the run ended when it did not end well; '' where nothing was predicted."""
    status, verdict = str(item.get("status", "")), str(item.get("verdict", ""))
    if item.row.smoke or status in ("", "success", "granted"):
        word = status if item.row.smoke and status != "success" else verdict
    else:
        word = status
    return "" if word == "none" else plain(word, 12)


def _verdict(item: Item) -> Text:
    word = outcome(item)
    style = {"met": "green", "missed": "bold", "running": "", "pending": "dim", "": "dim"}.get(word, "red")
    return Text(word or MISSING, style=style)


def _measured(metric: str, item: Item) -> Text:
    value = item.get(f"healed.{metric}")
    return Text(number(metric, value)) if _is_number(value) else Text(MISSING, style="dim")


def seeds(item: Item) -> str:
    """How many seeds stand behind it."""
    found = item.get("seeds")
    if isinstance(found, list):
        return str(len(found))
    return plain(str(found), 7) if found is not None else "1" if item.row.kind != "claim" else MISSING


def level(item: Item) -> str:
    """How far the entry may be trusted: exploratory, publishable, smoke, or touched."""
    if item.get("touched"):
        return "touched"
    return plain(unquoted(item.row.level).partition(",")[0], 14) or MISSING


def _standing(item: Item) -> tuple[Text, Text]:
    word = level(item)
    return Text(seeds(item)), Text(word, style="" if word == "publishable" else "dim")


def _mark(item: Item) -> Text:
    sign, style = SIGNS.get(item.state.state, (" ", ""))
    return Text(sign, style=style)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _metric(name: str, item: Item) -> str:
    """What a field is to be written as: the entry's own metric when it is that metric's value."""
    return str(item.get("metric")) if name == "value" and item.get("metric") else name


def _value(name: str, value: Any) -> str:
    """A field's value: metrics in house style, hashes short, lists joined."""
    if value is None or value == "" or value == []:
        return MISSING
    metric = name.rpartition(".")[2]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        known = metric in LABELS or metric.endswith("_nats") or metric in RATES
        return number(metric if known else "trait_rate" if name == "confidence" else metric, value)
    if isinstance(value, (list, tuple)):
        return plain(", ".join(map(str, value)), 200)
    return plain(str(value)[:12] if name.endswith("_hash") or name == "seal" else str(value), 300)


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"
