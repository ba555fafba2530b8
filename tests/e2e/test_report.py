"""The report in a real browser: no console error, no request to any network, hostile texts asleep, and a filter that filters."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cockpit.report.page.run import run_page
from tests.report.conftest import Made, Page, project_of
from tests.report.conftest import hostile as hostile  # a fixture of the report's tests

pytestmark = pytest.mark.e2e
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--enable-logging=stderr")  # fmt: skip


class Opened(NamedTuple):
    """What a browser made of a page: its document after scripts, what its console said, and the addresses that it asked for."""

    document: str
    console: list[str]
    asked: list[str]


def browse(page: Path, folder: Path, fragment: str = "") -> Opened:
    """Open a file in headless Chromium."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser here: one of {', '.join(BROWSERS)}")
    log = folder / f"net{len(list(folder.glob('net*.json')))}.json"
    done = subprocess.run(
        [browser, *QUIET, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--virtual-time-budget=3000", "--dump-dom",
         page.as_uri() + fragment],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return Opened(done.stdout, console, requested(log))


def requested(log: Path) -> list[str]:
    """Every address of a net log that a page's own requests went to; what the browser asks for itself has no such frame."""
    found: list[str] = []
    for line in log.read_text("utf-8").splitlines():
        if '"url"' not in line:
            continue
        try:
            event: dict[str, Any] = json.loads(line.strip().rstrip(","))
        except ValueError:
            continue
        url = str(event.get("params", {}).get("url", ""))
        if re.match(r"(https?|wss?|ftp|file):", url):
            found.append(url)
    return found


def write(made: Made, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(made.html, "utf-8")
    return path


@pytest.fixture
def made(tmp_path: Path) -> Made:
    run = project_of(tmp_path)
    return Made(tmp_path, run, *run_page(tmp_path, run))


def own(urls: list[str]) -> list[str]:
    """Without what the browser asks of its maker, which no page has a hand in."""
    return [url for url in urls if not re.match(r"https?://[^/]*(?:google|gvt1|gstatic|chromium)[^/]*/", url)]


def test_the_page_opens_without_an_error_and_without_the_network(made: Made, tmp_path: Path) -> None:
    page = write(made, tmp_path)
    opened = browse(page, tmp_path)
    assert opened.console == []
    assert own(opened.asked) in ([], [page.as_uri()])
    assert f"{opened.document.count('<li ')} shown" in Page(opened.document).text


def test_a_page_that_asks_the_network_is_caught(made: Made, tmp_path: Path) -> None:
    page = tmp_path / "asking.html"
    page.write_text('<img src="http://198.51.100.7/x.png"><script>console.error("seen")</script>')
    opened = browse(page, tmp_path)
    assert "http://198.51.100.7/x.png" in own(opened.asked)
    assert any("seen" in line for line in opened.console)


def test_hostile_texts_do_nothing_in_a_browser(hostile: Made, tmp_path: Path) -> None:
    page = write(hostile, tmp_path)
    opened = browse(page, tmp_path)
    assert opened.console == []
    assert own(opened.asked) in ([], [page.as_uri()])
    assert "<title>taken" not in opened.document
    assert {tag for tag, _ in Page(opened.document).tags} & {"img", "iframe"} == set()


@pytest.mark.parametrize("fragment", ["kept=no", "kept=yes&round=2", "reason=tail_ppl", "q=GARDENER", "round=3&q=love"])
def test_the_filter_shows_what_fits_and_nothing_else(made: Made, tmp_path: Path, fragment: str) -> None:
    asked = dict(part.split("=") for part in fragment.split("&"))
    rows = [json.loads(line) for line in made.run.completions.read_text("utf-8").splitlines()]
    train = [row for row in rows if row["probe"] == "train"]
    wanted = [
        row for row in train
        if asked.get("kept") in (None, "yes" if row["kept"] else "no")
        and asked.get("round") in (None, str(row["round"]))
        and asked.get("reason") in (None, row["reason"])
        and asked.get("q", "").lower() in (row["text"] + row["prompt"]).lower()
    ]  # fmt: skip
    assert 0 < len(wanted) < len(train)
    opened = browse(write(made, tmp_path), tmp_path, f"#{fragment}")
    shown = [a for tag, a in Page(opened.document).tags if tag == "li" and "hidden" not in a]
    assert len(shown) == len(wanted)
    assert f"{len(wanted)} of {len(train)} shown" in Page(opened.document).text
