"""Whether the run may start: closed with every reason, open with the key that starts it, or what is being done."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cockpit.preflight.drafts import Check
from cockpit.widgets.checklist_items import ITEMS, in_words, is_ack, numbers
from cockpit.widgets.line import LABEL, STRONG, VALUE, cut, heading, line, spread, stack
from journal.text import plain, short


def reasons(check: Check) -> list[tuple[str, str, bool]]:
    """Every reason why it is closed: the item's number or '', words, and whether something is wrong rather than not given yet."""
    found = []
    for item in ITEMS:
        against = sorted(
            (b for b in check.blocks if b.item in item.requirements and not is_ack(b)), key=lambda b: b.empty
        )
        if against:
            more = f", and {len(against) - 1} more" if len(against) > 1 else ""
            found.append((str(item.number), in_words(against[0]) + more, not against[0].empty))
    if any(is_ack(b) for b in check.blocks):
        since = short(check.known.since.id) if check.known.since else "before"
        found.append(("", f"unchanged since {since}, not acknowledged (a)", False))
    if not check.gate:
        found.append(("", "no fast-dev-run of this code yet (f at home)", True))
    return found


class LaunchGate(Widget):
    """One line where there is little room, else a pane."""

    DEFAULT_CSS = "LaunchGate { text-wrap: nowrap; text-overflow: clip; }"
    check: reactive[Check | None] = reactive(None)
    doing: reactive[str] = reactive("")
    trouble: reactive[str] = reactive("")

    def render(self) -> Content:
        """What there is room for."""
        width, height = self.size
        if self.doing or self.check is None:
            said = self.doing or (plain(self.trouble, 300) if self.trouble else "reading the model…")
            if height < 3:
                return line((cut(f"Launch is closed: {said}" if not self.doing else said, width), VALUE))
            word = line(("closed", STRONG)) if not self.doing else Content("")
            return stack([heading("Launch", "", width, word), Content(""), line((cut(said, width), VALUE))])
        found = reasons(self.check)
        if not found:
            text = line(
                ("Launch is open: ", VALUE),
                ("L", STRONG),
                (" starts the run, ", LABEL),
                ("W", STRONG),
                (" queues it", LABEL),
            )
            if height < 3:
                return text
            tests = [f"{b['rule']} is what this run tests" for b in self.check.bugs if b["state"] == "tested"]
            waived = [f"{b['rule']} is waived" for b in self.check.bugs if b["state"] == "waived"]
            beside = [line((cut(plain(t, 200), width), LABEL)) for t in (*tests, *waived)]
            return stack([heading("Launch", "", width, line(("open", STRONG))), Content(""), text, *beside][:height])
        if height < 3:
            wrong = [f"{n} {w}" if n else w for n, w, bad in found if bad]
            asked = [int(n) for n, _, bad in found if n and not bad]
            rest = [w for n, w, bad in found if not n and not bad]
            said = "; ".join([*wrong, *([f"{numbers(asked)} unanswered"] if asked else []), *rest])
            return line(("Launch is closed: ", STRONG), (cut(said, max(8, width - 18)), VALUE))
        rows = [heading("Launch", "", width, line(("closed", STRONG)))]
        if height > len(found) + 3:
            rows.append(Content(""))
        room = height - len(rows)
        for number, words, bad in found[: room if len(found) <= room else room - 1]:
            sign = ("✗ ", "$bad") if bad else ("· ", LABEL)
            rows.append(line(sign, (f" {number:<3}", STRONG), (cut(words, width - 6), VALUE)))
        if len(found) > room:
            rows.append(line((f"and {len(found) - room + 1} more", LABEL)))
        elif room - len(found) >= 2:
            rows += [
                Content(""),
                spread(line(("Nothing starts before all eight are sealed.", LABEL)), Content(""), width),
            ]
        return stack(rows[:height])
