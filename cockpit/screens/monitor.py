"""The monitor: a live or finished run as its files tell it, what needs a person, and the controls of a run that goes on.

A reader thread posts what is new; panes are drawn from one frozen Scene on the message loop, and nothing here waits for a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from cockpit.actions import bindings
from cockpit.live.feed import Feed, Update
from cockpit.live.machine import Machine, Sampler
from cockpit.live.signals import filtered
from cockpit.live.texts import Text
from cockpit.remote.mirror import origin
from cockpit.screens.controls import Controls
from cockpit.screens.watching import Watching
from cockpit.widgets.alerts import AlertsPane
from cockpit.widgets.barrier import BarrierPane
from cockpit.widgets.board import MORE, Board
from cockpit.widgets.chart import Chart
from cockpit.widgets.coherence import CoherencePane
from cockpit.widgets.completions import FILTERS, CompletionsPane, choose, reason_words
from cockpit.widgets.key_bar import KeyBar
from cockpit.widgets.kl import AXES, PROBES, HealCharts, map_model
from cockpit.widgets.log import LogPane
from cockpit.widgets.machine import MachinePane
from cockpit.widgets.map import Map
from cockpit.widgets.prediction import PredictionPane
from cockpit.widgets.rounds import RoundsPane
from cockpit.widgets.scene import Scene
from cockpit.widgets.stage_strip import StageStrip
from cockpit.widgets.title_bar import TitleBar
from engine.contract.rundir import RunDir

TICK = 1.0
"""Seconds between two movements of the clocks."""
MACHINE = 2.0
"""Seconds between two looks at the machine."""


@dataclass
class EventsArrived(Message):
    """The run was read further."""

    update: Update


@dataclass
class MachineSeen(Message):
    """The machine was looked at; None while another machine was not heard of yet."""

    machine: Machine | None


@dataclass
class TextsRead(Message):
    """The completions to show were read from disk."""

    key: tuple[object, ...]
    texts: list[Text]


class Monitor(Controls, Watching):
    """One run."""

    CSS_PATH = "monitor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("monitor")
    AUTO_FOCUS = "#kl"
    room = "monitor"

    def __init__(self, project: Path, run: RunDir) -> None:
        super().__init__()
        self._project, self.run = project, run
        self._feed = Feed(project, run, self._publish)
        self._charts = HealCharts()
        self.scene: Scene | None = None
        self.machine: Machine | None = None
        self.chosen, self.probe = "all", PROBES[0]
        self._texts_key: tuple[object, ...] = ()
        self._row: int | None = None

    def compose(self) -> ComposeResult:
        """Every pane; the board places those that there is room for."""
        with Board():
            yield TitleBar(id="title")
            yield StageStrip(id="strip")
            yield Chart(axes=AXES, id="kl")
            yield Chart(axes=AXES, id="fired")
            yield Chart(axes=AXES, id="probe")
            for name in MORE:
                yield Chart(axes=AXES, id=name)
            yield Map(id="map")
            yield RoundsPane(id="rounds")
            yield BarrierPane(id="barrier")
            yield CoherencePane(id="coherence")
            yield PredictionPane(id="prediction")
            yield CompletionsPane(id="completions")
            yield LogPane(id="log")
            yield MachinePane(id="machine")
            yield AlertsPane(id="alerts")
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read once the first frame stands."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._feed.start()
        self.set_interval(TICK, self._tick)

    def _publish(self, update: Update) -> None:
        """In the reader's thread."""
        self.post_message(EventsArrived(update))

    def on_unmount(self) -> None:
        """Let the reader go."""
        self._feed.stop()

    def look(self) -> None:
        """Look at the machine, and at the run's worker once it is known."""
        sampler = Sampler()
        for _ in self.looks(MACHINE):
            process = self.scene.update.facts.process if self.scene else {}
            elsewhere = origin(self.run)
            self.post_message(MachineSeen(elsewhere.machine if elsewhere else sampler.look(process)))

    # what arrives

    def on_events_arrived(self, message: EventsArrived) -> None:
        """Draw the new moment, then let the reader go on."""
        self._charts_follow(message.update)
        self.call_after_refresh(self._feed.taken)

    def _charts_follow(self, update: Update) -> None:
        before = self.closed, self.paused
        if self.scene is None:
            self.look_again()  # at the machine: whose worker it is, is known now
        self.scene = Scene(update, datetime.now(UTC), self._row)
        self._charts.follow(self.scene)
        self._show()
        if before != (self.closed, self.paused):
            self.refresh_bindings()
            self.query_one(KeyBar).refresh()

    def on_machine_seen(self, message: MachineSeen) -> None:
        """The machine's row."""
        self.machine = message.machine
        self.query_one(MachinePane).show(self.scene, self.machine)

    def on_texts_read(self, message: TextsRead) -> None:
        """The completions that were asked for, unless others were asked for since."""
        if message.key == self._texts_key and self.scene is not None:
            self.query_one(CompletionsPane).show(self.scene.update.texts, message.texts, self._counted(), self.chosen)

    def _tick(self) -> None:
        """The clocks of a live run."""
        if self.scene is not None and not self.scene.update.ended:
            self.scene = Scene(self.scene.update, datetime.now(UTC), self._row)
            for pane in (self.query_one(TitleBar), self.query_one(StageStrip)):
                pane.show(self.scene)

    def _show(self) -> None:
        scene = self.scene
        if scene is None:
            return
        for pane in self.query(
            "TitleBar, StageStrip, BarrierPane, CoherencePane, PredictionPane, RoundsPane, AlertsPane"
        ):
            pane.show(scene)  # type: ignore[attr-defined]  # each of these panes shows a Scene
        board = self.query_one(Board)
        kl, fired = self._charts.models(scene, stacked=not board.shows("probe"))
        shown = {"kl": kl, "fired": fired, "probe": self._charts.probe(self.probe, scene, x_labels=True)}
        shown |= {name: self._charts.probe(name, scene, x_labels=False) for name in MORE}
        for name, model in shown.items():
            self.query_one(f"#{name}", Chart).show(model)
        self.query_one(Map).show(map_model(scene))
        self.query_one(MachinePane).show(scene, self.machine)
        self.query_one(LogPane).show(scene.view.lines)
        self._want_texts()

    def on_resize(self, event: events.Resize) -> None:
        """Other panes may be there now."""
        self.call_after_refresh(self._show)

    # completions

    def _want_texts(self) -> None:
        """Have the rows read that the pane should show, when they are others than before."""
        scene, pane = self.scene, self.query_one(CompletionsPane)
        if scene is None:
            return
        count = pane.capacity()
        index = scene.update.texts
        key = (index.edition, len(index), scene.round, self.chosen, count)
        if key == self._texts_key:
            return
        self._texts_key = key
        rows = choose(index, scene.round, self.chosen, count)
        self._read_texts(key, scene, rows)

    @work(thread=True, exclusive=True, group="texts", exit_on_error=False)
    def _read_texts(self, key: tuple[object, ...], scene: Scene, rows: list[int]) -> None:
        try:
            texts = scene.update.texts.read(rows)
        except OSError:
            texts = []
        self.post_message(TextsRead(key, texts))

    def _counted(self) -> str:
        """'136 kept, 56 dropped: tail ppl 41, loops 12'."""
        scene = self.scene
        found = filtered(scene.view, scene.round) if scene else None
        if found is None:
            return f"{len(scene.update.texts)} so far" if scene and len(scene.update.texts) else ""
        reasons = ", ".join(f"{reason_words(name)} {count}" for name, count in list(found.reasons.items())[:3])
        told = f"{found.kept} kept, {found.dropped} dropped"
        told += f": {reasons}" if reasons else ""
        return told + (f"; {found.surplus} surplus" if found.surplus else "")

    # where the person looks

    def on_chart_cursor_moved(self, message: Chart.CursorMoved) -> None:
        """Every pane reads at the cursor."""
        self._link(message.chart)
        self._row = None if message.x is None else self._charts.row_of(message.x, message.axis)
        if self.scene is not None:
            self.scene = Scene(self.scene.update, self.scene.now, self._row)
            self._show()

    def on_chart_view_moved(self, message: Chart.ViewMoved) -> None:
        """The charts show the same part of the same axis."""
        self._link(message.chart)

    def _link(self, moved: Chart) -> None:
        for chart in self.query(Chart):
            if chart is not moved:
                chart.link(cursor=moved.cursor, view=moved.view, axis=moved.axis)

    def action_map(self) -> None:
        """The map, the rounds, and back to the charts where they share a place."""
        self.query_one(Board).turn()
        self.call_after_refresh(self._show)

    def action_probe(self) -> None:
        """Another coherence probe under KL."""
        self.probe = PROBES[(PROBES.index(self.probe) + 1) % len(PROBES)]
        self._show()

    def action_filter(self) -> None:
        """Another choice of completions."""
        self.chosen = FILTERS[(FILTERS.index(self.chosen) + 1) % len(FILTERS)]
        self._want_texts()

    def on_completions_pane_chosen(self, message: CompletionsPane.Chosen) -> None:
        """A filter was clicked."""
        self.chosen = message.name
        self._want_texts()

    def action_completions(self) -> None:
        """Read them all."""
        if self.scene is not None:
            from cockpit.screens.completions import Completions

            self.app.push_screen(Completions(self._project, self.run, latest=self._latest, round_=self.scene.round))

    def action_log(self) -> None:
        """Every event as a line."""
        if self.scene is not None:
            from cockpit.screens.log import Log

            self.app.push_screen(Log(self._project, self.run, latest=self._latest))

    def action_diagnose(self) -> None:
        """What is wrong with it."""
        from cockpit.screens.diagnosis import DiagnosisScreen

        self.app.push_screen(DiagnosisScreen(self._project, self.run))

    def action_rate(self) -> None:
        """Its answers, without their arms."""
        from cockpit.screens.rating import RatingScreen

        self.app.push_screen(RatingScreen(self._project, self.run))

    def action_config(self) -> None:
        """The run's config and what is different in it."""
        from cockpit.screens.config import ConfigScreen

        self.app.push_screen(ConfigScreen(self._project, self.run, latest=self._latest))

    def _latest(self) -> Update | None:
        return self.scene.update if self.scene else None
