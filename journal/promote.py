"""A project's own known bugs: what an entry taught, as a rule that the next preflight checks (known-bugs.toml in the project folder).

[[rule]]
id = "PB1"
cause = "tau of half a nat lets the loops through"
symptom = "diverged: nll 9.4 at step 41"
fix = "heal.tau below 0.4"
when = ["heal.tau >= 0.5", "heal.aggregate = mean"]     # every one must hold
entry = "20260604T101347-nano-care-k3f9"
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError

from engine.contract.errors import BadInput
from engine.contract.events import now
from engine.contract.files import write_atomic
from engine.contract.prior import Hit
from journal.condition import Condition, holds, number, parse
from journal.text import plain

NAME = "known-bugs.toml"
PREAMBLE = (
    "# Known bugs of this project: written by `cockpit journal promote`, checked by every preflight, yours to edit.\n\n"
)
_ID = re.compile(r"PB([1-9]\d{0,3})")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: it hits a config for which every condition of `when` holds. `entry` is the run that taught it."""

    id: str
    cause: str
    fix: str
    when: tuple[str, ...]
    symptom: str = ""
    entry: str = ""
    by: str = ""
    at: str = ""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(parse(text) for text in self.when)

    @property
    def knobs(self) -> list[str]:
        return list(dict.fromkeys(c.field for c in self.conditions))


def project_rules(project: Path) -> list[Rule]:
    """The rules of a project; [] when it has none. Raises BadInput naming the file and the rule that cannot be used: a rule that is
    misread would silently stop nothing."""
    path = project / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None
    try:
        tables = tomlkit.parse(text).unwrap()
        rules = msgspec.convert(tables.get("rule", []), list[Rule])
    except (TOMLKitError, msgspec.ValidationError) as error:
        raise BadInput(f"{path} cannot be used: {error}") from None
    if unknown := sorted(set(tables) - {"rule"}):
        raise BadInput(f"{path}: nothing is known of {unknown[0]!r}; rules are written as [[rule]]")
    for rule in rules:
        try:
            check(rule)
        except BadInput as error:
            raise BadInput(f"{path}: rule {rule.id}: {error}") from None
    names = [rule.id for rule in rules]
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadInput(f"{path}: two rules are named {twice[0]}; waivers could not tell them apart")
    return rules


def check(rule: Rule) -> None:
    """Raises BadInput when a rule has no condition, names a knob that does not exist, or compares it with what it can never be."""
    from engine.contract.config import Config

    if not _ID.fullmatch(rule.id):
        raise BadInput(f"{rule.id!r} is not a name such as PB1")
    if not rule.cause.strip() or not rule.fix.strip():
        raise BadInput("cause and fix must say something: whoever meets this rule has only them")
    if not rule.when:
        raise BadInput("it has no condition; a rule without one would stop every run")
    knobs = Config().flat()
    for condition in rule.conditions:
        if condition.field not in knobs:
            near = difflib.get_close_matches(condition.field, knobs, n=1, cutoff=0.4)
            raise BadInput(f"no setting named {condition.field!r}{f'; did you mean {near[0]}?' if near else ''}")
        _typed(condition, knobs[condition.field])


def hits(rules: Iterable[Rule], config: Mapping[str, Any]) -> list[Hit]:
    """The rules that a config runs into, as open hits; `config` is flat ('heal.tau': 0.5), as Config.flat() gives it."""
    return [
        Hit(rule=r.id, symptom=r.symptom or f"what run {r.entry} came to", cause=r.cause, fix=r.fix, knobs=r.knobs)
        for r in rules
        if all(holds(condition, config.get(condition.field)) for condition in r.conditions)
    ]


def new_rule(
    project: Path,
    *,
    cause: str,
    when: Sequence[str],
    fix: str = "",
    symptom: str = "",
    entry: str = "",
    by: str = "",
    config: Mapping[str, Any] | None = None,
) -> Rule:
    """A checked rule under the next free name, not yet written. `config` is that of the run that taught it: the rule must hit it.

    Raises BadInput when it is no usable rule."""
    used = [int(match[1]) for rule in project_rules(project) if (match := _ID.fullmatch(rule.id))]
    conditions = tuple(parse(text).text() for text in when)
    default = f"a setting outside of {' and '.join(conditions)}"
    rule = Rule(
        id=f"PB{max(used, default=0) + 1}",
        cause=plain(cause, 300),
        symptom=plain(symptom, 200),
        fix=plain(fix, 300) or default,
        when=conditions,
        entry=entry,
        by=plain(by, 80),
        at=now(),
    )
    check(rule)
    if config is not None:
        for condition in rule.conditions:
            if not holds(condition, config.get(condition.field)):
                value = config.get(condition.field)
                raise BadInput(
                    f"the rule would not have stopped {entry}, whose {condition.field} is {value!r}: "
                    f"{condition.text()} does not hold there"
                )
    return rule


def write_rule(project: Path, rule: Rule) -> Path:
    """Append a rule to the project's file, whose comments stay, and return the file. Raises BadInput when it cannot be written."""
    path = project / NAME
    try:
        text = path.read_text("utf-8") if path.exists() else PREAMBLE
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in msgspec.structs.asdict(rule).items() if v}
        array = tomlkit.aot()
        array.append(tomlkit.item(values))
        addition = tomlkit.dumps({"rule": array})
        path_text = text.rstrip("\n") + "\n\n" + addition
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        write_atomic(path, path_text.encode(), mode=mode)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _typed(condition: Condition, example: Any) -> None:
    """Raises BadInput when a knob is compared with a value of a kind that it never has."""
    if condition.op in ("is", "is not"):
        if not isinstance(example, bool):
            raise BadInput(f"{condition.field} is not a switch; compare it, as in {condition.field} = {example}")
        return
    if isinstance(example, (list, tuple)):
        example = example[0] if example else ""
    if isinstance(example, bool):
        fits = condition.op in ("=", "!=") and condition.values[0].lower() in ("true", "false")
    elif isinstance(example, (int, float)):
        fits = condition.op != "~" and all(number(text) is not None for text in condition.values)
    else:
        fits = condition.op not in (">=", "<=", ">", "<")
    if not fits:
        raise BadInput(f"{condition.text()} can never hold: {condition.field} is a value such as {example!r}")
