"""How many runs fit this machine at once, and what of it each of them gets."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from ganzoo.cores import allowed_cores
from ganzoo.counting import counted
from ganzoo.launch import device_type
from ganzoo_workbench.sweep.workers import Share

_DECODING = 4
"""Of so many cores of a run that streams one decodes, where it trains on the others."""


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
        # Fewer at once with more threads each would leave fewer cores idle, but runs would take
        # turns: ten runs on 16 cores last as long as one on one thread; five and then five, on
        # three threads each, last 0.8 to 1.1 times that if a second thread gives what was measured,
        # 1.5 to 1.8 times the speed, and every further doubling as much; small networks gain less.
        return min(self.cores, runs)

    def shares(self, jobs: int, *, streams: bool = False) -> list[Share]:
        """What each of so many runs at once gets: as many threads as the next, and a GPU.

        Where runs ``streams``, processes that decode come out of the same cores.
        """
        # What remains is not given to some of the runs: sums are rounded by the number of threads,
        # so seeds would differ in more than the seed, and which ones by what ended first. Nor would
        # it help, as the sweep lasts as long as the runs that got none of it. Decoders can have it.
        threads = self._threads(jobs, streams=streams)
        busy = threads if self.device == "cpu" else 1  # beside an accelerator the others rest
        return [
            Share(
                threads,
                self.gpus[slot % len(self.gpus)] if self.gpus else None,
                max(self._cores(slot, jobs) - busy, 0) if streams else 0,
            )
            for slot in range(jobs)
        ]

    def describe(self, jobs: int, *, streams: bool = False) -> str:
        """The sharing in words."""
        threads = self._threads(jobs, streams=streams)
        words = f"{jobs} at once, {threads} of {counted(self.cores, 'core')} each"
        rest = self.cores - jobs * threads
        if rest < 0:
            words = f"{jobs} at once on {counted(self.cores, 'core')}, which will be slow"
        elif rest and self.device == "cpu":
            what = "decoding" if streams else "idle, as all get equally many"
            words += f", {rest} {what}"
        if self.gpus:
            words += f", on {counted(len(self.gpus), 'GPU')}"
        if self.device != "cpu" and jobs > max(len(self.gpus), 1):
            words += "; how well runs share a device is not measured"
        return words

    def _threads(self, jobs: int, *, streams: bool) -> int:
        """Threads of each of so many runs at once."""
        cores = max(self.cores // jobs, 1)
        return cores - cores // _DECODING if streams and self.device == "cpu" else cores

    def _cores(self, slot: int, jobs: int) -> int:
        """Cores of the run in a slot: the first ones get what cannot be divided."""
        return self.cores // jobs + (slot < self.cores % jobs)


def _visible_gpus(count: int) -> tuple[str, ...]:
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return tuple(named[:count] if any(named) else map(str, range(count)))
