"""Working a campaign off: its members through the queue, then its question entry.

`python -m cockpit.campaigns.work PROJECT ID JOBS` is the same in the background. It may be killed at any moment; the members go on, and
`cockpit campaign resume` goes on with the rest.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cockpit.campaigns import store
from cockpit.campaigns.members import live, state
from cockpit.runs import drain, engine
from cockpit.runs.queue import RUNNING
from engine.contract.errors import Busy, CockpitError, Exit
from engine.contract.events import now
from journal.campaign import Campaign
from journal.campaign_entry import write


def work(project: Path, campaign_id: str, jobs: int, tell: Callable[[str], None]) -> int:
    """Run the queue until no member waits or runs, and write the entry. The exit code: success when every member succeeded, refused
    while some are held back, else failed. Where another process runs the queue, it is waited for."""
    campaign = store.find(project, campaign_id)
    while waiting := live(project, campaign):
        try:
            drain.drain(project, jobs, None, tell)
        except Busy as busy:
            tell(f"{busy}; it starts the members too")
            time.sleep(drain.POLL)
            while drain.drainer(project) is not None and live(project, campaign):
                time.sleep(drain.POLL)
            continue
        if all(state(project, m) != RUNNING for m in waiting):
            break  # what waits now is held back, and the queue has said why
    if said := conclude(project, campaign):
        tell(said)
    states = [state(project, m) for m in campaign.members]
    if live(project, campaign):
        return int(Exit.REFUSED)
    return int(Exit.SUCCESS if all(s == "success" for s in states) else Exit.FAILED)


def conclude(project: Path, campaign: Campaign) -> str:
    """Write the question entry once no member waits or runs; what a person must know, '' while it is not time or all is well."""
    return "" if live(project, campaign) else write(project, campaign)


def detach(project: Path, campaign_id: str, jobs: int) -> int:
    """Work it off in the background, in a session of its own; its pid."""
    with store.log_file(project, campaign_id).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cockpit.campaigns.work", str(project), campaign_id, str(jobs)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=engine.environment(), start_new_session=True,
        ).pid  # fmt: skip


def main(argv: list[str]) -> int:
    """Work a campaign off in the background; what is told goes to its log."""
    project, campaign_id, jobs = Path(argv[0]), argv[1], int(argv[2])
    try:
        return work(project, campaign_id, jobs, lambda text: print(f"{now()} {text}", flush=True))
    except CockpitError as error:
        print(f"{now()} {error}", file=sys.stderr, flush=True)
        return int(error.exit)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
