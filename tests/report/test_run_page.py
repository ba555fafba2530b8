"""The report of a run: whole, self-contained, true to the run folder, and deaf to what models write (W12, issue of reports)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

from cockpit.report.figures import files
from cockpit.report.page import texts
from cockpit.report.page.run import run_page
from cockpit.runs import queue
from engine.contract.events import Evaluated, decode, read_events
from journal.text import number
from tests.cockpit.conftest import run_cli
from tests.queued import plan

from .conftest import HOSTILE, Made, Page, project_of

SECTIONS = ("asked", "measured", "controls", "trajectory", "map", "pareto", "barrier", "rounds", "diary", "probes", "completions",
            "happenings", "checklist", "config", "provenance")  # fmt: skip


@pytest.mark.parametrize("which", ["made", "hostile"])
def test_a_page_is_well_formed_and_asks_for_nothing_outside_itself(which: str, request: pytest.FixtureRequest) -> None:
    html = request.getfixturevalue(which).html
    page = Page(html)
    assert page.faults == []
    outside = [(tag, a) for tag, a in page.tags if "src" in a or not str(a.get("href", "#")).startswith("#")]
    assert outside == []
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "base", "embed", "use", "image"} == set()
    assert not re.search(r"url\(|@import", html)


def test_every_part_is_there_and_linked(made: Made) -> None:
    page = Page(made.html)
    assert [a["id"] for tag, a in page.tags if tag == "section"] == list(SECTIONS)
    assert [a["href"] for tag, a in page.tags if tag == "a"] == [f"#{name}" for name in SECTIONS]
    assert len([1 for tag, _ in page.tags if tag == "svg"]) == len(made.drawings) == 4


def test_only_the_pages_own_script_may_run(made: Made) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", made.html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', made.html)
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_every_number_is_the_run_folders(made: Made) -> None:
    lines = made.run.events.read_bytes().splitlines()
    checked = set()
    for attributes, text in Page(made.html).numbers():
        at = int(attributes["data-at"].removeprefix("events.jsonl:"))
        event, metric = decode(lines[at - 1]), attributes["data-metric"]
        assert isinstance(event, Evaluated)
        value = float(attributes["data-value"])
        assert value in (event.metrics[metric], event.change.get(metric))
        assert text.startswith((number(metric, value), number(metric, value, sign=True)))
        checked.add((at, metric))
    measured = [
        (n, m) for n, line in enumerate(lines, 1) if isinstance(e := decode(line), Evaluated) for m in e.metrics
    ]
    assert checked == set(measured), "every metric of every evaluation stands in the page"


def test_texts_are_those_of_the_run_with_their_fate(made: Made) -> None:
    rows = [json.loads(line) for line in made.run.completions.read_text("utf-8").splitlines()]
    page = Page(made.html)
    train = [row for row in rows if row["probe"] == "train"]
    items = [a for tag, a in page.tags if tag == "li"]
    assert [a["data-kept"] for a in items] == ["yes" if row["kept"] else "no" for row in train]
    assert [a["data-reason"] for a in items] == [row["reason"] for row in train]
    said = " ".join(page.text.split())
    assert all(" ".join(row["text"].split()) in said for row in rows), "and every answer among probes and diary"
    rounds = {row["round"] for row in rows if row["subject"] == "healed"}
    assert all(f"Night {r}" in said and f"Day {r}" in said for r in rounds)


def test_what_models_write_is_shown_and_does_nothing(made: Made, hostile: Made) -> None:
    plain, taken = Page(made.html), Page(hostile.html)
    assert {tag for tag, _ in taken.tags} <= {tag for tag, _ in plain.tags}
    assert not [a for _, a in taken.tags if any(name.startswith("on") for name in a)]
    assert hostile.html.count("<script") == hostile.html.count("<style") == 1
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", hostile.html)
    assert HOSTILE[0] in taken.text, "it is there to be read"
    assert "<b>" not in taken.text.replace("&lt;b&gt;", ""), "an entity that a model wrote stays an entity"


def test_of_many_completions_an_even_share_is_shown_and_said(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST", 40)
    html, _ = run_page(made.project, made.run)
    items = [a for tag, a in Page(html).tags if tag == "li"]
    assert {a["data-round"] for a in items} == {"1", "2", "3", "4"}
    assert {a["data-kept"] for a in items} == {"yes", "no"}
    assert len(items) <= 40
    every = sum(1 for line in made.run.completions.read_text().splitlines() if json.loads(line)["probe"] == "train")
    assert f"{len(items)} of {every}, an even share" in html


def test_a_run_that_was_cut_short_has_a_report_of_what_there_is(tmp_path: Path) -> None:
    run = project_of(tmp_path)
    lines = run.events.read_bytes().splitlines(keepends=True)
    for keep in (0, 1, 8, len(lines) // 3):
        run.events.write_bytes(b"".join(lines[:keep]))
        run.completions.unlink(missing_ok=True)
        html, _ = run_page(tmp_path, run)
        page = Page(html)
        assert page.faults == []
        assert "completions.jsonl is not kept" in page.text
        assert len(list(page.numbers())) == 0 or any(isinstance(e, Evaluated) for e in read_events(run.events))


def test_the_command_writes_the_page_and_the_figures_and_keeps_the_run_whole(tmp_path: Path) -> None:
    run = project_of(tmp_path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    done = run_cli("report", run.id, "--figures", str(tmp_path / "figures"), project=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, str(run.path / "report.html")), done.stderr
    assert {path.name: path.read_bytes() for path in run.path.iterdir() if path.name in before} == before
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in ("trajectory", "map", "pareto", "barrier") for kind in ("svg", "png")}
    elsewhere = run_cli("report", "last", "--out", str(tmp_path / "r.html"), project=tmp_path)
    assert elsewhere.returncode == 0
    assert (tmp_path / "r.html").read_bytes() == (run.path / "report.html").read_bytes()


def test_without_the_extra_the_svg_files_are_written_and_it_is_said(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    written, said = files.write(made.drawings, tmp_path)
    assert {path.suffix for path in written} == {".svg"}
    assert "pip install 'cockpit[report]'" in said


def test_pixels_are_a_png_of_twice_the_size(made: Made) -> None:
    for drawing in made.drawings:
        data = files.png(drawing)
        assert data is not None
        assert data.startswith(b"\x89PNG")
        size = (int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
        assert size == (round(2 * drawing.width), round(2 * drawing.height))


def test_k16c_a_run_whose_entry_is_open_has_no_report(tmp_path: Path) -> None:
    run = queue.enqueue(tmp_path, plan(42))
    done = run_cli("report", run.id, project=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "it has not ended" in done.stderr
    assert not (run.path / "report.html").exists()


@pytest.mark.parametrize(("name", "words"), [("nothing", "no run named"), ("../x", "no run named")])
def test_a_name_of_nothing_is_said_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    project_of(tmp_path)
    done = run_cli("report", name, project=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr.splitlines()[-1]
