"""`python -m engine doctor`: torch, CUDA and bitsandbytes tried for real, the device measured, every preset held against it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import psutil
import torch

from engine.contract.config import Config
from engine.contract.doctor import Diagnosis, Fit, Gpu
from engine.contract.errors import BadInput
from engine.contract.estimate import GPU_24GB, Device, estimate
from engine.contract.facts import ModelFacts
from engine.contract.resolve import preset_names, preset_table, resolve

SUSTAINED = 0.4
"""Share of the speed of a large matrix product that a training step reaches (assumed; estimates are held against measured runs)."""


def doctor(argv: list[str]) -> int:
    """One JSON line."""
    sys.stdout.buffer.write(msgspec.json.encode(examine()) + b"\n")
    return 0


def examine() -> Diagnosis:
    """Look at everything; takes a few seconds and loads no model."""
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    existing = next(p for p in (cache, *cache.parents) if p.exists())
    gpus = _gpus()
    rates = measure(torch.device("cuda" if gpus else "cpu"))
    return Diagnosis(
        torch=str(torch.__version__),
        built_for=str(torch.version.cuda or ""),
        no_cuda=_no_cuda(),
        gpus=gpus,
        bitsandbytes=_version("bitsandbytes"),
        no_quantisation=no_quantisation(torch.device("cuda" if gpus else "cpu")),
        rates=rates,
        threads=torch.get_num_threads(),
        cache=str(cache),
        cache_free=shutil.disk_usage(existing).free,
        presets=[fit(name, rates) for name in preset_names()],
    )


def measure(device: torch.device) -> Device:
    """Sustained FLOP/s of matrix products in the dtype that training uses there, and bytes/s of copies: the best of a few."""
    cuda = device.type == "cuda"
    dtype = torch.float32
    if cuda:
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    n = 8192 if cuda else 1024
    a, b = torch.ones(n, n, device=device, dtype=dtype), torch.ones(n, n, device=device, dtype=dtype)
    block = torch.ones((2**28 if cuda else 2**24), device=device, dtype=torch.float32)
    product = _best(lambda: a @ b, device)
    copy = _best(lambda: block.clone(), device)
    name, memory = "CPU", psutil.virtual_memory().total
    if cuda:
        name, memory = torch.cuda.get_device_name(), torch.cuda.get_device_properties(0).total_memory
    return Device(
        name=name, flops=SUSTAINED * 2 * n**3 / product, bandwidth=2 * 4 * block.numel() / copy, memory=memory
    )


def no_quantisation(device: torch.device) -> str:
    """Why a 4-bit layer cannot be run and trained through on this device; '' when it was."""
    try:
        from bitsandbytes.nn import Linear4bit

        layer = Linear4bit(64, 64, bias=False, compute_dtype=torch.float32, quant_type="nf4").to(device)
        layer.support_avx512bf16_for_cpu = False  # its kernel for that has no backward pass
        x = torch.ones(2, 64, device=device, requires_grad=True)
        layer(x).sum().backward()
        if x.grad is None or not bool(torch.isfinite(x.grad).all()):
            return "no finite gradient came through a 4-bit layer"
    except Exception as error:  # a broken installation fails in whatever way it likes
        return str(error).strip().partition("\n")[0][:200] or type(error).__name__
    return ""


def fit(preset: str, rates: Device) -> Fit:
    """A preset against this device, by the facts of its model or, where the model is not here, by its published shape."""
    from engine.model.facts import inspect, shape_facts

    config = resolve(preset)
    refused, here = "", True
    if config.model.device == "cuda" and not torch.cuda.is_available():
        refused, rates = "needs a CUDA device", GPU_24GB
    try:
        facts: ModelFacts = inspect(config)
    except BadInput as error:
        here = False
        try:
            facts = shape_facts(config)
        except BadInput:
            return Fit(preset=preset, model=config.model.id, parameters=0, needs=0, room=rates.memory, seconds=0.0,
                       device=rates.name, here=False, refused=refused or str(error))  # fmt: skip
    guess = estimate(config, facts, _priced(config, rates))
    return Fit(
        preset=preset, model=config.model.id, parameters=facts.parameters, needs=guess.memory_bytes, room=rates.memory,
        seconds=guess.total, device=rates.name, here=here, refused=refused, stage_seconds=guess.seconds, stage_memory=guess.memory,
        waivers=[str(w["rule"]) for w in preset_table(preset).get("waivers", [])],
    )  # fmt: skip


def _priced(config: Config, rates: Device) -> Device:
    """4-bit weights are unpacked for every product: taken at half the speed (upstream decodes 18 tokens/s against 50)."""
    return rates if config.model.quantization == "none" else msgspec.structs.replace(rates, flops=rates.flops / 2)


def _gpus() -> list[Gpu]:
    found = []
    for i in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(i)
        major, minor = torch.cuda.get_device_capability(i)
        found.append(
            Gpu(
                name=torch.cuda.get_device_name(i),
                capability=f"{major}.{minor}",
                memory=total,
                free=free,
                bf16=major >= 8,
            )
        )
    return found


def _no_cuda() -> str:
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a CPU build"
    if torch.cuda.is_available():
        return ""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().partition("\n")[0][:200]
    return "torch sees no CUDA device"


def _best(action: Callable[[], object], device: torch.device, times: int = 4) -> float:
    """Seconds of the fastest of a few calls."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return best


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
