"""Images of every combination of some factors: the count between an index and the factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class FactorImages(ABC):
    """A :class:`ganzoo.data.FactorSource` that draws its images from their factors.

    A subclass names its factors and draws; an image depends on nothing but its index. The last
    factor is the fastest.
    """

    image_shape: tuple[int, int, int]
    factor_names: tuple[str, ...]
    factor_sizes: tuple[int, ...]
    classes: tuple[str, ...] | None = None
    """Names of the values of ``class_factor``."""
    class_factor: str | None = None
    """The factor that is given as ``label``, if there is one."""
    chunk: int = 64
    """Images that are drawn at once: few enough for what is in between to stay in the cache."""

    def __len__(self) -> int:
        return prod(self.factor_sizes)

    def factors(self, indices: Tensor) -> Tensor:
        """The values (n, K) of the images ``indices`` (n,), all int64, from 0 to size - 1.

        Raises:
            IndexError: an index is negative or too large.
        """
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise IndexError(f"an index lies outside of 0 .. {len(self) - 1}")
        values = []
        for size in reversed(self.factor_sizes):
            values.append(indices % size)
            indices = indices.div(size, rounding_mode="floor")
        return torch.stack(values[::-1], dim=1)

    def places(self, factors: Tensor) -> Tensor:
        """The indices (n,) of the images with these ``factors`` (n, K), all int64.

        Raises:
            IndexError: a value is negative or too large for its factor.
        """
        sizes = torch.tensor(self.factor_sizes)
        if ((factors < 0) | (factors >= sizes)).any():
            raise IndexError(f"a value lies outside of its factor's range, sizes {tuple(sizes)}")
        places = torch.zeros(len(factors), dtype=torch.int64)
        for column, size in enumerate(self.factor_sizes):
            places = places * size + factors[:, column]
        return places

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """``image`` uint8 (n, C, H, W), ``factors`` int64 (n, K) and, with classes, ``label``."""
        factors = self.factors(indices)
        images = torch.empty(len(indices), *self.image_shape, dtype=torch.uint8)
        for start in range(0, len(indices), self.chunk):
            part = slice(start, start + self.chunk)
            images[part] = self._drawn(indices[part], factors[part])
        batch = {"image": images, "factors": factors}
        if self.class_factor is not None:
            batch["label"] = factors[:, self.factor_names.index(self.class_factor)]
        return batch

    def _drawn(self, indices: Tensor, factors: Tensor) -> Tensor:
        """The images, drawn as a part of a whole chunk: fewer at once are rounded differently."""
        count = len(indices)
        missing = self.chunk - count
        if missing:
            indices = torch.cat([indices, indices[-1:].expand(missing)])
            factors = torch.cat([factors, factors[-1:].expand(missing, -1)])
        return self.draw(indices, factors)[:count]

    @abstractmethod
    def draw(self, indices: Tensor, factors: Tensor) -> Tensor:
        """The images (n, C, H, W) as uint8; of ``indices`` only what no factor decides may hang."""


def spread(values: Tensor, low: float, high: float, size: int) -> Tensor:
    """Factor ``values`` 0 .. ``size`` - 1 as float32, evenly from ``low`` to ``high``."""
    return torch.linspace(low, high, size)[values]
