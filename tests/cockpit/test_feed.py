"""The reader of a run: only whole new lines, bounded and coalesced, calm about damage; its texts, its machine, and what is asked of it."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.cli.main import run as command_line
from cockpit.live.feed import LEAST, Feed, Growing, Update
from cockpit.live.machine import Sampler
from cockpit.live.texts import Texts
from cockpit.runs import processes
from cockpit.runs.requests import ask, closed
from engine.contract import events as e
from engine.contract.control import Mailbox
from engine.contract.errors import BadInput
from engine.contract.files import append_line, write_json
from engine.contract.rundir import RunDir, runs_folder
from journal.record import completions, load_record
from journal.verdict import verdict
from tests.makings import RECORDED

SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def finished(tmp_path: Path) -> RunDir:
    """The recorded run in a project of its own."""
    folder = RunDir(runs_folder(tmp_path) / RECORDED.name)
    shutil.copytree(RECORDED, folder.path)
    return folder


@pytest.fixture
def live(finished: RunDir) -> RunDir:
    """The same up to its 200th event, with this process as its worker."""
    finished.result.unlink()
    lines = finished.events.read_bytes().splitlines(keepends=True)
    finished.events.write_bytes(b"".join(lines[:200]))
    me = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1, "worker": processes.me()}
    write_json(finished.process, me | {"supervisor": processes.me()})
    return finished


class Reader:
    """A feed whose updates are kept; it is let go on at once, or when told."""

    def __init__(self, folder: RunDir, *, take: bool = True) -> None:
        self.updates: list[Update] = []
        self.at: list[float] = []
        self.take, self.more = take, threading.Event()
        self.feed = Feed(folder.path.parent.parent, folder, self.got, look=0.05)

    def got(self, update: Update) -> None:
        self.updates.append(update)
        self.at.append(time.monotonic())
        if self.take:
            self.feed.taken()
        self.more.set()

    def until(self, ready: object, seconds: float = 10.0) -> Update:
        end = time.monotonic() + seconds
        while not (self.updates and ready(self.updates[-1])):  # type: ignore[operator]
            assert time.monotonic() < end, "the reader did not come so far"
            self.more.wait(0.02)
            self.more.clear()
        return self.updates[-1]

    def __enter__(self) -> Reader:
        self.feed.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.feed.stop(5)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8), st.integers(1, 40))
@SLOW
def test_34_only_whole_lines_are_read_each_once_however_the_file_grows(
    tmp_path: Path, data: bytes, cuts: list[int], piece: int
) -> None:
    path = tmp_path / "grows"
    path.write_bytes(b"")
    growing, got = Growing(path), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
        with path.open("ab") as f:
            f.write(data[start:end])
        while new := growing.read(piece):
            assert new.endswith(b"\n")
            got += new
    assert got == data[: data.rfind(b"\n") + 1]


def test_a_finished_run_is_read_to_its_end_with_the_journals_own_verdict(finished: RunDir) -> None:
    with Reader(finished) as reader:
        update = reader.until(lambda u: u.caught_up)
    assert (update.view.events, update.status, update.ended) == (454, "success", True)
    judged = verdict(load_record(finished))
    assert judged.state == "met"
    assert update.verdict == judged
    assert len(update.texts) == sum(1 for _ in completions(finished.completions))


def test_what_a_live_run_writes_arrives_and_never_more_than_five_times_a_second(live: RunDir) -> None:
    rest = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)[200:]
    with Reader(live) as reader:
        reader.until(lambda u: u.caught_up and u.facts.alive)
        for line in rest[:60]:
            append_line(live.events, line)
            time.sleep(0.01)
        update = reader.until(lambda u: u.view.events == 260)
        gaps = [b - a for a, b in zip(reader.at, reader.at[1:], strict=False)]
    assert not update.ended
    assert min(gaps) > LEAST * 0.9


def test_no_update_comes_while_the_last_one_waits_to_be_drawn(live: RunDir) -> None:
    rest = (RECORDED / "events.jsonl").read_bytes().splitlines(keepends=True)[200:]
    with Reader(live, take=False) as reader:
        reader.until(lambda u: True)
        for line in rest[:20]:
            append_line(live.events, line)
        time.sleep(3 * LEAST)
        assert len(reader.updates) == 1
        reader.feed.taken()
        reader.until(lambda u: u.view.events == 220)
        assert len(reader.updates) == 2


def test_34_a_torn_last_line_waits_and_garbage_is_counted(live: RunDir) -> None:
    with live.events.open("ab") as f:
        f.write(b'{"event":"note","text":"torn')
    with Reader(live) as reader:
        assert reader.until(lambda u: u.caught_up).view.events == 200
        with live.events.open("ab") as f:
            f.write(b' no more"}\nnot an event\n\xff\xfe\n')
        update = reader.until(lambda u: u.view.damaged == 2)
    assert [note.text for note in update.view.notes] == ["torn no more"]


def test_33_an_empty_run_folder_is_a_run_that_is_starting(tmp_path: Path) -> None:
    folder = RunDir(runs_folder(tmp_path) / "20260604T101347-nano-care-k3f9")
    folder.path.mkdir(parents=True)
    update = Feed(tmp_path, folder, lambda _: None).read_all()
    assert (update.view.events, update.ended, update.facts.alive) == (0, False, False)
    assert "config.json" in update.facts.problem


def test_a_folder_that_vanishes_leaves_what_was_read_and_says_so(live: RunDir) -> None:
    with Reader(live) as reader:
        reader.until(lambda u: u.caught_up)
        shutil.rmtree(live.path)
        update = reader.until(lambda u: "is gone" in u.facts.problem)
    assert update.view.events == 200
    assert update.facts.run is not None


def test_a_file_that_became_shorter_is_told_and_not_read_again(live: RunDir) -> None:
    with Reader(live) as reader:
        reader.until(lambda u: u.caught_up)
        live.events.write_bytes(b"")
        update = reader.until(lambda u: "shorter" in u.facts.problem)
    assert update.view.events == 200


@pytest.mark.parametrize("seen", [True, False], ids=["while it is short", "after it has grown past where it was"])
def test_19_completions_that_a_resumed_run_makes_anew_are_there_once(live: RunDir, seen: bool) -> None:
    """A run that is taken up again cuts its completions back to where its events still hold, and goes on from there."""
    whole = live.completions.read_bytes().splitlines(keepends=True)
    resumed = e.RunResumed(from_attempt=1, from_round=2, from_stage="generate", from_step=0, holds=190, attempt=2)
    again = [json.dumps(json.loads(line) | {"text": "said anew"}).encode() + b"\n" for line in whole[100:]]
    with Reader(live) as reader:
        reader.until(lambda u: u.caught_up and len(u.texts) == len(whole))
        live.completions.write_bytes(b"".join(whole[:100] if seen else [*whole[:100], *again]))
        if seen:
            reader.until(lambda u: len(u.texts) == 100)
        append_line(live.events, e.encode(resumed))
        if seen:
            with live.completions.open("ab") as f:
                f.write(b"".join(again))
        update = reader.until(lambda u: u.view.resumed and u.caught_up and len(u.texts) == len(whole))
        texts = update.texts.read([99, 100, len(whole) - 1])
    assert [text.text == "said anew" for text in texts] == [False, True, True]
    assert update.texts.edition > 0


def test_a_prediction_of_a_changed_seal_is_not_judged(finished: RunDir) -> None:
    record = json.loads(finished.preflight.read_bytes())
    record["answers"]["prediction"]["threshold"] = 0.1
    write_json(finished.preflight, record)
    update = Feed(finished.path.parent.parent, finished, lambda _: None).read_all()
    assert update.verdict.state == "none"


# completions


def test_the_index_finds_what_the_file_holds(finished: RunDir) -> None:
    index = Feed(finished.path.parent.parent, finished, lambda _: None).read_all().texts
    rows = list(completions(finished.completions))
    for wanted in (
        {"round": 2},
        {"subject": "healed"},
        {"reason": "worst_ppl"},
        {"round": 1, "probe": "train"},
        {"subject": "nobody"},
    ):
        found = index.where(**wanted)
        assert found.tolist() == [n for n, row in enumerate(rows) if all(row[k] == v for k, v in wanted.items())]
    dose = rows[-1]["dose"]
    assert index.where(dose=dose).tolist() == [n for n, row in enumerate(rows) if abs(row["dose"] - dose) < 1e-6]
    assert [text.text for text in index.read([0, len(rows) - 1])] == [rows[0]["text"], rows[-1]["text"]]
    assert index.counts("reason", index.where(round=1, probe="train"))["surplus"] > 0


def test_w12_one_prompt_is_followed_through_subjects_and_rounds(finished: RunDir) -> None:
    index = Feed(finished.path.parent.parent, finished, lambda _: None).read_all().texts
    first = index.where(subject="base", probe="answer")[0]
    same = index.read(index.where(item=index.item(int(first))).tolist())
    assert len({text.prompt for text in same}) == 1
    assert {(text.subject, text.round) for text in same} >= {
        ("base", 0),
        ("prompted", 0),
        ("steered", 2),
        ("healed", 1),
        ("healed", 4),
    }


@given(st.lists(st.binary(max_size=60).filter(lambda b: b"\n" not in b and b"\r" not in b), max_size=6))
@SLOW
def test_34_damaged_lines_of_completions_shift_no_text(tmp_path: Path, garbage: list[bytes]) -> None:
    path = tmp_path / "completions.jsonl"
    rows = [{"id": f"r1-healed-{n}", "subject": "healed", "round": 1, "text": "é" * n + str(n)} for n in range(7)]
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    mixed = b"\n".join(x for pair in zip([*garbage, *[b""] * 7], lines, strict=False) for x in pair) + b"\n"
    path.write_bytes(mixed)
    texts, at = Texts(path), 0
    for part in (mixed[: mixed.find(b"\n", 50) + 1], mixed[mixed.find(b"\n", 50) + 1 :]):
        texts.add(part, at)
        at += len(part)
    index = texts.index()
    assert [text.text for text in index.read(index.where(subject="healed").tolist())] == [row["text"] for row in rows]


# what is asked of a run


def test_the_screen_asks_exactly_as_the_command_line_does(live: RunDir) -> None:
    project = str(live.path.parent.parent)
    ask(live, "set", setting="heal.tau=0.4")
    ask(live, "note", text="it bends")
    mine = Mailbox(live.control).read()
    live.control.unlink()
    for rest in (["set", "heal.tau=0.4"], ["note", "it bends"]):
        assert command_line(["control", live.id, *rest, "--project", project]) == 0
    theirs = Mailbox(live.control).read()
    plain = [(r.request, r.by, r.knob, r.value, r.text, r.release) for r in mine]
    assert plain == [(r.request, r.by, r.knob, r.value, r.text, r.release) for r in theirs]


@pytest.mark.parametrize("setting", ["heal.tau=-1", "heal.tau=nan", "heal.lam=1e9", "heal.lr=0.1", "heal.tau=", "tau"])
def test_44_a_value_out_of_bounds_is_refused_and_nothing_is_written(live: RunDir, setting: str) -> None:
    with pytest.raises(BadInput):
        ask(live, "set", setting=setting)
    assert not live.control.exists()


def test_a_run_that_is_over_is_asked_nothing(finished: RunDir) -> None:
    assert "ended as success" in closed(finished)
    with pytest.raises(BadInput, match="ended as success"):
        ask(finished, "pause")
    assert not finished.control.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_39_a_folder_that_cannot_be_written_says_so(live: RunDir) -> None:
    live.path.chmod(0o500)
    try:
        with pytest.raises(BadInput, match="cannot write"):
            ask(live, "pause")
    finally:
        live.path.chmod(0o700)


# the machine


def test_the_runs_own_worker_is_measured_by_its_pid(live: RunDir) -> None:
    sampler = Sampler()
    process = json.loads(live.process.read_bytes())
    sampler.look(process)
    sum(n * n for n in range(400_000))
    seen = sampler.look(process)
    assert seen.worker_used is not None
    assert seen.worker_used > 10_000_000
    assert seen.worker_util is not None
    assert seen.worker_util > 0
    assert 0 < seen.used < seen.total


def test_30_a_reused_pid_is_not_taken_for_the_worker(live: RunDir) -> None:
    process = json.loads(live.process.read_bytes())
    process["worker"] = {"pid": os.getpid(), "ticks": 1}
    assert Sampler().look(process).worker_used is None
    assert Sampler().look({}).worker_used is None


def test_a_run_that_was_paused_and_touched_says_so(live: RunDir) -> None:
    append_line(live.events, e.encode(e.ControlApplied(request="set heal.tau", by="p", previous="0.05", value="0.04")))
    append_line(live.events, e.encode(e.ControlApplied(request="pause", by="p")))
    view = Feed(live.path.parent.parent, live, lambda _: None).read_all().view
    assert view.touched
    assert view.paused
