"""What the canaries of coherence are worth: `python -m engine.nano.canaries [--model nano] [--prompts 120] [--doses 0 0.3 ...] [--json]`.

    AUC = P(canary of a broken item > canary of a coherent one) + P(equal) / 2

Nano's grammar says of every answer whether it is coherent, which no reader of natural language can say for sure. What steered models
answer is scored by every canary and ranked against that truth: .5 tells nothing, 1 tells all, less than .5 points the wrong way.

answers    one sampled answer: what the filter and the evaluation see of it
verdicts   one vignette: answer mass and the prefill's NLL, against whether the sampled verdict is one
sets       SET answers of one dose: what a table's row shows, against whether more than HALF_BROKEN of them are broken
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from engine.contract.config import EMBEDDED, Config, Keep
from engine.contract.errors import BadInput, CockpitError
from engine.contract.resolve import resolve
from engine.contract.stats import Interval, bootstrap
from engine.contract.traits import load_trait
from engine.contract.world import Prompt, Vignette
from engine.evaluate.coherence import diversity, repetition, tail_ppl, word_entropy, worst_ppl
from engine.evaluate.foundations import JSON_TOKENS, form_of, score_options
from engine.evaluate.subject import Subject
from engine.evaluate.trait import BROKEN_PPL, BROKEN_REPETITION
from engine.evaluate.verdict import is_verdict
from engine.evaluate.worlds import check_speaks, load_world
from engine.model.adapter import Student
from engine.model.forward import score
from engine.model.load import load
from engine.nano.world import NanoWorld
from engine.steer.keep import first_reason
from engine.steer.methods import extract

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

DOSES = (0.0, 0.3, 0.45, 0.6, 0.8, 1.0)
VERDICT_DOSES = (1.0, 1.5, 2.0, 3.0)
"""Verdicts hold longer than answers: the first break at the whole shift from one persona to the other."""
LOW = frozenset({"entropy", "coherence", "diversity"})
"""Canaries whose low values mean broken."""
FEWEST = 10
"""Items of either kind under which no AUC is given: its interval would span nearly everything."""
SET, HALF_BROKEN = 16, 0.1
_ONLY_NARRATION = Keep(max_tail_ppl=1e12, max_worst_ppl=1e12, max_repetition=1.0, min_entropy=0.0)


class Item(NamedTuple):
    """One thing to be told: where it came from, what the grammar says of it, what the canaries say, and the text of an answer."""

    dose: float
    cluster: str
    broken: bool
    canaries: dict[str, float]
    text: str = ""


class Cell(msgspec.Struct, frozen=True):
    """The AUC of one canary with its interval. `dose` is absent where all are pooled, `auc` where either kind has fewer than FEWEST."""

    kind: str
    canary: str
    n: int
    broken: int
    dose: float | UnsetType = UNSET
    auc: Interval | UnsetType = UNSET


def measure(
    config: Config, doses: Sequence[float], verdict_doses: Sequence[float], prompts: int, resamples: int = 2000
) -> list[Cell]:
    """Every canary of an embedded model steered as `config` steers it, at each dose, on `prompts` val pairs and as many vignettes.

    Raises BadInput for a model or a trait that is not the micro-world's: its grammar reads no other."""
    trait = load_trait(config.trait.name)
    check_speaks(config.model.id, trait)
    world = load_world(trait)
    if config.model.id not in EMBEDDED or not isinstance(world, NanoWorld):
        raise BadInput(f"the grammar reads nano only, not {config.model.id} in {world.name}; use a nano preset")
    loaded = load(config.model)
    vector = extract(loaded, trait, world.contexts(), config.steer, config.run.seed)
    student = Student(loaded, config.heal)
    seed, asked, scenes = config.run.seed, world.prompts("val")[: 2 * prompts], world.vignettes("val")[:prompts]

    def steered(dose: float) -> Subject:
        return Subject("steered", student, trait, vector, dose)

    answered = [item for dose in doses for item in answers(steered(dose), world, asked, seed)]
    judged = [item for dose in verdict_doses for item in verdicts(steered(dose), scenes, seed)]
    kinds = {"answers": answered, "verdicts": judged, "sets": sets(answered, seed)}
    return [cell for kind, items in kinds.items() for cell in cells(kind, items, resamples)]


def answers(subject: Subject, world: NanoWorld, prompts: list[Prompt], seed: int) -> list[Item]:
    """A sampled answer to each prompt, scored under the base without and with a persona."""
    loaded, chat = subject.loaded, subject.loaded.chat
    plain = [chat.prompt(p.text) for p in prompts]
    said = subject.answer(plain, [p.id for p in prompts], seed, temperature=1.0, max_new_tokens=96, batch_size=0)
    personas = subject.trait.personas
    led = [chat.prompt(p.text, personas[i // 2 % len(personas)].positive) for i, p in enumerate(prompts)]
    base, prompted = (score(loaded, subject.rows(asked, said)) for asked in (plain, led))
    found = []
    for prompt, ids, lp, lp_led in zip(prompts, said, base, prompted, strict=True):
        text = chat.text(ids)
        canaries = {
            "tail_ppl": tail_ppl(lp),
            "worst_ppl": worst_ppl(lp),
            "whole_ppl": worst_ppl(lp, len(lp)),
            "prompted_tail_ppl": tail_ppl(lp_led),
            "prompted_worst_ppl": worst_ppl(lp_led),
            "repetition": repetition(text),
            "entropy": word_entropy(text),
            "unfinished": float(not ids or ids[-1] not in chat.stops),
        }
        canaries["narration"] = float(first_reason(text, canaries, True, _ONLY_NARRATION) == "narration")
        found.append(Item(subject.dose, prompt.cluster, not world.read(prompt, text).coherent, canaries, text))
    return found


def verdicts(subject: Subject, vignettes: list[Vignette], seed: int) -> list[Item]:
    """A sampled verdict on each vignette, with the mass on the seven answers (coherence) and prefill_nll."""
    chat = subject.loaded.chat
    prompts = [chat.prompt(v.text) for v in vignettes]
    form = form_of(vignettes)
    option, prefill, _ = score_options(subject, prompts, form=form)
    mass = torch.logsumexp(option, dim=1).exp()
    said = subject.answer(
        prompts, [v.id for v in vignettes], seed, temperature=1.0, max_new_tokens=JSON_TOKENS, batch_size=0
    )
    return [
        Item(
            subject.dose,
            v.cluster,
            not is_verdict(chat.text(ids), (form,)),
            {"coherence": float(mass[i]), "prefill_nll": float(prefill[i])},
        )
        for i, (v, ids) in enumerate(zip(vignettes, said, strict=True))
    ]


def sets(answered: Sequence[Item], seed: int) -> list[Item]:
    """Answers of one dose in random sets of SET; a rest that fills none is left out."""
    by_dose: dict[float, list[Item]] = defaultdict(list)
    for item in answered:
        by_dose[item.dose].append(item)
    found = []
    for dose, items in by_dose.items():
        order = np.random.default_rng(seed).permutation(len(items))
        for start in range(0, len(items) - SET + 1, SET):
            some = [items[i] for i in order[start : start + SET]]
            share = float(np.mean([item.broken for item in some]))
            found.append(Item(dose, f"{dose}-{start}", share > HALF_BROKEN, _of_a_set(some)))
    return found


def _of_a_set(some: Sequence[Item]) -> dict[str, float]:
    values = {name: np.array([item.canaries[name] for item in some]) for name in some[0].canaries}
    rule = (values["repetition"] > BROKEN_REPETITION) | (values["tail_ppl"] > BROKEN_PPL) | (values["unfinished"] > 0)
    return {
        "tail_ppl": float(np.median(values["tail_ppl"])),
        "tail_ppl_p90": float(np.quantile(values["tail_ppl"], 0.9)),
        "worst_ppl": float(np.median(values["worst_ppl"])),
        "worst_ppl_p90": float(np.quantile(values["worst_ppl"], 0.9)),
        "repetition": float(values["repetition"].mean()),
        "broken_by_rule": float(rule.mean()),
        "diversity": diversity([item.text for item in some]),
    }


def auc(canary: Floats, broken: Truth) -> float:
    """Area under the ROC curve, from ranks with ties at their mean; .5 where either kind is missing."""
    from scipy.stats import rankdata

    n, m = int(broken.sum()), int((~broken).sum())
    if not n or not m:
        return 0.5
    return float((rankdata(canary)[broken].sum() - n * (n + 1) / 2) / (n * m))


def cells(kind: str, items: Sequence[Item], resamples: int) -> Iterator[Cell]:
    """The AUC of every canary over all doses and, where there are several, at each by itself."""
    doses = sorted({item.dose for item in items})
    for name in items[0].canaries if items else ():
        for dose in (None, *doses) if len(doses) > 1 else (None,):
            yield _cell(kind, name, [i for i in items if dose is None or i.dose == dose], dose, resamples)


def _cell(kind: str, name: str, items: Sequence[Item], dose: float | None, resamples: int) -> Cell:
    sign = -1.0 if name in LOW else 1.0
    canary = sign * np.array([item.canaries[name] for item in items])
    truth = np.array([item.broken for item in items])
    n, broken = len(items), int(truth.sum())
    cell = Cell(kind, name, n, broken, UNSET if dose is None else dose)
    if min(broken, n - broken) < FEWEST:
        return cell

    def statistic(picked: Floats) -> Any:
        chosen = picked.astype(np.int64)
        return auc(canary[chosen], truth[chosen])

    clusters = [item.cluster for item in items]
    found = bootstrap(np.arange(n, dtype=np.float64), clusters, statistic, resamples=resamples)
    return msgspec.structs.replace(cell, auc=found)


def table(found: Sequence[Cell], kind: str) -> str:
    """One kind as Markdown: a row a canary, a column a dose, the counts in the second row."""
    mine = [cell for cell in found if cell.kind == kind]
    doses = list(dict.fromkeys(cell.dose for cell in mine))
    rows = [[kind, *("all doses" if dose is UNSET else f"dose {dose:g}" for dose in doses)], ["---"] * (len(doses) + 1)]
    first = {cell.dose: cell for cell in reversed(mine)}
    rows.append(["broken", *(f"{first[dose].broken} of {first[dose].n}" for dose in doses)])
    for name in dict.fromkeys(cell.canary for cell in mine):
        rows.append([name, *(_shown(cell.auc) for cell in mine if cell.canary == name)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(found: Interval | UnsetType) -> str:
    return "too few" if found is UNSET else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m engine.nano.canaries", description="Score every canary.")
    parser.add_argument("--preset", default="nano-care", help="whose model and steering are used")
    parser.add_argument("--prompts", type=int, default=120, help="val pairs, and vignettes, at each dose")
    parser.add_argument("--doses", type=float, nargs="+", default=list(DOSES))
    parser.add_argument("--verdict-doses", type=float, nargs="+", default=list(VERDICT_DOSES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="one JSON object a line in place of the tables")
    args = parser.parse_args(argv)
    if args.prompts < 1 or args.resamples < 1 or min(args.doses + args.verdict_doses) < 0:
        parser.error("--prompts and --resamples are at least 1, and no dose is below 0")
    try:
        config = resolve(args.preset, sets=[f"run.seed={args.seed}"])
        found = measure(config, args.doses, args.verdict_doses, args.prompts, args.resamples)
    except CockpitError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit
    if args.json:
        for cell in found:
            print(json.dumps(msgspec.to_builtins(cell)))
    else:
        print("\n\n".join(table(found, kind) for kind in ("answers", "verdicts", "sets")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
