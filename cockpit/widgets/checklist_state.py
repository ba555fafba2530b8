"""What the checklist shows at one moment: the answers, what stands against them, and where the cursor is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cockpit.widgets.checklist_items import Item, bugs_of, collapsed, is_ack
from engine.contract.answers import Answers
from engine.contract.preflight import Block

ACK = "ack"
"""The cursor on the line of what is unchanged."""


class State(NamedTuple):
    """What is shown. `ready` is whether the draft was checked yet; `counts` are unchanged and caught, by requirement;
    `was` is how the earlier seal answered."""

    answers: Answers
    blocks: Sequence[Block] = ()
    flags: Sequence[Block] = ()
    bugs: Sequence[Mapping[str, Any]] = ()
    rules: int = 0
    counts: Mapping[str, tuple[int, int]] = {}
    since: str = ""
    unchanged: Sequence[str] = ()
    moved: Mapping[str, str] = {}
    was: Mapping[str, str] = {}
    ready: bool = False
    cursor: str = ""
    opened: bool = False
    editing: bool = False
    wrong: str = ""

    @property
    def folded(self) -> list[int]:
        """The items in the line of what is unchanged."""
        return [] if self.opened or not self.since else collapsed(self.unchanged, self.blocks, self.flags)

    @property
    def asks(self) -> bool:
        """Whether what is unchanged waits to be acknowledged."""
        return any(is_ack(b) for b in self.blocks)

    def against(self, item: Item) -> list[Block]:
        """What stands against an item."""
        return [b for b in self.blocks if b.item in item.requirements and not is_ack(b)]


def open_bugs(state: State) -> list[str]:
    """The rules that were hit, those that block first."""
    still = list(bugs_of(state.bugs))  # type: ignore[arg-type]
    return still + [str(hit["rule"]) for hit in state.bugs if str(hit["rule"]) not in still]
