"""The worker takes from control.jsonl only what make_request would have made (FAULTS 44)."""

from __future__ import annotations

from pathlib import Path

from engine.contract.control import Mailbox, make_request, send
from engine.contract.files import append_line


def test_a_line_written_past_the_command_is_held_to_the_same_bounds(tmp_path: Path) -> None:
    path = tmp_path / "control.jsonl"
    for line in (
        b'{"request": "set", "by": "x", "knob": "heal.lam", "value": -5}',
        b'{"request": "set", "by": "x", "knob": "heal.__class__", "value": 1}',
        b'{"request": "set", "by": "x", "knob": "lam", "value": 1}',
        b'{"request": "set", "by": "x"}',
        b'{"request": "note", "by": "x"}',
    ):
        append_line(path, line)
    good = make_request("set", "x", setting="heal.tau=0.1")
    send(path, good)
    assert Mailbox(path).read() == [good]
