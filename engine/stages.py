"""The stages of a round, in the order they run. Each yields its events and returns what the next one needs."""

from __future__ import annotations

from collections.abc import Generator

import torch
from msgspec import UNSET

from engine.calibration import match_kl
from engine.contract.errors import CockpitError, Refused, Starved
from engine.contract.events import Event, Kept, Note, Progress, RoundBaked, VectorExtracted
from engine.contract.rundir import RunDir
from engine.contract.runfile import RunFile
from engine.contract.traits import load_trait
from engine.controls import Controls
from engine.evaluate.evaluation import Items, Measured, evaluate, items
from engine.evaluate.pick import spread
from engine.evaluate.probes import CoherenceProbe
from engine.evaluate.scores import Scores, save_scores
from engine.evaluate.subject import Name, Subject
from engine.evaluate.worlds import check_speaks, load_world
from engine.heal import data as heal_data
from engine.heal.barrier import round_lam
from engine.heal.guards import cycled
from engine.heal.train import heal
from engine.lab import Lab
from engine.model.adapter import ROUND, Student
from engine.model.facts import inspect
from engine.model.forward import Row
from engine.model.load import fingerprint, load
from engine.plugins.active import activate
from engine.restore import restore
from engine.resume import Past
from engine.sampling import records, replay, sample
from engine.steer.dose import walk_c
from engine.steer.keep import Judged, counts, select
from engine.steer.methods import extract
from engine.steer.noise import row_key
from engine.steer.vector import Vector
from engine.tally import Tally

_CHUNK = 64  # rows between two looks at the control file


def open_lab(run: RunFile, out: RunDir, controls: Controls, tally: Tally, past: Past) -> Generator[Event, None, Lab]:
    """Load the model, the trait and its world, and put back what was finished before.

    Raises Refused when trait or model are not those that were sealed."""
    config = run.config
    activate(config, out.plugins)
    trait = load_trait(config.trait.name)
    facts = inspect(config)
    for what, sealed, found in (("trait", run.trait_hash, trait.hash), ("model", run.model_hash, facts.model_hash)):
        if sealed != found:
            raise Refused(
                f"the {what} changed since the seal ({sealed[:8]}, now {found[:8]}); answer a preflight for it"
            )
    check_speaks(config.model.id, trait)
    world = load_world(trait, config.evaluate)
    loaded = load(config.model)
    controls.loaded = loaded
    yield from controls.poll()
    lab = Lab(
        config,
        out,
        controls,
        trait,
        world,
        loaded,
        Student(loaded, config.heal),
        items(world, config, "val"),
        facts.parameters,
        facts.adapter_parameters,
        pristine=fingerprint(loaded),
        tally=tally,
    )
    restore(lab, past)
    return lab


def baselines(lab: Lab) -> Generator[Event, None, None]:
    """The base and the bar to beat: the same model prompted with the persona (K15, KB36)."""
    for name in ("base", "prompted"):
        scores = yield from measure(lab, name, lab.val, 0)  # type: ignore[arg-type]
        if name == "base":
            lab.base_val = scores
            save_scores(lab.out.round(0) / "base.json", scores)


def extract_vector(lab: Lab, round_number: int) -> Generator[Event, None, Vector]:
    """The round's vector, from the student as it stands."""
    contexts = spread(lab.world.contexts(), lab.config.steer.contexts, lambda p: p.kind)
    vector = extract(lab.loaded, lab.trait, contexts, lab.config.steer, lab.seed)
    earlier = lab.vectors
    lab.vectors[round_number] = vector
    vector.save(lab.out.round(round_number) / "vector.safetensors")
    yield VectorExtracted(
        method=vector.method,
        layers=sorted(vector.directions),
        pairs=vector.pairs,
        norm=vector.norms,
        cos_first=vector.cosine(earlier[1]) if round_number > 1 else UNSET,
        cos_previous=vector.cosine(earlier[round_number - 1]) if round_number > 1 else UNSET,
    )
    return vector


def find_dose(lab: Lab, vector: Vector, round_number: int) -> Generator[Event, None, tuple[float, list[Judged]]]:
    """walk-C, whose probed completions are kept for the filter, or iso-KL, which probes none."""
    if lab.config.steer.calibration == "kl":
        dose = yield from match_kl(lab, vector, round_number)
        lab.doses[round_number] = dose
        return dose, []
    seen: list[Judged] = []

    def probe(dose: float, first: int, n: int) -> list[Judged]:
        found = sample(lab, vector, round_number, "dose", [(first + i, dose) for i in range(n)])
        seen.extend(found)
        return found

    result: tuple[float, list[Judged]] | None = None
    try:
        for event in walk_c(lab.config.steer, probe):
            if isinstance(event, tuple):
                result = event
            else:
                yield event
                yield from lab.controls.poll()
    except Starved:
        kept, dropped = counts(seen)
        yield Kept(kept=kept, dropped=dropped)
        lab.record(records(seen, round_number))
        raise
    if result is None:
        raise CockpitError("walk-C ended without a dose")
    lab.doses[round_number] = result[0]
    return result


def generate_completions(
    lab: Lab, vector: Vector, dose: float, pool: list[Judged], round_number: int
) -> Generator[Event, None, list[Judged]]:
    """Completions at the config's fractions of the accepted dose, over prompts that the probes did not use up.

    They come before the probes' survivors, so that the heal set is made of the doses that were asked for and the survivors fill it up."""
    knobs = lab.config.generate
    plan = [
        (len(pool) + n % knobs.prompts, dose * knobs.doses[(n + n // knobs.prompts) % len(knobs.doses)])
        for n in range(knobs.completions)
    ]
    if said := cycled("training prompts", len(pool), knobs.prompts, len(lab.training)):
        yield Note(text=said)
    found: list[Judged] = []
    for start in range(0, len(plan), _CHUNK):
        yield from lab.controls.poll()
        found += sample(lab, vector, round_number, "generate", plan[start : start + _CHUNK], first=start)
        yield Progress(done=len(found), total=len(plan) + knobs.verdicts)
    verdicts = [(n, dose * knobs.doses[n % len(knobs.doses)]) for n in range(knobs.verdicts)]
    for start in range(0, len(verdicts), _CHUNK):
        yield from lab.controls.poll()
        part, first = verdicts[start : start + _CHUNK], len(plan) + start
        found += sample(lab, vector, round_number, "generate", part, first=first, prompts=lab.verdict_prompts)
        yield Progress(done=len(found), total=len(plan) + knobs.verdicts)
    return found + pool


def keep(lab: Lab, pool: list[Judged], round_number: int) -> Generator[Event, None, heal_data.HealSet]:
    """Filter, cap every prompt's share, and mix in the replay. Raises Starved under the floor, with what was dropped and why."""
    knobs = lab.config.keep
    judged = select(pool, knobs)
    kept, dropped = counts(judged)
    yield Kept(kept=kept, dropped=dropped)
    lab.record(records(judged, round_number))
    chosen = [j.candidate for j in judged if not j.reason]
    texts = sum(not j.reason and j.label != "verdict" for j in judged)
    if texts < knobs.min_kept:
        why = ", ".join(
            f"{reason} {sum(by.values())}" for reason, by in sorted(dropped.items(), key=lambda x: -sum(x[1].values()))
        )
        raise Starved(
            f"kept {texts} of {len(pool)} completions, under keep.min_kept {knobs.min_kept} (dropped: {why or 'none'}); "
            "lower steer.dose_high or generate more completions, not the floor"
        )
    size = heal_data.replay_size(len(chosen), lab.config.heal.replay)
    rows = yield from replay(lab, size)
    healset = heal_data.build(
        [(c.prompt.id, Row(c.prompt_ids, c.ids)) for c in chosen],
        rows,
        lab.config.heal.val_fraction,
        lab.seed,
        round_number,
    )
    heal_data.write_healset(lab.out.round(round_number) / "healset.jsonl", healset)
    return healset


def heal_round(lab: Lab, healset: heal_data.HealSet, round_number: int) -> Generator[Event, None, None]:
    """Distil and heal: fit the round's adapter behind the barrier."""
    live, knobs = lab.controls.live, lab.config.heal
    if "lam" not in lab.controls.pinned:
        live.lam = round_lam(knobs.lam, round_number, knobs.lam_power)
    subject = Subject("healed", lab.student, lab.trait)
    prompts = [p for p in lab.val.prompts if p.kind == "trait"]
    probe = CoherenceProbe(subject, lab.val.vignettes, prompts, lab.seed)
    for event in heal(
        lab.student, healset, lab.config, round_number=round_number, live=live, poll=lab.controls.poll, probe=probe,
        init_seed=row_key(lab.seed, round_number, "init") % 2**31,
        checkpoints=lab.checkpoints(round_number), asked=lab.controls.take_checkpoint,
    ):  # fmt: skip
        lab.tally.tokens += getattr(event, "tokens", 0)
        yield event


def bake(lab: Lab, round_number: int) -> Generator[Event, None, None]:
    """Fold the round into the history, save both, and check that gates at zero are the base to the bit."""
    folder = lab.out.round(round_number)
    lab.student.save(folder / "adapter", ROUND)
    error = lab.student.fold()
    lab.student.save(folder / "student", lab.student.history)
    with lab.student.base():
        equal = torch.equal(lab.pristine, fingerprint(lab.loaded))
    yield RoundBaked(rank_total=lab.student.rank, fold_error=error, gate_zero_equal=equal)
    if not equal:
        raise CockpitError("after the fold the model at gate 0 is not bit-equal to the base: the base was changed")


def measure(
    lab: Lab,
    name: Name,
    measured: Items,
    round_number: int,
    *,
    base: Scores | None = None,
    vector: Vector | None = None,
    dose: float = 0.0,
) -> Generator[Event, None, Scores]:
    """One evaluated event of a subject. base, prompted and steered in round 1 run on the pristine base."""
    yield from lab.controls.poll()
    subject = Subject(name, lab.student, lab.trait, vector, dose)
    against = base if base is not None else (lab.base_val if measured is lab.val else None)
    gates = lab.student.base() if name in ("base", "prompted") else lab.student.gates(history=1.0, current=0.0)
    with gates:
        steps = evaluate(subject, lab.world, measured, lab.config, round_number, against if name != "base" else None)
        event, scores, records = yield from polled(lab, steps)
    lab.record(records)
    if name == "healed" and measured is lab.val:
        lab.val_metrics[round_number] = event.metrics
        lab.tally.best = lab.best_round()
    yield event
    return scores


def polled(lab: Lab, steps: Generator[Progress, None, Measured]) -> Generator[Event, None, Measured]:
    """A measurement with a look at the control file after each of its batches."""
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield event
        yield from lab.controls.poll()


def reveal(lab: Lab, best: int) -> Generator[Event, None, None]:
    """The one look at the test split: base, prompted, raw steering of the base, and the chosen round."""
    lab.tally.reveals += 1
    test = items(lab.world, lab.config, "test")
    base = yield from measure(lab, "base", test, 0)
    yield from measure(lab, "prompted", test, 0, base=base)
    with lab.student.base():
        subject = Subject("steered", lab.student, lab.trait, lab.vectors[1], lab.doses[1])
        event, _, records = yield from polled(lab, evaluate(subject, lab.world, test, lab.config, 1, base))
    lab.record(records)
    yield event
    if best != lab.student.folded:
        lab.student.load_history(lab.out.round(best) / "student", best)
    yield from measure(lab, "healed", test, best, base=base)
