"""A piece of evidence: what was seen, and in which file, line and step."""

from __future__ import annotations

import msgspec


class Evidence(msgspec.Struct, frozen=True):
    """`line` counts from 1 and `step` as the log counts; 0 and -1 where there is none."""

    text: str
    file: str = ""
    line: int = 0
    step: int = -1
    round: int = 0

    @property
    def where(self) -> str:
        """'events.jsonl:245 r2 step 40', or as much of it as is known."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, f"r{self.round}" if self.round else "", f"step {self.step}" if self.step >= 0 else ""]
        return " ".join(part for part in parts if part)
