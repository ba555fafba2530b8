"""The machine and the files: memory, disk, a killed or silent worker, damaged checkpoints, and an end that nothing else explains."""

from __future__ import annotations

import re

from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature
from engine.diagnosis.thresholds import Thresholds

_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|MemoryError|CUDA_ERROR_OUT_OF_MEMORY", re.IGNORECASE
)
_DISK = re.compile(r"No space left on device|Errno 28|disk quota exceeded|Errno 122", re.IGNORECASE)
_READ_ONLY = re.compile(r"Read-only file system|Errno 30|Permission denied|Errno 13", re.IGNORECASE)
_DAMAGED = re.compile(r"sha256|safetensors|checkpoint|is damaged|not a whole|pickle|header", re.IGNORECASE)


def _said(a: Artifacts, pattern: re.Pattern[str]) -> list[Evidence]:
    """Where the reason, or the worker's log, says so."""
    found = [Evidence(a.reason[:300], a.ended.file, a.ended.line)] if pattern.search(a.reason) else []
    hits = [line for line in a.log if pattern.search(line.text)]
    return found + [Evidence(line.text.strip()[:200], "worker.log", line.line) for line in hits[-2:]]


def _over(a: Artifacts) -> NotJudged | None:
    """What concerns the end of a run needs one."""
    return None if a.status or a.log else NotJudged("how the run ended", "")


def out_of_memory(a: Artifacts, t: Thresholds) -> Judgement:
    """The device or the process ran out of memory, and said so."""
    seen = [
        e for e in _said(a, _MEMORY) if a.status != "killed" or e.file == "worker.log"
    ]  # a kill is no word of the worker
    if a.status == "oom" or (seen and a.status not in ("success", "")):
        last = f"; the last stage was {a.finished.event.stage}" if a.finished and a.finished.event.stage else ""
        return Finding(
            strength=0.97, says=f"memory ran out{last}", terminal=True,
            evidence=tuple(seen) or (Evidence(a.reason or "status oom", a.ended.file, a.ended.line),),
        )  # fmt: skip
    return _over(a)


def host_kill(a: Artifacts, t: Thresholds) -> Judgement:
    """The worker was ended from outside: SIGKILL without a word is most often the system's out-of-memory killer, or a person."""
    if a.status != "killed":
        return _over(a)
    silent = "SIGKILL" in a.reason
    says = (
        "the worker was ended by SIGKILL, by the system for want of memory or by a person"
        if silent
        else "the worker was killed"
    )
    return Finding(
        strength=0.9,
        says=says,
        evidence=(Evidence(a.reason or "status killed", a.ended.file, a.ended.line),),
        terminal=True,
    )


def hang(a: Artifacts, t: Thresholds) -> Judgement:
    """No event for heal.hang_limit, or a time limit that passed."""
    if a.status != "timeout":
        return _over(a)
    hung = a.reason.startswith("hung")
    says = "the worker wrote nothing for too long and was ended" if hung else "the run passed its own time limit"
    last = [Evidence(line.text.strip()[:200], "worker.log", line.line) for line in a.log[-2:]]
    seen = Evidence(a.reason, a.ended.file, a.ended.line)
    return Finding(strength=0.92, says=says, evidence=(seen, *last), terminal=True, values={"hung": float(hung)})


def disk_full(a: Artifacts, t: Thresholds) -> Judgement:
    """A write failed: no space, or nowhere to write."""
    if a.status in ("success", "") and not a.log:
        return _over(a) if not a.status else None
    full, locked = _said(a, _DISK), _said(a, _READ_ONLY)
    if not (full or locked) or a.status == "success":
        return None
    says = "the disk is full" if full else "the folder cannot be written"
    return Finding(
        strength=0.95, says=says, evidence=tuple(full or locked), terminal=True, values={"full": float(bool(full))}
    )


def damaged_checkpoint(a: Artifacts, t: Thresholds) -> Judgement:
    """Files that are not as they were recorded, or that only a pickle could read."""
    files = [d for d in a.damage if not d.file.endswith(("events.jsonl", ".log"))]
    seen = [*files, *a.pickles]
    refused = a.status in ("failed", "refused") and _DAMAGED.search(a.reason)
    if refused:
        seen = [Evidence(a.reason[:300], a.ended.file, a.ended.line), *seen]
    if not seen:
        return None
    says = (
        "a file of the run is a pickle, which nothing here loads"
        if a.pickles and not files
        else "a file of the run is damaged"
    )
    return Finding(
        strength=0.93 if refused or files else 0.85, says=says, evidence=tuple(seen[:5]), terminal=bool(refused)
    )


def failed(a: Artifacts, t: Thresholds) -> Judgement:
    """The worker ended with an error that no other signature knows."""
    if a.status not in ("failed", "refused"):
        return _over(a)
    frames = [
        line
        for line in a.log
        if line.text.lstrip().startswith("File ") or re.match(r"\w*(Error|Exception)\b", line.text)
    ]
    seen = [Evidence(a.reason or f"status {a.status}", a.ended.file, a.ended.line)]
    seen += [Evidence(line.text.strip()[:200], "worker.log", line.line) for line in frames[-3:]]
    refused = a.status == "refused"
    says = f"the run was {'refused' if refused else 'ended by an error'}: {a.reason[:160] or 'without a word'}"
    strength = 0.85 if a.reason and (refused or len(seen) > 1) else 0.6
    return Finding(strength=strength, says=says, evidence=tuple(seen), terminal=True)


SIGNATURES = (
    Signature("out of memory", "resources", out_of_memory),
    Signature("host kill", "resources", host_kill),
    Signature("hang or time limit", "resources", hang),
    Signature("disk full or read-only", "resources", disk_full),
    Signature("damaged file", "resources", damaged_checkpoint),
    Signature("worker error", "resources", failed),
)
