"""From an answered checklist to a sealed campaign: its arms by its seeds, every member checked, one seal over all of them.

Nothing is queued here, and nothing is written before every member would be allowed to start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import tomlkit

from cockpit.campaigns import store
from cockpit.preflight.plan import prepare
from engine.contract.answers import Answers, load_answers
from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.files import write_atomic
from engine.contract.hashes import FREE, SEED_AXIS, canonical, code_hash, sha256
from engine.contract.metrics import NO_AXIS
from engine.contract.preflight import seal_hash
from engine.contract.resolve import parse_set
from engine.contract.rundir import new_run_id
from engine.contract.seeds import seeds as first_seeds
from journal.campaign import Campaign, Kind, Member

OWN = "own"
"""The arm that is the checklist's own config: the only one of a campaign over seeds."""
_SPLIT = re.compile(r",(?![^\[]*\])")
"""Commas outside brackets."""
_NAMED = re.compile(r"\s*([\w .%+-]+):(?=[^=]*=)")
"""The name of an arm, before its settings."""
MOST = 32
"""Seeds that a bare number may ask for, so that `--seeds 42` is not taken for forty-two of them."""


def seeds(text: str, default: int) -> list[int]:
    """'42,137' as these seeds, '3' as the first three of everybody's (42, 137, 256 ...), '' as the first `default`. Raises BadInput."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise BadInput(f"--seeds {text!r} is neither a number nor a list such as 42,137,256") from None
    if "," not in text:
        count = numbers[0] if numbers else default
        if not 1 <= count <= MOST:
            raise BadInput(
                f"{count} seeds: from 1 to {MOST} can be asked for; one seed alone is written --seeds {count},"
            )
        return list(first_seeds(count))
    if not numbers or len(set(numbers)) < len(numbers):
        raise BadInput(f"--seeds {text!r} names {'a seed twice' if numbers else 'no seed'}")
    return numbers


def over(settings: Sequence[str]) -> dict[str, list[str]]:
    """'heal.aggregate=mean,rmse' as the values of each setting, as they were written. Raises BadInput."""
    found: dict[str, list[str]] = {}
    for setting in settings:
        knob, _, raw = (part.strip() for part in setting.partition("="))
        values = [value.strip() for value in _SPLIT.split(raw)]
        for value in values:
            parse_set(f"{knob}={value}")
        if knob in FREE:
            raise BadInput(f"--over {knob}: seeds are asked for with --seeds, and limits make no arms")
        if knob in NO_AXIS:
            raise BadInput(f"--over {knob}: arms that differ in it are not comparable (KB45); ask for a campaign each")
        if knob in found or len(set(values)) < len(values) or len(values) < 2:
            raise BadInput(f"--over {setting}: name the setting once, with at least two different values")
        found[knob] = values
    return found


def together(arms: Sequence[str]) -> dict[str, dict[str, str]]:
    """'short: heal.aggregate=mean,heal.tau=0.02' as the settings of an arm that go together, under its name; without one they name it
    themselves, and 'own' has none. Raises BadInput."""
    found: dict[str, dict[str, str]] = {}
    for arm in arms:
        named = _NAMED.match(arm)
        settings: dict[str, str] = {}
        for setting in _SPLIT.split(arm[named.end() :] if named else arm) if arm.strip() != OWN else ():
            knob, _, value = (part.strip() for part in setting.partition("="))
            parse_set(f"{knob}={value}")
            if knob in FREE:
                raise BadInput(f"--arm {arm}: seeds are asked for with --seeds, and limits make no arms")
            if knob in NO_AXIS:
                raise BadInput(
                    f"--arm {arm}: arms that differ in {knob} are not comparable (KB45); ask for a campaign each"
                )
            if knob in settings:
                raise BadInput(f"--arm {arm}: {knob} is named twice")
            settings[knob] = value
        name = named[1].strip() if named else _name(settings.items())
        if settings and name == OWN:
            raise BadInput(f"--arm {arm}: '{OWN}' is the checklist's own config, without settings; take another name")
        if name in found or settings in found.values():
            raise BadInput(f"--arm {arm} is there twice")
        found[name] = settings
    if len(found) == 1:
        raise BadInput("--arm compares nothing alone: name a second one, 'own' for the checklist's own config")
    return found


def arms(
    settings: Mapping[str, Sequence[str]], linked: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, list[str]]:
    """Every combination of the values with every linked arm by name, as settings:
    {'aggregate rmse, lam 0.3': ['heal.aggregate=rmse', 'heal.lam=0.3']}."""
    found = {}
    for (arm, going), values in product((linked or {OWN: {}}).items(), product(*settings.values())):
        pairs = list(zip(settings, values, strict=True))
        names = [name for name, there in ((arm, bool(going) or not pairs), (_name(pairs), bool(pairs))) if there]
        found[", ".join(names)] = [f"{knob}={value}" for knob, value in [*going.items(), *pairs]]
    return found


def _name(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{knob.partition('.')[2]} {value.strip(chr(34))}" for knob, value in pairs) or OWN


def knobs(settings: Mapping[str, Sequence[str]], linked: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Every setting in which some arm may differ from another. Raises BadInput for one that both --over and --arm give."""
    of_arms = list(dict.fromkeys(knob for arm in linked.values() for knob in arm))
    if both := [knob for knob in of_arms if knob in settings]:
        raise BadInput(f"{both[0]} is given by --over and by --arm; leave it out of one")
    return [*of_arms, *settings]


def campaign(
    project: Path,
    kind: Kind,
    preflight: Path,
    settings: Mapping[str, Sequence[str]],
    asked: Sequence[int],
    *,
    hypothesis: str = "",
    command: str = "",
    futility: int = 0,
    linked: Mapping[str, Mapping[str, str]] | None = None,
) -> Campaign:
    """The campaign that was asked for: the one that is there already when it is the same under the same code, else a new one, sealed and
    saved. Raises BadInput, and Refused with what to do while a member would not be allowed to start."""
    answers = load_answers(preflight)
    declared(preflight, answers, knobs(settings, linked or {}))
    if hypothesis:
        preflight, answers = reworded(project, kind, preflight, answers, hypothesis)
    if futility and not 2 <= futility < len(asked):
        raise BadInput(f"--futility {futility}: from 2 to {len(asked) - 1} of {len(asked)} seeds can give an arm up")
    extra = [*([futility] if futility else []), *([linked] if linked else [])]
    identity = sha256(canonical([kind, answers.table(), settings, list(asked), code_hash(), *extra]))
    same = [known for known in store.campaigns(project)[0] if known.identity == identity]
    if same:
        return same[0]
    found = _sealed(project, kind, preflight, answers, settings, linked or {}, asked, identity, command, futility)
    store.save(project, found)
    return found


def declared(preflight: Path, answers: Answers, settings: Iterable[str]) -> None:
    """Raises Refused for settings that the checklist does not declare as axes."""
    if missing := [knob for knob in settings if knob not in answers.axes]:
        axes = ", ".join(f'"{axis}"' for axis in [*answers.axes, *missing])
        raise Refused(
            f"{preflight} does not declare {' and '.join(missing)} as an axis, so its seal would not cover the campaign: "
            f"write axes = [{axes}] and answer for it"
        )


def _sealed(
    project: Path,
    kind: Kind,
    preflight: Path,
    answers: Answers,
    settings: Mapping[str, Sequence[str]],
    linked: Mapping[str, Mapping[str, str]],
    asked: Sequence[int],
    identity: str,
    command: str,
    futility: int,
) -> Campaign:
    base = prepare(project, preflight=preflight)
    record, members = dict(base.record), list[Member]()
    bugs: dict[tuple[str, str], Any] = {}
    varied = knobs(settings, linked)
    for arm, sets in arms(settings, linked).items():
        for seed in asked:
            try:
                plan = prepare(project, preflight=preflight, sets=[*sets, f"{SEED_AXIS}={seed}"])
            except Refused as refused:
                raise Refused(f"{arm}, seed {seed}: {refused}") from None
            flat = plan.run.config.flat()
            values = {knob: flat[knob] for knob in varied}
            members.append(Member(arm=arm, values=values, seed=seed, config_hash=plan.run.config_hash))
            bugs |= {(hit["rule"], hit["state"]): hit for hit in plan.record["evidence"]["known_bugs"]}
    _distinct(members)
    campaign_id = new_run_id("campaign")
    record["evidence"] = (
        base.record["evidence"]
        | {"known_bugs": list(bugs.values()), "campaign": campaign_id}
        | ({"futility": futility} if futility else {})
    )
    record["seal"] = seal_hash(record)
    return Campaign(
        id=campaign_id,
        kind=kind,
        identity=identity,
        made_at=now(),
        where=str(Path.cwd()),
        command=command,
        code_hash=code_hash(),
        preset=base.run.preset,
        over={knob: _values(members, knob) for knob in varied},
        seeds=list(asked),
        record=record,
        members=tuple(members),
        futility=futility,
    )


def _values(members: Sequence[Member], knob: str) -> list[Any]:
    """The values of a setting over the arms, in their order."""
    found: list[Any] = []
    for member in members:
        if member.values[knob] not in found:
            found.append(member.values[knob])
    return found


def _distinct(members: Sequence[Member]) -> None:
    first: dict[str, Member] = {}
    for member in members:
        other = first.setdefault(member.config_hash, member)
        if other.arm != member.arm:
            raise BadInput(f"the arms {other.arm!r} and {member.arm!r} are one config: leave one out")


def reworded(project: Path, kind: Kind, preflight: Path, answers: Answers, hypothesis: str) -> tuple[Path, Answers]:
    """The checklist with the campaign's own hypothesis, among the drafts; what else it says stands as it was written."""
    if hypothesis == answers.question.hypothesis:
        return preflight, answers
    document = tomlkit.parse(preflight.read_text("utf-8"))
    document["question"]["hypothesis"] = hypothesis
    path = project / "runs" / ".drafts" / f"{kind}-{preflight.stem}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, tomlkit.dumps(document).encode())
    return path, load_answers(path)
