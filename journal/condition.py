"""One condition of a filter or a rule, as in `heal.tau >= 0.5`: read by a small grammar and judged on one value; nothing is evaluated.

FIELD OP VALUE        OP is one of  =  ==  !=  >=  <=  >  <  ~  (~: contains, whatever the case)
FIELD in A,B,C        FIELD not in A,B,C
FIELD                 not FIELD             it is there and true; it is not
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from engine.contract.errors import BadInput

Op = Literal["=", "!=", ">=", "<=", ">", "<", "~", "in", "not in", "is", "is not"]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_FIELD = r"[A-Za-z_][A-Za-z0-9_.]*"
_FORMS = (
    re.compile(rf"({_FIELD})\s*(>=|<=|!=|==|=|>|<|~)\s*(.+)", re.DOTALL),
    re.compile(rf"({_FIELD})\s+(in|not\s+in)\s+(.+)", re.DOTALL),
)
_BARE = re.compile(rf"(not\s+)?({_FIELD})")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Condition(msgspec.Struct, frozen=True):
    """A field compared with values as they were typed; `in` and `not in` have several."""

    field: str
    op: Op
    values: tuple[str, ...] = ()

    def text(self) -> str:
        """The condition as it can be typed again."""
        if self.op in ("is", "is not"):
            return self.field if self.op == "is" else f"not {self.field}"
        return f"{self.field} {self.op} {','.join(map(_typed, self.values))}"


def parse(text: str) -> Condition:
    """Read a condition. Raises BadInput saying what a condition looks like."""
    text = text.strip()
    for form in _FORMS:
        if match := form.fullmatch(text):
            name, op, rest = match[1], " ".join(match[2].split()), match[3].strip()
            values = tuple(_split(rest)) if op in ("in", "not in") else (_unquote(rest),)
            if op in _ORDER and number(values[0]) is None and not re.match(r"\d{4}-\d\d", values[0]):
                raise BadInput(f"{text!r}: {op} compares numbers or dates, and {values[0]!r} is neither")
            return Condition(name, cast(Op, "=" if op == "==" else op), values)
    if match := _BARE.fullmatch(text):
        return Condition(match[2], "is not" if match[1] else "is")
    raise BadInput(f"{text!r} is no condition; write one like heal.tau>=0.5, status=success or 'seed in 42,137'")


def number(text: str) -> float | None:
    """The number that a text is, as in .9 or 1e-4; None when it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace("_", ""))
    return value if math.isfinite(value) else None


def holds(condition: Condition, value: Any) -> bool:
    """Whether it holds for a value. A value that is absent (None) satisfies only `not FIELD`; a list does when any member does,
    and for != and `not in` when all do."""
    op, values = condition.op, condition.values
    if op in ("is", "is not"):
        return bool(value) == (op == "is")
    if value is None:
        return False
    if isinstance(value, (list, tuple)):
        every = all if op in ("!=", "not in") else any
        return every(holds(condition, member) for member in value)
    if op in ("!=", "not in"):
        return not any(_same(value, text) for text in values)
    if op in ("=", "in"):
        return any(_same(value, text) for text in values)
    if op == "~":
        return values[0].casefold() in str(value).casefold()
    if isinstance(value, str):
        return _ORDER[op](value[: len(values[0])] if op == "<=" else value, values[0])
    wanted = number(values[0])
    return wanted is not None and not isinstance(value, bool) and _ORDER[op](value, wanted)


def _same(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return text.lower() == ("true" if value else "false")
    if isinstance(value, (int, float)):
        return number(text) == value
    return str(value) == text


def _split(text: str) -> list[str]:
    """Values between commas; quotes keep theirs."""
    parts = re.findall(r"\s*(\"[^\"]*\"|'[^']*'|[^,]*)\s*(?:,|$)", text)
    return [_unquote(part.strip()) for part in parts if part.strip()]


def _unquote(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _typed(value: str) -> str:
    return f'"{value}"' if "," in value or value != value.strip() or value == "" else value
