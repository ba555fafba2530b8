"""What is as it was at an earlier seal: items whose answers and evidence are the same collapse into one line (DESIGN section 6).

An item is unchanged when its tables read the same and every fact it was answered on is the same: tokenizer, class, commit, rank, direction,
split, comparator, the config beyond the axes. `acknowledged = "k3f9"` in the file lets the unchanged stand together, and fills those
that the file leaves out; only differences are open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from engine.contract.answers import ITEMS, Answers, parse_answers
from engine.contract.checks import Block
from engine.contract.config import Config
from engine.contract.distance import matters, near, weight
from engine.contract.events import METRIC_VERSION
from engine.contract.facts import ModelFacts
from engine.contract.hashes import SEED_AXIS
from engine.contract.known_bugs import settle
from engine.contract.metrics import APART
from engine.contract.prior import Prior, Sealed
from engine.contract.repeats import tail

ORDER = ("K0", "K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8")
_FACTS = {
    "K1": ("tokenizer_class", "tokenizer_type", "tokenizer_hash"),
    "K2": ("model_class", "source_file", "source_version", "commit", "model_hash"),
    "K3": ("pretrained", "adapter_parameters"),
}
_KNOBS = {
    "K2": ("model.trust_remote_code", "model.quantization", "run.plugins_hash"),
    "K3": ("heal.rank", "heal.alpha", "heal.layer_from", "heal.adapter_dtype"),
    "K4": ("heal.divergence", "heal.reference"),
    "K5": APART,
}
_DEFAULTS = Config().flat()
"""Where a knob stood in a seal that is older than it."""
Evidence = dict[str, dict[str, Any]]


class Moved(NamedTuple):
    """One fact that an item was answered on, then and now."""

    fact: str
    then: Any
    now: Any

    def words(self) -> str:
        """'heal.rank is 16, was 8'."""
        if self.fact == "notes":
            return "the notes say something else on this now"
        return f"{self.fact} is {_short(self.now)}, was {_short(self.then)}"


class Item(NamedTuple):
    """An item against an earlier seal: whether its answers read the same, and which of its facts are others."""

    answered: bool
    moved: list[Moved]

    @property
    def unchanged(self) -> bool:
        return self.answered and not self.moved


class Since(NamedTuple):
    """Every item against the seal of the run `id`."""

    id: str
    items: dict[str, Item]

    @property
    def unchanged(self) -> list[str]:
        return [name for name in ORDER if self.items[name].unchanged]

    @property
    def moved(self) -> dict[str, list[Moved]]:
        """The items to be answered anew, because what they were answered on is no longer so."""
        return {name: item.moved for name, item in self.items.items() if item.moved}


def since(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Since | None:
    """These answers against the seal they continue; None when the project has none to continue."""
    earlier = baseline(answers, config, facts, prior)
    if earlier is None:
        return None
    free = {SEED_AXIS, *answers.axes, *earlier.axes}
    now, then = evidence(answers, config, facts, prior), _sealed_evidence(earlier)
    table = answers.table()
    items = {
        name: Item(_said(table, name) == _said(earlier.answers, name), _moved(then[name], now[name], free))
        for name in ORDER
    }
    return Since(earlier.id, items)


def baseline(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Sealed | None:
    """The seal that these answers continue: the acknowledged one, else the newest of the family, else the newest of the preset."""
    real = [s for s in prior.sealed if not s.smoke]
    if answers.acknowledged:
        named = answers.acknowledged.lstrip("-")
        return next((s for s in real if s.id == named or tail(s.id) == named), None)
    flat = config.flat()
    family = [
        s
        for s in real
        if s.model_hash == facts.model_hash and not matters(s.config, flat, free=[*s.axes, *answers.axes])
    ]
    return next(iter(family), None) or next((s for s in real if s.preset == answers.preset), None)


def complete(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Answers:
    """The answers with what the file leaves out taken from the acknowledged seal, where nothing it was answered on has changed."""
    found = since(answers, config, facts, prior) if answers.acknowledged else None
    earlier = baseline(answers, config, facts, prior) if found else None
    if found is None or earlier is None:
        return answers
    blank, table = Answers().table(), answers.table()
    for section, item in ITEMS.items():
        if table[section] == blank[section] and section in earlier.answers and not found.items[item].moved:
            table[section] = earlier.answers[section]
    return parse_answers(_typed(table), "the acknowledged answers")


def blocks(answers: Answers, found: Since | None) -> Iterable[Block]:
    """An acknowledgement of no such run, and one that was asked for and not given."""
    if answers.acknowledged and found is None:
        mend = 'Name a run of this project, or take the line out: acknowledged = ""'
        yield Block("K7", f"acknowledged names {answers.acknowledged[:40]!r}, which is no sealed run here", mend)
    if answers.acknowledged == "" and found is not None and found.unchanged:
        run = tail(found.id)
        mend = f'Let them stand with acknowledged = "{run}", or take the line out and answer them anew'
        yield Block(
            found.unchanged[0], f"{spans(found.unchanged)} unchanged since -{run} and not acknowledged", mend, True
        )


def flags(found: Since) -> Iterable[Block]:
    """Answers that read as at the earlier seal, on facts that are others since. The question's own are for repeats.py, which blocks."""
    for name, item in found.items.items():
        if item.answered and item.moved and name != "K6":
            more = f" (and {len(item.moved) - 1} more)" if len(item.moved) > 1 else ""
            what = f"the answer is that of -{tail(found.id)}, and {item.moved[0].words()}{more}"
            yield Block(name, what, "Read it again: does it still hold?")


def evidence(answers: Answers, config: Config, facts: ModelFacts, prior: Prior) -> Evidence:
    """The facts that each item is answered on."""
    hits = [hit.rule for hit in settle(config, facts, prior)]
    failed = [n.run.id for n in near(prior.runs, config.flat(), facts.model_hash, within=1.0) if n.run.failed]
    said = {
        "comparator": prior.comparator.id if prior.comparator else "none",
        "failed nearby": failed,
        "notes": prior.notes_hash,
    }
    splits = {f"{name} split": split.hash for name, split in prior.splits.items()}
    return _evidence(config.flat(), msgspec.to_builtins(facts), hits, said, splits, METRIC_VERSION)


def prior_evidence(now: Evidence) -> dict[str, Any]:
    """What a seal keeps of the above beside config and facts."""
    return {"prior": now["K7"], "splits": {k: v for k, v in now["K5"].items() if k.endswith(" split")}}


def _sealed_evidence(earlier: Sealed) -> Evidence:
    kept = earlier.evidence
    hits = [str(hit.get("rule")) for hit in kept.get("known_bugs", [])]
    standing = kept.get("standing", {})
    return _evidence(
        earlier.config,
        kept.get("facts", {}),
        hits,
        standing.get("prior", {}),
        standing.get("splits", {}),
        earlier.metric_version,
    )


def _evidence(
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    hits: Sequence[str],
    prior: Mapping[str, Any],
    splits: Mapping[str, Any],
    metric_version: int,
) -> Evidence:
    found: Evidence = {item: {} for item in ORDER}
    for item, names in _FACTS.items():
        found[item] |= {name: facts.get(name) for name in names}
    for item, knobs in _KNOBS.items():
        found[item] |= {knob: config.get(knob, _DEFAULTS.get(knob)) for knob in knobs}
    found["K5"] |= {"metric version": metric_version, "tokenizer_hash": facts.get("tokenizer_hash"), **splits}
    found["K6"] = {knob: value for knob, value in config.items() if weight(knob) > 0}
    found["K7"] = dict(prior)
    found["K8"] = {"known bugs": sorted(hits)}
    return found


def _moved(then: Mapping[str, Any], now: Mapping[str, Any], free: set[str]) -> list[Moved]:
    """Facts that differ; those that only one of the two looked at are left out."""
    return [Moved(k, then[k], now[k]) for k in now if k in then and k not in free and then[k] != now[k]]


def _said(table: Mapping[str, Any], item: str) -> dict[str, Any]:
    return {section: table.get(section) for section, of in ITEMS.items() if of == item}


def _typed(table: dict[str, Any]) -> dict[str, Any]:
    """A JSON table of answers as TOML would give it: dates as dates, and no nulls."""
    from datetime import date

    kept = {
        key: {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
    kept["waivers"] = [
        {
            k: date.fromisoformat(v) if k == "expires" and isinstance(v, str) else v
            for k, v in w.items()
            if v is not None
        }
        for w in table["waivers"]
    ]
    return kept


def _short(value: Any) -> str:
    """A fact in a sentence: hashes by their first letters, lists by their members."""
    if isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value):
        return value[:8]
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value not in ("", None) else "nothing"


def spans(items: Iterable[str]) -> str:
    """'K0 to K4 and K8'."""
    runs: list[list[int]] = []
    for number in sorted(int(item[1:]) for item in items):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said = [part for r in runs for part in ([f"K{r[0]} to K{r[-1]}"] if len(r) > 2 else [f"K{n}" for n in r])]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
