"""The typed config of a run: eight frozen sections, every field with its description, unit and bounds.

An unknown or mistyped key is refused by name with the nearest known key (FAULTS 25). How presets, files and `--set` become one
config is in resolve.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def knob(default: Any, description: str, *, unit: str = "", choices: tuple[str, ...] = (), **bounds: Any) -> Any:
    """A field with a description and a unit; bounds are pydantic's (ge, gt, le, lt, min_length ...). `choices` are the names that ship,
    beside which a plugin may bring others."""
    extra: dict[str, Any] = {"unit": unit, **({"choices": list(choices)} if choices else {})}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


class Section(BaseModel):
    """A frozen group of knobs that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Family = Literal["nano", "random", "folder", "hub"]
EMBEDDED = {
    "nano": "weights",
    "nano-uncoupled": "uncoupled",
    "nano-s1": "s1",
    "nano-s2": "s2",
    "nano-b": "b/weights",
}
"""Ids of the models that ship with the engine, with their folder in engine/nano. What holds for one of them says nothing of larger ones."""


class Model(Section):
    """Which model, at which precision, on which device."""

    id: str = knob(
        "nano",
        "nano, nano-s1, nano-s2, nano-b, nano-uncoupled, random:<family>, a local folder, or a hub id",
        min_length=1,
    )
    revision: str = knob("", "hub revision (commit); empty means the newest, recorded when loaded")
    device: Literal["auto", "cpu", "cuda"] = knob("auto", "where the model runs; cuda refuses when there is none")
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = knob(
        "auto", "base weights; auto is fp32 on CPU, bf16 on a GPU that has it"
    )
    quantization: Literal["none", "nf4", "int8"] = knob("none", "bitsandbytes quantisation of the base")
    attention: Literal["sdpa", "eager", "flash_attention_2"] = knob("sdpa", "attention kernel")
    trust_remote_code: bool = knob(False, "run code from the model's repository; must be named in the preflight")


class Trait(Section):
    """What is pushed into the model."""

    name: str = knob("care", "a shipped trait (care, love) or the path of a trait TOML file", min_length=1)


METHODS = ("mean_diff", "pca_diff", "ablation")
"""Values of steer.method that ship and carry a direction; a plugin may bring others."""
CONTROLS = ("random", "shuffled", "zero")
"""Values of steer.method that must not move the trait."""
AGGREGATES = ("mean", "rmse", "p95", "max")
"""Values of heal.aggregate that ship; a plugin may bring others."""
REASONS = (
    "unfinished", "tail_ppl", "worst_ppl", "no_verdict", "repetition", "entropy", "narration", "refusal", "share", "surplus",
)  # fmt: skip
"""Why a completion is not in the heal set; share and surplus are about the set, not about the text."""


class Steer(Section):
    """The vector and the search for its dose: the strongest that survives (walk-C), or one of a given KL (iso-KL)."""

    method: str = knob(
        "mean_diff",
        "how the vector is made, or a plugin's vector method; random, shuffled and zero are controls of the same norm (zero: of norm 0)",
        choices=(*METHODS, *CONTROLS),
    )
    centre: Literal["negative", "neutral"] = knob(
        "negative", "what the positive persona is set against: the negative one, or the same contexts without a persona"
    )
    layer_low: Fraction = knob(0.5, "first steered layer", unit="fraction of depth")
    layer_high: Fraction = knob(0.5, "last steered layer; one narrow middle band (KB1)", unit="fraction of depth")
    norm: Literal["raw", "unit"] = knob(
        "raw", "keep the mean difference's own norm, so that a dose of 1 is the persona's shift, or 1"
    )
    calibration: Literal["survival", "kl"] = knob(
        "survival", "the accepted dose: the strongest whose completions survive the filter, or the one at target_kl"
    )
    target_kl: float = knob(
        1.0,
        "95th percentile over positions of unsteered answers of KL(steered, unsteered) that calibration = kl looks for",
        unit="nats",
        gt=0.0,
        le=100.0,
    )
    contexts: int = knob(256, "training prompts the vector is averaged over", unit="prompts", ge=2)
    dose_low: float = knob(0.25, "weakest dose tried", unit="vector norms", gt=0.0)
    dose_high: float = knob(1.5, "strongest dose tried", unit="vector norms", gt=0.0, le=1024.0)
    survival: Fraction = knob(
        0.75, "fraction of probed completions that must pass the filter at the accepted dose", unit="fraction"
    )
    probes: int = knob(32, "completions probed at one dose, each on its own prompt", unit="completions", ge=4)
    bisections: int = knob(
        4, "doses tried between the two ends; up to four times as many with calibration = kl", ge=0, le=16
    )


class Generate(Section):
    """Steered completions."""

    completions: int = knob(160, "completions generated after the dose is found", unit="completions", ge=1)
    prompts: int = knob(80, "training prompts they are spread over, trait and benign", unit="prompts", ge=1)
    verdicts: int = knob(
        0,
        "steered verdicts on training vignettes beside them; without any, the third-person axis moves only by what carries over",
        unit="completions",
        ge=0,
    )
    doses: tuple[float, ...] = knob(
        (0.75, 1.0), "doses as fractions of the accepted one, cycled over prompts", unit="kappa", min_length=1
    )
    temperature: float = knob(0.7, "sampling temperature", ge=0.0, le=4.0)
    max_new_tokens: int = knob(96, "longest completion", unit="tokens", ge=4)
    batch_size: int = knob(0, "rows decoded together; 0 lets the engine choose", unit="rows", ge=0)
    repetition_penalty: float = knob(1.0, "leave at 1: suppressing loops hides over-steering (KB9)", ge=1.0, le=2.0)


class Keep(Section):
    """The filter over completions, judged by the base."""

    enabled: bool = knob(True, "off keeps every completion (the barrier alone must hold)")
    max_tail_ppl: float = knob(3.0, "perplexity of the last quarter under the unsteered base", unit="ppl", gt=1.0)
    max_worst_ppl: float = knob(
        3.0, "perplexity of the worst eight tokens under the unsteered base", unit="ppl", gt=1.0
    )
    max_repetition: Fraction = knob(0.3, "repeated word 2- to 4-grams or character n-grams", unit="fraction")
    min_entropy: float = knob(2.0, "entropy of the completion's words: fewer is a dead text", unit="bits", ge=0.0)
    narration: bool = knob(True, "drop completions that talk about their persona or about being steered")
    filters: tuple[str, ...] = knob((), "completion filters of the plugins, asked after the ones above")
    refusal: bool = knob(
        False, "drop assistant boilerplate refusals; an enacted 'I refuse' is the trait and stays (KB14)"
    )
    min_kept: int = knob(24, "fewer kept completions end the run as starved", unit="completions", ge=1)
    max_kept: int = knob(96, "kept completions that go into the heal set", unit="completions", ge=1)
    max_share: Fraction = knob(0.1, "largest share of the kept set that one prompt may have", unit="fraction", gt=0.0)


class Heal(Section):
    """The LoRA fit: nll + lam * mean_i relu(D_i - tau)."""

    divergence: Literal["kl_rev", "kl_fwd", "none"] = knob(
        "kl_rev", "KL(student, reference), KL(reference, student), or no barrier"
    )
    aggregate: str = knob(
        "rmse",
        "how D_i gathers the per-position KL of one completion, or a plugin's barrier aggregate",
        choices=AGGREGATES,
    )
    reference: Literal["base", "prev"] = knob("prev", "the original model, or the student before this round")
    head: Literal["auto", "plain", "chunked"] = knob(
        "auto", "how losses over the vocabulary are computed; chunked holds no logits; the gradients are the same"
    )
    gradient_checkpointing: Literal["auto", "on", "off"] = knob(
        "auto", "compute activations again in the backward pass, auto where memory needs it; the gradients are the same"
    )
    lam: float = knob(0.3, "barrier weight", ge=0.0, le=100.0)
    tau: float = knob(0.5, "barrier threshold, below the operating KL (KB20)", unit="nats", ge=0.0, le=100.0)
    lam_power: float = knob(0.0, "round r uses lam * r ** power", ge=-4.0, le=4.0)
    replay: Fraction = knob(
        0.27, "share of the heal set that is unsteered base answers to neutral prompts", unit="fraction", lt=1.0
    )
    rank: int = knob(8, "LoRA rank", ge=1, le=512)
    alpha: float = knob(16.0, "LoRA alpha; the update is scaled by alpha / rank", gt=0.0)
    layer_from: Fraction = knob(0.0, "first adapted layer", unit="fraction of depth")
    lr: float = knob(2e-3, "peak learning rate", gt=0.0, le=1.0)
    schedule: Literal["linear", "constant", "cosine"] = knob(
        "linear", "after the warmup; cosine is refused under 50 epochs (K16 f)"
    )
    warmup: Fraction = knob(0.1, "share of the steps that warm up", unit="fraction")
    epochs: int = knob(6, "passes over the heal set", ge=1, le=1000)
    batch_size: int = knob(16, "samples in one forward pass", unit="samples", ge=1)
    accumulation: int = knob(1, "passes in one optimizer step, never across epochs (KB33)", ge=1)
    weight_decay: float = knob(0.0, "decoupled weight decay", ge=0.0)
    beta2: float = knob(0.95, "AdamW's second moment; .999 outlasts a round (KB26)", gt=0.0, lt=1.0)
    max_grad_norm: float = knob(1.0, "gradient clipping", gt=0.0)
    val_fraction: Fraction = knob(
        0.1, "share of the kept completions held out, never empty", unit="fraction", gt=0.0, lt=0.5
    )
    adapter_dtype: Literal["fp32", "bf16"] = knob("fp32", "trainable weights; bf16 rounds small updates away (KB34)")
    on_trip: Literal["stop", "keep_best_epoch"] = knob(
        "stop", "when a divergence guard trips: end the run, or bake the epoch with the lowest validation loss"
    )


class Evaluate(Section):
    """What is measured on base, prompted, steered and healed."""

    prompts: int = knob(120, "trait prompts on val each round, each with its benign pair", unit="prompts", ge=2)
    test_prompts: int = knob(
        400, "trait prompts on test, once at the end, each with its benign pair", unit="prompts", ge=2
    )
    vignettes: int = knob(140, "vignettes of the forced choice, stratified over foundations", unit="vignettes", ge=7)
    vignettes_file: str = knob(
        "", "JSON lines of vignettes in the field's format, in place of an English world's own; empty is its own"
    )
    vignettes_hash: str = knob("", "sha256 of that file, filled in when the config is resolved")
    thinking_tokens: int = knob(
        0,
        "tokens a model may think before a forced choice by number; values of different numbers are not comparable (KB45)",
        unit="tokens",
        ge=0,
        le=8192,
    )
    evaluators: tuple[str, ...] = knob((), "evaluators of the plugins, each a metric of its own")
    facts: int = knob(140, "closed questions of the capability canary", unit="questions", ge=4)
    temperature: float = knob(0.7, "sampling temperature of the answers", ge=0.0, le=4.0)
    max_new_tokens: int = knob(96, "longest answer", unit="tokens", ge=4)
    batch_size: int = knob(0, "rows scored together; 0 lets the engine choose", unit="rows", ge=0)
    bootstrap: int = knob(2000, "resamples of the interval, clustered by template", ge=100)
    probes: int = knob(8, "coherence probes within a round", unit="probes", ge=0)
    coherence_floor: Fraction = knob(0.85, "a round under it is broken and ends the loop", unit="fraction")
    capability_floor: Fraction = knob(0.8, "a round under it cannot be the best", unit="fraction")
    tail_ppl_ceiling: float = knob(
        3.0, "a round whose median tail perplexity is over it cannot be the best", unit="ppl", gt=1.0
    )
    margin: float = knob(0.05, "equivalence margin of rates against the base", unit="fraction", gt=0.0)


class Run(Section):
    """How long, from which seed, and what kind of run."""

    seed: int = knob(42, "every random choice derives from it", ge=0, lt=2**31)
    rounds: int = knob(4, "rounds of steer, distil, heal, bake", ge=1, le=64)
    smoke: bool = knob(False, "a reduced run: watermarked, never exported as a result, never carries a claim")
    time_limit: float = knob(0.0, "seconds after which the run ends as timeout; 0 is no limit", unit="s", ge=0.0)
    checkpoint_every: int = knob(
        50, "optimizer steps between two checkpoints within an epoch; every epoch's end has one", unit="steps", ge=1
    )
    plugins: tuple[str, ...] = knob(
        (), "the user's own Python files; their code runs in the engine, so the preflight names them"
    )
    plugins_hash: tuple[str, ...] = knob((), "sha256 of each of them, filled in when the config is resolved")
    checkpoints_kept: int = knob(2, "newest checkpoints of a round that are kept, beside its best", ge=1, le=100)
    hang_limit: float = knob(900.0, "seconds without an event after which the run counts as hung", unit="s", gt=0.0)


class Config(Section):
    """The whole config of a run."""

    model: Model = Model()
    trait: Trait = Trait()
    steer: Steer = Steer()
    generate: Generate = Generate()
    keep: Keep = Keep()
    heal: Heal = Heal()
    evaluate: Evaluate = Evaluate()
    run: Run = Run()

    def flat(self) -> dict[str, Any]:
        """Every knob as 'section.name': value, in declaration order."""
        return {f"{s}.{k}": v for s, section in self.model_dump(mode="json").items() for k, v in section.items()}
