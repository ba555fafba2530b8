"""One way to load a model: the embedded nano, a tiny random-init model of a real architecture, a local folder, or a hub id."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from engine.contract.config import EMBEDDED, Family
from engine.contract.config import Model as ModelConfig
from engine.contract.errors import BadInput
from engine.model.anatomy import architecture, decoder_layers
from engine.model.chat import Chat
from engine.model.checks import check
from engine.model.families import random_config, random_template
from engine.nano.shipped import weights

NANO = Path(__file__).parent.parent / "nano" / "weights"
RANDOM_SEED = 0
SMALL = 20_000_000
"""Parameters below which one thread is as fast as two on a CPU (measured on nano: a fast-dev-run takes 29 s either way) and is not
slowed tenfold by another run beside it, as threads that spin for each other are; OMP_NUM_THREADS overrules it."""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Loaded:
    """A frozen base model with its one tokenisation path."""

    model: PreTrainedModel
    chat: Chat
    device: torch.device
    dtype: torch.dtype

    @property
    def layers(self) -> nn.ModuleList:
        """The decoder blocks, first to last."""
        return decoder_layers(self.model)


def embedded(model_id: str) -> Path | None:
    """The folder of a model that ships with the engine; None for any other id. Raises BadInput where it is still to be trained."""
    return weights(model_id) if model_id in EMBEDDED else None


def family_of(model_id: str) -> Family:
    """What kind of id it is: nano (whichever of the embedded ones), random, folder or hub."""
    if model_id in EMBEDDED:
        return "nano"
    if model_id.startswith("random:"):
        return "random"
    return "folder" if model_id.startswith((".", "/", "~")) or Path(model_id).is_dir() else "hub"


def load(config: ModelConfig) -> Loaded:
    """Load, freeze and move the model. Raises BadInput, in one line, when it cannot be: no such folder, no tokenizer, no chat
    template, no CUDA where the config asks for it."""
    device = pick_device(config.device)
    dtype = pick_dtype(config.dtype, device)
    tokenizer = load_tokenizer(config)
    chat = Chat(tokenizer)
    model = _build(config, dtype, device, vocabulary=len(tokenizer))
    if config.quantization == "none":
        model = model.to(device)  # type: ignore[arg-type]
    model.eval().requires_grad_(False)
    if device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ and model.num_parameters() < SMALL:
        torch.set_num_threads(1)
    if config.quantization == "nf4" and device.type == "cpu":
        _keep_differentiable(model)
    decoder_layers(model)
    chat.stop_also(model.generation_config.eos_token_id if model.generation_config else None)
    # what a hub model's own generation config asks for (a repetition penalty, suppressed tokens) would hide over-steering (KB9)
    model.generation_config = GenerationConfig(eos_token_id=sorted(chat.stops), pad_token_id=chat.pad)
    loaded = Loaded(model, chat, device, dtype)
    check(model, _question(loaded), chat.pad, dtype)
    return loaded


def pick_device(device: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The torch device of a config value. Raises BadInput for cuda without CUDA: no silent fall back to the CPU."""
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput(
            "model.device is cuda and torch sees no CUDA device; use a nano preset, or --set model.device=cpu to accept the CPU"
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """auto is fp32 on CPU, bf16 on a GPU that has it, else fp16 (requirement S9)."""
    if dtype != "auto":
        return _DTYPES[dtype]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def load_tokenizer(config: ModelConfig) -> PreTrainedTokenizerBase:
    """The tokenizer with its chat template. Raises BadInput when either is missing."""
    family = family_of(config.id)
    if family in ("nano", "random"):
        tokenizer = AutoTokenizer.from_pretrained(embedded(config.id) or NANO)
        if family == "random":
            tokenizer.chat_template = random_template(config.id.removeprefix("random:"), tokenizer.chat_template)
        return tokenizer  # type: ignore[no-any-return]
    source = _source(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, revision=config.revision or None, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        if family == "hub" and not _fetched(config):
            raise BadInput(f"{config.id} is not on this machine: cockpit fetch {config.id} brings it") from None
        raise BadInput(f"{config.id} has no tokenizer that can be loaded: {_first_line(error)}") from None
    if not tokenizer.chat_template:
        raise BadInput(
            f"{config.id} has no chat template; use the instruction-tuned model, or add chat_template.jinja to its folder"
        )
    return tokenizer  # type: ignore[no-any-return]


def load_config(config: ModelConfig, vocabulary: int) -> Any:
    """The transformers config of the model, without weights."""
    family = family_of(config.id)
    if family == "random":
        return random_config(config.id.removeprefix("random:"), vocabulary)
    source = _source(config)
    try:
        return AutoConfig.from_pretrained(
            source, revision=config.revision or None, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"{config.id} cannot be loaded: {_first_line(error)}") from None


@torch.no_grad()
def fingerprint(loaded: Loaded) -> Tensor:
    """Logits [t, v] (fp32, CPU) of a fixed prompt as the model stands: equal to the bit as long as nothing changed."""
    return loaded.model(input_ids=_question(loaded)).logits[0].float().cpu()


def _question(loaded: Loaded) -> Tensor:
    """A fixed prompt as ids [1, t]."""
    return torch.tensor([loaded.chat.prompt("Who are you?")], device=loaded.device)


def _build(config: ModelConfig, dtype: torch.dtype, device: torch.device, vocabulary: int) -> PreTrainedModel:
    family = family_of(config.id)
    settings = load_config(config, vocabulary)
    quantization = _quantization(config, dtype)
    if family == "random":
        return _random(settings, config, dtype, device, quantization)
    source = _source(config)
    extra: dict[str, Any] = {"quantization_config": quantization, "device_map": {"": device}} if quantization else {}
    try:
        return architecture(settings).from_pretrained(  # type: ignore[no-any-return]
            source,
            dtype=dtype,
            attn_implementation=config.attention,
            revision=config.revision or None,
            trust_remote_code=config.trust_remote_code,
            use_safetensors=True,
            **extra,
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise _unloadable(config, error) from None


def _random(
    settings: Any, config: ModelConfig, dtype: torch.dtype, device: torch.device, quantization: Any
) -> PreTrainedModel:
    """Random weights from a fixed seed; quantised by a round trip through a folder, which is how real weights are quantised."""
    with torch.random.fork_rng():
        torch.manual_seed(RANDOM_SEED)
        try:
            model = architecture(settings).from_config(settings, attn_implementation=config.attention)
        except (ValueError, ImportError) as error:
            raise _unloadable(config, error) from None
    if quantization is None:
        return model.to(dtype)  # type: ignore[no-any-return]
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return architecture(settings).from_pretrained(  # type: ignore[no-any-return]
            folder,
            dtype=dtype,
            attn_implementation=config.attention,
            quantization_config=quantization,
            device_map={"": device},
        )


def _unloadable(config: ModelConfig, error: Exception) -> BadInput:
    """Why a model could not be built, in one line that says what to do."""
    if any(sign in str(error) for sign in ("attention implementation", "FlashAttention")):
        other = "sdpa" if config.attention == "flash_attention_2" else "eager"
        return BadInput(
            f"{config.id} does not run with {config.attention} attention here; --set model.attention={other}"
        )
    return BadInput(f"{config.id} cannot be loaded: {_first_line(error)}")


def _quantization(config: ModelConfig, dtype: torch.dtype) -> Any:
    if config.quantization == "none":
        return None
    from transformers import BitsAndBytesConfig

    if config.quantization == "int8":
        # it casts every input to fp16 by design, and says so at every call
        warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def _keep_differentiable(model: nn.Module) -> None:
    """bitsandbytes repacks 4-bit weights for AVX512-bf16 on the first inference and then runs a kernel without a backward pass: an
    adapter below such a layer would silently get no gradient. Keep the layout that has one."""
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def _source(config: ModelConfig) -> str:
    if shipped := embedded(config.id):
        return str(shipped)
    if family_of(config.id) == "hub":
        return config.id
    folder = Path(os.path.expanduser(config.id))
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder} is not a model folder: it holds no config.json")
    return str(folder)


def _fetched(config: ModelConfig) -> bool:
    """Whether a hub model's settings are in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(config.id, "config.json", revision=config.revision or None), str)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
