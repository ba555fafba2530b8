"""Forking a run: a new run whose past is another's, to the byte, up to a place in it. Only what comes after that place is its own.

The two are paired by construction: same kept data, same initial adapter, same order, since all of these are keyed by the seed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cockpit.runs import evidence
from engine.contract import events as e
from engine.contract.errors import BadInput, Refused
from engine.contract.files import append_line, write_atomic
from engine.contract.hashes import code_hash
from engine.contract.lineage import Lineage, check_change
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.script import load_script
from engine.contract.units import UNITS, Extent, Unit, append_unit, check_files, point, read_units

_WORK = (
    e.StageStarted, e.StageFinished, e.VectorExtracted, e.DoseProbed, e.Kept, e.HealStep, e.CoherenceProbed, e.EpochFinished,
    e.RoundBaked, e.Evaluated,
)  # fmt: skip
"""What a fork takes over of its parent's events: the work, not what was said around it."""


class Fork(msgspec.Struct, frozen=True):
    """A fork that may be made: its parent, the parent's finished units before the place, and the whole list of settings it asks for."""

    parent: RunDir
    past: tuple[Unit, ...]
    lineage: Lineage
    preset: str
    sets: tuple[str, ...]


def plan(parent: RunDir, place: str, sets: Sequence[str], reuse: str = "") -> Fork:
    """What forking here would take over and change. Raises BadInput or Refused with what to do."""
    unit, round_ = point(place)
    if reuse not in ("", "kept"):
        raise BadInput(f"--reuse {reuse}: only the kept completions can be reused: --reuse kept")
    if reuse and unit != "heal":
        raise BadInput(f"{place} makes the kept set again; --reuse kept goes with heal@r{round_}")
    if load_script(parent.config) is not None:
        raise Refused(f"{parent.id} is a script's run, and only the loop's runs can be forked")
    run = load_runfile(parent.config)
    if run.config.run.smoke:
        raise Refused(f"{parent.id} is a smoke run, which carries nothing that a fork could be compared with")
    evidence.require_logged(parent)
    past = _past(parent, unit, round_, place)
    theirs = run.config.flat()
    here = parent.plugins.relative_to(Path.cwd()) if parent.plugins.is_relative_to(Path.cwd()) else parent.plugins
    kept = [str(here / Path(path).name) for path in run.config.run.plugins]
    own = run.changes | ({"run.plugins": kept} if kept else {})
    before = [f"{knob}={_toml(value)}" for knob, value in own.items()]
    ours = resolve(run.preset or None, sets=[*before, *sets]).flat()
    changed = [knob for knob in ours if ours[knob] != theirs[knob] and knob != "run.plugins"]
    for knob in changed:
        check_change(knob, unit, round_)
    if not changed and any(u.round >= round_ for u in read_units(parent)):
        raise BadInput(f"a fork of {parent.id} that changes nothing is the run itself: say what differs with --set")
    if touched := _touched(parent, past[-1].extent.events):
        raise Refused(
            f"{parent.id} was touched before {place} ({touched}), and a fork would not be: launch a run of its own"
        )
    if round_ > int(ours["run.rounds"]):
        raise BadInput(f"{place}: the run has {ours['run.rounds']} rounds; add --set run.rounds={round_}")
    lineage = Lineage(
        parent=parent.id,
        unit=unit,
        round=round_,
        changes={k: f"{theirs[k]} → {ours[k]}" for k in changed},
        same_code=evidence.result(parent).get("code_hash") == code_hash(),
    )
    return Fork(parent, past, lineage, run.preset, (*before, *sets))


def _touched(parent: RunDir, size: int) -> str:
    """What a person set in a run's first bytes of events, '' when nothing."""
    standing = e.standing_events(parent.events, size=size)
    found = [x for x in standing if isinstance(x, e.ControlApplied) and x.request.startswith("set ")]
    return ", ".join(f"{x.request.removeprefix('set ')} {x.value}" for x in found)


def _past(parent: RunDir, unit: str, round_: int, place: str) -> tuple[Unit, ...]:
    """The units before a place, whose files are as they were written. Raises BadInput when the run did not get there."""
    done = read_units(parent)
    at = UNITS.index(unit)
    work = [u for u in done if u.name != "reveal"]
    past = tuple(u for u in work if u.round < round_ or (u.round == round_ and UNITS.index(u.name) < at))
    wanted = (
        (UNITS[at - 1], round_) if unit != "extract" else (("healed", round_ - 1) if round_ > 1 else ("baseline", 0))
    )
    if not past or (past[-1].name, past[-1].round) != wanted:
        got = f"its last finished unit is {work[-1].name} of round {work[-1].round}" if work else "it finished nothing"
        raise BadInput(f"{parent.id} did not get to {place}: {got}")
    check_files(parent, list(past))
    return past


def take_over(fork: Fork, folder: RunDir) -> None:
    """Copy the parent's past into the fork's fresh folder: files, completions, events and the list of what is finished."""
    parent, last = fork.parent, fork.past[-1]
    for path in {path for unit in fork.past for path in unit.files}:
        target = folder.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parent.path / path, target)
    if last.name == "dose":  # the probes' completions are its part of a pool that generate goes on filling
        _copy_probes(parent, folder, last.round)
    with parent.completions.open("rb") as f:
        write_atomic(folder.completions, f.read(last.extent.completions))
    taken = [event for event in e.standing_events(parent.events, size=last.extent.events) if isinstance(event, _WORK)]
    lines = [e.encode(msgspec.structs.replace(event, attempt=0)) for event in taken]
    write_atomic(folder.events, b"".join(lines))
    lineage = fork.lineage
    stage = "extract" if lineage.unit == "extract" else lineage.unit
    forked = e.RunForked(
        parent=parent.id, from_round=lineage.round, from_stage=stage, changes=lineage.changes,  # type: ignore[arg-type]
        round=lineage.round,
    )  # fmt: skip
    append_line(folder.events, e.encode(forked))
    extent = Extent(
        events=folder.events.stat().st_size,
        completions=last.extent.completions,
        tokens=0,
        replayed=last.extent.replayed,
    )
    for unit in fork.past:
        append_unit(folder, msgspec.structs.replace(unit, extent=extent))
    lineage.save(folder)


def _copy_probes(parent: RunDir, folder: RunDir, round_: int) -> None:
    source = parent.round(round_) / "pool.jsonl"
    if not source.is_file():
        return  # a dose that was found by its KL
    kept = []
    for line in source.read_bytes().splitlines(keepends=True):
        try:
            unit = json.loads(line)["unit"]
        except (ValueError, KeyError, TypeError):
            break  # the fork's own start sees that probes are missing, and searches the dose again
        kept += [line] if unit == "dose" else []
    target = folder.round(round_) / "pool.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, b"".join(kept))


def _toml(value: object) -> str:
    return json.dumps(value)
