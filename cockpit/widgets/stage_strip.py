"""The stages of the round under way, grouped as the loop is: distil, heal, bake, evaluate; with the three gates under them."""

from __future__ import annotations

from typing import NamedTuple

from cockpit.live.signals import Gate, filtered, gates
from cockpit.widgets.bar import track
from cockpit.widgets.pane import Pane, Row
from cockpit.widgets.scene import Scene
from engine.contract.events import ScriptStarted
from journal.text import duration, plain

DISTIL = ("extract", "dose", "generate", "keep")
GATE_SIGNS = {"met": ("✓", "ok"), "missed": ("✗", "bad"), "level": ("○", "dim"), "pending": ("·", "dim")}


class Stage(NamedTuple):
    """One stage of the round: state is done, now or next; `share` of it that is over."""

    name: str
    state: str
    share: float
    told: str


class StageStrip(Pane):
    """Five rows where there is room, two where there is little."""

    scene: Scene | None = None

    def show(self, scene: Scene) -> None:
        """Show this moment."""
        self.scene = scene
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        if self.scene is None:
            return []
        if self.scene.config is None:
            return _script(self.scene, width)
        return _wide(self.scene, width) if height >= 5 and width >= 100 else _narrow(self.scene, width)


def stages(scene: Scene) -> dict[str, Stage]:
    """Every stage of the newest round."""
    view, round_ = scene.view, max(scene.view.round, 1)
    seconds: dict[str, list[float]] = {}
    for done in view.stages:
        if done.round == round_:
            seconds.setdefault(done.stage, []).append(done.seconds)
    found = {}
    for name in (*DISTIL, "heal", "bake", "evaluate"):
        times = seconds.get(name, [])
        wanted = 2 if name == "evaluate" else 1
        now = view.running and view.stage == name and view.round == round_
        share = min(len(times) / wanted, 1.0)
        if now and len(times) < wanted:
            share += (view.done / view.total if view.total else 0.0) / wanted
        state = "now" if now else "done" if len(times) >= wanted else "next"
        found[name] = Stage(name, state, min(share, 1.0), _told(scene, name, times, now))
    return found


def _told(scene: Scene, name: str, times: list[float], now: bool) -> str:
    """The one thing worth saying of a stage."""
    view, round_ = scene.view, max(scene.view.round, 1)
    done = f"{view.done} of {view.total}" if view.total else ""
    if name == "dose":
        accepted = [d.kappa for d in view.doses if d.round == round_ and d.accepted]
        return f"κ {max(accepted):.2f}" if accepted else "probing" if now else ""
    if name == "generate":
        rows = f"{view.total} rows" if now and view.total else ""
        return done if now and done else rows or (_took(times[0]) if times else "")
    if name == "keep":
        found = filtered(view, round_)
        return f"{found.kept}, {found.passed:.0%}".replace("%", " %") if found else ""
    if name == "heal":
        if not now:
            return _took(times[0]) if times else ""
        config = scene.config
        epoch = int(view.steps["epoch"][-1]) if len(view.steps["epoch"]) and view.done else 1
        return f"epoch {epoch} of {config.heal.epochs}" if config else ""
    if name == "evaluate":
        subject = ("steered", "healed", "test")[min(len(times), 2)]
        return subject if now else "" if not times else ("steered ✓", "")[min(len(times), 2) - 1]
    return _took(times[0]) if times else ""


def _took(seconds: float) -> str:
    """Tenths below ten seconds: most stages of a small model are that short."""
    return f"{seconds:.1f} s" if seconds < 9.95 else duration(seconds)


def _sign(stage: Stage) -> tuple[str, str]:
    return {"done": ("✓", "dim"), "now": ("▸", "bright"), "next": ("·", "dim")}[stage.state]


def _bar(row: Row, column: int, cells: int, share: float, *, past: bool) -> None:
    """A hairline progress bar: heavy for what is over, brighter while it goes on."""
    done, rest = track(share, cells)
    row.put(column, done, "dim" if past else "bright")
    row.put(column + len(done), rest, "rule")


def _wide(scene: Scene, width: int) -> list[Row]:
    view, config = scene.view, scene.config
    assert config is not None
    top, bars, names, told, asked = rows = [Row(width) for _ in range(5)]
    held = stages(scene)
    right = width - 40 if width <= 130 else round(width * 76 / 116)
    left, distil_end = 19, right - 4
    _rounds(scene, top, bars, names, told)
    top.put(left, "DISTIL", "bright" if view.stage in DISTIL and view.running else "dim",
            "bold" if view.stage in DISTIL and view.running else "")  # fmt: skip
    spent = sum(s.seconds for s in view.stages if s.round == max(view.round, 1) and s.stage in DISTIL)
    if spent:
        top.right(distil_end, duration(spent), "dim")
    cells = (distil_end - left + 3) // 4
    for number, name in enumerate(DISTIL):
        stage, at = held[name], left + number * cells
        wide = (cells - 3) if number < 3 else distil_end - at
        _bar(bars, at, wide, stage.share, past=stage.state == "done")
        sign, role = _sign(stage)
        names.put(at, sign, role).put(
            at + 2, name, "bright" if stage.state == "now" else "text" if stage.share else "dim"
        )
        told.put(at + 2, stage.told, "dim", within=cells - 2)
    _right(scene, held, rows, right, width)
    gate1, gate2, gate3 = gates(view, config, max(view.round, 1))
    _gate(asked, left, distil_end, gate1, now=held["keep"].state == "now", evidence=True)
    bake = right + round((width - right) * 22 / 40)
    if width - right >= 56:
        half = right + (width - right) // 2
        _gate(asked, right, half - 2, gate2, now=held["heal"].state == "now", evidence=True)
        _gate(asked, half, width, gate3, now=False, evidence=True)
    else:
        _gate(asked, right, bake - 2, gate2, now=held["heal"].state == "now", evidence=False)
        _gate(asked, bake, width, gate3, now=False, evidence=False)
    return rows


def _right(scene: Scene, held: dict[str, Stage], rows: list[Row], right: int, width: int) -> None:
    """HEAL, BAKE and EVALUATE."""
    view = scene.view
    top, bars, names, told, _ = rows
    room = width - right
    bake, evaluate = right + round(room * 22 / 40), right + round(room * 30 / 40)
    spans = (("heal", right, bake - 2), ("bake", bake, evaluate - 2), ("evaluate", evaluate, width))
    for name, at, end in spans:
        stage = held[name]
        now = stage.state == "now"
        top.put(at, name.upper(), "bright" if now else "dim", "bold" if now else "")
        _bar(bars, at, end - at, stage.share, past=stage.state == "done")
        sign, role = _sign(stage)
        names.put(at, sign, role)
        if len(stage.told) <= end - at - 2:
            names.put(at + 2, stage.told, "text" if now else "dim")
    if held["heal"].state == "now" and view.total:
        whole = f"/{view.total}"
        top.right(spans[0][2], whole, "dim")
        top.right(spans[0][2] - len(whole), str(view.done), "bright", "bold")
        top.right(spans[0][2] - len(whole) - len(str(view.done)) - 1, "step", "dim")
        spent = scene.elapsed - view.stage_began
        if view.done > 1:
            told.put(right + 2, f"{duration(spent / view.done * (view.total - view.done))} left", "dim")
    elif held["evaluate"].state == "now" and view.total:
        names.parts = [p for p in names.parts if p.column < evaluate]
        names.put(evaluate, "▸", "bright").put(evaluate + 2, held["evaluate"].told, "text", within=width - evaluate - 2)
        told.put(evaluate + 2, f"{view.done}/{view.total}", "dim", within=width - evaluate - 2)


def _rounds(scene: Scene, top: Row, bars: Row, names: Row, told: Row) -> None:
    """Up to four rounds around the newest one, each with its bar and sign."""
    view, count = scene.view, scene.rounds
    if view.round < 1:
        top.put(0, "BASELINE" if view.stage == "baseline" else "LOAD", "bright", "bold")
        share = view.done / view.total if view.total else 0.0
        _bar(bars, 0, 15, share, past=False)
        names.put(0, "▸", "bright").put(2, "base, prompted" if view.stage == "baseline" else "the model", "text")
        told.put(2, f"{view.done} of {view.total}" if view.total else "", "dim")
        return
    top.put(0, "ROUND", "dim").put(6, str(view.round), "bright", "bold").then(f"of {count}", "dim", gap=1)
    first = max(min(view.round - 2, count - 3), 1)
    over = scene.update.ended or not view.running
    for place, number in enumerate(range(first, min(first + 4, count + 1))):
        at = place * 4
        now = number == view.round
        share = 1.0 if number < view.round else _share(scene) if now else 0.0
        _bar(bars, at, 3, share, past=not now or over)
        names.put(at, f"r{number}", "bright" if now else "dim", "bold" if now else "")
        done = number < view.round or share >= 1.0
        sign, role = ("✓", "dim") if done else ("▸", "bright") if now else ("·", "dim")
        told.put(at, sign, role)


def _share(scene: Scene) -> float:
    """How much of the newest round is over, by its stages."""
    held = stages(scene)
    weights = {"heal": 4.0, "evaluate": 2.0}
    whole = sum(weights.get(name, 1.0) for name in held)
    return sum(stage.share * weights.get(name, 1.0) for name, stage in held.items()) / whole


def _gate(row: Row, column: int, end: int, gate: Gate, *, now: bool, evidence: bool) -> None:
    sign, role = GATE_SIGNS[gate.state]
    if now and gate.state == "pending":
        sign, role = "▸", "bright"
    strong = now or gate.state in ("met", "missed")
    row.put(column, sign, role)
    words = f"{gate.name} {gate.question}"
    row.put(column + 2, words, "text" if strong else "dim", within=end - column - 2)
    if evidence and gate.state != "pending":
        at = column + 2 + len(words) + 2
        parts = gate.evidence.split(", ")
        while len(parts) > 1 and len(", ".join(parts)) > end - at:
            parts.pop()
        row.put(at, ", ".join(parts), "dim", within=end - at)


def _narrow(scene: Scene, width: int) -> list[Row]:
    """Two rows: names with their one fact, and bars under them."""
    top, bars = Row(width), Row(width)
    view, held = scene.view, stages(scene)
    if view.round < 1:
        name = view.stage or "starting"
        top.put(0, f"{name} {view.done} of {view.total}" if view.total else name, "bright", "bold")
        _bar(bars, 0, min(width, 30), view.done / view.total if view.total else 0.0, past=False)
        return [top, bars]
    top.put(0, "r", "dim").put(1, str(view.round), "bright", "bold").then(f"/{scene.rounds}", "dim")
    _bar(bars, 0, 4, _share(scene), past=False)
    top.put(6, "DISTIL", "dim")
    spent = sum(s.seconds for s in view.stages if s.round == view.round and s.stage in DISTIL)
    if spent:
        bars.put(6, duration(spent), "dim")
    found = filtered(view, view.round)
    short = {"generate": "gen"}
    cells = [(name, f"{_sign(held[name])[0]} {short.get(name, name)}") for name in DISTIL]
    if found:
        cells[3] = ("keep", f"{cells[3][1]} {found.passed:.0%}".replace("%", " %"))
    heal = f"HEAL {view.done}/{view.total}" if held["heal"].state == "now" and view.total else "HEAL"
    groups = [*cells, ("heal", heal), ("bake", "BAKE"), ("evaluate", "EVAL")]
    gap = max((width - 14 - sum(len(words) for _, words in groups)) // (len(groups) - 1), 1)
    at = 14
    for name, words in groups:
        stage = held[name]
        now = stage.state == "now"
        if at + len(words) <= width:
            top.put(at, words, "bright" if now else "text" if stage.state == "done" else "dim", "bold" if now else "")
            _bar(bars, at, len(words), stage.share, past=stage.state == "done")
        at += len(words) + gap
    return [top, bars]


def _script(scene: Scene, width: int) -> list[Row]:
    """Without a config of ours: a foreign script's step, or what the events alone say of a run; and what is wrong with its files."""
    view = scene.view
    steps = view.script["step"]
    row = Row(width)
    if len(steps) or isinstance(view.started, ScriptStarted):
        row.put(0, "SCRIPT", "bright", "bold")
        row.then(f"step {int(steps[-1])}" if len(steps) else "no step yet", gap=2)
    else:
        row.put(0, f"ROUND {view.round}" if view.round else "ROUND –", "bright", "bold")
        row.then(view.stage or "no stage yet", gap=2)
        if view.total:
            row.then(f"{view.done} of {view.total}", "dim", gap=2)
    return [row, Row(width).put(0, plain(scene.update.facts.problem, 300), "dim")]
