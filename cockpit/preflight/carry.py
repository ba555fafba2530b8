"""An older checklist carried over into a new one: answers and comments stay, what they were answered on is looked at, and only what no
longer holds is blanked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from cockpit.preflight.survey import Survey, survey
from cockpit.runs import evidence
from engine.contract.answers import Answers, load_answers, parse_answers, parse_text
from engine.contract.distance import matters
from engine.contract.errors import BadInput
from engine.contract.files import read_json
from engine.contract.hashes import FREE
from engine.contract.repeats import asked_twice, tail
from engine.contract.resolve import preset_table, resolve
from engine.contract.rundir import find_run
from engine.contract.unchanged import Moved, spans

ANEW = {
    "K1": ("tokenization", "comparable"),
    "K2": ("architecture", "answer"),
    "K3": ("init", "distribution"),
    "K4": ("direction", "why"),
    "K5": ("metric", "unit"),
    "K6": ("question", "hypothesis"),
    "K7": ("prior", "learnt"),
    "K8": ("known_bugs", "answer"),
}
"""The answer of each item that is asked again when its evidence is no longer the same."""


class Draft(NamedTuple):
    """A checklist's text, and what was done to it, for the person."""

    text: str
    said: list[str]


def template() -> str:
    """The unanswered checklist that ships."""
    return (resources.files("engine") / "presets" / "preflight" / "template.toml").read_text("utf-8")


def new(project: Path, preset: str, sets: Sequence[str], older: str) -> Draft:
    """A checklist for a preset: the template, or an older file or run carried over, with the facts of the model. Raises BadInput."""
    document, carried, source = _open(project, older) if older else (tomlkit.parse(template()), None, "")
    if carried is not None:
        preset, sets = preset or carried.preset, _later_wins([*carried.set, *sets])
    if not preset:
        raise BadInput("name what it is for: --preset nano-care, or --answers OLD.toml")
    config = resolve(preset, sets=sets)
    document["preset"], document["set"] = preset, list(sets)
    shipped = preset_table(preset).get("waivers")
    if shipped and "waivers" not in document:
        document["waivers"] = shipped
    answers = parse_answers(document.unwrap(), source or "the new checklist")
    since = source if older and not Path(older).is_file() else None
    known = survey(project, answers.model_copy(update={"acknowledged": since}), config)
    for section, values in evidence.prefill(config, known.facts).items():
        for name, value in values.items():
            given = document[section].get(name)
            if given != value and section != "direction" and not (section == "metric" and (given or carried)):
                document[section][name] = value
    if carried is None:
        return Draft(tomlkit.dumps(document), [])
    spoken = _reopen(document, known, carried)
    return Draft(_acknowledge(tomlkit.dumps(document), known), [f"carried over from {source}", *spoken])


def _open(project: Path, older: str) -> tuple[Any, Answers, str]:
    """The document to edit, its answers, and its name: a file with its own comments, or a run's seal in the template's form."""
    path = Path(older)
    if path.is_file():
        document = tomlkit.parse(path.read_text("utf-8"))
        carried = load_answers(path)
        for name, table in tomlkit.parse(template()).items():
            if name not in document:
                document[name] = table
        return document, carried, older
    if older.endswith(".toml") or "/" in older:
        raise BadInput(f"{older} does not exist")
    run = find_run(project, older)
    answered = read_json(run.preflight).get("answers", {})
    document = tomlkit.parse(template())
    for key, value in answered.items():
        if isinstance(value, dict):
            for name, answer in value.items():
                if answer is not None:
                    document[key][name] = answer
        elif key in ("axes", "set", "preset"):
            document[key] = value
    waivers = [{k: v for k, v in w.items() if v is not None} for w in answered.get("waivers", [])]
    if waivers:
        document["waivers"] = [
            w | {"expires": date.fromisoformat(w["expires"])} if "expires" in w else w for w in waivers
        ]
    return document, parse_answers(document.unwrap(), run.id), run.id


def _reopen(document: Any, known: Survey, carried: Answers) -> list[str]:
    """Blank the answers that were given on other evidence and were not given anew, with what they were beside them; says which."""
    moved, earlier, against = {}, carried.table(), ""
    if known.since is not None:
        moved, against = known.since.moved, f" since -{tail(known.since.id)}"
        earlier = next(s.answers for s in known.prior.sealed if s.id == known.since.id)
    elif changed := matters(carried.base_config().flat(), known.config.flat(), free=[*FREE, *carried.axes]):
        moved = {"K6": [Moved(d.knob, d.theirs, d.ours) for d in changed]}
    asked = asked_twice(known.answers, known.config, known.prior)
    spoken = []
    for item, (section, name) in ANEW.items():
        was = str(document[section].get(name, ""))
        again = item == "K6" and asked is not None
        if not was or not (again or (item in moved and was == earlier.get(section, {}).get(name))):
            continue
        blank = tomlkit.string("")
        blank.comment(f"was: {' '.join(was.split())[:160]}")
        document[section][name] = blank
        facts = [Moved(d.knob, d.theirs, d.ours) for d in asked[1]] if item == "K6" and asked else moved[item]
        why = facts[0].words() + (f" (and {len(facts) - 1} more)" if len(facts) > 1 else "")
        spoken.append(f"{item} is open again, {section}.{name} is blank: {why}")
    if known.since and known.since.unchanged:
        spoken.append(f"{spans(known.since.unchanged)} unchanged{against}: acknowledge them together")
    return spoken


def _acknowledge(text: str, known: Survey) -> str:
    """The text with one line, before its first table, that asks for the unchanged to be acknowledged together; without it where none is."""
    lines = [line for line in text.splitlines() if not line.startswith("acknowledged ")]
    if known.since and known.since.unchanged:
        run = tail(known.since.id)
        asked = f'acknowledged = "" # {spans(known.since.unchanged)} unchanged since -{run}: write "{run}" to let them stand'
        first = next((i for i, line in enumerate(lines) if line.startswith("[")), len(lines))
        while first and (not lines[first - 1].strip() or lines[first - 1].startswith("#")):
            first -= 1
        lines.insert(first, asked)
    whole = "\n".join(lines) + "\n"
    parse_text(whole, "the new checklist")
    return whole


def _later_wins(sets: Sequence[str]) -> list[str]:
    """Settings of which the last one for a knob stays."""
    return list({s.partition("=")[0].strip(): s for s in sets}.values())
