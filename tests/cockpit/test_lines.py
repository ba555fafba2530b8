"""Events as lines: one line each, in house numbers, and nothing in them that a terminal acts on (FAULTS 26)."""

from __future__ import annotations

import pytest

from cockpit.report.lines import Narrator
from engine.contract import events as e

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m [/bold]\n## fake \u202egnp"
STEP = e.HealStep(
    step=1,
    epoch=1,
    tokens=10,
    loss=1.0,
    nll=1.0,
    grad_norm=1.0,
    lr=1e-3,
    update_ratio=1e-3,
    tokens_per_second=9.0,
    tau=0.5,
)


@pytest.mark.parametrize(
    "event",
    [
        e.Note(text=HOSTILE),
        e.RunFinished(status="failed", reason=HOSTILE, best=0, seconds=1.0, tokens=0),
        e.Alert(signature="spike", state="raised", evidence=HOSTILE),
        e.GuardTripped(guard="cap", value=HOSTILE, limit=HOSTILE, regime="finetune", action=HOSTILE),
        e.ControlApplied(request="note", by=HOSTILE),
        e.ControlApplied(request=HOSTILE, by="me", previous=HOSTILE, value=HOSTILE),
    ],
    ids=lambda event: type(event).__name__,
)
def test_foreign_text_stays_on_its_line_and_does_nothing(event: e.Event) -> None:
    line = Narrator().line(event)
    assert line is not None
    assert line.isprintable()


def test_an_epoch_is_read_against_the_tau_of_its_steps() -> None:
    narrator = Narrator()
    assert narrator.line(STEP) is None
    epoch = e.EpochFinished(
        round=2, stage="heal", epoch=3, train_nll=0.5, val_nll=0.6, val_items=9, fired=0.25, operating_kl=0.71
    )
    assert narrator.line(epoch) == (
        "r2  heal      epoch 3: nll 0.50, val 0.60 (9 held out), operating KL 0.71 nats against tau 0.50, fired .25"
    )


def test_what_was_not_measured_is_not_shown() -> None:
    epoch = e.EpochFinished(round=1, stage="heal", epoch=1, train_nll=0.5, val_nll=0.6, val_items=9)
    line = Narrator().line(epoch)
    assert line is not None
    assert "KL" not in line
    assert "fired" not in line


def test_an_evaluation_is_in_house_numbers() -> None:
    metrics = {"trait_rate": 0.934, "tail_ppl": 1234.0, "coherence": 0.9971, "care_nats": -1.305, "capability": 1.0}
    row = e.Evaluated(
        subject="healed", split="test", metrics=metrics, ci={}, n={}, round=4, stage="evaluate", dropped=2
    )
    line = Narrator().line(row)
    assert (
        line == "r4  evaluate  healed on test: trait .93, tail ppl 1,234, mass .997, facts 1.00, care −1.30, 2 unscored"
    )
