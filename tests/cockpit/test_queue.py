"""The run queue: sealed runs wait in an order that survives everything, start once, and fail alone (FAULTS 29 to 31, S12)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from datetime import time as clock
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.live.overview import Watcher
from cockpit.runs import drain, processes, queue, turns
from cockpit.runs.launch import Plan
from cockpit.runs.queue import Member
from cockpit.runs.reconcile import reconcile
from cockpit.runs.requests import ask
from cockpit.runs.summary import summary
from cockpit.runs.ticket import Ticket, read, waiting
from cockpit.runs.turns import Capacity, Window, forecast, next_up, window
from engine.contract.errors import BadInput, Refused
from engine.contract.files import read_json, write_json
from engine.contract.rundir import RunDir, all_runs
from journal.blocks import parse
from journal.book import Book
from tests.queued import plan

from .conftest import ROOT, Cli, command, environment, preflight, result, wait

NOW = datetime(2026, 6, 4, 10, 13).astimezone()
START = """
import sys
from pathlib import Path
from cockpit.runs import queue
project = Path(sys.argv[1])
(member,) = queue.members(project)
sys.stdin.readline()
print(queue.start(project, member))
"""


def put(project: Path, *seeds: int) -> list[RunDir]:
    return [queue.enqueue(project, plan(seed)) for seed in seeds]


def order(project: Path) -> list[str]:
    return [m.id for m in queue.members(project) if m.waiting]


def break_seal(folder: RunDir) -> None:
    """Answers changed after the seal: the worker refuses to start on them."""
    folder.preflight.write_text(folder.preflight.read_text().replace("Four rounds", "Five rounds"))


def make_old(folder: RunDir) -> None:
    past = time.time() - 3600
    os.utime(folder.path, (past, past))


def test_a_queued_run_is_sealed_and_listed_and_has_no_entry_before_it_starts(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 42)
    make_old(folder)
    assert reconcile(tmp_path) == ([], {}, []), "a queued run is not a run that was killed"
    assert waiting(folder)
    assert not Book(tmp_path).path.exists()
    listed = summary(folder)
    assert (listed["state"], listed["status"]) == ("queued", "")
    assert listed["outcome"].startswith("Four rounds")
    (row,) = Watcher(tmp_path).look().runs
    assert (row.state, row.live, row.failed, row.seed) == ("queued", False, False, 42)


def test_a_queued_run_takes_no_requests(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 42)
    with pytest.raises(BadInput, match="cockpit queue remove"):
        ask(folder, "abort")
    assert not folder.control.exists()


@settings(max_examples=15)
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=4))
def test_s12_a_moved_run_is_at_its_place_and_no_other_changes_its_turn(
    moves: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path_factory.mktemp("moved")
    folders = put(project, 1, 2, 3, 4)
    assert order(project) == [f.id for f in folders]
    for which, to in moves:
        before = order(project)
        moved = queue.move(project, before[which], to)
        after = order(project)
        assert after[moved.place - 1] == before[which]
        assert moved.place == min(to, 4)
        assert [r for r in after if r != before[which]] == [r for r in before if r != before[which]]


def test_a_removed_run_leaves_the_runs_and_its_folder_is_kept(tmp_path: Path) -> None:
    first, second = put(tmp_path, 1, 2)
    sealed = first.preflight.read_bytes()
    kept = queue.remove(tmp_path, first.id)
    assert order(tmp_path) == [second.id]
    assert [run.id for run in all_runs(tmp_path)] == [second.id]
    assert (kept / "preflight.json").read_bytes() == sealed
    with pytest.raises(BadInput, match="no run named"):
        queue.remove(tmp_path, first.id)


def test_only_a_waiting_run_can_be_moved_or_removed(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 1)
    write_json(folder.process, {"host": processes.host(), "boot_id": processes.boot_id(), "supervised_at": "x"})
    for change in (lambda: queue.move(tmp_path, folder.id, 1), lambda: queue.remove(tmp_path, folder.id)):
        with pytest.raises(BadInput, match="is not waiting"):
            change()


def test_w2_a_run_whose_code_has_changed_is_held_back_and_stays_queued(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 42)
    ticket = read(folder)
    Ticket(place=1, queued_at=ticket.queued_at, where=ticket.where, code_hash="0" * 64).save(folder)
    (member,) = queue.members(tmp_path)
    assert "the code has changed since it was sealed" in member.held
    with pytest.raises(Refused, match="fast-dev-run"):
        queue.start(tmp_path, member)
    said: list[str] = []
    assert drain.drain(tmp_path, 1, None, said.append) == 3
    assert "is held back" in said[-1]
    assert waiting(folder)
    ticket.save(folder)
    assert queue.members(tmp_path)[0].held == "", "the code was put back"


def test_a_damaged_ticket_or_folder_is_held_back_by_name_and_hides_no_other(tmp_path: Path) -> None:
    first, second, third = put(tmp_path, 1, 2, 3)
    (first.path / "queued.json").write_text("{")
    second.config.write_text("{")
    members = {m.id: m for m in queue.members(tmp_path)}
    assert "queued.json" in members[first.id].held
    assert "config" in members[second.id].held
    assert members[third.id].held == ""


def test_fault31_a_run_whose_starter_was_killed_before_its_supervisor_was_up_waits_again(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 1)
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    named = {"host": processes.host(), "boot_id": processes.boot_id(), "attempt": 1}
    write_json(folder.process, named | {"launcher": processes.stamp(gone.pid)})
    assert not waiting(folder), "it is being started"
    gone.kill()
    gone.wait()
    assert waiting(folder)
    assert reconcile(tmp_path).closed == []
    assert order(tmp_path) == [folder.id]


def test_fault31_a_reboot_leaves_what_waits_waiting(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 1)
    write_json(folder.process, {"host": processes.host(), "boot_id": "before", "launcher": processes.me()})
    make_old(folder)
    assert reconcile(tmp_path).closed == []
    assert waiting(folder)


def test_two_who_start_one_run_at_once_start_it_once(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 1)
    break_seal(folder)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", START, str(tmp_path)],
            cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = Counter(racer.communicate("go\n", timeout=240)[0].strip() for racer in racers)
    assert said == {"True": 1, "False": 2}
    wait(lambda: bool(result(folder).get("logged")))
    assert len(parse(Book(tmp_path).read())) == 1


def test_s12_nothing_starts_while_paused_or_outside_the_window(tmp_path: Path) -> None:
    (folder,) = put(tmp_path, 1)
    later = datetime.now() + timedelta(hours=2)
    closed = f"{later:%H:%M}-{later + timedelta(hours=1):%H:%M}"
    for arguments, words in ((["--window", closed], f"outside the window {closed}"), ([], "paused")):
        queue.pause(tmp_path, words == "paused")
        running = subprocess.Popen(
            command("queue", "run", *arguments), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
        )
        assert running.stderr is not None
        assert words in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
        assert waiting(folder)
    assert not drain.log_file(tmp_path).exists()


@pytest.mark.slow
def test_s12_two_queued_runs_are_run_though_the_queue_is_killed_between_and_one_fails_alone(
    tmp_path: Path, cli: Cli
) -> None:
    (bad,) = put(tmp_path, 1)
    break_seal(bad)
    done = cli("launch", "--preflight", str(preflight(tmp_path / "tiny.toml")), "--queue")
    assert done.returncode == 0, done.stderr
    assert "queued at place 2" in done.stderr
    assert not Book(tmp_path).path.exists()
    good = RunDir(tmp_path / "runs" / done.stdout.strip())

    assert cli("queue", "run", "--detach", "--jobs", "1").returncode == 0
    wait(lambda: bool(read_json(good.process).get("worker")) if good.process.exists() else False)
    working = drain.drainer(tmp_path)
    assert working is not None
    second = cli("queue", "run")
    assert (second.returncode, f"process {working.process['pid']}" in second.stderr) == (10, True)
    os.kill(int(working.process["pid"]), signal.SIGKILL)
    wait(lambda: drain.drainer(tmp_path) is None)

    rest = cli("queue", "run", "--jobs", "1")
    assert rest.returncode == 0, rest.stderr
    assert f"{good.id} success" in rest.stderr
    assert (result(bad)["status"], result(good)["status"]) == ("refused", "success")
    entries = [block.key for block in parse(Book(tmp_path).read())]
    assert entries == [bad.id, good.id]
    assert read_json(good.provenance)["code_hash"] == result(good)["code_hash"]
    listed = json.loads(cli("queue", "--json").stdout)
    assert [(m["id"], m["state"]) for m in listed["members"]] == [(good.id, "success"), (bad.id, "refused")]


def test_an_empty_queue_says_how_to_fill_it(tmp_path: Path, cli: Cli) -> None:
    done = cli("queue")
    assert (done.returncode, done.stdout) == (0, "")
    assert "--queue" in done.stderr
    assert cli("queue", "run").returncode == 0
    assert cli("queue", "run", "--window", "soon").returncode == 2


def test_the_commands_order_pause_and_take_out(tmp_path: Path, cli: Cli) -> None:
    first, second = put(tmp_path, 1, 2)
    assert "is at place 1 now" in cli("queue", "move", second.id[-4:], "1").stderr
    assert order(tmp_path) == [second.id, first.id]
    assert cli("queue", "pause").returncode == 0
    listed = cli("--queue")
    assert listed.stdout.index(second.id[-4:]) < listed.stdout.index(first.id[-4:])
    assert "paused" in listed.stderr
    assert cli("queue", "remove", second.id).returncode == 0
    gone = cli("queue", "move", second.id, "1")
    assert (gone.returncode, len(gone.stderr.strip().splitlines())) == (2, 1)
    assert order(tmp_path) == [first.id]


# whose turn it is


def member(
    number: int, sealed: Plan, *, state: str = "queued", seconds: float = 60.0, held: str = "", **more: object
) -> Member:
    """A member as the store would read it."""
    found = Member(
        RunDir(Path(f"20260604T101347-nano-care-{number:04d}")), state, number, Ticket(place=number, queued_at="", where="", code_hash=""),
        "", "nano-care", sealed.run.config.run.seed, seconds, 10**8, 1_771_648, False, True,
        NOW if state == "running" else None, None, held,
    )  # fmt: skip
    return found._replace(**more)


members_ = st.lists(
    st.tuples(
        st.sampled_from(["queued", "queued", "queued", "running", "success"]),
        st.floats(1, 10**5),
        st.sampled_from(["", "", "why"]),
        st.booleans(),
    ),
    max_size=8,
)
capacities = st.builds(Capacity, st.integers(0, 4), st.integers(1, 8), st.just(32 * 10**9))
times = st.times().map(lambda t: t.replace(second=0, microsecond=0))
windows = st.tuples(times, times).filter(lambda ends: ends[0] != ends[1]).map(lambda ends: Window(*ends))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31))
SEALED = plan()


def drawn(rows: list[tuple[str, float, str, bool]]) -> list[Member]:
    return [
        member(i, SEALED, state=s, seconds=t, held=h if s == "queued" else "", gpu=g)
        for i, (s, t, h, g) in enumerate(rows, start=1)
    ]


@given(members_, capacities)
def test_s12_the_next_is_the_first_that_may_start_and_never_one_too_many(
    rows: list[tuple[str, float, str, bool]], capacity: Capacity
) -> None:
    members = drawn(rows)
    running = [m for m in members if m.state == "running"]
    found = next_up(members, capacity)
    first = next((m for m in members if m.waiting and not m.held), None)
    assert found in (None, first)
    if found is None and first is not None:
        assert len(running) >= max(1, capacity.jobs), "with nothing running the first may always start"
    if capacity.jobs and len(running) >= capacity.jobs and running:
        assert found is None


def test_s12_a_run_on_the_cpu_passes_those_that_wait_for_the_gpu() -> None:
    members = [member(1, SEALED, gpu=True), member(2, SEALED)]
    assert next_up(members, Capacity(1, 4, 10**10), gpu=False) == members[1]
    taking = [member(1, SEALED, state="running", gpu=True, working=False), member(2, SEALED, gpu=True)]
    assert next_up(taking, Capacity(2, 4, 10**10)) is None, "the first has not leased its GPU yet"


def test_s12_memory_and_cores_bound_how_many_run_at_once() -> None:
    running, more = member(1, SEALED, state="running"), member(2, SEALED)
    assert Capacity(0, 2, 10**10).fits([running], more)
    assert not Capacity(0, 1, 10**10).fits([running], more)
    assert not Capacity(0, 2, 2 * 10**9).fits([running], more)
    large = more._replace(parameters=10**9)
    assert not Capacity(0, 8, 10**12).fits([running], large), "a large model takes every core"
    assert Capacity(2, 1, 1).fits([running], more), "--jobs is the person's word"


def test_the_engine_gives_one_thread_to_the_same_models() -> None:
    source = (ROOT / "engine/model/load.py").read_text()
    assert re.findall(r"^SMALL = ([\d_]+)$", source, re.M) == [f"{turns.ONE_THREAD:_}"]
    assert "model.num_parameters() < SMALL" in source


@given(windows, moments)
def test_s12_a_window_opens_within_a_day_and_is_open_then(hours: Window, now: datetime) -> None:
    opening = hours.opening(now)
    assert hours.open(opening)
    assert now <= opening < now + timedelta(days=1)
    assert (opening == now) == hours.open(now)
    assert window(str(hours)) == hours


@pytest.mark.parametrize("text", ["22:00", "22-8-9", "25:00-08:00", "08:00-08:00", "night"])
def test_a_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="window"):
        window(text)


def test_a_window_over_midnight() -> None:
    night = Window(clock(22), clock(8))
    assert [night.open(datetime(2026, 6, 4, hour)) for hour in (21, 22, 23, 0, 7, 8, 12)] == [
        False,
        True,
        True,
        True,
        True,
        False,
        False,
    ]


@given(members_, capacities, st.none() | windows)
def test_s12_the_forecast_keeps_the_order_the_window_and_the_number_at_once(
    rows: list[tuple[str, float, str, bool]], capacity: Capacity, hours: Window | None
) -> None:
    members = drawn(rows)
    starts = forecast(members, capacity, hours, NOW)
    waiting_ = [m for m in members if m.waiting and not m.held]
    assert list(starts) == [m.id for m in waiting_]
    assert list(starts.values()) == sorted(starts.values())
    for m in waiting_:
        at = starts[m.id]
        assert at >= NOW
        assert hours is None or hours.open(at)
        if capacity.jobs:
            beside = [
                o for o in waiting_ if o.id != m.id and starts[o.id] <= at < starts[o.id] + timedelta(seconds=o.seconds)
            ]
            before = [o for o in beside if list(starts).index(o.id) < list(starts).index(m.id)]
            assert len(before) < capacity.jobs
