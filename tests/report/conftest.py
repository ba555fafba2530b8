"""Reports for tests: of the recorded run of four rounds, as it is and with hostile texts in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cockpit.report.figures.drawing import Drawing
from cockpit.report.page.run import run_page
from engine.contract.rundir import RunDir
from tests.makings import RECORDED

VOID = {"meta", "input", "br", "link", "img", "hr"}
HOSTILE = (
    "<script>document.title='taken'</script>",
    "</li></ol><img src=http://198.51.100.7/x onerror=alert(1)>",
    "\x1b]8;;http://198.51.100.7\x07click\x1b]8;;\x07 \x1b[2J\x1b[31mred",
    '" onmouseover="alert(1)" data-x="',
    "\u202egnol si sith\u202c &lt;b&gt; &#x3c;script&#x3e;",
    "<!-- /run:x --><style>*{display:none}</style>",
)


class Made(NamedTuple):
    """A run in a project of its own with its page and its figures."""

    project: Path
    run: RunDir
    html: str
    drawings: list[Drawing]


def project_of(folder: Path) -> RunDir:
    """A copy of the recorded run in a project."""
    run = RunDir(folder / "runs" / RECORDED.name)
    shutil.copytree(RECORDED, run.path)
    return run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = tmp_path_factory.mktemp("reported")
    run = project_of(project)
    return Made(project, run, *run_page(project, run))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The same run, whose model, checklist and labels say what wants to act."""
    project = tmp_path_factory.mktemp("hostile")
    run = project_of(project)
    rows = [json.loads(line) for line in run.completions.read_text("utf-8").splitlines()]
    for i, row in enumerate(rows):
        row["text"] = row["prompt"] = HOSTILE[i % len(HOSTILE)]
        row["label"] = row["reason"] = HOSTILE[(i + 1) % len(HOSTILE)]
    run.completions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    note = {"event": "note", "at": "2026-11-21T08:26:52.000Z", "elapsed": 270.0, "attempt": 1, "round": 4, "stage": ""}
    with run.events.open("a") as f:
        f.write(json.dumps(note | {"text": HOSTILE[0] + HOSTILE[1]}) + "\n")
    return Made(project, run, *run_page(project, run))


class Page(HTMLParser):
    """A page taken apart: every tag with its attributes, and whether each is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.cells: list[tuple[dict[str, Any], str]] = []
        self.faults: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self._cell: dict[str, Any] | None = None
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "td":
            self._cell = dict(attrs)
            self.cells.append((self._cell, ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing at {self.getpos()}")
        if tag == "td":
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["script"], ["style"]):
            self.text += data
        if self._cell is not None:
            self.cells[-1] = (self.cells[-1][0], self.cells[-1][1] + data)

    def numbers(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Cells that hold a number of the run."""
        return ((attributes, text) for attributes, text in self.cells if "data-value" in attributes)
