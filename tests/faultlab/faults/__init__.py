"""Every fault of the laboratory by name, class by class."""

from __future__ import annotations

from ..inject import Fault
from . import architecture, data, gradient, loop, optimisation, resources

ALL: tuple[Fault, ...] = (
    *gradient.FAULTS,
    *optimisation.FAULTS,
    *architecture.FAULTS,
    *loop.FAULTS,
    *data.FAULTS,
    *resources.FAULTS,
)
FAULTS: dict[str, Fault] = {fault.name: fault for fault in ALL}
