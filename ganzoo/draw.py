"""The one source of randomness for plugins: a function of seed and step, whatever the ranks."""

from __future__ import annotations

import hashlib
import random
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.latents import Latents, Prior


def mix(*parts: object) -> int:
    """A 63-bit seed from anything with a stable ``repr``: unlike parts give unrelated seeds."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator_for(device: torch.device, *parts: object) -> torch.Generator:
    """A generator on ``device`` seeded by :func:`mix`."""
    return torch.Generator(device).manual_seed(mix(*parts))


@contextmanager
def global_generators_kept() -> Iterator[None]:
    """Leave the generators that everybody shares (Python's, numpy's, torch's) as they were."""
    python, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()
    # Before anybody computes on a GPU there is no state to keep, and to ask would begin it.
    begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    on_gpus = torch.cuda.get_rng_state_all() if begun else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(of_numpy)
        torch.set_rng_state(of_torch)
        if on_gpus is not None:
            torch.cuda.set_rng_state_all(on_gpus)


@dataclass(frozen=True)
class Draw:
    """What one phase of one turn may draw from.

    Every draw is made for the *global* batch from (seed, step, phase, repeat) and then cut to the
    slice of this rank, so that one process and several see the same numbers.
    """

    seed: int
    step: int
    rank: int
    world: int
    batch_size: int
    """Size of the slice of one rank."""
    device: torch.device
    prior: Prior | None = None
    phase: str = ""
    repeat: int = 0

    @cached_property
    def generator(self) -> torch.Generator:
        """The generator of this phase and repeat, equal on all ranks; every draw advances it."""
        return generator_for(self.device, self.seed, self.step, self.phase, self.repeat)

    def within(self, phase: str, repeat: int = 0) -> Draw:
        """The draw of another phase or repeat of the same turn."""
        return replace(self, phase=phase, repeat=repeat)

    def latents(self) -> Latents:
        """Latents (batch_size, prior.size) of the run's prior."""
        if self.prior is None:
            raise RuntimeError("this model has no prior to draw latents from")
        drawn = self.prior.sample(
            self.world * self.batch_size, generator=self.generator, device=self.device
        )
        return drawn.rows(self._own(len(drawn.flat)))

    def uniform(self, *shape: int) -> Tensor:
        """U(0, 1) of ``shape``, whose first dimension is the batch of this rank."""
        return self._slice(
            torch.rand(self._global(shape), generator=self.generator, device=self.device)
        )

    def normal(self, *shape: int) -> Tensor:
        """N(0, 1) of ``shape``, whose first dimension is the batch of this rank."""
        return self._slice(
            torch.randn(self._global(shape), generator=self.generator, device=self.device)
        )

    def integers(self, high: int, *shape: int) -> Tensor:
        """Integers below ``high`` of ``shape``, whose first dimension is the batch of this rank."""
        return self._slice(
            torch.randint(high, self._global(shape), generator=self.generator, device=self.device)
        )

    def _global(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] * self.world, *shape[1:])

    def _slice(self, drawn: Tensor) -> Tensor:
        return drawn[self._own(len(drawn))]

    def _own(self, count: int) -> slice:
        """The rows of this rank among ``count`` of the global batch."""
        share = count // self.world
        return slice(self.rank * share, (self.rank + 1) * share)
