"""The one registry of actions: what can be done on which screen, by which key, in which words.

Bindings, the key bar, `?` help and the command palette are all read from it; no key is bound anywhere else. An action `pause` of the
screen `monitor` is the method `action_pause` of that screen; an action of every screen is a method of the app.

    class Monitor(Screen[None]):
        room = "monitor"
        BINDINGS = bindings("monitor")

A screen is opened by its name, and imported only then; one that is not there is not offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from textual.binding import BindingType
    from textual.screen import Screen

SCREENS = {
    "home": "cockpit.screens.home:Home",
    "preflight": "cockpit.screens.preflight:Preflight",
    "monitor": "cockpit.screens.monitor:Monitor",
    "completions": "cockpit.screens.completions:Completions",
    "log": "cockpit.screens.log:Log",
    "config": "cockpit.screens.config:ConfigScreen",
    "journal": "cockpit.screens.journal:Journal",
    "compare": "cockpit.screens.compare:Compare",
    "queue": "cockpit.screens.queue:QueueScreen",
    "diagnosis": "cockpit.screens.diagnosis:DiagnosisScreen",
    "rating": "cockpit.screens.rating:RatingScreen",
    "help": "cockpit.screens.help:Help",
}
"""Module and class of each screen. Its first argument is the project's folder; what it shows is named: Monitor(project, run=...)."""
EVERYWHERE = "every screen"


class Action(NamedTuple):
    """One thing that a person can do. `key` is textual's name for it, several between commas; the first is the one that is shown.

    `label` is its word in the key bar, `help` a sentence. `rank` says what stays in a narrow key bar: 1 first, 0 never shows there.
    `opens` is the screen it leads to, when it leads to one."""

    name: str
    key: str
    label: str
    help: str
    where: str = EVERYWHERE
    rank: int = 0
    opens: str = ""

    @property
    def shown_key(self) -> str:
        """The key as a person reads it."""
        return _SHOWN.get(self.key.split(",")[0], self.key.split(",")[0])


_SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "plus": "+",
    "equals_sign": "=",
    "number_sign": "#",
}

# fmt: off
ACTIONS = (
    # every screen
    Action("help", "question_mark,f1", "help", "What can be done here, and every key.", rank=90),
    Action("palette", "ctrl+p", "palette", "Find an action by its name.", rank=91),
    Action("back", "escape", "back", "Go back to the screen before this one.", rank=80),
    Action("quit", "q,ctrl+q", "quit", "Leave the cockpit. Runs go on without it.", rank=92),
    Action("theme", "t", "theme", "Change to the next theme; it is remembered."),
    Action("signs", "u", "signs", "Change between Unicode and plain ASCII signs; it is remembered."),
    Action("screenshot", "P", "picture", "Save what the screen shows as an SVG picture."),
    # home
    Action("open", "enter", "open", "Open the chosen run, or the chosen journal entry.", "home", 2),
    Action("go", "g", "go", "Do what the line Next says.", "home", 3),
    Action("new_run", "n", "new run", "Answer the checklist of a new run.", "home", 1, "preflight"),
    Action("fast_dev_run", "f", "fast-dev-run", "Run the whole loop at a small scale, in under a minute.", "home", 4),
    Action("journal", "j", "journal", "Read, filter and review the journal.", "home", 5, "journal"),
    Action("compare", "c", "compare", "Lay the chosen run beside others.", "home", 6, "compare"),
    Action("queue", "w", "queue", "See the runs that wait for their turn, and change their order.", "home", 8, "queue"),
    Action("resume", "R", "resume", "Go on with the chosen run, which was interrupted, from its last checkpoint.", "home"),
    Action("copy", "y", "copy id", "Copy the chosen run's id to the clipboard.", "home", 95),
    Action("filter", "slash", "filter", "Show all runs, only those of one trait, or only those that failed.", "home", 7),
    Action("up", "up", "up", "Choose the row above.", "home"),
    Action("down", "down", "down", "Choose the row below.", "home"),
    Action("page_up", "pageup", "page up", "Choose one page up.", "home"),
    Action("page_down", "pagedown", "page down", "Choose one page down.", "home"),
    Action("first", "home", "first", "Choose the first row.", "home"),
    Action("last", "end", "last", "Choose the last row.", "home"),
    Action("switch", "tab,shift+tab", "switch", "Move between the runs and the journal.", "home"),
    # preflight: the checklist of a new run
    Action("answer", "enter", "answer", "Type the answer under the cursor, or open what is unchanged.", "preflight", 1),
    Action("next", "tab", "next", "Go to the next open question.", "preflight", 5),
    Action("acknowledge", "a", "acknowledge", "Let everything that is unchanged stand as it was answered.", "preflight", 2),
    Action("choose", "space", "choose", "Choose the next possible answer; in 6 and 7 the run to compare with.", "preflight", 6),
    Action("config", "c", "config", "Change the preset or a setting; each is explained.", "preflight", 4),
    Action("fix", "f", "fix", "Change the setting behind the known bug under the cursor.", "preflight", 7),
    Action("waive", "w", "waive", "Set a known bug or a rule aside, with a reason; or take that back.", "preflight", 8),
    Action("tests", "v", "it is what this tests", "Declare the settings behind the known bug as what the run tests.", "preflight", 9),
    Action("launch", "L", "launch", "Seal the answers and start the run; closed while anything blocks.", "preflight", 10),
    Action("queue", "W", "queue", "Seal the answers and let the run wait for its turn; closed while anything blocks.", "preflight", 11),
    Action("evidence", "e", "evidence", "Give the evidence the room of the checklist, and back, on a small screen.", "preflight", 3),
    Action("old_answers", "o", "old answers", "Begin a new draft with the answers of another run or file.", "preflight", 12),
    Action("discard", "x", "discard", "Put this draft away and begin a new one; asks first.", "preflight", 13),
    Action("up", "up,k", "up", "Go to the answer above.", "preflight"),
    Action("down", "down,j", "down", "Go to the answer below.", "preflight"),
    Action("page_up", "pageup", "page up", "Scroll the evidence up.", "preflight"),
    Action("page_down", "pagedown", "page down", "Scroll the evidence down.", "preflight"),
    Action("item_1", "1", "tokenization", "Go to item 1.", "preflight"),
    Action("item_2", "2", "architecture", "Go to item 2.", "preflight"),
    Action("item_3", "3", "init", "Go to item 3.", "preflight"),
    Action("item_4", "4", "direction", "Go to item 4.", "preflight"),
    Action("item_5", "5", "metric", "Go to item 5.", "preflight"),
    Action("item_6", "6", "question", "Go to item 6.", "preflight"),
    Action("item_7", "7", "prior results", "Go to item 7.", "preflight"),
    Action("item_8", "8", "known bugs", "Go to item 8.", "preflight"),
    # monitor: the run's controls, then what is looked at
    Action("pause", "p", "pause", "Pause the run at its next unit of work.", "monitor", 1),
    Action("unpause", "p", "unpause", "Let a paused run go on.", "monitor", 1),
    Action("stop", "s", "stop after round", "End the run when this round is done; asks first.", "monitor", 2),
    Action("abort", "a", "abort", "End the run now; asks first.", "monitor", 3),
    Action("checkpoint", "k", "checkpoint", "Write a checkpoint now.", "monitor", 9),
    Action("set", "S", "set", "Change lam or tau of the live run, within their bounds.", "monitor", 10),
    Action("note", "n", "note", "Write a note into the run's record.", "monitor", 4),
    Action("completions", "c", "completions", "Read every completion: kept, dropped and why, by dose.", "monitor", 5),
    Action("map", "m", "map", "Care against authority, round by round.", "monitor", 8),
    Action("filter", "slash", "search", "Search the log, or filter the completions.", "monitor"),
    Action("config", "g", "config", "The run's config, as it differs from its preset and comparator.", "monitor", 7),
    Action("log", "l", "log", "Every event of the run as a line.", "monitor", 6),
    Action("diagnose", "d", "diagnose", "Say what is wrong with the run, or what is missing to say so.", "monitor", 7, "diagnosis"),
    Action("probe", "b", "probe", "Draw another coherence probe under KL: tail ppl, mass, valid json, prefill nll.", "monitor", 11),
    Action("rate", "r", "rate blind", "Rate answers of the finished run without knowing who gave them.", "monitor", 0, "rating"),
    # the monitor's log, completions and config
    Action("search", "slash", "search", "Show only the lines that hold some words.", "log", 1),
    Action("last", "end", "follow", "Go to the end and follow it.", "log", 2),
    Action("first", "home", "first", "Go to the first line.", "log", 3),
    Action("up", "up", "up", "One line back.", "log"),
    Action("down", "down", "down", "One line on.", "log"),
    Action("page_up", "pageup", "page up", "One page back.", "log"),
    Action("page_down", "pagedown", "page down", "One page on.", "log"),
    Action("fate", "k", "kept or dropped", "Show kept, dropped, or both.", "completions", 1),
    Action("reason", "r", "reason", "Show only what was dropped for one reason.", "completions", 2),
    Action("dose", "d", "dose", "Show only one dose.", "completions", 3),
    Action("round", "o", "round", "Show only one round.", "completions", 4),
    Action("subject", "s", "subject", "Show only base, prompted, steered or healed.", "completions", 5),
    Action("probe", "p,enter", "same prompt", "Follow the chosen prompt across subjects and rounds.", "completions", 6),
    Action("everything", "x", "no filter", "Show every completion.", "completions", 7),
    Action("up", "up", "up", "The completion above.", "completions"),
    Action("down", "down", "down", "The completion below.", "completions"),
    Action("page_up", "pageup", "page up", "One page up.", "completions"),
    Action("page_down", "pagedown", "page down", "One page down.", "completions"),
    Action("first", "home", "first", "The first completion.", "completions"),
    Action("last", "end", "last", "The last completion.", "completions"),
    Action("up", "up", "up", "One row up.", "config"),
    Action("down", "down", "down", "One row down.", "config"),
    Action("page_up", "pageup", "page up", "One page up.", "config", 2),
    Action("page_down", "pagedown", "page down", "One page down.", "config", 1),
    # journal
    Action("filter", "slash", "filter", "Say which entries are shown: conditions, words to search for, sort:FIELD.", "journal", 1),
    Action("open", "enter,m", "open run", "Open the monitor of the chosen entry's run.", "journal", 2, "monitor"),
    Action("review", "r", "review", "Say how the entry stands: reviewed, draft, retracted, superseded, condemned.", "journal", 3),
    Action("write", "w", "write", "Write the discussion below the entry, here.", "journal", 5),
    Action("note", "n", "note", "Add a note to the entry.", "journal", 6),
    Action("mark", "space", "mark", "Mark the entry for a comparison, up to eight.", "journal", 7),
    Action("compare", "equals_sign,c", "compare", "Lay the marked runs beside each other.", "journal", 8, "compare"),
    Action("promote", "b", "known bug", "Make what the run taught a known bug, which every later checklist checks.", "journal", 14),
    Action("fold", "d", "details", "Open or fold what is folded away, and the intervals.", "journal", 9),
    Action("tag", "number_sign", "tag", "Give the entry tags, or take them off with a minus.", "journal", 11),
    Action("sort", "o", "sort", "Sort by the next of: newest, oldest, trait, tail ppl, verdict.", "journal", 10),
    Action("read", "z", "read", "The entry on the whole screen, or the list above it again.", "journal", 4),
    Action("edit", "e", "editor", "Open the journal in $EDITOR at the entry's line.", "journal", 12),
    Action("export", "x", "export", "Write the shown entries to a file: .html, .md, .csv or .json.", "journal", 13),
    Action("copy", "y", "copy id", "Copy the chosen entry's key to the clipboard.", "journal"),
    Action("up", "up,k", "up", "Choose the entry above.", "journal"),
    Action("down", "down,j", "down", "Choose the entry below.", "journal"),
    Action("page_up", "pageup", "page up", "Choose one page up.", "journal"),
    Action("page_down", "pagedown", "page down", "Choose one page down.", "journal"),
    Action("first", "home", "first", "Choose the first entry.", "journal"),
    Action("last", "end", "last", "Choose the last entry.", "journal"),
    Action("scroll_down", "shift+down,J", "read on", "Scroll the entry down.", "journal"),
    Action("scroll_up", "shift+up,K", "read back", "Scroll the entry up.", "journal"),
    Action("switch", "tab,shift+tab", "switch", "Move between the list and the entry.", "journal"),
    Action("diagnose", "D", "diagnose", "Say what is wrong with the run of the chosen entry.", "journal", 11, "diagnosis"),
    # diagnosis
    Action("again", "r", "read again", "Read the run anew; one that goes on is read by itself.", "diagnosis", 2),
    Action("copy", "y", "copy command", "Copy the command of the first fix to the clipboard.", "diagnosis", 1),
    Action("up", "up,k", "up", "One line up.", "diagnosis"),
    Action("down", "down,j", "down", "One line down.", "diagnosis"),
    Action("page_up", "pageup", "page up", "One page up.", "diagnosis"),
    Action("page_down", "pagedown,space", "read on", "One page down.", "diagnosis", 3),
    # compare
    Action("add", "a", "add", "Add a run by its id or its ending.", "compare", 1),
    Action("remove", "x", "remove", "Take the chosen run out of the comparison.", "compare", 2),
    Action("reference", "r", "reference", "Make the chosen runs what the others are compared with.", "compare", 3),
    Action("open", "enter,m", "open run", "Open the monitor of the chosen run.", "compare", 4, "monitor"),
    Action("up", "up,k", "up", "Choose the runs above.", "compare"),
    Action("down", "down,j", "down", "Choose the runs below.", "compare"),
    Action("page_down", "space,pagedown", "read on", "Scroll the charts and tables down.", "compare", 5),
    Action("page_up", "pageup", "read back", "Scroll the charts and tables up.", "compare"),
    # queue
    Action("work", "r", "run the queue", "Start what waits, one after the other, in the background.", "queue", 1),
    Action("pause", "p", "pause", "Let nothing more start, or go on; what runs is not touched.", "queue", 2),
    Action("earlier", "K,shift+up", "earlier", "Give the chosen run the place before.", "queue", 3),
    Action("later", "J,shift+down", "later", "Give the chosen run the next place.", "queue", 4),
    Action("remove", "x", "remove", "Take the chosen run out of the queue; asks first.", "queue", 5),
    Action("open", "enter,m", "open run", "Open the monitor of the chosen run, once it has started.", "queue", 6, "monitor"),
    Action("up", "up,k", "up", "Choose the run above.", "queue"),
    Action("down", "down,j", "down", "Choose the run below.", "queue"),
    Action("page_up", "pageup", "page up", "Choose one page up.", "queue"),
    Action("page_down", "pagedown", "page down", "Choose one page down.", "queue"),
    Action("first", "home", "first", "Choose the first run.", "queue"),
    Action("last", "end", "last", "Choose the last run.", "queue"),
    # blind rating
    Action("one", "1", "lowest", "Give a 1, the lowest grade.", "rating", 1),
    Action("two", "2", "2", "Give a 2.", "rating"),
    Action("three", "3", "3", "Give a 3, the middle.", "rating"),
    Action("four", "4", "4", "Give a 4.", "rating"),
    Action("five", "5", "highest", "Give a 5, the highest grade.", "rating", 2),
    Action("again", "backspace", "again", "Take back the grade just given, or rate the text before this one again.", "rating", 3),
    Action("up", "up,k", "up", "One line up.", "rating"),
    Action("down", "down,j", "down", "One line down.", "rating"),
)
# fmt: on


def bindings(room: str) -> list[BindingType]:
    """The bindings of one screen, or with EVERYWHERE those of the app."""
    from textual.binding import Binding

    return [
        Binding(a.key, a.name, a.label, key_display=a.shown_key, priority=a.key.startswith("ctrl+"))
        for a in ACTIONS
        if a.where == room
    ]


def screen_class(name: str) -> type[Screen[Any]]:
    """The class of a screen, imported now. Raises KeyError for a name nobody knows, ImportError when it is not there."""
    module, _, attribute = SCREENS[name].partition(":")
    found: type[Screen[Any]] = getattr(import_module(module), attribute)
    return found


@cache
def there(name: str) -> bool:
    """Whether a screen is part of this cockpit; nothing is imported to find out."""
    return name in SCREENS and find_spec(SCREENS[name].partition(":")[0]) is not None


def offered(screen: Screen[Any]) -> Iterator[Action]:
    """The actions that can be asked for on a screen, its own first, less those whose screen is not there or that nobody carries out."""
    room = getattr(screen, "room", "")
    for where, owner in ((room, screen), (EVERYWHERE, screen.app)):
        for action in ACTIONS:
            carried_out = action.where == where and hasattr(owner, f"action_{action.name}")
            if carried_out and (not action.opens or there(action.opens)):
                yield action
