"""How many runs fit this machine at once, and what of it each of them gets."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from ganzoo.cores import allowed_cores
from ganzoo.counting import counted
from ganzoo.launch import device_type
from ganzoo_workbench.sweep.workers import Share


@dataclass(frozen=True)
class Machine:
    """What there is to share."""

    cores: int
    """Those that this process may use."""
    gpus: tuple[str, ...] = ()
    """As ``CUDA_VISIBLE_DEVICES`` names them."""
    device: str = "cpu"
    """The kind of device that is computed on."""

    @classmethod
    def here(cls) -> Machine:
        """This machine, as far as this process may use it."""
        device = device_type()
        gpus = _visible_gpus(torch.cuda.device_count()) if device == "cuda" else ()
        return cls(allowed_cores(), gpus, device)

    def jobs_for(self, runs: int) -> int:
        """Runs at once where nobody says how many: one on each GPU, else one on each core."""
        if self.device != "cpu":
            return min(max(len(self.gpus), 1), runs)
        return min(self.cores, runs)

    def shares(self, jobs: int) -> list[Share]:
        """What each of so many runs at once gets: as many threads as the next, and a GPU."""
        threads = max(self.cores // jobs, 1)
        devices = [self.gpus[slot % len(self.gpus)] if self.gpus else None for slot in range(jobs)]
        return [Share(threads, device) for device in devices]

    def describe(self, jobs: int) -> str:
        """The sharing in words."""
        threads = max(self.cores // jobs, 1)
        words = f"{jobs} at once, {threads} of {counted(self.cores, 'core')} each"
        if self.cores < jobs:
            words = f"{jobs} at once on {counted(self.cores, 'core')}, which will be slow"
        if self.gpus:
            words += f", on {counted(len(self.gpus), 'GPU')}"
        if self.device != "cpu" and jobs > max(len(self.gpus), 1):
            words += "; how well runs share a device is not measured"
        return words


def _visible_gpus(count: int) -> tuple[str, ...]:
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return tuple(named[:count] if any(named) else map(str, range(count)))
