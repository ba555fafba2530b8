"""Findings to one answer: symptoms go to their cause, rivals cost confidence, and what could not be judged is asked for.

No evidence never reads as healthy: that answer is given only when every signature was judged on an ended run."""

from __future__ import annotations

from engine.diagnosis.advice import advice
from engine.diagnosis.artifacts import Artifacts
from engine.diagnosis.causes import EXPLAINS, INPUT, WEIGHT
from engine.diagnosis.diagnosis import Diagnosis, Fix, Hypothesis, Missing
from engine.diagnosis.findings import Finding, NotJudged, Signature
from engine.diagnosis.fixes import inputs, training
from engine.diagnosis.fixes import rounds as loop
from engine.diagnosis.signatures import (
    architecture,
    barrier,
    collapse,
    data,
    divergence,
    gradient,
    optimisation,
    resources,
    rounds,
    trait,
)
from engine.diagnosis.thresholds import Thresholds

SIGNATURES: tuple[Signature, ...] = (
    *divergence.SIGNATURES, *gradient.SIGNATURES, *architecture.SIGNATURES, *data.SIGNATURES, *optimisation.SIGNATURES,
    *collapse.SIGNATURES, *barrier.SIGNATURES, *trait.SIGNATURES, *rounds.SIGNATURES, *resources.SIGNATURES,
)  # fmt: skip
FIXES = {**training.FIXES, **loop.FIXES, **inputs.FIXES}
SUPPORT, SAME_CLASS, OTHER_CLASS = 0.25, 0.35, 0.12
"""How much of the remaining doubt a symptom takes away, and what a rival of the same or of another class costs."""
HEALTHY = 0.9
"""Confidence of healthy: signatures cannot see everything."""
Held = tuple[Signature, Finding]


def diagnose(a: Artifacts, t: Thresholds | None = None) -> Diagnosis:
    """One answer for what is known. Never raises on what a log holds."""
    t = t or Thresholds()
    judged = [(s, s.judge(a, t)) for s in SIGNATURES]
    found = [(s, j) for s, j in judged if isinstance(j, Finding)]
    missing = _missing(a, [(s, j) for s, j in judged if isinstance(j, NotJudged)])
    against = [(s, f) for s, f in found if f.strength >= t.sick]
    advisories = tuple(_hypothesis(s, f, "below what stands against a run") for s, f in found if f.strength < t.sick)
    if not against:
        return _nothing_found(a, missing, advisories, [(s, f) for s, f in found if f.strength < t.sick])
    roots = _roots(against)
    (cause, finding), rivals = roots[0], roots[1:]
    explained = [(s, f) for s, f in against if s.name in EXPLAINS.get(cause.name, ()) and s.name != cause.name]
    confidence = _confidence(cause, finding, rivals, len(explained))
    competing = [_hypothesis(s, f, _weaker(cause, finding, s, f)) for s, f in rivals]
    competing += [
        _hypothesis(s, f, f"{cause.name} explains it")
        for s, f in explained
        if (s.name, f) not in [(r.name, g) for r, g in rivals]
    ]
    return _answer(a, t, cause, finding, confidence, competing, missing, advisories)


def _roots(against: list[Held]) -> list[Held]:
    """Findings that no other one explains, the one to act on first. Mutual explanations go to the stronger."""
    held = {s.name: f for s, f in against}

    def explained(s: Signature, f: Finding) -> bool:
        for name, other in held.items():
            if name == s.name or s.name not in EXPLAINS.get(name, ()):
                continue
            if f.own and name not in INPUT:
                continue
            mutual = name in EXPLAINS.get(s.name, ())
            if not mutual or _rank(other, name) > _rank(f, s.name):
                return True
        return False

    roots = [(s, f) for s, f in against if not explained(s, f)] or against
    ending = any(f.terminal for _, f in roots)
    ends = {s.name for s, f in against if f.terminal}

    def order(held: Held) -> tuple[bool, float]:
        s, f = held
        why = f.terminal or bool(ends & EXPLAINS.get(s.name, frozenset()))
        return (not why if ending or ends else False, -_rank(f, s.name))

    return sorted(roots, key=order)


def _rank(f: Finding, name: str) -> float:
    return f.strength * WEIGHT.get(name, 1.0) * (0.5 if f.no_fault else 1.0)


def _confidence(cause: Signature, finding: Finding, rivals: list[Held], symptoms: int) -> float:
    """The finding's strength, helped by symptoms that it explains, less what rivals take."""
    confidence = 1 - (1 - finding.strength) * (1 - SUPPORT) ** min(symptoms, 3)
    for rival, other in rivals:
        if finding.terminal and not other.terminal:
            continue  # it did not end the run
        cost = SAME_CLASS if rival.cls == cause.cls else OTHER_CLASS
        confidence *= 1 - cost * min(1.0, _rank(other, rival.name) / max(_rank(finding, cause.name), 1e-9))
    return round(min(confidence, 0.98), 3)


def _weaker(cause: Signature, finding: Finding, rival: Signature, other: Finding) -> str:
    """Why a rival is not the answer."""
    if finding.terminal and not other.terminal:
        return "it did not end the run"
    if other.no_fault:
        return f"it may be no fault: {other.no_fault}"
    if other.strength < finding.strength - 0.02:
        return f"its evidence is weaker, {other.strength:.2f} against {finding.strength:.2f}"
    if WEIGHT.get(rival.name, 1.0) < WEIGHT.get(cause.name, 1.0):
        return f"a run suffers less from it than from {cause.name}"
    return f"as strong as {cause.name}, and neither explains the other: they may both be there"


def _answer(
    a: Artifacts,
    t: Thresholds,
    cause: Signature,
    finding: Finding,
    confidence: float,
    competing: list[Hypothesis],
    missing: tuple[Missing, ...],
    advisories: tuple[Hypothesis, ...],
) -> Diagnosis:
    told = advice()[cause.name]
    sure = confidence >= t.confident
    fixes = sorted(FIXES[cause.name](a, finding), key=lambda fix: -fix.impact * fix.confidence)
    says = finding.says + (f"; it may be no fault: {finding.no_fault}" if finding.no_fault else "")
    if not sure:
        leading = _hypothesis(cause, finding, f"confidence {confidence:.2f}, under {t.confident}")
        competing = [leading, *competing]
        if not missing:
            missing = (Missing(what=told.action, for_=(cause.name,), how=_first_command(fixes)),)
    return Diagnosis(
        run=a.name,
        answer="root cause" if sure else "insufficient",
        root_cause=cause.name if sure else "insufficient",
        cls=cause.cls if sure else None,
        confidence=confidence,
        summary=says[:1].upper() + says[1:] if sure else f"most likely {cause.name}, but not sure enough: {says}",
        evidence=finding.evidence,
        competing_hypotheses=tuple(competing),
        first_action=told.action,
        prediction_if_true=told.if_true,
        prediction_if_false=told.if_false,
        fixes=tuple(fixes),
        missing=missing,
        advisories=advisories,
        provisional=a.live,
        status=_status(a),
        based_on=based_on(a),
    )


def _first_command(fixes: list[Fix]) -> str:
    return next((fix.command for fix in fixes if fix.command), "")


def _nothing_found(
    a: Artifacts, missing: tuple[Missing, ...], advisories: tuple[Hypothesis, ...], weak: list[Held]
) -> Diagnosis:
    """Healthy when all was judged on a run that ended well and not even a weak sign stands; else insufficient, with what is missing."""
    wanting = list(missing)
    if a.live:
        wanting.insert(0, Missing(what="the run's end", how=f"cockpit attach {a.name}"))
    elif a.origin == "run" and not a.status:
        wanting.insert(
            0, Missing(what="a run that has begun", how="cockpit launch --preset nano-care --preflight F.toml")
        )
    elif a.status and a.status != "success":
        wanting.insert(
            0, Missing(what=f"a run to its end: this one is {a.status}: {a.reason}", how=f"cockpit resume {a.name}")
        )
    if a.pretrained is False:
        wanting.insert(0, Missing(what="weights that have seen data: with random ones no number means anything"))
    if signs := [(s, f) for s, f in weak if not f.no_fault]:
        s, f = max(signs, key=lambda held: held[1].strength)
        told = f"what tells a sign of {s.name} from noise: {f.says}, at a strength of {f.strength:.2f}"
        wanting.append(Missing(what=told, for_=(s.name,), how="more val items (evaluate.prompts), or another seed"))
    seen = bool(len(a.steps) or len(a.epochs) or a.evaluated)
    if wanting or not seen:
        if not seen:
            wanting = [m for m in wanting if not m.for_]
            wanting.append(Missing(what="steps, validations or evaluations", for_=tuple(s.name for s in SIGNATURES)))
        first = wanting[0].what
        told = f"Nothing wrong in what is there ({based_on(a)}), but that is not all: it needs {first}"
        return Diagnosis(
            run=a.name, answer="insufficient", root_cause="insufficient", confidence=0.0,
            summary=told if seen else f"Insufficient: it needs {first}",
            first_action=_ask(wanting[0]), missing=tuple(wanting), advisories=advisories, provisional=a.live,
            status=_status(a), based_on=based_on(a),
        )  # fmt: skip
    return Diagnosis(
        run=a.name, answer="healthy", root_cause="healthy", confidence=HEALTHY,
        summary=f"All {len(SIGNATURES)} signatures were judged on {based_on(a)}, and none stands against the run",
        first_action="Read a few of the healed model's texts yourself", prediction_if_true="they read as the numbers say",
        prediction_if_false="they do not: a canary is fooled", advisories=advisories, status=_status(a), based_on=based_on(a),
    )  # fmt: skip


def _ask(missing: Missing) -> str:
    return f"Get {missing.what}" + (f": {missing.how}" if missing.how else "")


def _missing(a: Artifacts, waiting: list[tuple[Signature, NotJudged]]) -> tuple[Missing, ...]:
    """What signatures wait for, each thing once; absent files first, since they stand behind many."""
    found: dict[str, tuple[list[str], str]] = {what: ([], "") for what in a.missing}
    for signature, judged in waiting:
        how = (
            "" if a.config is None and judged.how.startswith("cockpit probe") else judged.how
        )  # a probe needs our config
        names, _ = found.setdefault(judged.needs, ([], how.replace("{run}", a.name)))
        names.append(signature.name)
    return tuple(Missing(what=what, for_=tuple(names), how=how) for what, (names, how) in found.items())


def _hypothesis(s: Signature, f: Finding, weaker: str) -> Hypothesis:
    return Hypothesis(
        name=s.name, cls=s.cls, strength=round(f.strength, 3), says=f.says, weaker=weaker, evidence=f.evidence
    )


def _status(a: Artifacts) -> str:
    return a.status or ("running" if a.live else "")


def based_on(a: Artifacts) -> str:
    """'192 steps, 24 epochs, 14 evaluations'."""
    counts = ((len(a.steps), "step"), (len(a.epochs), "validation"), (len(a.evaluated), "evaluation"))
    return ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts)
