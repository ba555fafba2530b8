"""The thread behind a checklist that is being answered: it writes the draft, reads the model, carries answers over, and checks.

What is asked for while it works is gathered into one next job, so that the newest text is always the one on disk and the one that is
judged. It knows no screen: what it found goes to a callback.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psutil
import tomlkit

from cockpit.preflight import carry, draft_file, drafts
from cockpit.preflight.drafts import Check
from cockpit.preflight.measured import measured
from cockpit.runs import evidence
from engine.contract.errors import BadInput, CockpitError
from engine.contract.resolve import preset_names

LOOK_SECONDS = 2.0
"""How often the file is looked at for what another editor wrote."""
FIRST_PRESET = "nano-care"


class Looked(NamedTuple):
    """What was found. `asked` is the text that it was asked about, `text` the draft now; `check` is None when it was only saved or could
    not be checked, and then `trouble` says why. `unsaved` says why the draft is not on disk."""

    asked: str
    text: str
    path: Path
    check: Check | None = None
    checked: bool = False
    carried: bool = False
    said: tuple[str, ...] = ()
    trouble: str = ""
    unsaved: str = ""
    saved_at: datetime | None = None
    outside: bool = False
    free: int = 0  # bytes on the disk of the project
    memory: int = 0  # bytes of the machine


class Job(NamedTuple):
    """What is to be done with a text. `older` names a run or file to carry answers over from, into a new draft."""

    text: str
    check: bool = True
    carry: bool = False
    begin: bool = False
    older: str = ""


class Desk:
    """`tell` is called from the thread with what was found."""

    def __init__(self, project: Path, tell: Callable[[Looked], None]) -> None:
        self.project, self._tell = project, tell
        self.path = draft_file.fresh(project)
        self._wake, self._stopped = threading.Condition(), False
        self._writing, self._closed = threading.Lock(), False
        self._job: Job | None = None
        self._seen, self._begun = 0, ""
        self._spare = tempfile.TemporaryDirectory(prefix="cockpit-")
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def start(self) -> None:
        """Begin with the newest draft, or with a new one."""
        self._job = Job("", begin=True)
        self._thread.start()

    def ask(self, job: Job) -> None:
        """Do this next, together with what is still to be done."""
        with self._wake:
            waiting = self._job
            if waiting is not None and not waiting.begin:
                job = job._replace(check=job.check or waiting.check, carry=job.carry or waiting.carry)
            self._job = job
            self._wake.notify()

    def stop(self) -> None:
        """Write what is still to be written; the thread ends by itself and writes nothing more."""
        with self._wake:
            self._stopped, job, self._job = True, self._job, None
            self._wake.notify()
        with self._writing:
            if job is not None and not job.begin and not self._changed_outside():
                self._write(job.text)
            self._closed = True
            self._forget()

    def _work(self) -> None:
        while True:
            with self._wake:
                if self._job is None and not self._stopped:
                    self._wake.wait(LOOK_SECONDS)
                job, self._job, stopped = self._job, None, self._stopped
            if stopped:
                self._spare.cleanup()
                return
            try:
                found = self._do(job) if job is not None else self._outside()
            except Exception as error:  # a checklist that cannot be checked says so; it does not end the screen
                text = job.text if job else ""
                trouble = str(error) if isinstance(error, CockpitError) else f"{type(error).__name__}: {error}"
                found = Looked(text, text, self.path, checked=True, trouble=trouble)
            if found is not None:
                self._tell(found)

    def _do(self, job: Job) -> Looked:
        trouble, said, text = "", (), job.text
        if job.begin:
            with self._writing:
                self._forget()
            text, said, trouble = self._begin(job.older)
            self._begun = "" if self.path.exists() else text
        elif self._changed_outside():
            text, job = draft_file.read(self.path), job._replace(check=True)
            said = ("the draft was changed in another editor meanwhile; that text was taken",)
        unsaved = self._save(text)
        carried = job.carry and not job.begin
        if carried:
            try:
                draft = carry.new(self.project, "", [], str(self._file(unsaved)))
                text, said = draft.text, tuple(draft.said[1:])
                unsaved = self._save(text)
            except CockpitError as error:
                trouble = str(error)
        check = None
        if job.check and not trouble:
            try:
                check = drafts.check(self.project, self._file(unsaved))
                check = check._replace(measured=measured(self.project, check.known.prior.comparator, check.known.near))
            except CockpitError as error:
                trouble = str(error)
        return Looked(
            job.text, text, self.path, check, job.check, carried, tuple(said), trouble, unsaved,
            None if unsaved else datetime.now(), bool(said) and not carried and not job.begin,
            self._free(), psutil.virtual_memory().total,
        )  # fmt: skip

    def _begin(self, older: str) -> tuple[str, tuple[str, ...], str]:
        """Text, what was done, and what went wrong: the newest draft, else the newest run's answers, else the empty checklist."""
        found = None if older else draft_file.newest(self.project)
        if found is not None:
            self.path, text = found, draft_file.read(found)
            self._seen = _stamp(found)
            return text, (), ""
        self.path = draft_file.fresh(self.project)
        real = [s for s in evidence.seals(self.project) if not s.smoke and s.preset in preset_names()]
        older = older or (real[0].id if real else "")
        try:
            draft = carry.new(self.project, "" if older else FIRST_PRESET, [], older)
            return draft.text, tuple(draft.said), ""
        except CockpitError as error:
            document = tomlkit.parse(carry.template())
            document["preset"] = FIRST_PRESET
            return tomlkit.dumps(document), (), str(error)

    def _outside(self) -> Looked | None:
        if not self._changed_outside():
            return None
        text = draft_file.read(self.path)
        self._seen = _stamp(self.path)
        return self._do(Job(text))._replace(asked="", outside=True, said=("the draft was changed in another editor",))

    def _changed_outside(self) -> bool:
        return bool(self._seen) and _stamp(self.path) not in (0, self._seen)

    def _forget(self) -> None:
        """Take away a draft that was begun here and never touched, so that the next one begins from the newest run again."""
        try:
            if self._begun and draft_file.read(self.path) == self._begun:
                self.path.unlink()
        except (BadInput, OSError):
            pass  # it was launched or put away, or nothing could be written in the first place

    def _save(self, text: str) -> str:
        """Write the draft; why not, when it cannot be written: then a spare copy is what is checked."""
        with self._writing:
            unsaved = "" if self._closed else self._write(text)
        if unsaved:
            self._file(unsaved).write_text(text, "utf-8")
        return unsaved

    def _write(self, text: str) -> str:
        try:
            if not self._seen or not self.path.exists() or draft_file.read(self.path) != text:
                draft_file.save(self.path, text)
            self._seen = _stamp(self.path)
        except BadInput as error:
            return str(error)
        return ""

    def _file(self, unsaved: str) -> Path:
        return Path(self._spare.name) / "draft.toml" if unsaved else self.path

    def _free(self) -> int:
        try:
            return psutil.disk_usage(str(self.project)).free
        except OSError:
            return 0


def _stamp(path: Path) -> int:
    """When a file was written last; 0 when it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
