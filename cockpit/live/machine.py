"""What the machine does now: GPUs and who else is on them, or processor and memory; and what the run's own worker takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import psutil

from cockpit.runs import processes


class Gpu(NamedTuple):
    """One NVIDIA GPU. Bytes and watts; `util` from 0 to 1; what the driver does not tell is None.

    `others` are processes that are not the run's."""

    number: int
    name: str
    util: float | None
    used: int
    total: int
    watts: float | None
    others: tuple[str, ...]  # 'python 4.1 GB', the largest first


class Machine(NamedTuple):
    """One look at the machine. `util` of all processors and of the worker from 0 to 1 (the worker's is of one processor: it may pass 1)."""

    gpus: tuple[Gpu, ...]
    gpu_error: str  # why GPUs cannot be asked, '' when there is nothing to ask or it worked
    threads: int
    util: float
    used: int
    total: int
    worker_util: float | None
    worker_used: int | None


class Sampler:
    """Looks again and again; rates are since the look before. One thread only."""

    def __init__(self) -> None:
        self._worker: psutil.Process | None = None
        self._handles: list[Any] | None = None
        self._error = ""
        psutil.cpu_percent()

    def look(self, process: dict[str, Any]) -> Machine:
        """Sample the machine; `process` is the run's process.json, {} when there is none."""
        util, used = self._of_worker(process)
        memory = psutil.virtual_memory()
        ours = {
            int(named["pid"]) for role in ("worker", "supervisor") if (named := process.get(role)) and "pid" in named
        }
        gpus = self._gpus(ours)
        return Machine(
            gpus=gpus,
            gpu_error=self._error,
            threads=psutil.cpu_count() or 1,
            util=psutil.cpu_percent() / 100,
            used=memory.total - memory.available,
            total=memory.total,
            worker_util=util,
            worker_used=used,
        )

    def _of_worker(self, process: dict[str, Any]) -> tuple[float | None, int | None]:
        """The worker's share of a processor and its memory; None when it is of another host or boot, or gone."""
        named = process.get("worker")
        here = process.get("host") == processes.host() and process.get("boot_id") == processes.boot_id()
        if not here or not processes.alive(named):
            self._worker = None
            return None, None
        assert isinstance(named, dict)
        try:
            if self._worker is None or self._worker.pid != int(named["pid"]):
                self._worker = psutil.Process(int(named["pid"]))
                self._worker.cpu_percent()
                return None, self._worker.memory_info().rss
            return self._worker.cpu_percent() / 100, self._worker.memory_info().rss
        except psutil.Error:
            self._worker = None
            return None, None

    def _gpus(self, ours: set[int]) -> tuple[Gpu, ...]:
        import pynvml

        if self._handles is None:
            try:
                pynvml.nvmlInit()
                self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            except pynvml.NVMLError_LibraryNotFound:
                self._handles = []
            except pynvml.NVMLError as error:
                self._handles, self._error = [], f"the GPU driver does not answer: {error}"
        found = []
        for number, handle in enumerate(self._handles):
            try:
                memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
                name = pynvml.nvmlDeviceGetName(handle)
            except pynvml.NVMLError as error:
                self._error = f"GPU {number} does not answer: {error}"
                continue
            util = _asked(lambda h=handle: pynvml.nvmlDeviceGetUtilizationRates(h).gpu / 100)
            watts = _asked(lambda h=handle: pynvml.nvmlDeviceGetPowerUsage(h) / 1000)
            running = _asked(lambda h=handle: pynvml.nvmlDeviceGetComputeRunningProcesses(h)) or []
            others = [(int(p.usedGpuMemory or 0), int(p.pid)) for p in running if int(p.pid) not in ours]
            named = tuple(f"{_name(pid)} {bytes_ / 1e9:.1f} GB" for bytes_, pid in sorted(others, reverse=True))
            found.append(Gpu(number, str(name), util, int(memory.used), int(memory.total), watts, named))
        return tuple(found)


def _asked(what: Any) -> Any:
    """An answer of the driver, None where this GPU does not give it."""
    import pynvml

    try:
        return what()
    except pynvml.NVMLError:
        return None


def _name(pid: int) -> str:
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return f"process {pid}"
