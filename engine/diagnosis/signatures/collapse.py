"""Mode collapse: texts that loop, die or say one thing, in what was learnt from and in what the healed model says."""

from __future__ import annotations

import numpy as np

from engine.contract.events import Evaluated
from engine.diagnosis.artifacts import Artifacts, Seen, Texts
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded
from engine.diagnosis.thresholds import Thresholds


def mode_collapse(a: Artifacts, t: Thresholds) -> Judgement:
    """Loops and dead texts among the kept ones, and a healed model that is more broken, repetitive, improbable or uniform than the base.

    Each canary can be fooled alone (low-perplexity soup passes naive filters), so that the strongest counts and all are shown."""
    texts = _learnt(a.texts, t) if a.texts is not None and a.pretrained is not False else []
    seen = list(texts)
    base, healed = a.row("base"), a.row("healed")
    if base is not None and healed is not None and healed.event.subject == "healed" and a.pretrained is not False:
        seen += _said(base, healed, t)
    seen += _probed(a, t)
    found = [s for s in seen if s[0] > 0]
    if found:
        found.sort(key=lambda s: -s[0])
        return Finding(
            strength=found[0][0],
            says="texts loop, break or all say the same",
            evidence=tuple(e for _, e in found[:5]),
            terminal=a.reason == "coherence_floor",
            own=bool(texts),
            round=found[0][1].round,
        )
    if healed is None or base is None:
        how = "let a round be evaluated" if a.origin == "run" else "read a sample of its texts"
        return NotJudged("texts of the trained model, measured beside the base's", how)
    return None


def _learnt(texts: Texts, t: Thresholds) -> list[tuple[float, Evidence]]:
    """Kept texts that loop or are dead, by round."""
    table, found = texts.table, []
    for round_ in np.unique(table["round"]).tolist():
        kept = np.flatnonzero((table["round"] == round_) & (table["kept"] == 1))
        if not len(kept):
            continue
        bad = (table["repetition"][kept] > t.repetition) | (table["entropy"][kept] < t.entropy)
        strength = graded(float(bad.mean()), t.kept_loops) if bad.any() else 0.0
        if strength:
            worst = next((w for w in texts.worst if w.round == round_), None)
            shown = f": {worst.text!r}" if worst else ""
            told = f"{int(bad.sum())} of {len(kept)} kept texts loop or are dead (repetition over {t.repetition})"
            line = worst.line if worst else int(table["line"][kept[0]])
            found.append((strength, Evidence(told + shown, table.file, line, -1, int(round_))))
    return found


def _said(base: Seen[Evaluated], healed: Seen[Evaluated], t: Thresholds) -> list[tuple[float, Evidence]]:
    """The healed model's answers against the base's on the same items."""
    was, now = base.event.metrics, healed.event.metrics
    found: list[tuple[float, Evidence]] = []

    def add(strength: float, words: str) -> None:
        if strength:
            found.append((strength, healed.says(f"healed round {healed.event.round}: {words}")))

    if "broken" in was and "broken" in now:
        least = healed.event.change_ci.get("broken", (now["broken"] - was["broken"],) * 2)[0]
        sure = graded(now["broken"] - was["broken"], t.broken_rise)
        add(
            sure if least > 0.02 else min(sure, 0.4),
            f"{now['broken']:.0%} of its answers are broken, {was['broken']:.0%} of the base's",
        )
    if was.get("tail_ppl") and "tail_ppl" in now:
        add(
            graded(now["tail_ppl"] / was["tail_ppl"], t.tail_rise),
            f"tail perplexity {now['tail_ppl']:.3g}, the base's {was['tail_ppl']:.3g}",
        )
    if now.get("repetition", 0.0) > max(t.repetition, was.get("repetition", 0.0) + 0.1):
        add(0.9, f"repetition {now['repetition']:.2f}, the base's {was.get('repetition', 0.0):.2f}")
    if now.get("diversity", 0.0) > 0 and was.get("diversity"):
        add(
            graded(was["diversity"] / now["diversity"], t.diversity_fall),
            f"diversity {now['diversity']:.2f}, the base's {was['diversity']:.2f}",
        )
    if now.get("coherence", 1.0) < 0.85 <= was.get("coherence", 0.0):
        add(0.9, f"answer mass {now['coherence']:.2f}, the base's {was['coherence']:.2f}")
    return found


def _probed(a: Artifacts, t: Thresholds) -> list[tuple[float, Evidence]]:
    """Coherence probes within a round against the first of the run."""
    tail, mass = a.probes["tail_ppl"], a.probes["mass"]
    if not np.isfinite(tail).any() or a.pretrained is False:
        return []
    base = a.row("base")
    before = base.event.metrics.get("tail_ppl") if base else None
    last = int(np.flatnonzero(np.isfinite(tail))[-1])
    found = []
    if before and (strength := graded(float(tail[last]) / before, (4.0, 8.0, 30.0))):
        found.append(
            (strength, a.probes.at(last, f"probe: tail perplexity {tail[last]:,.3g}, the base's {before:.3g}"))
        )
    if mass[last] < 0.5:
        found.append((0.9, a.probes.at(last, f"probe: answer mass {mass[last]:.2f}")))
    return found


SIGNATURES = (Signature("mode collapse", "collapse", mode_collapse),)
