"""A conversation with the four subjects of a run: one engine process, loaded once, one question a line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from types import TracebackType

from cockpit.runs import engine
from engine.contract.errors import BadInput
from engine.contract.rundir import RunDir


class Conversation:
    """Keeps `python -m engine talk` open while questions are asked."""

    def __init__(self, run: RunDir, round_number: int = 0, dose: float = 0.0) -> None:
        _need_round(run, round_number)
        arguments = ["talk", str(run.path)]
        arguments += ["--round", str(round_number)] if round_number else []
        arguments += ["--dose", str(dose)] if dose else []
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the conversation
        self._process = subprocess.Popen(
            engine.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=engine.environment(),
        )

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if kind is not None:
            self._process.terminate()
        self._process.wait()
        self._stderr.close()

    def ask(self, question: str) -> dict[str, str]:
        """The answer of each subject. Raises the engine's error when it cannot answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(" ".join(question.split()).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None
        answers: dict[str, str] = {}
        for line in self._process.stdout:
            row = json.loads(line)
            if row.get("done"):
                return answers
            answers[str(row["subject"])] = str(row["text"])
        raise self._failure()

    def _failure(self) -> Exception:
        code = self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read().decode("utf-8", "replace")
        return engine.failure(code, said, f"the engine ended with exit code {code}")


def _need_round(run: RunDir, number: int) -> None:
    """Raises BadInput when there is no such baked round, before the seconds that loading takes."""
    baked = sorted(int(path.parent.name) for path in run.path.glob("rounds/*/student") if path.parent.name.isdigit())
    if not baked:
        raise BadInput(f"{run.id} has no baked round to talk to yet")
    if number and number not in baked:
        raise BadInput(f"{run.id} has no round {number}; baked rounds: {', '.join(map(str, baked))}")
