"""What a person changes while a run goes on marks the run, from the request to its record; and a worker needs a seal."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contract.control import make_request, send
from engine.contract.errors import Refused
from engine.contract.events import encode
from engine.contract.files import append_line
from engine.contract.resolve import resolve
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.controls import Controls
from engine.heal.step import Live
from engine.worker import run
from journal.record import load_record


@pytest.mark.parametrize(("word", "touched"), [("set", True), ("checkpoint", False)])
def test_a_knob_that_was_set_touches_the_record_of_the_run(word: str, touched: bool, tmp_path: Path) -> None:
    folder = RunDir(tmp_path)
    send(folder.control, make_request(word, "me", setting="heal.tau=0.1" if word == "set" else ""))
    for event in Controls(folder.control, Live(0.5, 0.3)).poll():
        append_line(folder.events, encode(event))
    assert load_record(folder).touched is touched


def test_a_worker_without_a_preflight_refuses(tmp_path: Path) -> None:
    RunFile(
        config=resolve("nano-care"), preset="nano-care", changes={}, axes=[], trait_hash="t" * 64, model_hash="c" * 64
    ).save(RunDir(tmp_path).config)
    with pytest.raises(Refused, match="no sealed preflight"):
        run([str(tmp_path)])
