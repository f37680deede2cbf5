"""Tiny data of any shape: random images with labels, and with factors that they do not show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ganzoo.data import Images
from ganzoo.draw import generator_for
from ganzoo.model import DataInfo

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = tuple(str(number) for number in range(10))
SIDE, CHANNELS = 32, 3
"""Of images whose settings leave them to the data."""

FACTORS = {"first": 4, "second": 4, "third": 4}
"""Names of the factors, and how many values each has."""
COUNT = math.prod(FACTORS.values())
"""Images in a split."""


def data_info(size: int | None = None, channels: int | None = None) -> DataInfo:
    """Tiny data of this size and number of channels."""
    side = size or SIDE
    return DataInfo("tiny", (channels or CHANNELS, side, side), CLASSES, COUNT)


def tiny_images(info: DataInfo) -> Images:
    """Random uint8 images (64, C, H, W) with labels of ten classes."""
    generator = generator_for(torch.device("cpu"), "tiny")
    shape = (COUNT, *info.image_shape)
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    return Images(images, torch.arange(COUNT) % len(CLASSES), CLASSES, "tiny")


class TinySource:
    """The same images as a :class:`ganzoo.data.FactorSource`."""

    factor_names: tuple[str, ...] = tuple(FACTORS)
    factor_sizes: tuple[int, ...] = tuple(FACTORS.values())
    classes: tuple[str, ...] | None = CLASSES

    def __init__(self, info: DataInfo) -> None:
        self.images = tiny_images(info)
        self.image_shape = info.image_shape

    def __len__(self) -> int:
        """How many images there are."""
        return COUNT

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """The images ``indices`` (n,), and their labels."""
        return self.images.gather(indices)

    def factors(self, indices: Tensor) -> Tensor:
        """The values (n, 3) of the images ``indices`` (n,)."""
        return torch.stack(torch.unravel_index(indices, self.factor_sizes), dim=1)

    def places(self, factors: Tensor) -> Tensor:
        """The indices (n,) of the images with these ``factors`` (n, 3)."""
        return factors @ torch.tensor([16, 4, 1])
