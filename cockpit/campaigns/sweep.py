"""A sweep: trials that optuna's TPE draws one batch after the other, each a sealed member, then the best one on seeds that none saw.

The study lies beside the campaign's file as a journal of JSON lines. The sampler is seeded by the number of the trial, so that a sweep
that was interrupted draws what it would have drawn. Trials are measured on val; test is looked at for the best one's seeds alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cockpit.campaigns import store
from cockpit.campaigns.members import state
from cockpit.campaigns.plan import declared, reworded
from cockpit.campaigns.space import distribution, place, space, value
from cockpit.campaigns.unlock import lacking
from cockpit.preflight.plan import prepare
from engine.contract.answers import fault, load_answers
from engine.contract.errors import BadInput, Refused
from engine.contract.events import now
from engine.contract.hashes import SEED_AXIS, canonical, code_hash, sha256
from engine.contract.preflight import seal_hash
from engine.contract.resolve import from_flat
from engine.contract.rundir import RunDir, new_run_id, runs_folder
from engine.contract.runfile import RunFile
from journal.campaign import OUTCOMES, Campaign, Member
from journal.record import load_record
from journal.sweep import BEST, Sweep, Trial, named

if TYPE_CHECKING:
    from optuna.study import Study

NO_OPTUNA = "a sweep takes the extra sweep: pip install 'cockpit[sweep]'"
OVER = (*OUTCOMES, "failed", "oom", "timeout")
"""States in which a trial's run is done; any other is waited for, or run again by `campaign resume`."""


def plan(
    project: Path,
    preflight: Path,
    settings: Sequence[str],
    *,
    count: int,
    batch: int,
    tuned_on: Sequence[int],
    seeds: Sequence[int],
    objective: str = "",
    waive: str = "",
    hypothesis: str = "",
    command: str = "",
) -> Campaign:
    """The sweep that was asked for, sealed and saved: the one that is there already when it is the same under the same code.

    Raises BadInput, and Refused while baseline or ablation rows of the family are missing and nobody waives them with a reason."""
    _optuna()
    answers = load_answers(preflight)
    declared(preflight, answers, [s.partition("=")[0].strip() for s in settings])
    search = space(settings, answers.base_config().flat())
    if shared := sorted(set(tuned_on) & set(seeds)):
        raise BadInput(
            f"seed {shared[0]} is tuned on, so the best trial must not be measured on it: name others with --seeds"
        )
    if waive and (wrong := fault(waive)):
        raise BadInput(f"--waive {wrong}: a waiver has a reason")
    if hypothesis:
        preflight, answers = reworded(project, "sweep", preflight, answers, hypothesis)
    metric, maximise = _objective(objective, answers.prediction.metric, answers.prediction.op)
    asked = Sweep(
        metric=metric, maximise=maximise, search=search, count=count, batch=batch, tuned_on=list(tuned_on), sampler=_sampler_name(),
        waived=waive,
    )  # fmt: skip
    words = msgspec.to_builtins(asked)
    identity = sha256(canonical(["sweep", answers.table(), words, list(seeds), code_hash()]))
    same = [known for known in store.campaigns(project)[0] if known.identity == identity]
    if same:
        return same[0]
    base = prepare(project, preflight=preflight, sets=[f"{SEED_AXIS}={tuned_on[0]}"])
    if missing := lacking(project, base.record):
        if not waive:
            raise Refused(
                f"a sweep comes after its baseline and ablation: {'; '.join(missing)}; or give a reason with --waive"
            )
    elif waive:
        raise BadInput("nothing is missing that --waive could waive: leave it out")
    campaign_id = new_run_id("campaign")
    record = dict(base.record)
    record["evidence"] = base.record["evidence"] | {"campaign": campaign_id, "sweep": words}
    record["seal"] = seal_hash(record)
    made = Campaign(
        id=campaign_id, kind="sweep", identity=identity, made_at=now(), where=str(Path.cwd()), command=command, code_hash=code_hash(),
        preset=base.run.preset, over={knob: [found.words()] for knob, found in search.items()}, seeds=list(seeds), record=record,
        members=(), sweep=asked,
    )  # fmt: skip
    store.save(project, made)
    return made


def _objective(text: str, metric: str, op: str) -> tuple[str, bool]:
    """'tail_ppl:min' as (metric, whether it is to be raised); '' is what the sealed prediction is about, in its direction."""
    if not text:
        return metric, op.startswith(">")
    name, _, way = text.partition(":")
    if way not in ("max", "min") or not name:
        raise BadInput(f"--objective {text!r}: write METRIC:max or METRIC:min, such as trait_rate:max")
    return name, way == "max"


def advance(project: Path, campaign_id: str) -> bool:
    """Take in what has ended, draw the next batch or settle on the best; whether there are new members to queue.

    Does nothing for a campaign that is no sweep, or while a trial runs or is to be run again."""
    with store.locked(project, campaign_id):
        campaign = store.find(project, campaign_id)
        sweep = campaign.sweep
        if sweep is None or sweep.ended:
            return False
        study = _study(project, campaign)
        campaign, open_ = _told(project, campaign, study)
        if open_:
            store.save(project, campaign)
            return False
        assert campaign.sweep is not None
        if len(campaign.sweep.trials) < sweep.count:
            campaign = _draw(campaign, study)
        else:
            campaign = _settle(campaign)
        store.save(project, campaign)
        return True


def _told(project: Path, campaign: Campaign, study: Study) -> tuple[Campaign, bool]:
    """The campaign with the objective of every trial that has one, and whether one is still open."""
    from optuna.trial import TrialState

    sweep, open_ = campaign.sweep, False
    assert sweep is not None
    trials = list(sweep.trials)
    for i, trial in enumerate(trials):
        over, taken = study.trials[trial.number].state.is_finished(), trial.value is not None or bool(trial.said)
        if over and taken:
            continue
        mine = [m for m in campaign.members if m.arm == _arm(trial)]
        if any(state(project, m) not in OVER for m in mine):
            open_ = True
            continue
        found, said = trial.value, trial.said
        if not taken:
            found, said = _measured(project, sweep, mine) if mine else _equal(trials[:i], trial)
        trials[i] = msgspec.structs.replace(trial, value=found, said=said)
        if over:
            continue  # told, and killed before the campaign's file said so
        if found is None:
            study.tell(trial.number, state=TrialState.FAIL)
        else:
            study.tell(trial.number, found)
    return msgspec.structs.replace(campaign, sweep=msgspec.structs.replace(sweep, trials=tuple(trials))), open_


def _measured(project: Path, sweep: Sweep, members: Sequence[Member]) -> tuple[float | None, str]:
    """(the mean over seeds of the objective on val at each run's best round, '') or (None, why there is none)."""
    values = []
    for member in members:
        record = load_record(RunDir(runs_folder(project) / member.run))
        row = record.row("healed", "val", record.best) if record.best else None
        if record.status != "success" or record.touched or record.damage:
            return None, f"seed {member.seed} ended as {record.status}{', touched' if record.touched else ''}"
        if row is None:
            return None, f"seed {member.seed}: no round passed the floors"
        if sweep.metric not in row.metrics:
            return None, f"{sweep.metric} was not measured on val"
        values.append(row.metrics[sweep.metric])
    return sum(values) / len(values), ""


def _equal(earlier: Sequence[Trial], trial: Trial) -> tuple[float | None, str]:
    """A trial without members has the settings of an earlier one."""
    same = next(t for t in earlier if t.values == trial.values)
    return same.value, f"as trial {same.number}"


def _draw(campaign: Campaign, study: Study) -> Campaign:
    """The next batch: what was drawn before an interruption and not written down, then new draws."""
    sweep = campaign.sweep
    assert sweep is not None
    trials, members = list(sweep.trials), list(campaign.members)
    for number in range(len(trials), min(len(trials) + sweep.batch, sweep.count)):
        drawn = _params(campaign, study, number)
        if drawn is None:
            trials.append(Trial(number=number, values={}, said="it was interrupted while it was drawn"))
            continue
        values = {knob: value(found, drawn[knob]) for knob, found in sweep.search.items()}
        trial, same = Trial(number=number, values=values), any(t.values == values for t in trials)
        try:
            members += [] if same else [_member(campaign, _arm(trial), values, seed) for seed in sweep.tuned_on]
        except BadInput as error:
            trial = msgspec.structs.replace(trial, said=str(error))  # settings that no config may have together
        trials.append(trial)
    drawn_ = msgspec.structs.replace(sweep, trials=tuple(trials))
    return msgspec.structs.replace(campaign, members=tuple(members), sweep=drawn_)


def _params(campaign: Campaign, study: Study, number: int) -> dict[str, Any] | None:
    """What a trial is to try: as it was drawn before an interruption, else a new draw. None where it was drawn in part; it is over then."""
    from optuna.trial import TrialState

    sweep = campaign.sweep
    assert sweep is not None
    known = study.trials[number] if number < len(study.trials) else None
    if known is None or known.state == TrialState.WAITING:
        study.sampler = _sampler(campaign, number)
        return dict(study.ask({knob: distribution(found) for knob, found in sweep.search.items()}).params)
    if known.params.keys() == sweep.search.keys():
        return dict(known.params)
    if not known.state.is_finished():
        study.tell(number, state=TrialState.FAIL)
    return None


def _settle(campaign: Campaign) -> Campaign:
    """The best trial's settings on seeds that none saw; a sweep without a number has no best."""
    sweep = campaign.sweep
    assert sweep is not None
    best = sweep.best
    if best is None:
        return msgspec.structs.replace(
            campaign, sweep=msgspec.structs.replace(sweep, ended="No trial came to a number")
        )
    told = (
        f"Trial {best.number} was best on val; its settings ran again on {len(campaign.seeds)} seeds that no trial saw"
    )
    members = [_member(campaign, f"{BEST}: {named(best.values)}", best.values, seed) for seed in campaign.seeds]
    ended = msgspec.structs.replace(sweep, ended=told)
    return msgspec.structs.replace(campaign, members=(*campaign.members, *members), sweep=ended)


def _member(campaign: Campaign, arm: str, values: Mapping[str, Any], seed: int) -> Member:
    record = campaign.record
    config = from_flat(record["config"] | dict(values) | {SEED_AXIS: seed})
    run = RunFile(
        config=config, preset=campaign.preset, changes={}, axes=record["axes"], trait_hash=record["trait_hash"],
        model_hash=record["model_hash"],
    )  # fmt: skip
    return Member(arm=arm, values=dict(values), seed=seed, config_hash=run.config_hash)


def _arm(trial: Trial) -> str:
    return f"trial {trial.number}: {named(trial.values)}"


def study_file(project: Path, campaign_id: str) -> Path:
    """Where a sweep's study lies: optuna's journal of JSON lines, for its own tools too."""
    return store.room(project) / f"{campaign_id}.study.jsonl"


def _study(project: Path, campaign: Campaign) -> Study:
    """The study of a sweep. The base config is its first trial where it lies within the search."""
    optuna = _optuna()
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    sweep = campaign.sweep
    assert sweep is not None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(study_file(project, campaign.id))))
    direction = "maximize" if sweep.maximise else "minimize"
    study: Study = optuna.create_study(
        storage=storage, study_name=campaign.id, direction=direction, load_if_exists=True
    )
    if not study.trials:
        start = {knob: place(found, campaign.record["config"][knob]) for knob, found in sweep.search.items()}
        if all(held is not None for held in start.values()):
            study.enqueue_trial(start)
    return study


def _sampler(campaign: Campaign, number: int) -> Any:
    """TPE, seeded by the sweep and the number of the trial: resuming changes no draw."""
    from optuna.samplers import TPESampler

    sweep = campaign.sweep
    assert sweep is not None
    seed = int(sha256(f"{campaign.identity}:{number}".encode())[:8], 16)
    return TPESampler(seed=seed, n_startup_trials=min(10, max(4, sweep.count // 3)), constant_liar=sweep.batch > 1)


def _sampler_name() -> str:
    return f"TPE (optuna {_optuna().__version__})"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise BadInput(NO_OPTUNA) from None
    return optuna
