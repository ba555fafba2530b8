"""The checklist of a new run: eight items beside their evidence, the config, and the launch that stays closed until nothing blocks.

It edits the TOML draft that `cockpit preflight check` reads. A thread reads the model, checks and saves; nothing here waits for it.
"""

from __future__ import annotations

import re
from functools import partialmethod
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType

from cockpit.actions import bindings
from cockpit.preflight import draft_file
from cockpit.preflight.desk import Job
from cockpit.screens.preflight_draft import DraftLooked as DraftLooked
from cockpit.screens.preflight_launch import Launched as Launched
from cockpit.screens.preflight_launch import LaunchingScreen
from cockpit.screens.preflight_launch import LaunchRefused as LaunchRefused
from cockpit.screens.preflight_launch import Queued as Queued
from cockpit.widgets.checklist import Checklist
from cockpit.widgets.checklist_items import BUG, FIELDS, item_of, open_targets, shown
from cockpit.widgets.checklist_state import ACK, State
from cockpit.widgets.config_form import AXES, PRESET, ConfigForm
from cockpit.widgets.config_knobs import as_toml
from cockpit.widgets.confirm import Ask, Confirm
from cockpit.widgets.evidence_pane import EvidencePane
from engine.contract.answers import Answers
from engine.contract.errors import BadInput, CockpitError
from engine.contract.preflight import GATE
from engine.contract.repeats import tail
from engine.contract.rundir import find_run
from journal.text import plain


class Preflight(LaunchingScreen):
    """One draft."""

    CSS_PATH = "preflight.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("preflight")
    AUTO_FOCUS = "Checklist"
    room = "preflight"

    # what a person does

    def action_answer(self) -> None:
        """Type, or open what is unchanged."""
        checklist = self.query_one(Checklist)
        if checklist.cursor == ACK:
            checklist.unfold(True)
        elif checklist.cursor.startswith(BUG):
            self.action_fix()
        else:
            checklist.edit()

    def action_next(self) -> None:
        """The next open question."""
        checklist = self.query_one(Checklist)
        target = self._waiting(after=checklist.cursor)
        if target:
            checklist.go(target)

    def action_acknowledge(self) -> None:
        """Let the unchanged stand, and ask the first question that is still open."""
        check, checklist = self.check, self.query_one(Checklist)
        since = check.known.since if check else None
        if since is None or not checklist.state.asks:
            return
        checklist.unfold(False)
        waiting = [t for t in open_targets(checklist.state.blocks) if t in checklist.order]
        self._change(draft_file.put(self.text, "acknowledged", tail(since.id)))
        if waiting:
            checklist.go(waiting[0])
            field = FIELDS.get(waiting[0])
            if field is not None and field.long:
                checklist.edit()

    def action_choose(self) -> None:
        """The next possible answer, or the next run to compare with."""
        cursor = self.query_one(Checklist).cursor
        field = FIELDS.get(cursor)
        if field is not None and field.choices:
            now = shown(self.answers, cursor)
            at = field.choices.index(now) if now in field.choices else -1
            self._change(draft_file.put(self.text, cursor, field.choices[(at + 1) % len(field.choices)]))
        elif field is not None and item_of(cursor).number in (6, 7) and self.check is not None:
            known = self.check.known
            runs = [*(n.run.id for n in known.near), "none"]
            chosen = known.prior.comparator.id if known.prior.comparator else self.answers.prior.comparator
            at = runs.index(chosen) if chosen in runs else -1
            self._change(draft_file.put(self.text, "prior.comparator", runs[(at + 1) % len(runs)]))

    def action_config(self, knob: str = "", hint: str = "") -> None:
        """The form."""
        self._form, self._evidence = True, False
        self._place()
        self._shown()
        self.query_one(ConfigForm).open(knob, hint)
        self.refresh_bindings()

    def on_config_form_set(self, message: ConfigForm.Set) -> None:
        """A setting was given a value: take it, or say what is wrong with it."""
        form, knob = self.query_one(ConfigForm), message.knob
        try:
            if knob == PRESET:
                text = draft_file.with_preset(self.text, message.text.strip())
            elif knob == AXES:
                text = draft_file.with_axes(self.text, [a.strip() for a in message.text.split(",") if a.strip()])
            else:
                empty = not message.text.strip() and knob.kind != "str"
                text = draft_file.with_setting(self.text, knob.name, None if empty else as_toml(knob, message.text))
        except CockpitError as error:
            form.refuse(str(error))
            return
        if text != self.text:
            self._change(text, carry=knob != AXES)
            self._title()
        form.accept()
        if not message.on:
            self._close_form()

    def on_config_form_closed(self) -> None:
        self._close_form()

    def _close_form(self) -> None:
        self._form = False
        self._place()
        self.query_one(Checklist).focus()
        self.refresh_bindings()

    def _hit(self) -> dict[str, Any] | None:
        """The known bug under the cursor."""
        cursor = self.query_one(Checklist).cursor
        return next((b for b in (self.check.bugs if self.check else []) if BUG + str(b["rule"]) == cursor), None)

    def action_fix(self) -> None:
        """Its setting, with what would mend it said beside it."""
        hit = self._hit()
        if hit is not None:
            self.action_config(hit["knobs"][0] if hit["knobs"] else "", f"{hit['rule']}: {plain(str(hit['fix']), 200)}")

    def action_tests(self) -> None:
        """Declare its settings as axes; once more, take that back."""
        hit = self._hit()
        if hit is None or not hit["knobs"] or hit["state"] == "waived":
            return
        knobs, axes = set(hit["knobs"]), set(self.answers.axes)
        try:
            self._change(draft_file.with_axes(self.text, axes - knobs if hit["state"] == "tested" else axes | knobs))
        except BadInput as error:
            self.query_one(Checklist).refuse(str(error))

    def action_waive(self) -> None:
        """Ask for a reason and set the rule aside; a waiver under the cursor is taken back."""
        hit = self._hit()
        if hit is not None and hit["state"] == "waived":
            self._change(draft_file.waive(self.text, str(hit["rule"]), ""))
            return
        rule, why = self._waivable()
        if not rule:
            return

        def done(reason: str | None) -> None:
            if reason:
                self._change(draft_file.waive(self.text, rule, reason))

        self.app.push_screen(Ask(f"Waive {rule}: for what reason?", [("", plain(why, 64))], done="waive"), done)

    def _waivable(self) -> tuple[str, str]:
        """The rule that w would set aside, and what it says: under the cursor, in this item, else the gate."""
        hit, check = self._hit(), self.check
        if check is None:
            return "", ""
        if hit is not None:
            return str(hit["rule"]), str(hit["cause"])
        cursor = self.query_one(Checklist).cursor
        own = item_of(cursor).requirements if cursor not in (ACK, "") else ()
        for block in check.blocks:
            found = re.search(r"\bwaive (\w+)", block.mend)
            if found and block.item in own and not block.what.startswith("known bug "):
                return found.group(1), block.what
        return (GATE, "no successful fast-dev-run of this code in this project") if not check.gate else ("", "")

    def action_old_answers(self) -> None:
        """Begin a new draft from another run or file."""

        def done(older: str | None) -> None:
            if not older:
                return
            try:
                named = older if Path(older).is_file() else find_run(self._project, older).id
            except CockpitError as error:
                self.app.tell(str(error), bad=True)
            else:
                self._begin(named, "The draft before it stays in runs/.drafts.")

        self.app.push_screen(Ask("Whose answers? A run, or the path of a TOML file", [], done="carry over"), done)

    def action_discard(self) -> None:
        """Put the draft away and begin anew."""

        def done(yes: bool | None) -> None:
            if yes:
                draft_file.put_away(self.desk.path, draft_file.PUT_AWAY)
                self._begin("", "")

        facts = [("kept as", str(Path("runs/.drafts") / draft_file.PUT_AWAY / self.desk.path.name))]
        self.app.push_screen(Confirm("Put this draft away and begin a new one?", facts, "put it away"), done)

    def _begin(self, older: str, said: str) -> None:
        """A new draft; the screen reads the model again."""
        if said:
            self.app.tell(said)
        self.text, self.check, self._asked = "", None, ""
        checklist = self.query_one(Checklist)
        self.answers = Answers()
        checklist.state = State(self.answers)
        self._show()
        self.desk.ask(Job("", begin=True, older=older))

    def action_evidence(self) -> None:
        """Change who has the room."""
        self._evidence = not self._evidence
        self._place()

    def action_up(self) -> None:
        self.query_one(Checklist).move(-1)

    def action_down(self) -> None:
        self.query_one(Checklist).move(1)

    def action_page_up(self) -> None:
        self.query_one(EvidencePane).scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        self.query_one(EvidencePane).scroll_page_down(animate=False)

    def _item(self, number: int) -> None:
        self.query_one(Checklist).jump(number)

    action_item_1 = partialmethod(_item, 1)
    action_item_2 = partialmethod(_item, 2)
    action_item_3 = partialmethod(_item, 3)
    action_item_4 = partialmethod(_item, 4)
    action_item_5 = partialmethod(_item, 5)
    action_item_6 = partialmethod(_item, 6)
    action_item_7 = partialmethod(_item, 7)
    action_item_8 = partialmethod(_item, 8)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense where the cursor is, and nothing while an answer or a setting is typed."""
        if not self.is_mounted:
            return True
        if not self.text and action not in ("evidence", "up", "down", "page_up", "page_down"):
            return False  # the draft is still being read
        checklist = self.query_one(Checklist)
        hit = self._hit()
        if action == "acknowledge":
            return checklist.state.asks
        if action == "fix":
            return hit is not None and hit["state"] == "open"
        if action == "tests":
            return hit is not None and bool(hit["knobs"]) and hit["state"] != "waived"
        if action == "waive":
            return bool(self._waivable()[0])
        if action == "evidence":
            return self.app.size.width < 100
        return True
