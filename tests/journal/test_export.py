"""Export: the same entries as JSON, CSV, Markdown and one web page that fetches nothing and runs nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from journal.book import NAME
from journal.export import as_csv
from journal.html import page
from journal.text import cell, plain, quoted

Logged = Callable[..., str]
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "article", "p", "br", "b", "table", "tr", "th", "td",
    "ul", "li", "details", "summary", "footer",
}  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page, and whether the tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def exported(logged: Logged, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    logged("aaaa", trait=0.97)
    logged("bbbb", trait=0.41, day=5)
    run(["journal", "review", "aaaa", "--retract", "=cmd|' /C calc'!A0", "--project", str(tmp_path)])

    def call(*arguments: str) -> str:
        capsys.readouterr()
        assert run(["journal", "export", *arguments, "--project", str(tmp_path)]) == 0
        return capsys.readouterr().out

    return call


def test_json_has_texts_numbers_and_states(exported: Callable[..., str]) -> None:
    found = json.loads(exported("--format", "json"))
    assert [(e["key"][-4:], e["state"]["state"]) for e in found] == [("bbbb", "draft"), ("aaaa", "retracted")]
    assert found[0]["data"]["healed.trait_rate"] == 0.41
    assert "**Asked.**" in found[0]["text"]


def test_csv_has_one_line_an_entry_and_every_field(exported: Callable[..., str]) -> None:
    found = list(csv.DictReader(io.StringIO(exported("--format", "csv"))))
    assert [row["key"][-4:] for row in found] == ["bbbb", "aaaa"]
    assert found[0]["healed.trait_rate"] == "0.41"
    assert found[1]["state"] == "retracted"


def test_markdown_is_the_entries_as_they_stand(exported: Callable[..., str], tmp_path: Path) -> None:
    text = exported("--format", "md", "aaaa")
    assert text.startswith("## 2026-06-04 (a)")
    assert "<!--" not in text
    visible = [line for line in text.splitlines() if line and not line.startswith("> ")]
    journal = (tmp_path / NAME).read_text().splitlines()
    assert all(line in journal for line in visible)
    assert "> retracted" in text


def test_the_page_stands_alone(exported: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / "book.html"
    exported("--format", "html", "--out", str(out), "--where", "verdict=met")
    text = out.read_text()
    found = Page(text)
    assert found.open == []
    assert found.tags <= ALLOWED
    assert not re.search(r"https?:|//|\bsrc=|href=|url\(|@import|javascript", text.replace("<!doctype html>", ""))
    assert "default-src 'none'" in text
    assert ".97" in found.text
    assert "retracted" in found.text
    assert "-bbbb" not in text


def test_choices_are_those_of_the_list_and_files_are_never_overwritten(
    exported: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [e["key"][-4:] for e in json.loads(exported("--format", "json", "--state", "draft"))] == ["bbbb"]
    assert json.loads(exported("--format", "json", "--where", "seed=7")) == []
    before = (tmp_path / NAME).read_bytes()
    project = ("--project", str(tmp_path))
    assert run(["journal", "export", "--out", str(tmp_path / NAME), *project]) == 2
    assert (tmp_path / NAME).read_bytes() == before
    assert run(["journal", "export", "--format", "pdf", *project]) == 2
    assert "json, csv, md, html" in capsys.readouterr().err


HOSTILE = st.text(st.sampled_from("<>&\"'`*_|\\#- ascript/=:;\n!"), max_size=40)


@given(words=HOSTILE, raw=HOSTILE)
def test_nothing_in_an_entry_becomes_a_tag_or_is_lost(words: str, raw: str) -> None:
    text = f"## 2026-06-04 (a) · {quoted(words)} · [x]\n**Asked.** {quoted(words)}\n\n| a | b |\n|---|---:|\n| {cell(words)} | 1 |\n\n{raw}"
    found = Page(page("t", [("k", text, words)], "f"))
    assert found.open == []
    assert found.tags <= ALLOWED
    assert found.attributes <= {"lang", "charset", "http-equiv", "content", "name", "id", "class"}
    assert " ".join(f"Asked. {plain(words)}".split()) in " ".join(found.text.split())


@given(value=st.text(max_size=12))
def test_no_cell_of_a_csv_is_a_formula(value: str) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([{"hypothesis": value}]), newline=""))
    assert row["hypothesis"][:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert row["hypothesis"].removeprefix("'") == plain(value).removeprefix("'")
