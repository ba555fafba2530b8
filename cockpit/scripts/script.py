"""Any script as a run: described and sealed without a trace of its arguments, started, its lines translated, its end understood.

The script gets $COCKPIT_EVENTS (the file it appends JSON lines to), $COCKPIT_RUN (its folder) and $COCKPIT_CONTROL (requests to it).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from cockpit.runs import evidence, processes
from cockpit.runs.ending import Ending, last_line
from cockpit.runs.launch import supervise
from cockpit.runs.provenance import provenance, repository, source_root
from cockpit.scripts import masking
from cockpit.scripts.translate import CHUNK, Translator, stamped
from engine.contract.answers import load_answers
from engine.contract.control import Mailbox
from engine.contract.errors import STATUS_EXIT, BadInput, Exit, Refused
from engine.contract.events import ControlApplied, Event, Note, ScriptStarted
from engine.contract.files import append_line, read_json, write_json
from engine.contract.hashes import canonical, code_hash, sha256, sha256_file
from engine.contract.prior import FAILED
from engine.contract.redact import redact
from engine.contract.rundir import RunDir, all_runs, create, find_run
from engine.contract.script import NO_FILE, Block, ScriptFile, blocks, check_script_seal, load_script, seal_script

SUFFIXES = (".py", ".sh", ".bash", ".jl", ".r", ".pl", ".lua", ".js", ".ts", ".m", ".ipynb")
_INTERPRETER = re.compile(r"(?:python|bash|sh|zsh|julia|Rscript|perl|lua|node|ruby)[\d.]*")
_SEED = re.compile(r"(?:--?)?seed(?:=(\d{1,18}))?")
_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from cockpit.runs.supervisor import main; sys.exit(main(sys.argv[1:]))"


def template() -> str:
    """An open checklist for a script."""
    return (resources.files("engine") / "presets" / "preflight" / "script.toml").read_text("utf-8")


def describe(command: Sequence[str], *, time_limit: float = 0.0, hang_limit: float = 900.0) -> ScriptFile:
    """What a command is, as far as it may be written down. Raises BadInput when its program does not exist."""
    if not command or not command[0]:
        raise BadInput("name what to run: cockpit run --preflight F.toml -- python train.py")
    if shutil.which(command[0]) is None:
        raise BadInput(f"no program named {command[0]!r}; put it on PATH, or give its path")
    program, script = Path(command[0]).name, script_file(command)
    first = command[1] if len(command) > 1 else ""
    if _INTERPRETER.fullmatch(program) and first.lower().endswith(SUFFIXES) and not Path(first).exists():
        raise BadInput(f"{first} does not exist; the script is looked for in {Path.cwd()}")
    seed, rest = _without_seed(masking.masked(command[1:]))
    return ScriptFile(
        name=_name(script.stem if script else program),
        program=program,
        script=script.name if script else "",
        script_sha256=sha256_file(script) if script else NO_FILE,
        argv_hash=_argv_hash(command),
        family=sha256(canonical([program, *rest])),
        arguments=len(command) - 1,
        secrets=len(masking.secrets(command[1:], {})),
        seed=seed,
        time_limit=time_limit,
        hang_limit=hang_limit,
    )


def script_file(command: Sequence[str]) -> Path | None:
    """The file that holds the experiment: the first source file of the command, a module after -m, or the program itself when it is a
    script; None for code on the command line."""
    files = [path for word in command[1:] if word and (path := Path(word)).is_file()]
    for path in files:
        if path.suffix.lower() in SUFFIXES:
            return path.absolute()
    if "-m" in command[1:-1]:
        module = command[list(command).index("-m", 1) + 1].replace(".", "/")
        for path in (Path(f"{module}.py"), Path(module) / "__main__.py"):
            if path.is_file():
                return path.absolute()
    found = shutil.which(command[0])
    if found and Path(found).read_bytes()[:2] == b"#!" and Path(found).suffix.lower() in SUFFIXES:
        return Path(found).absolute()
    return files[0].absolute() if files and "-c" not in command else None


def prepare(
    project: Path, command: Sequence[str], preflight: Path | None, *, time_limit: float = 0.0, hang_limit: float = 900.0
) -> tuple[ScriptFile, dict[str, Any]]:
    """The script and its sealed record. Raises Refused without a checklist, or while anything in it blocks; BadInput."""
    described = describe(command, time_limit=time_limit, hang_limit=hang_limit)
    if preflight is None:
        raise Refused(
            "no preflight: write its checklist with `cockpit run --new-preflight F.toml -- CMD`, answer it, "
            "then start with `cockpit run --preflight F.toml -- CMD`"
        )
    answers = load_answers(preflight)
    comparator = answers.prior.comparator
    if comparator.strip() not in ("", "none"):
        comparator = find_run(project, comparator).id
    found = {"comparator": comparator, "gate": "scripts have no fast-dev-run", "facts": {}}
    return described, seal_script(answers, described, earlier(project), found)


def check(project: Path, preflight: Path) -> list[Block]:
    """What blocks a script's checklist as far as its answers alone tell, without the command. Raises BadInput when it is none."""
    answers = load_answers(preflight)
    found = blocks(answers)
    comparator = answers.prior.comparator
    if comparator.strip() not in ("", "none"):
        try:
            find_run(project, comparator)
        except BadInput as error:
            found.append(Block("K7", f"prior.comparator: {error}", "Choose a run from: cockpit runs; or say none"))
    return sorted(found, key=lambda block: block.item)


def earlier(project: Path) -> list[dict[str, Any]]:
    """The finished runs of scripts, newest first, as the checklist compares with them."""
    found = []
    for folder in reversed(all_runs(project)):
        ended = evidence.result(folder)
        try:
            script = load_script(folder.config) if ended.get("logged") else None
            asked = read_json(folder.preflight)["answers"]["question"]["hypothesis"] if script else ""
        except (BadInput, KeyError, TypeError):
            continue
        if script is not None:
            failed = ended.get("status") in FAILED or bool(ended.get("condemned"))
            identity = {"config_hash": script.config_hash, "family_hash": script.family_hash, "name": script.name}
            found.append(
                {"id": folder.id, "status": ended.get("status"), "failed": failed, "hypothesis": asked, **identity}
            )
    return found


def start(project: Path, command: Sequence[str], script: ScriptFile, record: dict[str, Any]) -> RunDir:
    """Create the run folder and start its supervisor in a session of its own. The command goes to it as arguments, into no file.

    The environment stays the researcher's: our sources are found without PYTHONPATH, which would reach the script."""
    ours, _ = provenance()
    path = script_file(command)
    commit, dirty, inside = repository(path) if path else ("unknown", True, "")
    recorder = {"commit": ours["commit"], "dirty": ours["dirty"]}
    versions = {name: version for name, version in ours["versions"].items() if name == "cockpit"}
    folder = create(project, script.name)
    script.save(folder.config)
    write_json(folder.preflight, record)
    write_json(
        folder.provenance,
        ours | {"commit": commit, "dirty": dirty, "script": inside, "versions": versions, "recorder": recorder},
    )
    written(folder).touch()
    arguments = ["-c", _BOOT, str(source_root()), str(folder.path), "--", *command]
    supervise(folder, arguments, processes.own_environment())
    return folder


def written(folder: RunDir) -> Path:
    """The file that a script appends its lines to."""
    return folder.path / "script.jsonl"


class ScriptJob:
    """A foreign script under supervision: its lines become our events, its exit code a status."""

    grace = 0.0
    keeps_word = False

    def __init__(self, folder: RunDir, attempt: int, command: Sequence[str]) -> None:
        self._folder, self._attempt, self._command = folder, attempt, list(command)
        script = load_script(folder.config)
        if script is None:
            raise BadInput(f"{folder.config} describes no script")
        self._script = script
        self.time_limit, self.hang_limit = script.time_limit, script.hang_limit
        self._secrets = masking.secrets(command[1:], os.environ)
        self._translator = Translator(lambda text: redact(text, self._secrets))
        self._mailbox = Mailbox(folder.control)
        self._offset, self._spoke = 0, False
        self._began = time.monotonic()

    def command(self) -> list[str]:
        """The sealed command; says that it starts."""
        path = script_file(self._command)
        seal = check_script_seal(
            read_json(self._folder.preflight),
            self._script,
            script_sha256=sha256_file(path) if path else NO_FILE,
            argv_hash=_argv_hash(self._command),
        )
        self._began = time.monotonic()
        self._write(
            [
                ScriptStarted(
                    run=self._folder.id,
                    script=self._script.script or self._script.program,
                    script_sha256=self._script.script_sha256,
                    argv_hash=self._script.argv_hash,
                    code_hash=code_hash(),
                    preflight_hash=seal,
                )
            ]
        )
        return self._command

    def environment(self) -> dict[str, str]:
        """The researcher's own, with the three names of ours."""
        ours = {"EVENTS": written(self._folder), "RUN": self._folder.path, "CONTROL": self._folder.control}
        return os.environ | {f"COCKPIT_{name}": str(path) for name, path in ours.items()}

    def can_hang(self) -> bool:
        """A script that never wrote a line is not expected to."""
        return self._spoke

    def heard(self) -> tuple[bool, Ending | None]:
        """Translate new lines. A loss that is not finite, or a request to abort, ends the run."""
        new = self._pump()
        self._spoke |= new
        return new, self._asked() or self._guarded()

    def ended(self, returncode: int | None) -> Ending:
        """A guard first, then the script's own word when it failed, then its exit code, of which only 0 has a meaning of its own."""
        left = processes.end_left_behind(self._folder.path)
        while self._pump():
            pass
        self._write(self._translator.close())
        if left:
            self._write([Note(text=f"ended what the script left running: {', '.join(left)}")])
        for log in (self._folder.worker_log, written(self._folder)):
            masking.strike_file(log, self._secrets)
        if (guarded := self._guarded()) is not None:
            return guarded
        said = self._translator.said
        if said and said[0] != "success":
            return Ending(said[0], said[1] or "as the script said", int(STATUS_EXIT[said[0]]))
        return self._by_code(returncode, said[1] if said else "")

    def _by_code(self, code: int | None, reason: str) -> Ending:
        if code == 0:
            return Ending("success", reason, int(Exit.SUCCESS))
        spoke = last_line(self._folder.worker_log)
        if code is None or code < 0 or code in (128 + signal.SIGKILL, 128 + signal.SIGTERM):
            number = -code if code is not None and code < 0 else (code or 128) - 128
            name = signal.Signals(number).name if number in signal.valid_signals() and number else "an unknown signal"
            hint = ", by a person or by a system out of memory" if name == "SIGKILL" else ""
            return Ending("killed", f"the script was ended by {name}{hint}", int(Exit.KILLED))
        if "out of memory" in spoke.lower():
            return Ending("oom", spoke, int(Exit.OOM))
        return Ending("failed", f"exit code {code}: {spoke or 'it said nothing'}", int(Exit.FAILED))

    def _guarded(self) -> Ending | None:
        guard = self._translator.guard
        return Ending("nan", guard, int(Exit.DIVERGED)) if guard else None

    def _asked(self) -> Ending | None:
        """Requests are the script's to obey, but for abort, which ends it, and notes, which are ours to keep."""
        for request in self._mailbox.read():
            if request.request == "abort":
                self._write([ControlApplied(request="abort", by=request.by)])
                return Ending("stopped", f"aborted by {request.by}", int(Exit.STOPPED))
            if request.request == "note":
                self._write([Note(text=request.text)])
            else:
                self._write(
                    [Note(text=f"{request.by} asked to {request.request}; a script reads $COCKPIT_CONTROL itself")]
                )
        return None

    def _pump(self) -> bool:
        """Take one chunk of new bytes; whether there were any. A file that shrank is read from its start again."""
        data, size = read(written(self._folder), self._offset)
        if size < self._offset:
            self._write([Note(text="the script's file was cut short; it is read from its start again")])
            self._offset = 0
            self._translator.restart()
            return True
        if not data:
            return False
        self._offset += len(data)
        self._write(self._translator.feed(data))
        return True

    def _write(self, found: Sequence[Event]) -> None:
        if found:
            append_line(self._folder.events, stamped(found, self._attempt, time.monotonic() - self._began))


def read(path: Path, offset: int) -> tuple[bytes, int]:
    """(new bytes, size) of a plain file; the script may have put anything else in its place, which holds nothing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return b"", offset
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            return b"", offset
        return os.pread(handle, CHUNK, offset), about.st_size
    finally:
        os.close(handle)


def _argv_hash(command: Sequence[str]) -> str:
    """Over the arguments without their secrets, so that not even a guess at one can be checked."""
    return sha256(canonical([Path(command[0]).name, *masking.masked(command[1:])]))


def _without_seed(arguments: Sequence[str]) -> tuple[int | None, list[str]]:
    """The value of --seed N, --seed=N or seed=N, and the arguments without it."""
    seed: int | None = None
    rest, after = [], False
    for argument in arguments:
        match = _SEED.fullmatch(argument)
        if after and argument.isdecimal():
            seed = int(argument)
        elif match and match[1]:
            seed = int(match[1])
        elif not (match and argument.startswith("-")):
            rest.append(argument)
        after = bool(match and argument.startswith("-") and not match[1])
    return seed, rest


def _name(text: str) -> str:
    """A script's name as part of a run's id."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:40]
    return name or "script"
