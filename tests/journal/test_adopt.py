"""What other tools wrote is taken in as it is: nothing is invented, nothing is lost unsaid, nothing is taken twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.main import run
from engine.contract.errors import BadInput
from journal.adopt import adopt, read
from journal.audit import check
from journal.blocks import parse
from journal.book import Book
from journal.fields import FIELDS
from journal.index import entries

RUNS = [
    {
        "id": "abc",
        "date": "2026-05-01",
        "status": "finished",
        "seed": 7,
        "params": 1771648,
        "loss": 1.25,
        "lr_group": [1, 2],
    },
    {"id": "def", "date": "not a day", "state": "crashed", "params": "~7M", "metrics": {"loss": 2.5, "note": "x"}},
]
MARKDOWN = b"""# Log

## 2025-11-02 first try with rank 8
seed: 3
- **Hardware**: one A100
loss: 0.5
Then I wrote something.

## thoughts
Nothing to take here.

## 2025-11-03 second
| field | value |
|---|---|
| Model | gemma-3-1b |
| tail ppl | 1.5 |
"""


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(map(json.dumps, RUNS)) + "\n")
    return path


def test_a_dry_run_writes_nothing_and_says_what_found_no_place(
    lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--project", str(tmp_path), "journal", "adopt", str(lines)]) == 0
    out, err = capsys.readouterr()
    assert "2026-05-01 abc: 3 of 16 fields, 1 metrics" in out
    assert "3 values found no place" in err
    assert all(name in err for name in ("lr_group", "note", "date"))
    assert "2 runs would be taken" in err
    assert not Book(tmp_path).path.exists()


def test_what_is_written_is_in_the_lists_with_its_numbers_and_a_clean_check(lines: Path, tmp_path: Path) -> None:
    adopt(tmp_path, lines, write=True)
    second, first = entries(tmp_path)
    assert (first.kind, first.date, first.title, first.data["seed"]) == ("adopted", "2026-05-01", "abc", 7)
    assert (first.data["status"], first.data["model.loss"]) == ("success", 1.25)
    assert (second.data["status"], second.data["model.loss"]) == ("failed", 2.5)
    assert "seed" not in second.data, "nothing is invented"
    assert "Its own date is not recorded" in second.text
    assert all(f"| {name} |" in second.text for name in FIELDS)
    assert "| Seed | not recorded |" in second.text
    assert "| Params EXACT | not recorded |" in second.text, "~7M is no number of parameters"
    assert "7M parameters, which is not exact" in second.text
    assert check(tmp_path) == []


def test_adopting_again_changes_nothing(lines: Path, tmp_path: Path) -> None:
    adopt(tmp_path, lines, write=True)
    before = Book(tmp_path).read()
    again = lines.rename(tmp_path / "moved.jsonl")
    assert all(taken.known for taken in adopt(tmp_path, again, write=True))
    assert Book(tmp_path).read() == before


def test_a_mapping_gives_a_place_and_a_wrong_one_names_ours(lines: Path) -> None:
    assert read(lines, {"lr_group": "Key config"})[0].values["Key config"] == "[1, 2]"
    with pytest.raises(BadInput, match="Key config"):
        read(lines, {"lr_group": "Key confg"})


def test_an_older_markdown_journal_is_taken_by_its_headings(tmp_path: Path) -> None:
    path = tmp_path / "log.md"
    path.write_bytes(MARKDOWN)
    first, second = read(path)
    assert (first.date, first.values["Seed"], first.values["Hardware"]) == ("2025-11-02", "3", "one A100")
    assert first.metrics == {"loss": 0.5}
    assert (second.values["Model name"], second.metrics) == ("gemma-3-1b", {"tail_ppl": 1.5})


def test_our_own_entries_are_not_taken_again(lines: Path, tmp_path: Path) -> None:
    adopt(tmp_path, lines, write=True)
    with pytest.raises(BadInput, match="no runs"):
        read(Book(tmp_path).path)


def test_a_trainer_state_is_one_run_with_its_last_values(tmp_path: Path) -> None:
    folder = tmp_path / "my-run"
    folder.mkdir()
    history = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 2, "eval_loss": 2.5}]
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 2, "epoch": 1.0, "log_history": history}))
    (taken,) = read(folder / "trainer_state.json")
    assert (taken.name, taken.metrics) == ("my-run", {"loss": 2.0, "eval_loss": 2.5})
    assert taken.values["Steps/Epochs"] == "2 steps, 1.0 epochs"


def test_csv_is_one_run_a_line(tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("name,seed,accuracy\na,1,0.5\nb,2,0.75\n")
    assert [(t.name, t.metrics["accuracy"]) for t in read(tmp_path / "runs.csv")] == [("a", 0.5), ("b", 0.75)]


def test_a_damaged_line_takes_nothing_and_names_its_number(lines: Path, tmp_path: Path) -> None:
    lines.write_text(lines.read_text() + "{torn\n")
    with pytest.raises(BadInput, match="line 3"):
        adopt(tmp_path, lines, write=True)
    assert not Book(tmp_path).path.exists()


WORDS = st.text(max_size=30) | st.sampled_from(
    ["<!-- run:x sha256:", "-->", "| a |", "\x1b]52;c;aGk=\x07", "NaN", "```", "\ud800"]
)


@given(
    row=st.dictionaries(
        WORDS | st.sampled_from(["name", "seed", "date", "params", "status"]), WORDS | st.floats() | st.none()
    )
)
def test_fault_26_whatever_a_source_says_it_becomes_one_whole_block(
    row: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path_factory.mktemp("hostile")
    (project / "runs.jsonl").write_text(json.dumps(row) + "\n")
    taken = adopt(project, project / "runs.jsonl", write=True)
    (block,) = parse(Book(project).read())
    assert block.intact
    assert block.key == taken[0].key
    assert b"\x1b" not in Book(project).read()
