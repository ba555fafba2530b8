"""Taking a run up again where it was interrupted: what must hold first, then a new attempt under a supervisor of its own."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from cockpit.runs import engine, evidence, lease, processes
from cockpit.runs.launch import announce, supervise
from engine.contract.errors import INTERRUPTED, BadInput, Busy, Refused
from engine.contract.files import write_atomic
from engine.contract.hashes import code_hash
from engine.contract.rundir import RunDir
from engine.contract.runfile import load_runfile
from engine.contract.script import load_script
from engine.contract.units import check_files, newest_checkpoint, read_units
from engine.contract.whole import altered
from journal.record import load_record


def resume(folder: RunDir) -> str:
    """Start the next attempt of an interrupted run; where it goes on, in words.

    Raises Busy while it runs or is being resumed, Refused when its end was its own or its code changed, BadInput when what it would go
    on from is damaged."""
    lock = FileLock(str(folder.path.parent / ".resume.lock"))
    try:
        with lock.acquire(timeout=0):
            return _resume(folder)
    except Timeout:
        raise Busy(f"another run of {folder.path.parent} is being resumed at this moment: try again") from None


def _resume(folder: RunDir) -> str:
    process, ended = evidence.process(folder), evidence.result(folder)
    attempt = int(ended.get("attempt", 1))
    over = ended.get("logged") and attempt >= int(process.get("attempt", 1))
    if process and processes.running(process) and not over:
        raise Busy(f"{folder.id} still runs: watch it with `cockpit attach {folder.id}`")
    if load_script(folder.config) is not None:
        raise Refused(f"{folder.id} is a script's run, and only the script knows how to go on: start it again")
    status = str(ended.get("status", "")) if ended.get("logged") else ""
    if status not in INTERRUPTED and not (status == "refused" and attempt > 1):
        raise Refused(_final(folder, status))
    _same_code(folder)
    run = load_runfile(folder.config)
    units = read_units(folder)
    check_files(folder, units)
    if changed := altered(folder, ended):
        raise BadInput(
            f"{folder.path / changed[0]} is not as it was when the run was closed: it cannot be gone on from"
        )
    if lease.wanted(run.config, load_record(folder).preflight):
        lease.check(lease.gpus())
    where = Path(str(process.get("where", "."))) if Path(str(process.get("where", "."))).is_dir() else Path()
    _set_aside(folder, attempt, where)
    arguments = ["-m", "cockpit.runs.supervisor", str(folder.path)]
    supervise(folder, arguments, engine.environment(), where, attempt=attempt + 1)
    if not units:
        return "from the start: nothing was finished"
    last = units[-1]
    done = f"after {last.name} of round {last.round}" if last.round else "after the baselines"
    if last.name == "steered":
        checkpoint, damaged = newest_checkpoint(folder, last.round)
        done = f"in the heal of round {last.round}" + (f", from step {int(checkpoint.name)}" if checkpoint else "")
        done += f" ({damaged[0]})" if damaged else ""
    return done


def _final(folder: RunDir, status: str) -> str:
    if not status:
        return f"{folder.id} has no closed entry yet: any other cockpit command closes it, then resume it"
    if status == "success":
        return f"{folder.id} is finished. To go on differently: cockpit fork {folder.id} --from round@rN --set ..."
    return (
        f"{folder.id} ended as {status}, and the same run would end so again. Change something: "
        f"cockpit fork {folder.id} --from heal@rN --reuse kept --set ... (cockpit diagnose {folder.id} says what)"
    )


def _same_code(folder: RunDir) -> None:
    """Raises Refused when the sources are not those that the run began with: its second half would be another experiment."""
    record = load_record(folder)
    began = str(record.provenance.get("code_hash", ""))
    if began != code_hash():
        commit = str(record.provenance.get("commit", ""))[:12]
        where = f" (commit {commit})" if commit else ""
        raise Refused(
            f"{folder.id} began with code {began[:8] or 'unknown'}{where}, this is {code_hash()[:8]}: go on with that code, or fork it"
        )


def _set_aside(folder: RunDir, attempt: int, where: Path) -> None:
    """Keep the ended attempt's own result, processes and requests, and announce the next one: if this process dies before its supervisor
    is there, that attempt is closed, and not the ended one again."""
    kept = folder.path / "attempts" / str(attempt)
    kept.mkdir(parents=True, exist_ok=True)
    for file in (folder.result, folder.process, folder.control):
        if file.exists():
            write_atomic(kept / file.name, file.read_bytes())
    announce(folder, attempt + 1, where)
    folder.control.unlink(missing_ok=True)
    folder.result.unlink(missing_ok=True)
