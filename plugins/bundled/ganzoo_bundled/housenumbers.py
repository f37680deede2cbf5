"""House numbers of MNIST digits in colour, cut out around one digit: a stand-in for SVHN."""

from __future__ import annotations

import io
import math
from functools import cached_property

import datasets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganzoo_bundled.nuisance import between, uniform
from ganzoo_bundled.parquet import mnist

_SIDE = 32
_DIGIT = 28
_SALTS = {"train": 0x57A1, "test": 0x57E5}
_CHUNK = 128
_LIT = (0.4, 1.0)
"""Brightness of the darkest and of the lightest images."""
_BESIDE = 0.6
"""How often there is a digit on the left; on the right as often."""
_APART = (17, 23)
"""Pixels from the middle of a digit to that of the next."""
_VISIBLE = 0.1
"""Ink of which a digit must leave some in the image to count as there."""
_SIZE = (1.15, 1.4)
"""Times that digits are enlarged, to be 23 to 28 pixels high."""


class HouseNumbers:
    """Digits in colour, 32 x 32 pixels, most with a part of another digit beside them.

    The digit in the middle of image i is image i of MNIST's split, and so is its label. Which
    digits stand beside it, colours, sizes, places and light are a hash of (split, i).
    """

    image_shape = (3, _SIDE, _SIDE)
    classes: tuple[str, ...] = tuple("0123456789")

    def __init__(self, split: str) -> None:
        """``split`` is ``train`` (60,000 images) or ``test`` (10,000)."""
        self._table = mnist(split)
        self._salt = _SALTS[split]

    def __len__(self) -> int:
        return len(self._table)

    @cached_property
    def _digits(self) -> Tensor:
        """All digits of the split, uint8 (N, 28, 28): decoded once, when the first is needed."""
        encoded = self._table.cast_column("image", datasets.Image(decode=False))["image"]
        decoded = [np.asarray(Image.open(io.BytesIO(item["bytes"]))) for item in encoded]
        return torch.from_numpy(np.stack(decoded))

    @cached_property
    def _labels(self) -> Tensor:
        return torch.tensor(self._table["label"][:])

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """``image`` uint8 (n, 3, 32, 32), ``label`` int64 (n,) and what InfoGAN found in SVHN.

        ``light`` float32 (n,) in [-1, 1) is how brightly the image is lit, ``beside`` int64 (n, 2)
        the digits to the left and right, -1 where none reaches
        into the image.
        """
        starts = range(0, max(len(indices), 1), _CHUNK)
        parts = [self._draw(indices[start : start + _CHUNK]) for start in starts]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _draw(self, indices: Tensor) -> dict[str, Tensor]:
        others, there, places, light, colours, slope = torch.split_with_sizes(
            uniform(indices, 22, self._salt), [2, 2, 7, 1, 8, 2], dim=1
        )
        shown = torch.cat([indices[:, None], (others * len(self)).long()], dim=1)
        seen = there < _BESIDE
        drawn = _ink(self._digits[shown], seen, places)
        visible = drawn[:, 1:].amax(dim=(2, 3)) > _VISIBLE
        ink = drawn.amax(dim=1, keepdim=True)
        lit = between(light, *_LIT)[..., None, None] * _ramp(slope)
        image = (_colour(ink, colours) * lit * 255).round_().clamp_(0, 255)
        return {
            "image": image.to(torch.uint8),
            "label": self._labels[indices],
            "light": between(light[:, 0], -1, 1),
            "beside": torch.where(visible, self._labels[shown[:, 1:]], -1),
        }


def _ink(digits: Tensor, seen: Tensor, places: Tensor) -> Tensor:
    """How much of a pixel is each digit (n, 3, 32, 32), from digits (n, 3, 28, 28) uint8.

    The first digit stands in the middle, the others, where ``seen`` (n, 2), left and right of it.
    """
    size, right, down, gap_left, down_left, gap_right, down_right = places.unbind(1)
    middle = between(right, -1.5, 1.5)
    across = [
        middle,
        middle - between(gap_left, *_APART),
        middle + between(gap_right, *_APART),
    ]
    along = [between(value, -2, 2) for value in (down, down_left, down_right)]
    reach = between(size, *_SIZE)[:, None, None] * (_DIGIT / 2)  # half of an enlarged digit
    pixels = torch.arange(_SIDE) - (_SIDE - 1) / 2
    x, y = ((pixels - torch.stack(offset, dim=1)[..., None]) / reach for offset in (across, along))
    shape = (len(digits), 3, _SIDE, _SIDE)
    grid = torch.stack([x[:, :, None, :].expand(shape), y[:, :, :, None].expand(shape)], dim=-1)
    drawn = torch.nn.functional.grid_sample(
        digits.flatten(0, 1)[:, None].float() / 255, grid.flatten(0, 1), align_corners=False
    ).view(shape)
    drawn[:, 1:] *= seen[..., None, None]
    return drawn


def _colour(ink: Tensor, chance: Tensor) -> Tensor:
    """Paint ``ink`` on a wall: (n, 3, 32, 32) in 0 to 1, digits darker or lighter than the wall."""
    level, contrast, wall_tint, digit_tint = torch.split_with_sizes(chance, [1, 1, 3, 3], dim=1)
    level, contrast = between(level, 0.2, 0.95), between(contrast, 0.4, 0.65)
    other = level + torch.where(level > 0.55, -contrast, contrast)
    wall, paint = (
        (grey + between(tint, -0.15, 0.15)).clamp(0, 1)[..., None, None]
        for grey, tint in ((level, wall_tint), (other, digit_tint))
    )
    return wall + (paint - wall) * ink


def _ramp(chance: Tensor) -> Tensor:
    """Light that grows evenly in some direction, 1 in the middle: (n, 1, 32, 32)."""
    angle, strength = between(chance[:, 0], 0, 2 * math.pi), between(chance[:, 1], 0, 0.3)
    pixels = (torch.arange(_SIDE) - (_SIDE - 1) / 2) / (_SIDE / 2)
    x = (strength * angle.cos())[:, None, None] * pixels
    y = (strength * angle.sin())[:, None, None] * pixels[:, None]
    return (1 + x + y)[:, None]
