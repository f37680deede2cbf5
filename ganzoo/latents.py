"""Latents, the codes inside them, and the priors that draw them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from ctypes import c_float
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.model import Context


class Latents(NamedTuple):
    """One draw from a prior.

    ``flat`` is what a generator eats, (n, size). ``parts`` is the same draw by name, in the form
    that losses and metrics want: ``noise`` (n, k) as floats, a categorical code (n,) as integers,
    and so on.
    """

    flat: Tensor
    parts: dict[str, Tensor]

    def rows(self, rows: slice) -> Latents:
        """Some rows of the draw, in every part of it."""
        parts = {name: part[rows] for name, part in self.parts.items()}
        return self._replace(flat=self.flat[rows], parts=parts)


class Code(ABC):
    """A named, meaningful part of the latents that a network can learn to read back."""

    width: int
    """How many numbers of ``Latents.flat`` the code takes."""
    outputs: int
    """How many numbers a reader must give for the code."""
    entropy: float
    """Entropy of the prior of the code, in nats (differential for a continuous code)."""
    trained: tuple[float, float] | None = None
    """Range that a continuous code is drawn from; None for categories."""

    @property
    def categories(self) -> int | None:
        """How many categories there are, None for a continuous code.

        A code may take more or fewer numbers of ``Latents.flat`` than it has categories.
        """
        return len(self.walk(1)) if self.trained is None else None

    @abstractmethod
    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Draw ``n`` values: (n,) integers for categories, (n,) floats for a continuous code."""

    @abstractmethod
    def encode(self, values: Tensor) -> Tensor:
        """Values (n,) as the (n, width) slice of ``Latents.flat``."""

    @abstractmethod
    def nll(self, outputs: Tensor, values: Tensor) -> Tensor:
        """-log Q(values | image) in nats, (n,), from a reader's ``outputs`` (n, outputs)."""

    @abstractmethod
    def read(self, outputs: Tensor) -> Tensor:
        """The reader's best guess of the values, (n,), from its ``outputs`` (n, outputs)."""

    @abstractmethod
    def walk(self, count: int, span: tuple[float, float] | None = None) -> list[float]:
        """Values to show in a traversal: every category, or ``count`` even steps over ``span``."""

    @abstractmethod
    def parse(self, text: str) -> float:
        """The value that a user wrote, as in ``--code digit=7``.

        Raises:
            ValueError: the text is no value of this code; it says what is allowed, to be read
                after "code digit": ``should be a category from 0 to 9, not 'x'``.
        """


class Prior:
    """Draws the latents of a model.

    A prior with state may have ``state_dict`` and ``load_state_dict``, as a model does; they are
    checkpointed.

    A prior with parameters of its own also subclasses ``nn.Module``: it then joins the networks as
    ``prior``, and its ``forward`` takes the :class:`Latents` that ``sample`` drew and returns those
    that the generator eats. :class:`Adversarial` calls and trains it; a model with phases of its
    own names ``prior`` among those that a phase trains, and gives what is drawn to
    ``nets["prior"]`` before its generator.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """No settings."""

    size: int
    """Width of ``Latents.flat``."""
    codes: Mapping[str, Code] = {}
    """The parts of the latents with a meaning of their own, in their order in ``Latents.flat``."""

    def __init__(self, config: Any, context: Context) -> None:
        """Build from the settings; ``context.data`` is known here, ``context.prior`` is not.

        ``config`` is one of the class's own ``Config``, a frozen dataclass of its settings; it
        stays as an attribute.
        """
        self.config = config

    def sample(self, n: int, *, generator: torch.Generator | None, device: torch.device) -> Latents:
        """Draw ``n`` latents on ``device`` with ``generator`` and nothing else."""
        raise NotImplementedError

    def replace(self, latents: Latents, name: str, values: Tensor) -> Latents:
        """The same latents with the code ``name`` set to ``values`` (n,); everything else stays.

        The values may come as floats, those of categories too; the part keeps its type.
        """
        raise NotImplementedError


def as_float32(value: float) -> float:
    """What is left of a number in 32 bits, as latents have them; too large a one is infinite."""
    return c_float(value).value


def draw_noise(
    kind: str, n: int, size: int, *, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """(n, size) of N(0, 1) for the kind ``normal``, of U(-1, 1) for ``uniform``."""
    noise = torch.empty(n, size, device=device)
    return (
        noise.normal_(generator=generator)
        if kind == "normal"
        else noise.uniform_(-1, 1, generator=generator)
    )
