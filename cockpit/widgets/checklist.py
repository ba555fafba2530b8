"""The checklist: a cursor over the open answers, and the place under one of them where its answer is typed."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import TextArea

from cockpit.widgets.checklist_items import FIELDS, ITEMS, item_of, open_targets, shown, targets, typed
from cockpit.widgets.checklist_rows import INDENT, Laid, Line, lay
from cockpit.widgets.checklist_state import ACK, State, open_bugs
from cockpit.widgets.line import stack
from engine.contract.answers import Answers
from journal.text import plain

TALLEST = 8
"""Rows that the place for typing may take."""


class Lines(Widget):
    """Some of the checklist's lines."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; text-wrap: nowrap; text-overflow: clip; }"
    can_focus = False

    class Clicked(Message):
        """An answer was clicked."""

        def __init__(self, target: str) -> None:
            super().__init__()
            self.target = target

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        """Show these."""
        taller = len(lines) != len(self.lines)
        self.lines = lines
        self.display = bool(lines)
        self.refresh(layout=taller)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self.lines)

    def render(self) -> Content:
        """All of them."""
        return stack(made.content for made in self.lines)

    def on_click(self, event: events.Click) -> None:
        """Go to what was clicked."""
        if 0 <= event.y < len(self.lines):
            for start, end, target in self.lines[event.y].spans:
                if start <= event.x < end:
                    self.post_message(self.Clicked(target))
                    return


class Editor(TextArea):
    """Where an answer is typed: enter is done, tab goes on to the next open question, ctrl+j breaks the line."""

    class Left(Message):
        """Typing has ended: by 'enter', 'tab' or 'escape'."""

        def __init__(self, by: str) -> None:
            super().__init__()
            self.by = by

    async def _on_key(self, event: events.Key) -> None:
        if event.key in ("enter", "tab", "escape", "shift+tab"):
            event.stop()
            event.prevent_default()
            self.post_message(self.Left(event.key))
        elif event.key == "ctrl+j":
            event.stop()
            event.prevent_default()
            self.insert("\n")
        else:
            await super()._on_key(event)


class Checklist(VerticalScroll, inherit_bindings=False):
    """Shows a State; what is typed and where the cursor goes is posted."""

    DEFAULT_CSS = """
    Checklist { scrollbar-size-vertical: 1; scrollbar-color: $select; scrollbar-background: $background; scrollbar-gutter: stable; }
    Checklist Editor { display: none; height: 1; border: none; padding: 0; color: $bright; background: $panel; scrollbar-size: 0 0; }
    Checklist Editor.-typing { display: block; }
    """
    can_focus = True
    state: reactive[State] = reactive(State(Answers()), always_update=True, layout=False)

    class Moved(Message):
        """The cursor is on something else."""

    class Typing(Message):
        """An answer is being typed, and is good enough to be kept."""

        def __init__(self, where: str, text: str) -> None:
            super().__init__()
            self.where, self.text = where, text

    class Given(Message):
        """An answer was given; by which key."""

        def __init__(self, where: str, text: str, by: str) -> None:
            super().__init__()
            self.where, self.text, self.by = where, text, by

    def compose(self) -> ComposeResult:
        """Lines, the place for typing, lines."""
        yield Lines(id="above")
        yield Editor(soft_wrap=True, compact=True, highlight_cursor_line=False)
        yield Lines(id="below")

    def on_mount(self) -> None:
        self.query_one(Editor).styles.margin = (0, 0, 0, INDENT + 2)
        self._lay()

    def on_resize(self) -> None:
        self._lay()

    def watch_state(self) -> None:
        self._lay()

    @property
    def cursor(self) -> str:
        """The answer, rule or line that the cursor is on."""
        return self.state.cursor

    @property
    def order(self) -> list[str]:
        """All that the cursor goes through, from top to bottom."""
        state = self.state
        folded = state.folded
        rest = [t for i in ITEMS if i.number not in folded for t in targets(i, open_bugs(state))]
        return [ACK, *rest] if folded else rest

    def go(self, target: str) -> None:
        """Put the cursor there; in the item's unfolded form when it lies in the line of what is unchanged."""
        state = self.state
        if target not in (ACK, "") and item_of(target).number in state.folded:
            state = state._replace(opened=True)
        if target == state.cursor and state.opened == self.state.opened:
            return
        self.state = state._replace(cursor=target, editing=False, wrong="")
        self.post_message(self.Moved())

    def move(self, by: int) -> None:
        """Some answers up or down; stops at both ends."""
        order = self.order
        at = order.index(self.cursor) if self.cursor in order else 0
        self.go(order[max(0, min(len(order) - 1, at + by))])

    def jump(self, number: int) -> None:
        """To the first open answer of an item, else to its first."""
        item = ITEMS[number - 1]
        if number in self.state.folded:
            self.go(item.fields[0].where)
            return
        own = [t for t in open_targets(self.state.blocks) if item_of(t) is item]
        self.go(own[0] if own else targets(item, open_bugs(self.state))[0])

    def unfold(self, opened: bool) -> None:
        """Show what is unchanged item by item, or in one line."""
        cursor = self.cursor
        self.state = self.state._replace(opened=opened)
        if cursor not in self.order:
            self.go(self.order[0])

    @property
    def typing(self) -> bool:
        """Whether an answer is being typed."""
        return self.state.editing

    def edit(self, start: str | None = None) -> None:
        """Type the answer under the cursor; the old one is marked, so that typing replaces it."""
        if self.cursor not in FIELDS:
            return
        text = shown(self.state.answers, self.cursor) if start is None else start
        editor = self.query_one(Editor)
        self.state = self.state._replace(editing=True, wrong="")
        editor.load_text(text.strip("\n"))
        editor.add_class("-typing")
        editor.select_all()
        editor.focus()
        self._fit()

    def close(self) -> None:
        """Stop typing."""
        self.query_one(Editor).remove_class("-typing")
        self.state = self.state._replace(editing=False, wrong="")
        if self.screen.focused is self.query_one(Editor):
            self.focus()

    def refuse(self, why: str) -> None:
        """Say in place what is wrong with what was typed."""
        self.state = self.state._replace(wrong=why)

    def on_text_area_changed(self, message: TextArea.Changed) -> None:
        """Grow with the text; keep what can be kept."""
        message.stop()
        self._fit()
        if not self.state.editing or self.cursor not in FIELDS:
            return
        text = message.text_area.text
        if text != shown(self.state.answers, self.cursor) and not _fault(self.cursor, text):
            self.post_message(self.Typing(self.cursor, text))

    def on_editor_left(self, message: Editor.Left) -> None:
        """Say what was given, or what is wrong with it; escape leaves what cannot be kept."""
        message.stop()
        text, where = self.query_one(Editor).text, self.cursor
        wrong = _fault(where, text)
        if wrong and message.by != "escape":
            self.refuse(wrong)
            return
        self.close()
        if not wrong:
            self.post_message(self.Given(where, text, message.by))

    def on_lines_clicked(self, message: Lines.Clicked) -> None:
        """The first click goes there, the second one types."""
        message.stop()
        if self.typing:
            return
        if message.target == self.cursor:
            self.screen.run_worker(self.screen.run_action("screen.answer"))
        else:
            self.go(message.target)

    def _lay(self) -> None:
        if not self.is_mounted or not self.size.width:
            return
        laid: Laid = lay(self.state, self.scrollable_content_region.width or self.size.width)
        self.query_one("#above", Lines).show(laid.above)
        self.query_one("#below", Lines).show(laid.below)
        self.call_after_refresh(self._see, laid.at)

    def _see(self, at: int) -> None:
        rows = 2 if not self.typing else 3 + self.query_one(Editor).size.height
        self.scroll_to_region(Region(0, max(0, at - 1), 1, rows + 2), animate=False)

    def _fit(self) -> None:
        editor = self.query_one(Editor)
        editor.styles.height = max(1, min(TALLEST, editor.wrapped_document.height))


def _fault(where: str, text: str) -> str:
    """Why an answer cannot be kept as typed: no number, or none of the choices; '' when it can."""
    field = FIELDS.get(where)
    if field is None or not text.strip():
        return ""
    try:
        value = typed(field, text)
    except ValueError as error:
        return str(error)
    if field.choices and not field.free and value not in field.choices:
        return f"{plain(text, 30)!r} is none of {', '.join(field.choices)}"
    return ""
