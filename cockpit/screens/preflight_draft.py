"""The half of the checklist's screen that keeps the draft: what the thread found is shown, what a person changes is saved and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from cockpit.preflight import draft_file
from cockpit.preflight.desk import Desk, Job, Looked
from cockpit.preflight.drafts import Check
from cockpit.screens.preflight_places import places
from cockpit.widgets.checklist import Checklist
from cockpit.widgets.checklist_items import FIELDS, answered, item_of, open_targets, shown, typed
from cockpit.widgets.checklist_state import ACK
from cockpit.widgets.config_form import ConfigForm, Shown
from cockpit.widgets.draft_title import DraftTitle, Standing
from cockpit.widgets.estimate_line import EstimateLine
from cockpit.widgets.evidence_pane import Evidence, EvidencePane
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.launch_gate import LaunchGate
from engine.contract.answers import Answers, parse_text
from engine.contract.errors import BadInput, CockpitError
from engine.contract.known_bugs import RULES
from engine.contract.resolve import preset_names, resolve

if TYPE_CHECKING:
    from cockpit.app import CockpitApp

AUTOSAVE = 0.4
"""Seconds after the last key that what is being typed is written."""

_PLACES = {where: where.split(".") for where in FIELDS}


@dataclass
class DraftLooked(Message):
    """The draft was saved, and perhaps checked."""

    looked: Looked


class DraftScreen(Screen[None]):
    """One draft, its panes, and what stands in them."""

    app: CockpitApp

    def __init__(self, project: Path) -> None:
        super().__init__()
        self._project = project
        self.desk = Desk(project, lambda found: self.post_message(DraftLooked(found)))
        self.text = ""
        self.answers = Answers()
        self.check: Check | None = None
        self._asked: str | None = ""  # the text that is being looked at; None when it was
        self._form = self._evidence = self._launching = False
        self._wanted = ""  # what is to be done once the check is: launch or queue
        self._saving: Timer | None = None

    def compose(self) -> ComposeResult:
        """Every pane; where each lies depends on the terminal."""
        yield DraftTitle(id="title")
        yield Checklist(id="checklist")
        with EvidencePane(id="evidence"):
            yield Evidence()
        yield ConfigForm(id="form")
        yield EstimateLine(id="estimate")
        yield LaunchGate(id="launch")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin once the first frame stands."""
        self._place()
        self.call_after_refresh(self.desk.start)

    def on_unmount(self) -> None:
        """Nothing that was typed is lost."""
        if self.text:
            self.desk.ask(Job(self.text, check=False))
        self.desk.stop()

    def on_resize(self, event: events.Resize) -> None:
        self._place()

    def _place(self) -> None:
        width, height = self.app.size
        found = places(width, height, form=self._form, evidence=self._evidence)
        for name in ("title", "checklist", "evidence", "form", "estimate", "launch"):
            pane, region = self.query_one(f"#{name}"), found.get(name)
            pane.display = region is not None
            if region is not None:
                pane.styles.position = "absolute"
                pane.styles.offset = region.offset
                pane.styles.width, pane.styles.height = region.size

    # what the thread found

    def on_draft_looked(self, message: DraftLooked) -> None:
        """Show it, unless the person has gone on meanwhile: then the next look is under way."""
        found = message.looked
        first = not self.text
        if found.outside:
            self.app.tell("; ".join(found.said))
        if first or found.outside or found.asked == self.text:
            self._take(found)
        elif found.carried:  # an answer was given while others were carried over: once more, with both
            self._ask(carry=True)
        self._title(found)
        if first:
            self._land()
        if self._wanted and self._asked is None:
            wanted, self._wanted = self._wanted, ""
            self._seal(wanted)

    def _seal(self, how: str) -> None:
        """Start the run, or queue it."""
        raise NotImplementedError

    def _take(self, found: Looked) -> None:
        checklist = self.query_one(Checklist)
        self.text = found.text or self.text
        self._read(found.text)
        if found.checked:
            self._asked = None
            self.check = found.check
            self.query_one(Evidence).trouble = found.trouble
            self.query_one(LaunchGate).trouble = found.trouble
        estimate = self.query_one(EstimateLine)
        estimate.free, estimate.memory = found.free, found.memory
        self._show()
        if checklist.cursor and checklist.cursor not in checklist.order and not checklist.typing:
            self._land()

    def _read(self, text: str) -> str:
        """Take the answers of a text; what is wrong with it, or ''."""
        try:
            self.answers = parse_text(text, "the draft")
        except BadInput as error:
            return str(error)
        return ""

    def _title(self, found: Looked | None = None) -> None:
        title = self.query_one(DraftTitle)
        before = title.standing
        known = self.check.known if self.check else None
        count = (
            len([k for k, v in self.check.changes.items() if k not in known.answers.axes])
            if self.check and known
            else 0
        )
        unsaved = found.unsaved if found else before.unsaved
        if unsaved and unsaved != before.unsaved:
            self.app.tell(f"{unsaved}. What is typed here is lost when this window closes", bad=True)
        title.standing = Standing(
            self.answers.preset, count or len(self.answers.set), (found.saved_at if found else None) or before.saved, unsaved,
            answered(self.check.blocks) if self.check else None,
        )  # fmt: skip

    def _show(self) -> None:
        """Show answers and check."""
        checklist, check = self.query_one(Checklist), self.check
        state = checklist.state
        if check is None:
            checklist.state = state._replace(answers=self.answers, ready=False, blocks=(), flags=(), since="")
        else:
            same = check.known.since
            moved = {k: "; ".join(m.words() for m in v[:3]) for k, v in same.moved.items()} if same else {}
            earlier = next((s.answers for s in check.known.prior.sealed if same and s.id == same.id), {})
            was = {where: str(earlier.get(table, {}).get(name, "")) for where, (table, name) in _PLACES.items()}
            checklist.state = state._replace(
                answers=self.answers, blocks=check.blocks, flags=check.flags, bugs=check.bugs, rules=len(RULES),
                counts={k: (t.unchanged, t.caught) for k, t in check.tally.items()}, since=same.id if same else "",
                unchanged=same.unchanged if same else (), moved=moved, was=was, ready=True,
            )  # fmt: skip
        for pane in (self.query_one(EstimateLine), self.query_one(LaunchGate)):
            pane.check = check
        self._beside()
        self._shown()
        self.refresh_bindings()

    def _beside(self) -> None:
        pane, cursor = self.query_one(Evidence), self.query_one(Checklist).cursor
        item = item_of("question.hypothesis" if cursor in (ACK, "") else cursor)
        if item is not pane.item:
            self.query_one(EvidencePane).scroll_home(animate=False)
        pane.item, pane.check = item, self.check

    def _shown(self) -> None:
        """Let the form show the config of the answers."""
        try:
            config, shipped = self.answers.base_config().flat(), resolve(self.answers.preset or None).flat()
        except CockpitError:
            return
        shown_ = Shown(self.answers.preset, preset_names(), self.answers.axes, config, shipped)
        self.query_one(ConfigForm).show(shown_)

    def _land(self) -> None:
        """Put the cursor where something is asked."""
        checklist = self.query_one(Checklist)
        if checklist.state.folded and checklist.state.asks:
            checklist.go(ACK)
            return
        waiting = [t for t in open_targets(self.check.blocks if self.check else ()) if t in checklist.order]
        checklist.go(waiting[0] if waiting else "question.hypothesis")

    # what changes the draft

    def _change(self, text: str, *, carry: bool = False) -> None:
        """The draft is this now: show it at once, and have it saved and checked."""
        self.text = text
        self._read(text)
        self._show()
        self._ask(carry=carry)

    def _ask(self, *, carry: bool = False) -> None:
        if self._saving is not None:
            self._saving.stop()
        self._asked = self.text
        self.desk.ask(Job(self.text, carry=carry))

    def _put(self, where: str, text: str) -> str:
        """The draft with what a person typed as an answer. Raises BadInput or ValueError with what is wrong."""
        field = FIELDS[where]
        empty: Any = {"prediction.round": "best", "init.rank": 0}.get(where, float("nan"))
        value = typed(field, text) if text.strip() or not field.number else empty
        changed = draft_file.put(self.text, where, value)
        parse_text(changed, "the draft")
        return changed

    def on_checklist_typing(self, message: Checklist.Typing) -> None:
        """Write what is being typed, a moment after the last key; it is checked when it is done."""
        try:
            self.text = self._put(message.where, message.text)
        except (BadInput, ValueError):
            return
        if self._saving is not None:
            self._saving.stop()
        self._saving = self.set_timer(AUTOSAVE, lambda: self.desk.ask(Job(self.text, check=False)))

    def on_checklist_given(self, message: Checklist.Given) -> None:
        """Take the answer, check, and go on."""
        checklist = self.query_one(Checklist)
        before = shown(self.answers, message.where)
        try:
            text = self._put(message.where, message.text) if message.text.strip() != before.strip() else self.text
        except (BadInput, ValueError) as error:
            if message.by != "escape":
                checklist.edit(message.text)
                checklist.refuse(str(error))
            return
        self._change(text)
        if message.by == "escape":
            return
        after = self._waiting(after=message.where)
        if after:
            checklist.go(after)
            if message.by == "tab":
                self.action_answer()

    def _waiting(self, *, after: str = "") -> str:
        """The next open question behind an answer, then from the top; '' when there is no other."""
        checklist = self.query_one(Checklist)
        order = checklist.order
        waiting = [t for t in open_targets(checklist.state.blocks) if t in order and t != after]
        at = order.index(after) if after in order else -1
        return next((t for t in waiting if order.index(t) > at), waiting[0] if waiting else "")

    def on_checklist_moved(self, message: Checklist.Moved) -> None:
        self._beside()
        self.refresh_bindings()
