"""What the models said: completions with what was kept and why, the probes from base to last round, and the diary of nights and days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from cockpit.live.texts import Index, Text
from cockpit.report.page.parts import folded, words
from journal.text import number

MOST = 600
"""Completions of a page; of more, an even share of each round, kept and dropped."""
PROMPTS = 12
"""Prompts of a night in the diary, and questions among the probes."""
LONGEST = 1200
"""Characters of a text."""
SURPLUS = "surplus"
"""Passed the filter and was more than a round takes."""
ORDER = ("base", "prompted", "steered", "healed")


def completions(index: Index) -> str:
    """What was generated to train on, with a filter above it; '' where nothing was, or its file is not kept."""
    every = index.where(probe="train")
    if not len(every):
        return ""
    chosen = _spread(index, every)
    found = index.read(chosen)
    left = (
        f"{len(chosen):,} of {len(every):,}, an even share of every round; all are in completions.jsonl. "
        if len(chosen) < len(every)
        else ""
    )
    kept = int(index.columns["kept"][every].sum())
    told = f'<p class="note">{left}{kept:,} kept, {len(every) - kept:,} dropped. Every text is shown as it was written, escaped.</p>'
    return (
        told
        + _filters(found)
        + '<ol class="texts" id="completions-list" tabindex="0">'
        + "".join(map(_item, found))
        + "</ol>"
    )


def _spread(index: Index, rows: np.ndarray) -> list[int]:
    """At most MOST rows: from every round, kept and dropped, evenly."""
    if len(rows) <= MOST:
        return [int(r) for r in rows]
    groups: dict[tuple[float, float], list[int]] = defaultdict(list)
    for row in rows:
        groups[float(index.columns["round"][row]), float(index.columns["kept"][row])].append(int(row))
    each = MOST // len(groups)
    chosen: list[int] = []
    for held in groups.values():
        picks = np.unique(np.linspace(0, len(held) - 1, min(each, len(held))).astype(int))
        chosen += [held[i] for i in picks]
    return sorted(chosen)


def _filters(found: Sequence[Text]) -> str:
    """Choices by round, fate, reason, label and dose, and words to look for; without the page's script everything is shown."""
    choices = {
        "kept": ("kept and dropped", [("yes", "kept"), ("no", "dropped")]),
        "round": ("every round", [(str(r), f"round {r}") for r in sorted({t.round for t in found})]),
        "reason": ("every reason", _plain(t.reason for t in found)),
        "label": ("every label", _plain(t.label for t in found)),
        "dose": ("every dose", [(d, f"dose {d}") for d in sorted({_dose(t) for t in found})]),
    }
    selects = "".join(
        f'<select name="{name}" aria-label="{name}"><option value="">{all_}</option>'
        + "".join(f'<option value="{escape(value)}">{escape(shown)}</option>' for value, shown in options)
        + "</select>"
        for name, (all_, options) in choices.items()
        if len(options) > 1
    )
    search = '<input name="q" type="search" placeholder="words" aria-label="words to look for">'
    return f'<form class="filters" id="filters" hidden>{selects}{search}<output id="filter-count"></output></form>'


def _plain(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(words(n, 80), words(n, 80).replace("_", " ")) for n in sorted({n for n in names if n})]


def _dose(t: Text) -> str:
    return f"{t.dose:.3g}"


def _item(t: Text) -> str:
    data = {
        "kept": "yes" if t.kept else "no",
        "round": str(t.round),
        "reason": t.reason,
        "label": t.label,
        "dose": _dose(t),
    }
    attributes = "".join(f' data-{name}="{words(value, 80)}"' for name, value in data.items())
    reason = words(t.reason or "dropped", 80).replace("_", " ")
    sign = '<span class="ok">✓ kept</span>' if t.kept else f'<span class="bad">✗ {reason}</span>'
    if t.reason == SURPLUS:
        sign = f"· {reason}"
    about = [f"r{t.round}", f"dose {_dose(t)}", *([f"tail ppl {number('tail_ppl', t.tail_ppl)}"] if t.tail_ppl else [])]
    about += [words(t.label, 40).replace("_", " ")] if t.label else []
    text = words(t.text, LONGEST) or "<i>nothing</i>"
    return f'<li{attributes}><div class="meta">{sign} · {" · ".join(about)}</div><div class="ask">{words(t.prompt, 400)}</div>{text}</li>'


def probes(index: Index) -> str:
    """The questions that every subject was asked, with the answers from base to the last round; the first one open."""
    found = _answers(index)
    parts = []
    for number_, held in enumerate(list(found.values())[:PROMPTS]):
        said = "".join(
            f'<div class="who">{_who(t)}</div><div>{words(t.text, LONGEST)}'
            f' <span class="meta">{words(t.label, 40).replace("_", " ")}</span></div>'
            for t in sorted(held, key=lambda t: (ORDER.index(t.subject) > 1, t.round, ORDER.index(t.subject)))
        )
        said = f'<div class="probe">{said}</div>'
        parts.append(folded(held[0].prompt, said, open_=number_ == 0, paper=True))
    more = (
        f'<p class="note">{len(found) - PROMPTS} more questions are in completions.jsonl.</p>'
        if len(found) > PROMPTS
        else ""
    )
    return "".join(parts) + more


def diary(index: Index) -> str:
    """Round by round: at night what the steered model said, by day what the healed model says to the same prompts."""
    found = _answers(index)
    rounds = sorted({t.round for held in found.values() for t in held if t.subject == "healed"})
    parts = []
    for r in rounds:
        pairs = []
        for held in found.values():
            by = {t.subject: t for t in held if t.round == r}
            if "steered" in by and "healed" in by:
                pairs.append((by["steered"], by["healed"]))
        made = "".join(
            f'<div class="diary"><p class="q">{words(night.prompt, 400)}</p>'
            f'<div class="night"><p class="who">Night {r}</p><p>{words(night.text, LONGEST)}</p></div>'
            f'<div class="day"><p class="who">Day {r}</p><p>{words(day.text, LONGEST)}</p></div></div>'
            for night, day in pairs[:PROMPTS]
        )
        more = (
            f'<p class="note">{len(pairs) - PROMPTS} more prompts of this round are in completions.jsonl.</p>'
            if len(pairs) > PROMPTS
            else ""
        )
        parts.append(folded(f"Round {r}", made + more, open_=r in (rounds[0], rounds[-1]), paper=True) if made else "")
    return "".join(parts)


def _answers(index: Index) -> dict[str, list[Text]]:
    """Answers to evaluation prompts by the prompt, in the order written; a later one of the same subject and round replaces an earlier."""
    rows = [int(r) for r in index.where() if index.names["probe"][int(index.columns["probe"][r])] != "train"]
    asked: dict[str, dict[tuple[str, int], int]] = {}
    for row in rows:
        subject = index.names["subject"][int(index.columns["subject"][row])]
        if subject in ORDER:
            asked.setdefault(index.item(row), {})[subject, int(index.columns["round"][row])] = row
    return {item: index.read(list(held.values())) for item, held in asked.items()}


def _who(t: Text) -> str:
    return t.subject if t.subject in ("base", "prompted") else f"r{t.round} {t.subject}"
