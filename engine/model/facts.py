"""`python -m engine inspect`: ModelFacts from the meta device, without loading weights."""

from __future__ import annotations

import inspect as pyinspect
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from transformers import PreTrainedTokenizerBase

from engine.contract.config import Config
from engine.contract.facts import ModelFacts
from engine.contract.hashes import canonical, sha256, sha256_file
from engine.model.anatomy import architecture, decoder_layers
from engine.model.chat import Chat
from engine.model.load import RANDOM_SEED, embedded, family_of, load_config, load_tokenizer
from engine.model.shapes import shape_config

_BYTES = {"auto": 0, "fp32": 4, "bf16": 2, "fp16": 2}
_QUANTISED_BYTES = {"none": 0.0, "nf4": 0.516, "int8": 1.0}  # NF4 with double quantisation: 4.127 bits a weight


def inspect(config: Config) -> ModelFacts:
    """Facts of the config's model. Raises BadInput as loading would (no folder, tokenizer or chat template)."""
    tokenizer = load_tokenizer(config.model)
    chat = Chat(tokenizer)
    settings = load_config(config.model, len(tokenizer))
    model_hash = _model_hash(config, settings, tokenizer)
    return _counted(
        config,
        settings,
        tokenizer_class=type(tokenizer).__name__,
        tokenizer_type=_tokenizer_type(tokenizer),
        tokenizer_hash=tokenizer_hash(tokenizer),
        chat_template=True,
        system_role=chat.system_role,
        commit=_commit(config, settings, model_hash),
        model_hash=model_hash,
    )


def shape_facts(config: Config) -> ModelFacts:
    """Facts of a model that is not here, by its published shape: counts and sizes, nothing of its tokenizer or weights. Raises BadInput
    when its shape is not known."""
    unknown = dict.fromkeys(("tokenizer_class", "tokenizer_type", "tokenizer_hash", "commit", "model_hash"), "")
    settings = shape_config(config.model.id)
    return _counted(config, settings, chat_template=False, system_role=False, **unknown)


def _counted(config: Config, settings: Any, **rest: Any) -> ModelFacts:
    """The facts that come from the architecture on the meta device, and `rest`."""
    with torch.device("meta"):
        model = architecture(settings).from_config(settings, trust_remote_code=config.model.trust_remote_code)
    model.tie_weights()
    text = settings.get_text_config()
    family = family_of(config.model.id)
    parameters = sum(p.numel() for p in model.parameters())
    embedding = sum(p.numel() for p in {id(p): p for p in _embeddings(model)}.values())
    return ModelFacts(
        id=config.model.id,
        family=family,
        model_class=type(model).__name__,
        source_file=_source_file(type(model)),
        source_version=f"transformers {transformers.__version__}",
        parameters=parameters,
        adapter_parameters=adapter_parameters(model, config),
        layers=len(decoder_layers(model)),
        hidden=text.hidden_size,
        vocabulary=text.vocab_size,
        heads=text.num_attention_heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or text.num_attention_heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads,
        embedding_parameters=embedding,
        weight_bytes=_weight_bytes(config, parameters, embedding),
        pretrained=family != "random",
        cuda=torch.cuda.is_available(),
        packages={name: _version(name) for name in ("torch", "transformers", "peft", "bitsandbytes")},
        **rest,
    )


def adapter_parameters(model: nn.Module, config: Config) -> int:
    """Trainable parameters of one round: rank * (in + out) over the adapted linear layers."""
    blocks = list(decoder_layers(model))  # type: ignore[arg-type]
    adapted = blocks[int(config.heal.layer_from * len(blocks)) :]
    linear = [m for b in adapted for m in b.modules() if isinstance(m, nn.Linear)]
    return sum(config.heal.rank * (m.in_features + m.out_features) for m in linear)


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """sha256 over vocabulary, merges, specials and chat template: equal hashes tokenise alike."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    body = json.loads(backend.to_str()) if backend is not None else sorted(tokenizer.get_vocab().items())
    return sha256(canonical([body, sorted(map(str, tokenizer.all_special_tokens)), str(tokenizer.chat_template)]))


def _tokenizer_type(tokenizer: PreTrainedTokenizerBase) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return "byte" if "Byte" in type(tokenizer).__name__ else "bpe"
    return str(json.loads(backend.to_str())["model"]["type"]).lower()


def _model_hash(config: Config, settings: Any, tokenizer: PreTrainedTokenizerBase) -> str:
    """Identity of architecture and weights: file hashes of a local model, the revision of a hub one, the seed of a random one."""
    folder = embedded(config.model.id) or Path(config.model.id).expanduser()
    weights: Any
    if folder.is_dir():
        weights = {p.name: sha256_file(p) for p in sorted(folder.glob("*.safetensors"))}
    else:
        weights = [config.model.id, getattr(settings, "_commit_hash", None) or config.model.revision, RANDOM_SEED]
    shape = {k: v for k, v in settings.to_dict().items() if k not in ("transformers_version", "_name_or_path")}
    return sha256(
        canonical(
            [json.loads(json.dumps(shape, default=str)), weights, tokenizer_hash(tokenizer), config.model.quantization]
        )
    )


def _commit(config: Config, settings: Any, model_hash: str) -> str:
    return str(getattr(settings, "_commit_hash", None) or config.model.revision or f"sha256:{model_hash[:16]}")


def _source_file(cls: type) -> str:
    path = Path(pyinspect.getfile(cls)).as_posix()
    marker = "/site-packages/"
    return path.partition(marker)[2] or Path(path).name


def _embeddings(model: Any) -> list[nn.Parameter]:
    found = [*model.get_input_embeddings().parameters()]
    output = model.get_output_embeddings()
    return found + (list(output.parameters()) if output is not None else [])


def _weight_bytes(config: Config, parameters: int, embedding: int) -> int:
    dtype = config.model.dtype
    width = _BYTES[dtype] or (2 if torch.cuda.is_available() and config.model.device != "cpu" else 4)
    if config.model.quantization == "none":
        return parameters * width
    return int((parameters - embedding) * _QUANTISED_BYTES[config.model.quantization] + embedding * width)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
