"""What a command complains of on stderr may end up in a log, so no secret is in it (FAULTS 27)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.cli.main import run as cockpit

from .conftest import SECRET

SHAPED = "hf_planted0123456789"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (["show", SECRET], 2),
        (["show", f"{SHAPED}x"], 2),
        (["show", f"--{SECRET}"], 2),
        (["runs", SHAPED], 2),
        (["launch", "--preset", f"https://me:{SECRET}@example.org/x"], 2),
        (["journal", "export", "--format", SHAPED], 2),
        (["journal", "adopt", f"{SECRET}.csv"], 2),
        (["preflight", "new", "--preset", "nano-care", "--answers", f"{SHAPED}.toml"], 2),
    ],
)
def test_fault_27_no_complaint_holds_a_secret(
    asked: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_API_KEY", SECRET)
    (tmp_path / "runs" / "20260604T101347-nano-care-k3f9").mkdir(parents=True)
    assert cockpit([*asked, "--project", str(tmp_path)]) == code
    said = capsys.readouterr()
    assert "***" in said.err
    assert SECRET not in said.out + said.err
    assert SHAPED not in said.out + said.err


def test_a_checklist_is_not_written_where_there_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cockpit(["run", "--new-preflight", "nodir/F.toml", "--", "python3", "-V"]) == 2
    assert "cannot write nodir/F.toml: No such file" in capsys.readouterr().err
    assert cockpit(["preflight", "new", "--preset", "nano-care", "--out", "nodir/F.toml"]) == 2
    assert "cannot write nodir/F.toml: nodir is no folder" in capsys.readouterr().err
