"""How long a diagnosis of 100,000 steps takes, as a run of ours and as foreign logs, and what an alert costs beside a heal step.

Each is measured in a Python of its own, as a person runs it: the tests' own checks of annotations would be most of the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.contract import events as e
from engine.contract.rundir import RunDir
from tests.diagnosis.conftest import RUN, healthy

STEPS = 100_000
TIMED = """
import sys, time
from pathlib import Path
from engine.contract.rundir import RunDir
from engine.diagnosis.combine import diagnose
from engine.diagnosis.foreign import read_log
from engine.diagnosis.ours import read_run
for name in sys.argv[1:]:
    path = Path(name)
    wall, cpu = time.perf_counter(), time.process_time()
    found = diagnose(read_run(RunDir(path)) if path.is_dir() else read_log(path))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{path.name}: {wall:.2f} s, of which {cpu:.2f} s of one core; {found.based_on}: {found.root_cause}")
"""
ALERTS = """
import sys, time
from engine.contract import events as e
from engine.contract.resolve import resolve
from engine.diagnosis.live import Alerts
steps = [x for x in e.read_events(__import__("pathlib").Path(sys.argv[1])) if isinstance(x, e.HealStep)]
fed, n = Alerts(resolve("nano-care"), 2304), 100_000
began = time.process_time()
for i in range(n):
    fed.feed(steps[i % len(steps)])
look = (time.process_time() - began) / n
step = sum(s.tokens / s.tokens_per_second for s in steps) / len(steps)
print(f"an alert's look {look * 1e6:.1f} us of a heal step's {step * 1e3:.0f} ms on nano: {look / step:.4%}")
"""


def alone(script: str, *arguments: Path) -> str:
    """What a script prints in a Python of its own, from this tree, with nothing checked at run time."""
    environment = {k: v for k, v in os.environ.items() if k != "COCKPIT_TYPECHECK"}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=root, env=environment | {"PYTHONPATH": root}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.bench
def test_diagnosis_of_100_000_steps(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "runs" / RUN)
    story = healthy()
    story.steps = [msgspec.structs.replace(story.steps[n % 48], step=n + 1) for n in range(STEPS)]
    story.write(folder)
    rows = [{"step": n, "loss": 2.0 - n / STEPS, "lr": 1e-4, "grad_norm": 1.0} for n in range(STEPS)]
    logs = [tmp_path / name for name in ("log.jsonl", "log.csv", "trainer_state.json")]
    logs[0].write_text("".join(json.dumps(row) + "\n" for row in rows))
    logs[1].write_text("step,loss,lr,grad_norm\n" + "".join(",".join(map(str, r.values())) + "\n" for r in rows))
    logs[2].write_text(json.dumps({"log_history": rows}, indent=2))
    said = alone(TIMED, folder.path, *logs)
    print(f"\n{folder.events.stat().st_size / 1e6:.0f} MB of events\n{said}")
    assert said.count(f"{STEPS:,} steps") == 4


@pytest.mark.bench
def test_alerts_beside_a_heal_step(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(e.encode(s) for s in healthy().steps))
    said = alone(ALERTS, path)
    print(f"\n{said}")
    assert "an alert's look" in said
