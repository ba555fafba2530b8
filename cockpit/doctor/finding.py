"""What the doctor says of one thing."""

from __future__ import annotations

from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: fine, worth knowing, or in the way of a run. `mend` is what to do, '' when there is nothing to do."""

    state: Literal["fine", "note", "broken"]
    subject: str
    what: str
    mend: str = ""
