"""The model card of an export: what it is, what was measured of it, how to use it, and what it does not show."""

from __future__ import annotations

import json
import re
from statistics import median

from msgspec import UNSET

from cockpit.report.probes import figure
from engine.contract.config import CONTROLS, EMBEDDED
from engine.contract.events import Evaluated
from engine.contract.exported import ADAPTERS, RECORD, Exported
from engine.contract.traits import load_trait
from journal.entry import does_not_show
from journal.index import Row
from journal.record import Record
from journal.review import State
from journal.text import LABELS, MAIN, interval, label, number, quoted, short
from journal.verdict import sentence, verdict

MUCH = 0.1
"""A logit difference above this share of the adapter's own effect is said to be one."""
_BLOCK = re.compile(r".*?\.\d+(?=\.)")
_WHAT = {
    "peft": "A LoRA adapter (PEFT)",
    "merged": "A merged model",
    "gguf": "A control vector for llama.cpp",
    "vector": "A steering vector",
}


def card(record: Record, exported: Exported, entry: Row, state: State) -> str:
    """The card as Markdown, with the header that model hubs read. `entry` is the run's, `state` how it stands."""
    parts = [
        _header(exported),
        _opening(record, exported),
        _withdrawn(state),
        _facts(record, exported, entry, state),
        "## Measured",
        _measured(record, exported),
        *_written(exported),
        "## Use",
        _use(exported),
        "## What this does not show",
        _limits(record, exported),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def differences(exported: Exported) -> str:
    """How far what was written is from the adapter on the run's base, in a sentence; '' of a vector."""
    if exported.logit_difference is UNSET or exported.logit_effect is UNSET:
        return ""
    prompts = f"{exported.prompts} val prompts"
    if exported.logit_difference == 0.0:
        return f"Logits on {prompts} equal the healed student's to the bit (base in {exported.base_dtype})."
    text = (
        f"Largest logit difference to the adapter on its base, both computed in {exported.base_dtype}, on {prompts}: "
        f"{figure(exported.logit_difference)}, where the adapter itself changes logits by up to {figure(exported.logit_effect)}."
    )
    if exported.logit_effect and exported.logit_difference > MUCH * exported.logit_effect:
        text += (
            f" That is {_share(exported.logit_difference / exported.logit_effect)} of its effect: {_instead(exported)}."
        )
    if not exported.update_lost:
        return text
    lost = exported.update_lost
    worst = max(lost, key=lambda name: lost[name])
    return (
        f"{text} Rounding to {exported.dtype} lost {_share(median(lost.values()))} of the update in the median matrix and "
        f"{_share(lost[worst])} in the worst ({worst})."
    )


def _instead(exported: Exported) -> str:
    """What keeps more of the adapter than this merged model does."""
    if exported.dtype != "float32":
        return "--dtype fp32 keeps more, --format peft all of it"
    return f"the {exported.quantization} base rounds as it computes, which no weights repeat; --format peft keeps all of it"


def _header(exported: Exported) -> str:
    """YAML that hubs read; a base that is no hub id is named in the text alone."""
    library = {"peft": "peft", "merged": "transformers"}.get(exported.format, "")
    hub = "/" in exported.base and not exported.base.startswith((".", "/", "~"))
    lines = [f"library_name: {library}"] if library else []
    lines += [f"base_model: {json.dumps(exported.base)}"] if hub else []
    tags = ["activation-steering", *(["lora"] if exported.format == "peft" else [])]
    return "\n".join(["---", *lines, f"tags: {json.dumps(tags)}", "---"])


def _opening(record: Record, exported: Exported) -> str:
    trait = quoted(exported.trait, 60)
    head = f"# {trait}, round {exported.round} of {quoted(exported.base, 80)} ({short(exported.run)})"
    what = _WHAT[exported.format]
    if exported.format in ADAPTERS:
        made = (
            f"that puts the trait *{trait}* into the weights of {quoted(exported.base, 80)}: the model was steered with a vector, the "
            f"steered text was distilled into a LoRA behind a barrier, and the round was baked. It holds "
            + ("round 1." if exported.round == 1 else f"rounds 1 to {exported.round}.")
        )
    else:
        made = (
            f"for the trait *{trait}* in {quoted(exported.base, 80)} ({quoted(exported.method, 40)}), extracted from "
            f"{_subject(exported)}."
        )
    control = record.config.steer.method
    warn = (
        f" **Its vector is a control ({control}): it is not meant to carry the trait.**" if control in CONTROLS else ""
    )
    return f"{head}\n\n{what} {made}{warn} One seed is exploratory, not a claim."


def _withdrawn(state: State) -> str:
    """What was said against the run in its journal; '' when nothing was."""
    if state.state in ("retracted", "superseded"):
        by = f" by {quoted(short(state.superseded_by), 40)}" if state.superseded_by else ""
        return f"**The journal entry of this run is {state.state}{by}: {quoted(state.reason, 300)}**"
    return f"**This run is condemned as a miss: {quoted(state.condemned, 300)}**" if state.condemned else ""


def _facts(record: Record, exported: Exported, entry: Row, state: State) -> str:
    trait = load_trait(exported.trait)
    described = f": {quoted(trait.description, 300)}" if trait.hash == exported.trait_hash else ""
    parameters = f", {record.facts.parameters:,} parameters" if record.facts else ""
    quantised = f", quantised {exported.quantization} when trained" if exported.quantization != "none" else ""
    ended = f"{record.status}{f': {quoted(record.reason, 300)}' if record.reason else ''}"
    answers = record.preflight.get("answers", {})
    rows = {
        "trait": f"{quoted(exported.trait, 60)}{described}",
        "base": f"{quoted(exported.base, 120)} @ {quoted(exported.base_commit, 60)}{parameters}{quantised}; sha256 {exported.base_hash}",
        "rounds": f"{exported.round} of {exported.rounds}" + (f", rank {exported.rank}" if exported.rank else ""),
        "run": f"{exported.run}, seed {exported.seed}{', touched: knobs were set while it ran' if record.touched else ''}",
        "ended": ended,
        "expected": sentence(answers["prediction"]) if "prediction" in answers else "nothing was expected",
        "verdict": verdict(record).text,
        "journal entry": f"{entry.key}, {entry.date} ({entry.letter}), {state.state}",
        "preflight": f"sealed, {exported.preflight_hash[:12]}; config {exported.config_hash[:12]}, code {exported.code_hash[:12]}",
        "stored as": f"{exported.dtype}; hashes of every file are in {RECORD}",
    }
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {text.replace('|', chr(92) + '|')} |" for name, text in rows.items())]
    )


def _measured(record: Record, exported: Exported) -> str:
    """Base, prompted and the exported round on the same split, each with its 95% interval, and the paired change to the base."""
    subject = "healed" if exported.format in ADAPTERS else "steered"
    row = next((r for s in ("test", "val") if (r := record.row(subject, s, exported.round))), None)
    if row is None:
        return f"Round {exported.round} was never evaluated: nothing is known of what this does."
    rows = [(s, r) for s in ("base", "prompted") if (r := record.row(s, row.split))]
    rows += [(f"**{subject}, round {row.round}{f', dose {row.dose:.2g}' if subject == 'steered' else ''}**", row)]
    metrics = [m for m in LABELS if m in (*MAIN, "diversity") and any(m in r.metrics for _, r in rows)]
    lines = [f"| {row.split} | " + " | ".join(map(label, metrics)) + " |", "|---|" + "---:|" * len(metrics)]
    for name, r in rows:
        cells = [f"{number(m, r.metrics.get(m))} {interval(m, r.ci.get(m))}".strip() for m in metrics]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if row.change:
        lines.append(f"| {subject} − base, paired | " + " | ".join(_change(m, row) for m in metrics) + " |")
    looks = record.finished.reveals if record.finished else 1
    said = {
        "test": f"The test split was looked at {'once' if looks <= 1 else f'{looks} times'}, after the best round was chosen on val.",
        "val": "These are val figures, on which the round was chosen: expect less on new prompts.",
    }[row.split]
    missing = "" if record.row("prompted", row.split) else " The prompted base was not measured."
    return "\n".join(lines) + f"\n\n95% intervals over the items of one seed. {said}{missing}{_best(record, exported)}"


def _best(record: Record, exported: Exported) -> str:
    if exported.format not in ADAPTERS or record.best == exported.round:
        return ""
    if not record.best:
        return " No round of this run passed the floors of coherence, capability and tail."
    return f" The best round of this run by its rule is {record.best}, not this one."


def _change(metric: str, row: Evaluated) -> str:
    text = number(metric, row.change.get(metric), sign=True)
    return f"{text} {interval(metric, row.change_ci.get(metric), sign=True)}".strip()


def _written(exported: Exported) -> list[str]:
    """What exporting itself did to the numbers, by block of the model where weights were merged."""
    said = differences(exported)
    if not said:
        return []
    parts = ["## What exporting changed", said]
    if exported.quantization != "none" and exported.format == "merged":
        parts.append(
            f"The base was quantised ({exported.quantization}) while the adapter was trained. It was dequantised and the update added in "
            "fp32, so these are the weights the adapter was trained on, not those of the model before it was quantised."
        )
    blocks: dict[str, list[float]] = {}
    for name, lost in exported.update_lost.items():
        match = _BLOCK.match(name)
        blocks.setdefault(match[0] if match else name, []).append(lost)
    if blocks:
        ordered = sorted(blocks.items(), key=lambda item: [int(n) for n in re.findall(r"\d+", item[0])])
        table = [f"| {name} | {_share(median(lost))} | {_share(max(lost))} |" for name, lost in ordered]
        parts.append(
            "\n".join(["| block | update lost, median matrix | worst |", "|---|---:|---:|", *table])
            + f"\n\nLost: ‖stored − W − BA‖ / ‖BA‖, by matrix in {RECORD}."
        )
    return parts


def _use(exported: Exported) -> str:
    revision = (
        f', revision="{exported.base_commit}"' if "/" in exported.base and ":" not in exported.base_commit else ""
    )
    dose = f"{exported.dose:.3g}" if isinstance(exported.dose, float) else "DOSE"
    first, *_, last = sorted(exported.norms, key=int) * 2 or ["", ""]
    return {
        "peft": "\n".join([
            "```python",
            "from peft import PeftModel",
            "from transformers import AutoModelForCausalLM",
            "",
            f'base = AutoModelForCausalLM.from_pretrained("{_base(exported)}"{revision}, dtype="{exported.base_dtype}")',
            'model = PeftModel.from_pretrained(base, "THIS FOLDER")',
            "```",
        ]),
        "merged": "\n".join([
            "```python",
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f'model = AutoModelForCausalLM.from_pretrained("THIS FOLDER", dtype="{exported.dtype}")',
            'tokenizer = AutoTokenizer.from_pretrained("THIS FOLDER")',
            "```",
        ]),
        "gguf": "\n".join([
            "```sh",
            f"llama-cli -m BASE.gguf --control-vector-scaled vector.gguf {dose} --control-vector-layer-range {first} {last}",
            "```",
            "",
            f"The scale is the dose that walk-C accepted, for {_subject(exported)}. `BASE.gguf` must be converted from the base above; "
            "`direction.<i>` is added to the output of block i, counted from 0.",
        ]),
        "vector": f"`vector.safetensors` holds `layer.<i>` (fp32): add {dose} times it to the output of block i (counted from 0) at every "
        f"position of {_subject(exported)}. `config.json` says how it was extracted.",
    }[exported.format]  # fmt: skip


def _base(exported: Exported) -> str:
    folder = EMBEDDED.get(exported.base)
    return f"THE PROJECT'S engine/nano/{folder}" if folder else exported.base


def _subject(exported: Exported) -> str:
    return "the base" if exported.round == 1 else f"the student after round {exported.round - 1}"


def _limits(record: Record, exported: Exported) -> str:
    missing = does_not_show(record)
    lines = [f"- {missing[0].upper()}{missing[1:]}"]
    if exported.format not in ADAPTERS and exported.round > 1:
        lines.append(
            f"- What the vector does to the base: it was extracted from, and measured on, {_subject(exported)}."
        )
    if exported.format == "gguf":
        lines.append("- That llama.cpp gives the same text: a converted, often quantised base is another model.")
    if record.damage:
        lines.append(f"- {quoted(record.damage, 400)}.")
    return "\n".join(lines)


def _share(fraction: float) -> str:
    """12%, .3%, or under .01%."""
    percent = 100 * fraction
    if 0 < percent < 0.01:
        return "under .01%"
    return f"{percent:.0f}%" if percent >= 9.5 else f"{percent:.2g}%".replace("0.", ".", 1)
