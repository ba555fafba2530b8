"""One registry of actions: each is bound, carried out, documented, shown where it fits, and found in the palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding
from textual.screen import Screen

from cockpit.actions import ACTIONS, EVERYWHERE, SCREENS, Action, bindings, offered, screen_class, there
from cockpit.app import CockpitApp, Registry
from cockpit.screens.help import Help, groups
from cockpit.screens.home import Home, ProjectSeen
from cockpit.widgets.key_bar import RIGHT, KeyBar, place
from tests.screens.conftest import Drive, Stage, Write

RUN = "20260604T101347-nano-care-k3f9"
ROOMS = sorted({a.where for a in ACTIONS} - {EVERYWHERE})
PRESSED = [a for a in ACTIONS if a.where in ("home", EVERYWHERE) and a.name not in ("fast_dev_run", "quit")]
"""All that can be pressed in a test: starting a real run and leaving are tests of their own."""


def carried_out_by(room: str) -> type[Any]:
    return CockpitApp if room == EVERYWHERE else screen_class(room)


@pytest.mark.parametrize("room", [EVERYWHERE, *(r for r in ROOMS if there(r))])
def test_every_action_of_a_screen_is_carried_out_and_bound(room: str) -> None:
    owner = carried_out_by(room)
    wanted = [a for a in ACTIONS if a.where == room]
    assert [a.name for a in wanted if not hasattr(owner, f"action_{a.name}")] == []
    bound = {b.action for b in Binding.make_bindings(owner.__dict__["BINDINGS"])}
    assert bound == {a.name for a in wanted}


@pytest.mark.parametrize("room", ROOMS)
def test_no_key_means_two_things_on_one_screen(room: str) -> None:
    never_both = {"unpause"}  # only a paused run offers it, and then not to be paused
    found = [a for a in ACTIONS if a.where in (room, EVERYWHERE) and a.name not in never_both]
    keys = [key for a in found for key in a.key.split(",")]
    assert len(keys) == len(set(keys))
    names = [a.name for a in ACTIONS if a.where == room]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda a: f"{a.where}-{a.name}")
def test_every_action_is_documented_in_a_sentence(action: Action) -> None:
    assert action.label
    assert len(action.label) <= 24
    assert action.help.endswith(".")
    assert action.help[0].isupper()
    assert action.where == EVERYWHERE or action.where in SCREENS
    assert not action.opens or action.opens in SCREENS


@pytest.mark.parametrize("name", [n for n in SCREENS if there(n)])
def test_every_screen_that_is_there_binds_only_what_the_registry_says(name: str) -> None:
    found = screen_class(name)
    assert issubclass(found, Screen)
    assert found.room == name  # type: ignore[attr-defined]
    assert found.__dict__.get("BINDINGS", []) == bindings(name)


def test_every_action_of_home_works_when_its_key_is_pressed(
    project: Path, write_run: Write, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    write_run(RUN)

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.shows("-k3f9")
        for action in PRESSED:
            if action.opens and not there(action.opens):
                continue
            assert isinstance(stage.app.screen, Home), f"before {action.name}"
            assert action.name in {a.name for a in offered(stage.app.screen)}
            for key in action.key.split(","):
                await stage.press(key)
                while not isinstance(stage.app.screen, Home):
                    await stage.press("escape")
            assert stage.app.is_running
            assert stage.app.return_code in (None, 0)

    drive(CockpitApp(project), script)


def test_help_lists_every_action_that_is_offered() -> None:
    listed = {a for _, _, actions in groups("home") for a in actions}
    assert listed == {
        a for a in ACTIONS if (a.where == EVERYWHERE or there(a.where)) and (not a.opens or there(a.opens))
    }
    assert [title for title, _, _ in groups("home")][:2] == ["On this screen, home", "On every screen"]


def test_the_palette_finds_every_action_of_the_screen_by_its_word(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        provider = Registry(stage.app.screen)
        shown = [str(hit.display) async for hit in provider.discover()]  # type: ignore[union-attr]
        for action in offered(stage.app.screen):
            assert any(text.startswith(f"{action.label}  ({action.shown_key})") for text in shown)
            found = [hit.text async for hit in provider.search(action.label)]
            assert any(text is not None and text.startswith(action.label) for text in found)
        assert "theme light" in shown

    drive(CockpitApp(project), script)


def test_the_palette_carries_out_what_is_chosen(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        await stage.press("ctrl+p")
        await stage.shows("go  (g)")
        await stage.press(*"every key")
        await stage.shows("What can be done here")
        await stage.pilot.pause(0.3)
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Help), "help")

    drive(CockpitApp(project), script)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_key_bar_names_help_and_palette_at_every_width(project: Path, drive: Drive, width: int) -> None:
    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        await stage.pilot.pause()
        last = stage.text().splitlines()[-1]
        assert last.rstrip().endswith("? help  ctrl+p palette")
        assert len(last) <= width

    drive(CockpitApp(project), script, size=(width, 24 if width < 120 else 40))


def test_a_click_on_the_key_bar_does_what_its_key_does(project: Path, drive: Drive) -> None:
    async def script(stage: Stage) -> None:
        bar = stage.app.screen.query_one(KeyBar)
        spot = next(s for s in bar.spots() if s.action.name == "help")
        await stage.pilot.click(KeyBar, offset=(spot.start + 1, 0))
        await stage.until(lambda: isinstance(stage.app.screen, Help), "help")

    drive(CockpitApp(project), script)


@given(st.integers(10, 250), st.sampled_from([EVERYWHERE, "home", "monitor"]))
def test_the_key_bar_never_cuts_or_overlaps_and_keeps_what_matters_most(width: int, room: str) -> None:
    actions = [a for a in ACTIONS if a.where in (room, EVERYWHERE) and a.rank]
    spots = place(actions, 1, width - 1)
    ends = [1, *(s.end for s in spots)]
    assert all(s.start >= end for s, end in zip(spots, ends, strict=False))
    assert not spots or spots[-1].end <= width - 1
    shown = {s.action for s in spots}
    hidden = [a for a in actions if a not in shown and a.name not in RIGHT]
    kept = [a for a in shown if a.name not in RIGHT]
    assert max((a.rank for a in kept), default=0) <= min((a.rank for a in hidden), default=999)


def test_a_screen_that_is_not_there_is_not_offered(
    project: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SCREENS, "compare", "cockpit.screens.no_such_screen:Nothing")
    there.cache_clear()

    async def script(stage: Stage) -> None:
        await stage.heard(ProjectSeen)
        assert isinstance(stage.app.screen, Home)
        assert "compare" not in {a.name for a in offered(stage.app.screen)}
        assert "c compare" not in stage.text()

    try:
        drive(CockpitApp(project), script)
    finally:
        there.cache_clear()
