"""The sixteen fields of K11, non-empty for every ending, even of a run that was killed before its first event."""

from __future__ import annotations

from pathlib import Path

from engine.contract.config import Config
from journal import script_entry
from journal.record import Record
from journal.text import duration, interval, label, number, quoted

FIELDS = (
    "Model name",
    "Architecture",
    "Dimensions",
    "Key config",
    "Params EXACT",
    "Data + count",
    "Steps/Epochs",
    "Batch/Seq",
    "Seed",
    "Metric",
    "Best",
    "Time",
    "Hardware",
    "Status",
    "Cost actual",
    "Notes",
)
NOT_MEASURED = "not measured"


def sixteen(record: Record) -> dict[str, str]:
    """Every field of K11 by name. What a run did not reach is said in words, never left empty."""
    if record.script is not None:
        told = script_entry.fields(record)
        return {name: told[name] or NOT_MEASURED for name in FIELDS}
    facts = record.facts
    model = record.run.config.model.id if record.run else facts.id if facts else NOT_MEASURED
    values = {
        "Model name": model + (f" @ {facts.commit.removeprefix('sha256:')[:12]}" if facts else ""),
        "Architecture": f"{facts.model_class} ({facts.source_file}, {facts.source_version})" if facts else NOT_MEASURED,
        "Dimensions": _dimensions(record),
        "Key config": _key_config(record.run.config) if record.run else NOT_MEASURED,
        "Params EXACT": _parameters(record),
        "Data + count": _data(record),
        "Steps/Epochs": _steps(record),
        "Batch/Seq": _batch(record.run.config) if record.run else NOT_MEASURED,
        "Seed": _seed(record),
        "Metric": _metric(record),
        "Best": _best(record),
        "Time": _time(record),
        "Hardware": str(record.provenance.get("hardware", {}).get("line") or NOT_MEASURED),
        "Status": record.status or "running",
        "Cost actual": _cost(record),
        "Notes": _notes(record),
    }
    return {name: values[name] or NOT_MEASURED for name in FIELDS}


def _key_config(config: Config) -> str:
    heal = config.heal
    barrier = "no barrier" if heal.divergence == "none" else f"{heal.divergence} {heal.aggregate} to {heal.reference}"
    return (
        f"{barrier}, lam {heal.lam:g}, tau {heal.tau:g} nats, rank {heal.rank}, lr {heal.lr:g} {heal.schedule}, "
        f"steer {_vector(config)}, replay {heal.replay:g}, rounds {config.run.rounds}{_own(config)}"
    )


def _vector(config: Config) -> str:
    """'mean_diff', and what is not as usual about it: 'pca_diff against neutral at p95 KL 1 nats'."""
    steer = config.steer
    against = " against neutral" if steer.centre == "neutral" else ""
    return f"{steer.method}{against}" + (f" at p95 KL {steer.target_kl:g} nats" if steer.calibration == "kl" else "")


def _own(config: Config) -> str:
    """The plugins, with the beginning of each one's hash: ', plugins median.py (1f2e3d4c)'."""
    files = zip(config.run.plugins, config.run.plugins_hash, strict=False)
    named = ", ".join(f"{quoted(Path(path).name, 40)} ({hash_[:8]})" for path, hash_ in files)
    return f", plugins {named}" if named else ""


def _steps(record: Record) -> str:
    asked = f" of {record.run.config.heal.epochs * record.run.config.run.rounds}" if record.run else ""
    return f"{record.steps} optimizer steps, {len(record.epochs)}{asked} epochs"


def _batch(config: Config) -> str:
    heal = config.heal
    return f"{heal.batch_size} x {heal.accumulation}, up to {config.generate.max_new_tokens} completion tokens"


def _seed(record: Record) -> str:
    if record.run:
        return str(record.run.config.run.seed)
    return str(record.started.seed) if record.started else NOT_MEASURED


def _parameters(record: Record) -> str:
    """Counted by the worker on the loaded model, or by inspection of the same model before it."""
    if record.started:
        return str(record.started.parameters)
    return str(record.facts.parameters) if record.facts else NOT_MEASURED


def _dimensions(record: Record) -> str:
    facts = record.facts
    if facts is None:
        return NOT_MEASURED
    heads = f"{facts.heads} heads" + (f" over {facts.kv_heads}" if facts.kv_heads != facts.heads else "")
    adapter = record.started.trainable if record.started else facts.adapter_parameters
    return (
        f"{facts.layers} layers, hidden {facts.hidden}, {heads} of {facts.head_dim}, vocabulary {facts.vocabulary}, "
        f"adapter {adapter} parameters a round"
    )


def _data(record: Record) -> str:
    kept = sum(sum(event.kept.values()) for event in record.kept)
    dropped = sum(sum(by.values()) for event in record.kept for by in event.dropped.values())
    trait = f"trait {record.run.config.trait.name}" if record.run else "trait unknown"
    if not record.kept:
        asked = f"; {record.run.config.generate.completions} a round asked" if record.run else ""
        return f"{trait}: 0 completions kept (no round got to its filter{asked})"
    return f"{trait}: {kept} completions kept and {dropped} dropped in {len(record.kept)} rounds"


def _metric(record: Record) -> str:
    metric = record.preflight.get("answers", {}).get("metric", {})
    version = record.preflight.get("metric_version", 1)
    name, split = metric.get("name") or "trait_rate", metric.get("split") or "test"
    thinking = record.run.config.evaluate.thinking_tokens if record.run else 0
    thought = f", after {thinking} thinking tokens" if thinking else ""
    return f"{name} on {split} ({metric.get('unit') or 'fraction'}), metric version {version}{thought}"


def _best(record: Record) -> str:
    metric = record.preflight.get("answers", {}).get("metric", {})
    name = metric.get("name") or "trait_rate"
    row = record.row("healed", "test") or record.row("healed", "val", record.best or None)
    if row is None or name not in row.metrics:
        return "none: nothing was healed and evaluated"
    where = f"round {record.best or row.round}"
    if not record.best and record.finished and record.finished.status == "success":
        where = "no round passed the floors; the last one"
    span = interval(name, row.ci.get(name))
    return f"{label(name)} {number(name, row.metrics[name])} {span} on {row.split}, {where}".replace("  ", " ")


def _time(record: Record) -> str:
    whole = duration(_seconds(record) + record.earlier_seconds)
    return (
        f"{whole} in {record.attempt} attempts, the last {duration(_seconds(record))}"
        if record.earlier_seconds
        else whole
    )


def _seconds(record: Record) -> float:
    if "seconds" in record.result:
        return float(record.result["seconds"])
    return record.finished.seconds if record.finished else (record.last.elapsed if record.last else 0.0)


def _cost(record: Record) -> str:
    if record.finished is None:
        return f"{record.tokens} heal tokens seen; energy not measured"
    gpu = "GPU time not measured"
    if record.started:
        seconds = record.finished.gpu_seconds or record.finished.seconds
        gpu = "no GPU" if record.started.device == "cpu" else f"{seconds:.0f} GPU s"
    energy = record.finished.energy_wh
    watts = f"{energy:.1f} Wh" if isinstance(energy, float) else "energy not measured"
    return f"{gpu}, {record.finished.tokens} tokens, {watts}"


def _notes(record: Record) -> str:
    notes = []
    if record.reason:
        notes.append(record.reason)
    if record.smoke:
        notes.append("smoke: a reduced run, not a result")
    if record.lineage:
        notes.append(record.lineage.words())
    if record.resumed:
        at = record.resumed
        step = f" step {at.from_step}" if at.from_step else ""
        notes.append(f"attempt {record.attempt} went on from round {at.from_round}, {at.from_stage}{step}")
    if record.touched:
        notes.append("touched: knobs were set while it ran, so it carries no claim")
    if record.provenance.get("dirty"):
        notes.append("dirty: the sources differ from their commit")
    if record.damage:
        notes.append(record.damage)
    return "; ".join(notes) or "none"
