"""What a run will take, by arithmetic on ModelFacts and the config: tokens, FLOPs, seconds a stage and bytes. Rough, and said so.

A forward pass costs 2 FLOP per parameter and token; backward through a frozen base another 2 for activations (adapter gradients are
small); decoding reads every weight once a step, so it is bound by memory until the batch is large.
"""

from __future__ import annotations

import msgspec

from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.known_bugs import heal_steps

FILL = 0.6
"""Share of max_new_tokens that an answer uses, on average."""
PROMPT_TOKENS = 48
VERDICT_TOKENS = 16
PROCESS = 770_000_000
"""Bytes of a worker on a CPU before any weight: Python, torch, transformers, peft (measured on runs of nano: 740 to 825 MB)."""
DENSE = 250_000_000
"""Adapted fp32 weights up to which a second copy, with the history written in, is held: 1 GB."""
ROWS = 128
"""Rows decoded together where the config leaves it to the engine."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Sustained rates, not peaks. Price is per hour, 0 for one's own machine."""

    name: str
    flops: float  # FLOP/s in training and prefill
    bandwidth: float  # bytes/s while decoding
    memory: int = 0  # bytes, 0 when unknown
    price: float = 0.0


CPU = Device(name="CPU", flops=4e10, bandwidth=8e9)
GPU_24GB = Device(name="24 GB GPU", flops=4e13, bandwidth=6e11, memory=24 * 2**30)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds by stage for the whole run, peak bytes by stage, and price in the device's currency."""

    device: str
    seconds: dict[str, float]
    memory: dict[str, int]
    price: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def memory_bytes(self) -> int:
        """The highest peak of any stage."""
        return max(self.memory.values())

    def prices(self) -> dict[str, float]:
        """The price by stage."""
        return {stage: self.price * seconds / self.total for stage, seconds in self.seconds.items()}


def activation_bytes(tokens: int, blocks: int, width: int, inner: int, itemsize: int) -> int:
    """What a backward pass holds of so many tokens, padding with them, in blocks of this width and feed-forward width.

    Per token and block 12 values of the width and 4 of the inner one, a little over what a Llama block with adapters keeps in fp32; under
    a narrower base the adapters, which are fp32, keep their inputs in fp32 beside them (tests/heal/test_trunk.py)."""
    per_token = (12 * width + 4 * inner) * itemsize + (4 * (6 * width + inner) if itemsize < 4 else 0)
    return tokens * blocks * per_token


def estimate(config: Config, facts: ModelFacts, device: Device | None = None) -> Estimate:
    """Seconds, memory and price of the run that `config` asks for."""
    device = device or (GPU_24GB if facts.cuda and config.model.device != "cpu" else CPU)
    rounds, gen, ev = config.run.rounds, config.generate, config.evaluate
    per_token = 2 * facts.parameters

    def forward(tokens: float) -> float:
        return tokens * per_token / device.flops

    def decode(rows: float, new_tokens: int) -> float:
        """Rows decoded in batches of 64: each step is bound by weights read or by arithmetic, whichever is slower."""
        steps = new_tokens * FILL
        batches = max(1.0, rows / 64)
        return batches * steps * max(facts.weight_bytes / device.bandwidth, min(rows, 64) * per_token / device.flops)

    answers = 2 * ev.prompts
    evaluation = decode(answers, ev.max_new_tokens) + decode(ev.facts, 8)
    evaluation += forward((2 * ev.vignettes + answers) * (PROMPT_TOKENS + ev.max_new_tokens * FILL))
    choices = 2 * ev.vignettes + ev.vignettes  # each vignette in two orders, and a dilemma for every two of them
    evaluation += decode(choices, round(ev.thinking_tokens / FILL))  # a thought mostly takes all that it may
    final = evaluation * ev.test_prompts / ev.prompts
    sample_tokens = PROMPT_TOKENS + gen.max_new_tokens * FILL
    heal_tokens = heal_steps(config) * config.heal.batch_size * config.heal.accumulation * sample_tokens
    memory, recomputes = _memory(config, facts, device, on_cpu=not device.memory or device.name == CPU.name)
    reference = 1.0 / 3.0 if config.heal.divergence != "none" else 0.0
    seconds = {
        "baseline": 2 * evaluation + 2 * final,
        "extract": rounds * forward(2 * config.steer.contexts * PROMPT_TOKENS),
        "dose": rounds * (1 + config.steer.bisections) * decode(config.steer.probes, gen.max_new_tokens),
        "generate": rounds * (decode(gen.completions, gen.max_new_tokens) + decode(gen.verdicts, VERDICT_TOKENS)),
        "keep": rounds * forward((gen.completions + gen.verdicts) * sample_tokens),
        "heal": rounds * (2 * (1 + reference) + (1 if recomputes else 0)) * forward(heal_tokens),
        "evaluate": rounds * 2 * evaluation + final,
    }
    return Estimate(
        device=device.name,
        seconds=seconds,
        memory=memory,
        price=sum(seconds.values()) / 3600 * device.price,
    )


def _memory(config: Config, facts: ModelFacts, device: Device, *, on_cpu: bool) -> tuple[dict[str, int], bool]:
    """(peak bytes by stage, whether a heal computes activations again): weights and adapters, and a heal step's activations (of one block
    and what enters each, where they are computed again), one block's where nothing is trained, or the cache of a generation, each with its
    logits."""
    width, ev = 4 if on_cpu else 2, config.evaluate
    in_blocks = facts.parameters - facts.embedding_parameters
    inner = max(facts.hidden, round((in_blocks / facts.layers - 3 * facts.hidden**2) / (3 * facts.hidden)))

    def activations(tokens: int, blocks: int) -> int:
        return activation_bytes(tokens, blocks, facts.hidden, inner, width)

    def decoding(batch: int, prompt: int, new_tokens: int) -> int:
        rows = batch or ROWS
        cache = rows * (prompt + new_tokens) * facts.layers * facts.kv_heads * facts.head_dim * 2 * width
        return cache + 2 * 4 * facts.vocabulary * max(rows, 256)

    sample = PROMPT_TOKENS + config.generate.max_new_tokens
    at_once = -(-config.heal.batch_size // 2) * sample  # a batch goes through in two halves
    adapted = facts.layers - int(config.heal.layer_from * facts.layers)
    generating = decoding(config.generate.batch_size, PROMPT_TOKENS, config.generate.max_new_tokens)
    measuring = decoding(ev.batch_size, PROMPT_TOKENS, max(ev.max_new_tokens, ev.thinking_tokens))
    history = facts.adapter_parameters * config.run.rounds * 4
    if facts.weight_bytes >= 4 * facts.parameters and in_blocks <= DENSE:
        history += 4 * in_blocks
    extra = {
        "baseline": measuring,
        "extract": activations(ROWS * PROMPT_TOKENS, 1),
        "dose": generating,
        "generate": generating,
        "keep": activations(ROWS * sample, 1) + 2 * 4 * facts.vocabulary * 256,
        "heal": facts.adapter_parameters * 12 + 2 * 4 * facts.vocabulary * min(at_once, 256),
        "evaluate": measuring,
    }
    resting = facts.weight_bytes + history + (PROCESS if on_cpu else 0)
    asked, room = config.heal.gradient_checkpointing, device.memory - resting - extra["heal"]
    held = activations(at_once, adapted)
    again = asked == "on" or (asked == "auto" and device.memory > 0 and held > room // 2)
    extra["heal"] += activations(at_once, 1) + at_once * adapted * facts.hidden * width if again else held
    return {stage: int(resting + more) for stage, more in extra.items()}, again
