"""Working a campaign off: its members through the queue, then its question entry.

`python -m cockpit.campaigns.work PROJECT ID JOBS WINDOW` is the same in the background. It may be killed at any moment; the members
go on, and `cockpit campaign resume` goes on with the rest.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cockpit.campaigns import store
from cockpit.campaigns.members import fill, held_back, live, state
from cockpit.campaigns.sweep import advance
from cockpit.runs import drain, engine
from cockpit.runs.queue import RUNNING
from cockpit.runs.turns import Window, window
from engine.contract.errors import Busy, CockpitError, Exit
from engine.contract.events import now
from journal.campaign import Campaign
from journal.campaign_entry import write
from journal.sweep import Sweep
from journal.text import label, number


def work(project: Path, campaign_id: str, jobs: int, tell: Callable[[str], None], hours: Window | None = None) -> int:
    """Run the queue until no member waits or runs and no more come, and write the entry. The exit code: success when every member
    succeeded, refused while some are held back, else failed. Where another process runs the queue, it is waited for."""
    campaign = store.find(project, campaign_id)
    while True:
        _drained(project, campaign, jobs, tell, hours)
        if live(project, campaign) or not (advance(project, campaign_id) or _due(project, campaign_id)):
            break
        campaign = fill(project, campaign_id)
        if campaign.sweep is not None:
            tell(progress(campaign.sweep))
    campaign = store.find(project, campaign_id)
    if said := conclude(project, campaign):
        tell(said)
    states = [state(project, m) for m in campaign.members]
    if live(project, campaign):
        return int(Exit.REFUSED)
    return int(Exit.SUCCESS if campaign.complete and _well(campaign, states) else Exit.FAILED)


def _due(project: Path, campaign_id: str) -> bool:
    """Whether members that a futility rule held back may be queued now; what was killed waits for a person."""
    campaign = store.find(project, campaign_id)
    held = held_back(project, campaign)
    return bool(campaign.futility) and any(not m.run and (m.arm, m.seed) not in held for m in campaign.members)


def _well(campaign: Campaign, states: Sequence[str]) -> bool:
    """Whether every member of the arms succeeded; a trial of a sweep that failed is an outcome of the search."""
    arms = set(campaign.arms) if campaign.sweep is None or campaign.sweep.best is not None else set()
    mine = [
        s for s, m in zip(states, campaign.members, strict=True) if m.arm in arms and (m.run or not campaign.futility)
    ]
    return bool(mine) and all(s == "success" for s in mine)


def progress(sweep: Sweep) -> str:
    """'trial 7 of 20; best so far trial 3, trait .94'."""
    best = sweep.best
    told = f"trial {len(sweep.trials)} of {sweep.count}" if not sweep.ended else sweep.ended
    if best is None or best.value is None:
        return told
    return f"{told}; best so far trial {best.number}, {label(sweep.metric)} {number(sweep.metric, best.value)} on val"


def _drained(project: Path, campaign: Campaign, jobs: int, tell: Callable[[str], None], hours: Window | None) -> None:
    """Run the queue until no member of the campaign waits or runs, or those that wait are held back."""
    while waiting := live(project, campaign):
        try:
            drain.drain(project, jobs, hours, tell)
        except Busy as busy:
            tell(f"{busy}; it starts the members too")
            time.sleep(drain.POLL)
            while drain.drainer(project) is not None and live(project, campaign):
                time.sleep(drain.POLL)
            continue
        if all(state(project, m) != RUNNING for m in waiting):
            return  # what waits now is held back, and the queue has said why


def conclude(project: Path, campaign: Campaign) -> str:
    """Write the question entry once no member waits or runs and no more come; what a person must know, '' while it is not time or all is
    well."""
    return "" if live(project, campaign) or not campaign.complete else write(project, campaign)


def detach(project: Path, campaign_id: str, jobs: int, hours: Window | None = None) -> int:
    """Work it off in the background, in a session of its own; its pid."""
    with store.log_file(project, campaign_id).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cockpit.campaigns.work", str(project), campaign_id, str(jobs), str(hours or "")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=engine.environment(), start_new_session=True,
        ).pid  # fmt: skip


def main(argv: list[str]) -> int:
    """Work a campaign off in the background; what is told goes to its log."""
    project, campaign_id, jobs, hours = Path(argv[0]), argv[1], int(argv[2]), window(argv[3])
    try:
        return work(project, campaign_id, jobs, lambda text: print(f"{now()} {text}", flush=True), hours)
    except CockpitError as error:
        print(f"{now()} {error}", file=sys.stderr, flush=True)
        return int(error.exit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
