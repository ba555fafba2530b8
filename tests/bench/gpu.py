"""Generation and a heal step at gemma-3-4b's real shape with random weights, in bf16 and in 4 bits: one table. `just bench-gpu`.

With a CUDA device the table is measured: seconds, tokens a second, peak memory, share of the card's peak arithmetic, and the time over the
counted floor. Without one it is the counted arithmetic of named cards. `--shape tiny --device cpu` runs all of it anywhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import AutoModelForCausalLM, Gemma3TextConfig

from engine.contract.config import Heal
from engine.contract.config import Model as ModelConfig
from engine.heal.reference import cache
from engine.heal.trunk import Trunk
from engine.model.adapter import Student
from engine.model.chat import Chat
from engine.model.forward import Row, completion_positions, pad
from engine.model.load import Loaded, load_tokenizer
from engine.steer.generate import Ask, generate
from tests.bench import plain_loop
from tests.bench.measuring import in_turns
from tests.bench.test_heal_head import Step, step_with
from tests.bench.test_heal_head import plain_loop as plain_step

SHAPES: dict[str, dict[str, int]] = {
    "gemma-3-4b": {
        "hidden_size": 2560, "num_hidden_layers": 34, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "intermediate_size": 10_240, "vocab_size": 262_144, "sliding_window": 1024,
    },
    "tiny": {
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "intermediate_size": 128, "vocab_size": 4_096, "sliding_window": 64,
    },
}  # fmt: skip


class Card(NamedTuple):
    """Peak rates of a card as its maker states them: dense bf16 FLOP/s, and bytes/s of memory."""

    name: str
    flops: float
    bandwidth: float


CARDS = (
    Card("RTX 3090", 71e12, 0.936e12),
    Card("RTX 4090", 165e12, 1.008e12),
    Card("A100", 312e12, 2.0e12),
    Card("H100", 989e12, 3.35e12),
    Card("H200", 989e12, 4.8e12),
)


class Counted(NamedTuple):
    """What a piece of work cannot do without: operations, and bytes that must cross the memory bus."""

    flops: float
    bytes: float

    def floor(self, card: Card) -> float:
        """Seconds on a card at its peak, whichever of the two takes longer."""
        return max(self.flops / card.flops, self.bytes / card.bandwidth)


class Size(NamedTuple):
    """How much is done: rows of one batch, tokens of a prompt and of a completion."""

    rows: int
    prompt: int
    completion: int


def count(shape: dict[str, int], bits: int) -> tuple[float, float, float]:
    """(weights in the blocks, weights of the head, bytes read by one pass) of a shape, on the meta device."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(Gemma3TextConfig(**shape))
    head = model.get_output_embeddings().weight.numel()
    trunk = sum(p.numel() for p in model.parameters()) - head  # the embedding is tied to the head
    return trunk, head, trunk * bits / 8 + head * 2


def generation(shape: dict[str, int], bits: int, size: Size, rows: int) -> Counted:
    """Decode `size.rows` completions, `rows` at once: every step reads the weights and the keys and values so far."""
    trunk, head, weights = count(shape, bits)
    steps = size.completion * -(-size.rows // rows)
    per_token = 2 * 2 * shape["num_hidden_layers"] * shape["num_key_value_heads"] * shape["head_dim"]
    states = size.rows * size.completion * (size.prompt + size.completion / 2) * per_token
    prefill = size.rows * size.prompt * 2 * trunk
    flops = prefill + size.rows * size.completion * 2 * (trunk + head)
    return Counted(flops, steps * weights + states)


def heal_step(shape: dict[str, int], bits: int, size: Size, plain: bool) -> Counted:
    """One optimizer step over `size.rows` samples, every one of them felt by the barrier. The plain form runs the reference in every step
    and both heads at every position."""
    trunk, head, weights = count(shape, bits)
    said = size.rows * size.completion
    every = said + size.rows * size.prompt
    if plain:
        return Counted(every * (6 * trunk + 6 * head), 3 * weights + every * shape["vocab_size"] * 4 * 8)
    return Counted(every * 4 * trunk + said * 8 * head, 2 * weights)


def build(shape: dict[str, int], bits: int, device: torch.device) -> Loaded:
    """A random-init text model of the shape, frozen, with nano's tokeniser, whose ids it all holds."""
    dtype = torch.bfloat16
    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(Gemma3TextConfig(**shape), dtype=dtype)
    model = model.eval().requires_grad_(False)
    if bits == 4:
        _quantise(model, dtype, device)
    chat = Chat(load_tokenizer(ModelConfig()))
    return Loaded(model, chat, device, dtype)


def _quantise(model: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
    """The blocks' linear layers as NF4, in place; the head stays."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    for block in model.get_decoder().layers:  # type: ignore[operator,union-attr]
        for name, layer in [(n, m) for n, m in block.named_modules() if isinstance(m, nn.Linear)]:
            packed = Linear4bit(
                layer.in_features, layer.out_features, bias=False, compute_dtype=dtype, quant_type="nf4"
            )
            packed.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4").to(device)
            if device.type == "cpu":
                packed.support_avx512bf16_for_cpu = False  # the kernel for it has no backward pass
            parent, _, leaf = name.rpartition(".")
            setattr(block.get_submodule(parent), leaf, packed)


def prepare(loaded: Loaded, size: Size) -> Step:
    """A heal step's batch of random ids, its adapter moved away from the reference; tau lets every sample fire."""
    g = torch.Generator().manual_seed(0)
    rows = [
        Row(*(torch.randint(0, 900, (n,), generator=g).tolist() for n in (size.prompt, size.completion)))
        for _ in range(size.rows)
    ]
    student = Student(loaded, Heal())
    reference = torch.cat(cache(Trunk(student, rows), "base"))
    for p in student.begin_round(0):
        p.data += (0.01 * torch.randn(p.shape, generator=g)).to(p.device)
    batch = pad([r.prompt + r.completion for r in rows], loaded.chat.pad, loaded.device, left=False)
    where, targets = completion_positions(rows, batch.ids.shape[1], loaded.device)
    return Step(student, batch, where, targets, [size.completion] * size.rows, reference, 0.0)


def whole_length(loaded: Loaded) -> None:
    """No stop token: every form decodes the same number of tokens."""
    loaded.chat.stops.clear()
    loaded.chat.stops.add(loaded.model.config.vocab_size + 1)


def measured(
    shape: dict[str, int], device: torch.device, decode: Size, fit: Size, card: Card | None, turns: int
) -> list[str]:
    """The measured lines of the table, bf16 and 4 bits."""
    lines = []
    for bits in (16, 4):
        loaded = build(shape, bits, device)
        whole_length(loaded)
        g = torch.Generator().manual_seed(1)
        asks = [Ask(torch.randint(0, 900, (decode.prompt,), generator=g).tolist(), 0.0, n) for n in range(decode.rows)]
        knobs: dict[str, Any] = {"temperature": 1.0, "max_new_tokens": decode.completion}
        one = decode._replace(rows=1)
        step = prepare(loaded, fit)
        works: dict[str, tuple[int, Counted, Callable[[], Any]]] = {
            "generate, one at a time": (
                one.completion, generation(shape, bits, one, 1),
                lambda loaded=loaded, asks=asks: plain_loop.generate(loaded, asks[:1], None, 1.0, decode.completion),
            ),
            "generate": (
                decode.rows * decode.completion, generation(shape, bits, decode, decode.rows),
                lambda loaded=loaded, asks=asks, knobs=knobs: generate(loaded, asks, batch_size=decode.rows, **knobs),
            ),
            "heal step, plain": (
                fit.rows * fit.completion, heal_step(shape, bits, fit, plain=True), lambda step=step: plain_step(step),
            ),
            "heal step": (
                fit.rows * fit.completion, heal_step(shape, bits, fit, plain=False),
                lambda step=step: step_with(step, "chunked"),
            ),
        }  # fmt: skip
        for name, (tokens, floor, do) in works.items():
            gates = step.student.base() if name.startswith("generate") else step.student.gates()
            try:
                with gates:
                    found = in_turns({name: do}, turns)[name]
            except torch.OutOfMemoryError:
                lines.append(f"{name:<24} {bits:>4} out of memory")
                torch.cuda.empty_cache()
                continue
            share = (
                f"{floor.flops / found.seconds / card.flops:>6.0%} {found.seconds / floor.floor(card):>7.1f}"
                if card
                else ""
            )
            lines.append(
                f"{name:<24} {bits:>4} {found.seconds:>9.3f} {tokens / found.seconds:>10,.0f} {found.megabytes / 1e3:>8.2f} "
                f"{floor.flops / 1e12:>8.3f} {share}"
            )
        del loaded, step, works
    return lines


def arithmetic(shape: dict[str, int], decode: Size, fit: Size) -> list[str]:
    """The counted lines of the table: operations, bytes, and the floor on every card, in milliseconds."""
    lines = []
    for bits in (16, 4):
        one = decode._replace(rows=1)
        works = {
            "generate, one at a time": (one.completion, generation(shape, bits, one, 1)),
            "generate": (decode.rows * decode.completion, generation(shape, bits, decode, decode.rows)),
            "heal step, plain": (fit.rows * fit.completion, heal_step(shape, bits, fit, plain=True)),
            "heal step": (fit.rows * fit.completion, heal_step(shape, bits, fit, plain=False)),
        }
        for name, (tokens, work) in works.items():
            floors = " ".join(f"{1e3 * work.floor(card):>9,.1f}" for card in CARDS)
            lines.append(
                f"{name:<24} {bits:>4} {tokens:>7,} {work.flops / 1e12:>8.2f} {work.bytes / 1e9:>8.1f} {floors}"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="gemma-3-4b")
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto measures where there is CUDA"
    )
    parser.add_argument("--rows", type=int, default=128, help="completions decoded together")
    parser.add_argument("--samples", type=int, default=16, help="samples of a heal step")
    parser.add_argument("--prompt", type=int, default=96, help="tokens of a prompt")
    parser.add_argument("--completion", type=int, default=128, help="tokens of a completion")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    shape = SHAPES[given.shape]
    decode, fit = Size(given.rows, given.prompt, given.completion), Size(given.samples, given.prompt, given.completion)
    cuda = torch.cuda.is_available() and given.device != "cpu"
    print(
        f"{given.shape}, random weights, {given.prompt} + {given.completion} tokens; {given.rows} rows decoded, {given.samples} healed"
    )
    if not cuda and given.device != "cpu":
        if given.device == "cuda":
            raise SystemExit("--device cuda and torch sees no CUDA device; leave it out for the counted arithmetic")
        print(
            "no CUDA device: counted operations and bytes, and the least milliseconds that they take at each card's stated peak"
        )
        names = " ".join(f"{card.name:>9}" for card in CARDS)
        print(f"{'work':<24} {'bits':>4} {'tokens':>7} {'TFLOP':>8} {'GB':>8} {names}")
        print("\n".join(arithmetic(shape, decode, fit)))
        return
    device = torch.device("cuda" if cuda else "cpu")
    name = torch.cuda.get_device_name() if cuda else "CPU"
    card = next((c for c in reversed(CARDS) if c.name.split()[-1] in name), None)
    print(f"measured on {name}; share and floor against {'its stated peak' if card else 'no card that is known here'}")
    print(
        f"{'work':<24} {'bits':>4} {'seconds':>9} {'tokens/s':>10} {'peak GB':>8} {'TFLOP':>8} {'share':>6} {'x floor':>7}"
    )
    print("\n".join(measured(shape, device, decode, fit, card, given.turns)))


if __name__ == "__main__":
    main()
