"""What to do next in a project: one sentence, the action that does it, and the command for where that screen is missing."""

from __future__ import annotations

from cockpit.live.glance import Overview, Step
from engine.contract.errors import INTERRUPTED
from journal.text import short


def next_step(seen: Overview) -> Step:
    """The most useful thing to do: the first run; what waits for a person; what runs; the gate; the next question."""
    if not seen.runs:
        text = "Run the whole loop once, at a small scale."
        return Step(text, "fast_dev_run", command="cockpit fast-dev-run")
    if paused := [run for run in seen.live if run.state == "paused"]:
        run = paused[0]
        return Step(
            f"{run.short} is paused; it waits for you.", "open", run.id, f"cockpit control {run.short[1:]} unpause"
        )
    newest = seen.runs[0]
    if newest.status in INTERRUPTED and not newest.smoke:
        text = f"{newest.short} ended as {newest.status}; it can go on where it was."
        return Step(text, "resume", newest.id, f"cockpit resume {newest.short[1:]}")
    if seen.to_review:
        entry = next((e for e in seen.entries if e.unreviewed), None)
        of = entry.key if entry else ""
        what = (
            f"the entry of {short(of)}" if seen.to_review == 1 and of else f"the {seen.to_review} entries that closed"
        )
        return Step(f"Review {what}.", "journal", of, f"cockpit journal review {short(of)[1:] if of else 'last'}")
    if seen.live:
        run = seen.live[0]
        more = f", and {len(seen.live) - 1} more" if len(seen.live) > 1 else ""
        text = f"Watch {run.short}{more}: its entry closes when it ends."
        return Step(text, "open", run.id, f"cockpit attach {run.short[1:]}")
    if not seen.gate:
        before = any(run.smoke and run.status == "success" for run in seen.runs)
        text = (
            "Run the fast-dev-run again: the code has changed."
            if before
            else "Run the fast-dev-run: it opens the gate."
        )
        return Step(text, "fast_dev_run", command="cockpit fast-dev-run")
    first = all(run.smoke for run in seen.runs)
    text = "Gate green. Answer the checklist of a first run." if first else "Ask the next question: a new run."
    return Step(text, "new_run", command="cockpit preflight new --preset nano-care --out F.toml")
