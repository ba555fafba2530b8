"""What is known about the item under the cursor: facts of the model, the formula, earlier runs, changes, notes and known bugs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.cells import cell_len
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.preflight.drafts import Check
from cockpit.preflight.knob_text import as_text
from cockpit.theme import ascii_only
from cockpit.widgets.checklist_items import Item
from cockpit.widgets.config_knobs import knob_of
from cockpit.widgets.evidence_kl import pressure
from cockpit.widgets.line import BRIGHT, LABEL, STRONG, VALUE, cut, heading, line, pad, stack
from cockpit.widgets.wrapping import wrap
from engine.contract.distance import Near
from engine.contract.known_bugs import RULES
from engine.contract.resolve import resolve
from journal.text import label, plain, short

READING = "reading the model…"
RUN, ENDED = 9, 11
_TAIL = label("tail_ppl")
_BASE = re.compile(r" \(base [^)]*\)")


def evidence(check: Check, item: Item, width: int) -> list[Content]:
    """The lines for one item."""
    found = [heading(f"Evidence for {item.number}", item.title.lower(), width), Content("")]
    return found + list(_PARTS[item.number](check, width))


def _pairs(rows: Mapping[str, Any], width: int) -> Iterator[Content]:
    """Names and values below each other."""
    wide = max((cell_len(name) for name in rows), default=0) + 2
    for name, value in rows.items():
        for n, part in enumerate(wrap(plain(str(value), 400), max(12, width - wide)) or ["–"]):
            yield line((pad(name if n == 0 else "", wide), LABEL), (part, VALUE))


def _tokenization(check: Check, width: int) -> Iterator[Content]:
    facts, run = check.known.facts, check.known.prior.comparator
    yield from _pairs(
        {
            "class": facts.tokenizer_class,
            "type": facts.tokenizer_type,
            "vocabulary": f"{facts.vocabulary:,}",
            "hash": facts.tokenizer_hash[:12],
            "chat template": ("yes, with a system role" if facts.system_role else "yes")
            if facts.chat_template
            else "none",
        },
        width,
    )
    yield Content("")
    if run is None:
        yield line(("No comparator is chosen; 7 chooses one.", LABEL))
    elif run.tokenizer_hash == facts.tokenizer_hash:
        yield line(f"The comparator {short(run.id)} has the same tokenizer, by hash.")
    else:
        yield line((f"The comparator {short(run.id)} has another tokenizer: not comparable.", "$bad"))


def _architecture(check: Check, width: int) -> Iterator[Content]:
    facts, model = check.known.facts, check.known.config.model
    yield from _pairs(
        {
            "model": f"{facts.id} ({facts.family})",
            "class": facts.model_class,
            "file": f"{facts.source_file.rsplit('/', 1)[-1]}, {facts.source_version}",
            "commit": facts.commit[:12] or "cannot be resolved",
            "parameters": f"{facts.parameters:,}",
            "embedding": f"{facts.embedding_parameters:,}",
            "layers": f"{facts.layers} of {facts.hidden:,}, {facts.heads} heads, {facts.kv_heads} for keys and values",
            "weights": f"{facts.weight_bytes / 2**20:,.1f} MiB, {model.dtype}, quantization {model.quantization}",
        },
        width,
    )


def _init(check: Check, width: int) -> Iterator[Content]:
    facts, heal = check.known.facts, check.known.config.heal
    yield from _pairs(
        {
            "base": "pretrained" if facts.pretrained else "random or structured",
            "LoRA": f"rank {heal.rank}, alpha {heal.alpha:g}, from {heal.layer_from:g} of depth on",
            "trained": f"{facts.adapter_parameters:,} parameters a round, {heal.adapter_dtype}",
            "B": "zero, so that the first student equals the reference",
        },
        width,
    )


def _direction(check: Check, width: int) -> Iterator[Content]:
    heal = check.known.config.heal
    yield from _math(check, width)
    yield Content("")
    means = {
        "kl_rev": "reverse: KL(student, reference)",
        "kl_fwd": "forward: KL(reference, student)",
        "none": "none: there is no barrier",
    }
    reference = "the original model" if heal.reference == "base" else "the student before the round"
    yield from _pairs({"trains with": means[heal.divergence], "reference": reference}, width)
    yield Content("")
    yield from pressure(check.known.config.heal, check.measured, width)


def _math(check: Check, width: int) -> Iterator[Content]:
    """The objective with this config's numbers."""
    heal = check.known.config.heal
    reference = "base" if heal.reference == "base" else "prev"
    if heal.divergence == "none":
        yield line(("min  ", LABEL), ("NLL", BRIGHT))
        return
    student = "@" if ascii_only() else "θ"
    order = f"{student}, {reference}" if heal.divergence == "kl_rev" else f"{reference}, {student}"
    yield line(("min  ", LABEL), (f"NLL + λ · mean relu( {heal.aggregate} KL({order}) − τ )", BRIGHT))
    yield line(("     ", LABEL), (f"λ {heal.lam:g}   τ {heal.tau:g} nats   {heal.aggregate} over positions", LABEL))


def _metric(check: Check, width: int) -> Iterator[Content]:
    splits = check.known.prior.splits
    rows = {name: f"{plain(s.id, 60)}, {s.items:,} items, ids {s.hash[:8]}" for name, s in splits.items()}
    yield from _pairs(rows, width)
    facts = check.known.facts
    yield from _pairs({"tokenizer": f"{facts.tokenizer_class} {facts.tokenizer_hash[:8]}"}, width)
    yield Content("")
    for part in wrap(
        "val is looked at every round; test once, at the end, on base, prompted and the best round.", width
    ):
        yield line((part, LABEL))


def _question(check: Check, width: int) -> Iterator[Content]:
    yield from _math(check, width)
    yield Content("")
    yield from _nearest(check, width)
    yield from pressure(check.known.config.heal, check.measured, width)
    yield from _changes(check, width)
    yield from _quotes(check, width)


def _prior(check: Check, width: int) -> Iterator[Content]:
    yield from _nearest(check, width)
    yield from _comparison(check, width)
    yield from pressure(check.known.config.heal, check.measured, width)
    yield from _quotes(check, width)


def _nearest(check: Check, width: int) -> Iterator[Content]:
    """Earlier runs that are near, with how many of the knobs in question are equal, and how they came out."""
    known = check.known
    chosen = known.prior.comparator.id if known.prior.comparator else ""
    if not known.near:
        yield heading("Nearest earlier runs", "", width)
        yield line((f"None is near this one, of {len(known.prior.runs)} finished.", LABEL))
        yield Content("")
        return
    yield heading("Nearest earlier runs", "", width, line(("space chooses", LABEL)))
    room = max(8, width - RUN - ENDED - 2)
    yield line((pad("  run", RUN) + pad("ended", ENDED) + pad("knobs", room), LABEL))
    for found in known.near:
        here = found.run.id == chosen
        sign = ("✗ ", "$bad") if found.run.failed else ("✓ ", "$ok") if found.run.status == "success" else ("· ", LABEL)
        ended = "missed" if found.run.missed else plain(found.run.status, 12)
        row = line(
            ("▸ " if here else "  ", BRIGHT), (pad(short(found.run.id), RUN - 2), STRONG if here else VALUE),
            sign, (pad(ended, ENDED - 2), LABEL), (pad(equal(check, found, room), room), VALUE),
        )  # fmt: skip
        yield row.stylize("on $select") if here else row
        if found.run.title and (found.differs or here):
            yield line("  ", (came_out(found.run.title, width - 2), LABEL))
    yield Content("")


def came_out(title: str, room: int) -> str:
    """How a run came out, as many whole figures as there is room for: the trait first, then the tail, then the others."""
    parts = plain(title, 200).split(", ")
    order = sorted(range(len(parts)), key=lambda i: (i > 0, not parts[i].startswith(_TAIL)))
    said, kept = parts, list[int]()
    for said in (parts, [_BASE.sub("", part) for part in parts]):
        kept = []
        for i in order:
            if cell_len(", ".join(said[j] for j in sorted([*kept, i]))) <= room:
                kept.append(i)
        if kept[:2] == order[:2]:
            break
    return cut(", ".join(said[i] for i in sorted(kept)) or said[0], room)


def equal(check: Check, found: Near, room: int) -> str:
    """'4 of 5 equal; tau 4': how many of the knobs that this run is about, or that differ, are as they were there; of the same config how
    it came out, in `room` cells."""
    if not found.differs:
        return f"same; {came_out(found.run.title, room - 6)}" if found.run.title else "the same config"
    other = {d.knob for d in found.differs}
    asked = other | set(check.changes)
    first = found.differs[0]
    more = f" and {len(other) - 1} more" if len(other) > 1 else ""
    return (
        f"{len(asked) - len(other)} of {len(asked)} equal; {first.knob.partition('.')[2]} {as_text(first.theirs)}{more}"
    )


def _comparison(check: Check, width: int) -> Iterator[Content]:
    """The difference table to the comparator."""
    found = check.known.comparison
    if found is None:
        return
    yield heading(f"Against {short(found.run)}", "the comparator", width)
    rows = [(d.knob, as_text(d.theirs), as_text(d.ours)) for d in found.knobs]
    yield from _table(rows, width)
    if not rows:
        yield line(("Every knob is the same.", VALUE))
    yield line((found.why, LABEL if found.comparable else "bold $bad"))
    yield Content("")


def _changes(check: Check, width: int) -> Iterator[Content]:
    """What this run changes from its preset, and the axes."""
    known = check.known
    shipped = resolve(known.answers.preset or None).flat()
    rows = [(k, as_text(shipped[k]), as_text(v)) for k, v in check.changes.items() if k not in known.answers.axes]
    yield heading("Changes from the preset", plain(known.answers.preset, 30), width)
    yield from _table(rows, width)
    if not rows:
        yield line(("None. c changes a setting.", LABEL))
    if known.answers.axes:
        yield line(("may differ under this seal  ", LABEL), (cut(", ".join(known.answers.axes), width - 28), VALUE))
    yield Content("")


def _table(rows: list[tuple[str, str, str]], width: int) -> Iterator[Content]:
    """Knob, before, after, unit."""
    first = min(30, max((cell_len(k) for k, _, _ in rows), default=0) + 2)
    before, after = (max((cell_len(row[n]) for row in rows), default=0) for n in (1, 2))
    if first + before + 3 + after > width:
        before = min(before, max(6, (width - first - 3) // 2))
        after = min(after, max(6, width - first - 3 - before))
    for name, then, now in rows:
        known = knob_of(name)
        unit = known.unit if known else ""
        fits = first + before + 3 + after + 2 + cell_len(unit) <= width
        yield line(
            (pad(name, first), VALUE), (pad(then, before, right=True), LABEL), (" → ", LABEL),
            (pad(now, after, right=True), STRONG), (f"  {unit}" if unit and fits else "", LABEL),
        )  # fmt: skip


def _quotes(check: Check, width: int) -> Iterator[Content]:
    """What notes and journal say on the changed knobs and the words of the hypothesis."""
    if not check.known.quotes:
        return
    yield heading("Written before", "", width)
    for quote in check.known.quotes:
        for part in wrap(f"“{plain(quote.text, 200)}”", max(16, width - 2)):
            yield line(("▎ ", LABEL), (part, VALUE))
        yield line(("  ", LABEL), (cut(plain(f"{quote.place}  on {', '.join(quote.why[:4])}", 200), width - 2), LABEL))
    yield Content("")


def _bugs(check: Check, width: int) -> Iterator[Content]:
    yield line((f"{len(check.bugs)} of {len(RULES)} rules hit", VALUE))
    yield from (line((part, LABEL)) for part in wrap("on this config, this model and the earlier runs", width))
    yield Content("")
    if any("tau" in knob for hit in check.bugs for knob in hit["knobs"]):
        yield from pressure(check.known.config.heal, check.measured, width)
    knobs = {k for hit in check.bugs for k in hit["knobs"]}
    if knobs:
        yield heading("Settings behind them", "", width)
        flat = check.known.config.flat()
        for knob in sorted(knobs & set(flat)):
            known = knob_of(knob)
            yield line(
                (pad(knob, 26), VALUE), (as_text(flat[knob]), STRONG), (f"  {known.unit}" if known else "", LABEL)
            )
            if known:
                yield from (line("  ", (part, LABEL)) for part in wrap(known.description, max(16, width - 2)))
        yield Content("")
    waivers = check.known.answers.waivers
    if waivers:
        yield heading("Waivers", "printed in the journal", width)
        for waiver in waivers:
            until = f" until {waiver.expires}" if waiver.expires else ""
            rows = wrap(plain(waiver.reason, 400), max(16, width - 8))
            yield line((pad(plain(waiver.rule, 8), 8), STRONG), (rows[0] if rows else "", VALUE), (until, LABEL))
            yield from (line(" " * 8, (part, VALUE)) for part in rows[1:])


_PARTS: dict[int, Callable[[Check, int], Iterator[Content]]] = {
    1: _tokenization,
    2: _architecture,
    3: _init,
    4: _direction,
    5: _metric,
    6: _question,
    7: _prior,
    8: _bugs,
}


class Evidence(Widget):
    """The lines of one item; `trouble` stands in their place when there is nothing to show."""

    DEFAULT_CSS = "Evidence { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: clip; }"
    check: reactive[Check | None] = reactive(None, layout=True, always_update=True)
    item: reactive[Item | None] = reactive(None, layout=True)
    trouble: reactive[str] = reactive("", layout=True)

    def lines(self, width: int) -> list[Content]:
        """What is shown."""
        found: list[Content] = []
        if self.trouble:
            found = [heading("The draft cannot be checked", "", width)]
            found += [line((part, VALUE)) for part in wrap(plain(self.trouble, 600), max(16, width))] + [Content("")]
        if self.check is None:
            return found or [heading("Evidence", "", width), Content(""), line((READING, LABEL))]
        return found + (evidence(self.check, self.item, width) if self.item else [])

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return max(1, len(self.lines(width)))

    def render(self) -> Content:
        """All of it."""
        return stack(self.lines(self.size.width))


class EvidencePane(VerticalScroll, inherit_bindings=False):
    """Scrolls when there is more evidence than room."""

    DEFAULT_CSS = """
    EvidencePane { scrollbar-gutter: stable; scrollbar-size-vertical: 1; scrollbar-color: $select; scrollbar-background: $background; }
    """
    can_focus = False
