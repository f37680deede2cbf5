"""Random views of images: affine maps."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import affine_grid, grid_sample

if TYPE_CHECKING:
    from torch import Tensor

NUMBERS = 6
"""Random numbers that one view takes."""


@dataclass(frozen=True)
class Warp:
    """How far a view may go from its image, each way: the reach of each part of the map."""

    rotate: float = 0.0
    """Degrees."""
    scale: float = 0.0
    """Share of the size, each axis by itself."""
    shear: float = 0.0
    """Horizontal move per height."""
    shift: float = 0.0
    """Share of half the side, so of the coordinates from -1 to 1."""

    def scaled(self, share: float) -> Warp:
        """The same with ``share`` of every reach."""
        return Warp(*(share * reach for reach in astuple(self)))

    def maps(self, chance: Tensor) -> Tensor:
        """Affine maps (n, 2, 3) from a view's coordinates to its image's.

        ``chance`` is U(0, 1) of shape (n, :data:`NUMBERS`).
        """
        turn, wide, high, lean, right, down = (2 * chance - 1).unbind(1)
        angle = torch.deg2rad(self.rotate * turn)
        cosine, sine = angle.cos(), angle.sin()
        wide, high, lean = 1 + self.scale * wide, 1 + self.scale * high, self.shear * lean
        columns = torch.stack([wide * cosine, wide * (lean * cosine - sine), self.shift * right], 1)
        rows = torch.stack([high * sine, high * (lean * sine + cosine), self.shift * down], 1)
        return torch.stack([columns, rows], 1)

    def __call__(self, images: Tensor, chance: Tensor, background: float) -> Tensor:
        """Views (n, C, H, W) of images; what comes in from outside is ``background``.

        ``chance`` is U(0, 1) of shape (n, :data:`NUMBERS`).
        """
        grid = affine_grid(self.maps(chance), list(images.shape), align_corners=False)
        moved = grid_sample(images - background, grid, align_corners=False)
        return moved + background
