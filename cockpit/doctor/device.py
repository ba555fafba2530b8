"""The GPU as its driver sees it against what torch can use of it, and 4-bit layers tried for real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cockpit.doctor.finding import Finding
from engine.contract.doctor import Diagnosis


class Driver(NamedTuple):
    """The NVIDIA driver. `cuda` is the newest CUDA it speaks, (12, 4); no names: no driver, or no device."""

    version: str
    cuda: tuple[int, int]
    names: tuple[str, ...]


def driver() -> Driver:
    """Ask NVML."""
    import pynvml

    try:
        pynvml.nvmlInit()
        cuda = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        names = tuple(str(pynvml.nvmlDeviceGetName(h)) for h in handles)
        return Driver(str(pynvml.nvmlSystemGetDriverVersion()), (cuda // 1000, cuda % 1000 // 10), names)
    except pynvml.NVMLError:
        return Driver("", (0, 0), ())


def device_findings(found: Diagnosis, nvidia: Driver) -> Iterator[Finding]:
    """Driver and torch side by side, then bitsandbytes."""
    yield _cuda(found, nvidia)
    for gpu in found.gpus:
        about = f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB, {gpu.free / 2**30:.0f} free, capability {gpu.capability}"
        taken = gpu.free < 0.5 * gpu.memory
        yield Finding(
            state="note" if taken or not gpu.bf16 else "fine",
            subject="GPU",
            what=about + ("" if gpu.bf16 else "; no bf16, so models load in fp16"),
            mend="something else is using it: see nvidia-smi" if taken else "",
        )
    rates = found.rates
    yield Finding(
        state="fine",
        subject="speed",
        what=f"{rates.name}: {rates.flops / 1e9:,.0f} GFLOP/s in training, {rates.bandwidth / 1e9:,.0f} GB/s, measured now",
    )
    if found.no_quantisation:
        yield Finding(
            state="note",
            subject="4 bits",
            what=f"bitsandbytes {found.bitsandbytes or 'is not installed'}: {found.no_quantisation}",
            mend="leave model.quantization at none, or install a bitsandbytes that supports this device",
        )
    else:
        yield Finding(
            state="fine", subject="4 bits", what=f"bitsandbytes {found.bitsandbytes} ran and trained through a layer"
        )


def _cuda(found: Diagnosis, nvidia: Driver) -> Finding:
    if found.gpus:
        what = f"torch {found.torch} for CUDA {found.built_for}, driver {nvidia.version or 'unknown'}"
        return Finding(state="fine", subject="CUDA", what=what)
    if not nvidia.names:
        return Finding(
            state="note",
            subject="CUDA",
            what=f"no NVIDIA device answers; torch {found.torch} runs on {found.threads} threads of the CPU",
            mend="nothing, for nano; a model of a billion parameters wants a GPU",
        )
    cards = ", ".join(nvidia.names)
    speaks = f"{nvidia.cuda[0]}.{nvidia.cuda[1]}"
    if not found.built_for:
        return Finding(
            state="broken",
            subject="CUDA",
            what=f"{cards} is there, and torch {found.torch} is a build for the CPU",
            mend=f"install a torch built for CUDA {speaks} or older into this environment",
        )
    major, minor = (int(part) for part in [*found.built_for.split("."), "0"][:2])
    if (major, minor) > nvidia.cuda and major > nvidia.cuda[0]:
        return Finding(
            state="broken",
            subject="CUDA",
            what=f"torch is built for CUDA {found.built_for} and driver {nvidia.version} speaks {speaks}",
            mend=f"update the driver, or install a torch built for CUDA {speaks} or older",
        )
    return Finding(
        state="broken", subject="CUDA", what=f"{cards} is there, and torch cannot use it: {found.no_cuda}",
        mend="see nvidia-smi and CUDA_VISIBLE_DEVICES; restart the machine after a driver update",
    )  # fmt: skip
