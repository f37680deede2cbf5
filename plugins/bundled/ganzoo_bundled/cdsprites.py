"""CdSprites: a disc at every angle and distance from the middle, which asks what codes find."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo_bundled.factors import FactorImages

_SIDE = 64
_DISC = 5.0
"""Radius of the disc in pixels."""


class CDSprites(FactorImages):
    """The 1,080 images of CdSprites (Lin et al. 2020), 64 x 64 pixels, 0 or 255.

    ``angle`` goes clockwise, as displayed, from the right around in 40 steps without the end
    point; ``radius`` is the distance of the disc's centre from the middle in pixels, 0 to 26.
    Whether codes find these polar factors or Cartesian ones is what the data set asks. The
    published images were drawn by Pillow, whose disc is half a pixel wider all around.
    """

    image_shape = (1, _SIDE, _SIDE)
    factor_names = ("angle", "radius")
    factor_sizes = (40, 27)
    chunk = 256

    def draw(self, indices: Tensor, factors: Tensor) -> Tensor:
        """Full where the centre of a pixel lies inside of the disc, without anti-aliasing."""
        angle = 2 * math.pi / 40 * factors[:, 0].double()
        radius = factors[:, 1].double()
        cells = torch.arange(_SIDE) + 0.5 - _SIDE / 2
        right = cells - (radius * angle.cos())[:, None]
        down = cells - (radius * angle.sin())[:, None]
        inside = right[:, None, :] ** 2 + down[:, :, None] ** 2 <= _DISC**2
        return (inside * torch.tensor(255, dtype=torch.uint8))[:, None]


def cdsprites(_split: str) -> CDSprites:
    """The one split there is."""
    return CDSprites()
