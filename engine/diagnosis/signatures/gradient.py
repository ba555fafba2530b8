"""Gradient problems: losses and gradients that are no number, that explode, or that die on their way back."""

from __future__ import annotations

import numpy as np

from engine.diagnosis.artifacts import Artifacts, LogLine
from engine.diagnosis.evidence import Evidence
from engine.diagnosis.findings import Finding, Judgement, NotJudged, Signature, graded, mapped
from engine.diagnosis.thresholds import Thresholds

FEWEST = 4
"""Layers that a profile needs."""
FRAMES = 3
"""Last lines of a log that are shown."""


def non_finite(a: Artifacts, t: Thresholds) -> Judgement:
    """A loss or gradient norm that is NaN or infinite, by the guard, by the log, or by how the run ended."""
    seen: list[Evidence] = [*a.nonfinite]
    for g in a.guards:
        if g.event.guard == "nonfinite":
            seen.append(g.says(f"guard nonfinite: {g.event.value}, before the optimizer step was applied"))
    if a.status == "nan" and not seen:
        seen.append(Evidence(a.reason or "the run ended as nan", a.ended.file, a.ended.line))
    if not seen:
        return None if len(a.steps) else NotJudged("a single training step", "let the heal begin")
    said = " ".join(e.text for e in seen)
    backward = "gradient" in said and "loss is" not in said and "loss nan" not in said and "loss inf" not in said
    what = (
        "a gradient is not finite while the loss is: the backward pass"
        if backward
        else "a loss or gradient is not finite"
    )
    if len(a.steps):
        row = len(a.steps) - 1
        told = f"last finite step: loss {a.steps['loss'][row]:.3g}, gradient norm {a.steps['grad_norm'][row]:.3g}"
        seen.append(a.steps.at(row, told))
    seen += [Evidence(line.text.strip()[:200], "worker.log", line.line) for line in _last_frames(a)]
    first = seen[0]
    return Finding(
        strength=0.95, says=what, evidence=tuple(seen[:5]), terminal=a.status in ("nan", "diverged"), round=first.round
    )


def _last_frames(a: Artifacts) -> list[LogLine]:
    """The last frames of a traceback in the worker's log."""
    frames = [line for line in a.log if line.text.lstrip().startswith("File ") or "Error" in line.text]
    return frames[-FRAMES:]


def exploding(a: Artifacts, t: Thresholds) -> Judgement:
    """Gradient norms over 100 where .1 to 10 is healthy (Axolotl), many times those at the head, or a first layer 70 times the last
    (AutoTrainer). A loss that left its range first has gradients to match: then they are its symptom."""
    norm = a.steps["grad_norm"]
    if not np.isfinite(norm).any():
        return NotJudged("gradient norms before clipping", mapped(a, "grad_norm"))
    found = [seen for seen in (_large(a, t), _grown(a, t)) if seen is not None]
    first, last = _profile(a)
    if first is not None and last and first / last > t.layer_ratio_high:
        found.append((0.9, Evidence(f"first layer's gradient {first:.2g}, the last one's {last:.2g}", "probe.json")))
    if not found:
        return None
    found.sort(key=lambda seen: -seen[0])
    limit = a.config.heal.max_grad_norm if a.config else None
    clips = int((np.nan_to_num(norm) > limit).sum()) if limit else 0
    clipped = f"; clipping at {limit:g} acts on {clips} of {len(norm)} steps" if limit else ""
    return Finding(
        strength=found[0][0],
        says=f"gradients are far over what is healthy{clipped}",
        evidence=tuple(e for _, e in found),
        round=found[0][1].round,
    )


def _large(a: Artifacts, t: Thresholds) -> tuple[float, Evidence] | None:
    """Norms that are large in themselves."""
    norm = np.nan_to_num(a.steps["grad_norm"])
    high = np.flatnonzero(norm >= t.exploding[0])
    if not len(high):
        return None
    row, times = int(np.argmax(norm)), int((norm >= t.exploding[1]).sum())
    strength = graded(float(norm[row]), t.exploding)
    if _after_the_loss(a, int(high[0])) or (times < 3 and row < len(norm) - 3):
        strength = min(strength, 0.45)  # a symptom, or once and over
    told = f"gradient norm {norm[row]:.3g}; {times} of {len(norm)} steps are over {t.exploding[1]:g}"
    return strength, a.steps.at(row, told)


def _grown(a: Artifacts, t: Thresholds) -> tuple[float, Evidence] | None:
    """Norms that grow on their way from the head to the weights."""
    norm = a.steps["grad_norm"]
    head = np.sqrt(np.square(a.steps["g_nll"]) + np.square(np.nan_to_num(a.steps["g_bar"])))
    both = np.flatnonzero(np.isfinite(norm) & np.isfinite(head) & (head > 0))
    if not len(both):
        return None
    late = both[len(both) // 2 :]
    ratio = float(np.median(norm[late] / head[late]))
    strength = graded(ratio, t.backward_high)
    if not strength:
        return None
    first = late[norm[late] / head[late] >= t.backward_high[0]]
    if _after_the_loss(a, int(first[0])):
        strength = min(strength, 0.45)
    told = f"gradient norm {ratio:.3g} times that at the head, the median of the second half; 3 to 50 is healthy"
    return strength, a.steps.at(int(late[-1]), told)


def _after_the_loss(a: Artifacts, row: int) -> bool:
    """Whether the loss was out of its range by the step at which the gradient was."""
    loss = a.steps["loss"]
    before = loss[:row][np.isfinite(loss[:row])]
    if not len(before):
        return False
    usual = float(np.median(before))
    return bool(loss[row] > 2 * usual + 0.5)


def vanishing(a: Artifacts, t: Thresholds) -> Judgement:
    """Gradients that reach the weights a hundredth or less of what they were at the head, or first layers that get none."""
    strength, seen = 0.0, []
    norm, head = a.steps["grad_norm"], a.steps["g_nll"]
    both = np.isfinite(norm) & np.isfinite(head) & (head > 0) & (norm > 0)
    if both.any():
        share = float(np.median(norm[both] / head[both]))
        strength = graded(share, t.backward_low)
        if strength:
            row = int(np.flatnonzero(both)[-1])
            told = f"gradient norm {norm[row]:.2g} at the weights, {head[row]:.2g} at the head: {share:.2g} of it, 3 to 5 is healthy"
            seen.append(a.steps.at(row, told))
    first, last = _profile(a)
    if first and last and first / last < t.layer_ratio_low and first < t.layer_least:
        strength = max(strength, 0.95)
        seen.append(Evidence(f"first layer's gradient {first:.2g}, the last one's {last:.2g}", "probe.json"))
    for held in a.layers[-1:]:
        values = np.array([v for v in held.norms.values() if v > 0])
        if len(values) >= FEWEST:
            names = [name for name, v in held.norms.items() if v > 0]
            weakest, most = int(np.argmin(values)), float(np.max(values))
            weak = graded(float(values[weakest] / most), t.profile_low)
            if weak > strength:
                strength = weak
                seen.append(
                    Evidence(
                        f"{names[weakest]} learnt {values[weakest] / most:.2g} of what the most trained layer did",
                        held.file,
                        0,
                        -1,
                        held.round,
                    )
                )
    if strength:
        return Finding(strength=strength, says="gradients die on their way back to the weights", evidence=tuple(seen))
    if both.any() and (a.layers or last):
        return None
    if (
        np.isfinite(norm).any()
        and (low := float(np.nanmedian(norm))) < 1e-6
        and float(np.nanmedian(a.steps["loss"])) > 0.05
    ):
        row = int(np.flatnonzero(np.isfinite(norm))[-1])
        seen.append(a.steps.at(row, f"gradient norms of {low:.2g} at a loss that is not 0"))
        return Finding(strength=0.85, says="there is hardly any gradient", evidence=tuple(seen))
    return NotJudged("gradients or updates layer by layer", "cockpit probe {run}")


def _profile(a: Artifacts) -> tuple[float | None, float | None]:
    """Gradient norms of the first and the last layer, from a probe; (None, None) without one."""
    record = a.probed("gradient_norm")
    if record is not None and len(record.per_layer) > 1:
        values = list(record.per_layer.values())
        return values[0], values[-1]
    return None, None


SIGNATURES = (
    Signature("non-finite", "gradient", non_finite),
    Signature("exploding gradients", "gradient", exploding),
    Signature("vanishing gradients", "gradient", vanishing),
)
