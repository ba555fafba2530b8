"""A fast-dev-run and a launch over the real engine, and everything that reads them back."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cockpit.runs.evidence import gather, operating_kl
from engine.contract.events import Evaluated, RunFinished, RunStarted, read_events
from engine.contract.files import read_json
from engine.contract.hashes import code_hash
from engine.contract.preflight import check_seal
from engine.contract.runfile import load_runfile
from journal.blocks import parse
from journal.book import Book
from journal.card import without
from journal.fields import FIELDS
from journal.index import find_entry
from journal.record import load_record

from .conftest import ROOT, Cli, Shared, environment

pytestmark = pytest.mark.slow


def test_a_fast_dev_run_ends_with_its_table_and_its_ledger_line(shared: Shared) -> None:
    code, out, err = shared.said["gate"]
    assert code == 0, err
    lines = out.strip().splitlines()
    assert lines[-1].startswith("- ")
    assert "smoke nano-care · success" in lines[-1]
    heading = next(line for line in lines if line.startswith("test "))
    assert all(subject in heading for subject in ("base", "prompted", "steered", "healed"))
    assert any(line.startswith("tail ppl") for line in lines)


def test_a_fast_dev_run_is_marked_smoke_sealed_and_one_line_in_the_journal(shared: Shared) -> None:
    run = load_runfile(shared.smoke.config)
    assert run.config.run.smoke
    assert run.config.run.rounds == 2
    assert check_seal(read_json(shared.smoke.preflight), run)
    block = next(b for b in parse(Book(shared.project).read()) if b.key == shared.smoke.id)
    assert without(block.body.decode()).count("\n") == 1
    assert block.heading == b""


def test_w2_its_success_opens_the_gate_for_the_launch(shared: Shared) -> None:
    code, _, err = shared.said["real"]
    assert code == 0, err
    assert read_json(shared.real.preflight)["evidence"]["gate"] == shared.smoke.id
    assert read_json(shared.smoke.provenance)["code_hash"] == code_hash()


def test_the_launched_run_is_whole(shared: Shared) -> None:
    events = list(read_events(shared.real.events))
    assert isinstance(events[-1], RunFinished)
    started = next(e for e in events if isinstance(e, RunStarted))
    assert started.preflight_hash == read_json(shared.real.preflight)["seal"]
    subjects = {e.subject for e in events if isinstance(e, Evaluated) and e.split == "test"}
    assert {"base", "prompted", "healed"} <= subjects


def test_k11_its_entry_is_closed_with_sixteen_fields(shared: Shared) -> None:
    fields = read_json(shared.real.result)["fields"]
    assert tuple(fields) == FIELDS
    started = next(e for e in read_events(shared.real.events) if isinstance(e, RunStarted))
    assert fields["Params EXACT"] == str(started.parameters)
    entry = find_entry(shared.project, shared.real.id)
    assert entry.intact
    assert "prediction" in entry.title
    assert entry.level == "exploratory, seed 42, nano-care"


def test_an_attached_viewer_shows_stages_epochs_and_rows(shared: Shared, cli: Cli) -> None:
    done = cli("attach", shared.real.id, project=shared.project)
    assert done.returncode == 0
    for part in ("extract", "dose", "kept", "epoch 1: nll", "gate 0 equals the base", "healed on test: trait"):
        assert part in done.stdout, part
    assert "\x1b" not in done.stdout


def test_tail_gives_the_bytes_from_an_offset(shared: Shared, cli: Cli) -> None:
    whole = shared.real.events.read_text()
    cut = whole.index("\n") + 1
    assert cli("tail", shared.real.id, "--from", str(cut), project=shared.project).stdout == whole[cut:]


def test_what_reads_speaks_json(shared: Shared, cli: Cli) -> None:
    listed = json.loads(cli("runs", "--json", project=shared.project).stdout)
    assert [run["id"] for run in listed] == [shared.real.id, shared.smoke.id]
    shown = json.loads(cli("show", "last", "--json", project=shared.project).stdout)
    assert shown["status"] == "success"
    assert shown["changes"]["run.rounds"] == 1
    assert shown["verdict"]["state"] in ("met", "missed")
    entries = json.loads(cli("journal", "list", "--json", project=shared.project).stdout)
    assert [e["key"] for e in entries] == [shared.real.id, shared.smoke.id]
    one = json.loads(cli("journal", "show", "--json", project=shared.project).stdout)
    assert one["key"] == shared.real.id


def test_what_reads_speaks_to_a_person(shared: Shared, cli: Cli) -> None:
    shown = cli("show", project=shared.project).stdout
    assert "healed − base" in shown
    assert "run.rounds = 1" in shown
    assert shared.real.id in cli("runs", project=shared.project).stdout
    listed = cli("journal", "list", project=shared.project).stdout.splitlines()
    assert listed[0].split()[:3] == ["when", "run", "hypothesis"]
    assert f"-{shared.real.id[-4:]}" in listed[2]
    assert "**Asked.**" in cli("journal", "show", project=shared.project).stdout
    assert "Next:" in cli(project=shared.project).stdout


def test_a_finished_run_takes_no_requests(shared: Shared, cli: Cli) -> None:
    done = cli("control", shared.real.id, "pause", project=shared.project)
    assert done.returncode == 2
    assert "has ended as success" in done.stderr


def test_base_prompted_steered_and_healed_answer_the_same_question(shared: Shared, cli: Cli) -> None:
    done = cli("talk", shared.real.id, "--json", "What do you do?", project=shared.project)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["answers"]) == {"base", "prompted", "steered", "healed"}
    wrong = cli("talk", shared.real.id, "--round", "9", "hello", project=shared.project)
    assert wrong.returncode == 2
    assert "no round 9" in wrong.stderr


def test_no_command_loads_what_it_does_not_need() -> None:
    code = (
        "import sys\nfrom cockpit.cli.main import run\n"
        "assert run(['--help']) == 0\nassert run(['launch', '--help']) == 0\n"
        "print(sorted({'torch', 'textual', 'polars', 'transformers', 'loguru', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_kb20_reads_the_operating_kl_of_the_whole_run(shared: Shared) -> None:
    """The first epoch begins at B = 0, without any divergence: on its own it would condemn every tau."""
    record = load_record(shared.real)
    measured = operating_kl(record)
    assert measured is not None
    assert measured >= max(e.operating_kl for e in record.epochs if isinstance(e.operating_kl, float))
    assert [run.id for run in gather(shared.project).runs] == [shared.real.id], "a smoke run is no prior"
