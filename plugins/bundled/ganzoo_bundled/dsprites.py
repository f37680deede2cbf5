"""dSprites without its download: a square, an ellipse or a heart, turned, scaled and moved."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo_bundled.factors import FactorImages, spread

_SIDE = 64
_WINDOW = 28
"""Pixels across of the square in which a sprite, at most 13.6 pixels from its centre, is drawn."""
_HEART_POINTS = 100


class DSprites(FactorImages):
    """All 737,280 images of dSprites (Matthey et al. 2017), 64 x 64 pixels, 0 or 255.

    Factors and their order are those of the original, without its colour, which has one value.
    The geometry was measured on original frames and agrees with them but for a pixel or so on the
    outline. As there, orientations 0 and 39 are the same image, a full turn apart.
    """

    image_shape = (1, _SIDE, _SIDE)
    factor_names = ("shape", "scale", "orientation", "x", "y")
    factor_sizes = (3, 6, 40, 32, 32)
    classes = ("square", "ellipse", "heart")
    class_factor = "shape"
    chunk = 256

    def draw(self, indices: Tensor, factors: Tensor) -> Tensor:
        """Full where the centre of a pixel lies inside of the sprite, without anti-aliasing."""
        shape, scale, orientation, x, y = factors.unbind(1)
        centre_x, centre_y = (16 + 32 * place.double() / 31 for place in (x, y))
        left, top = (centre.long() - _WINDOW // 2 for centre in (centre_x, centre_y))
        cells = torch.arange(_WINDOW)
        columns, rows = left[:, None] + cells, top[:, None] + cells
        right = (columns + 0.5 - centre_x[:, None])[:, None, :]
        up = (centre_y[:, None] - rows - 0.5)[:, :, None]
        size = spread(scale, 0.5, 1.0, 6).double()[:, None, None]
        # Modulo 39 because the last orientation is a full turn, and is to be exactly the first.
        angle = (2 * math.pi / 39 * (orientation % 39)).double()[:, None, None]
        u = (angle.cos() * right + angle.sin() * up) / size
        v = (angle.cos() * up - angle.sin() * right) / size
        inside = torch.empty_like(u, dtype=torch.bool)
        for value, test in enumerate((_in_square, _in_ellipse, _in_heart)):
            chosen = shape == value
            inside[chosen] = test(u[chosen], v[chosen])
        images = torch.zeros(len(factors), _SIDE, _SIDE, dtype=torch.uint8)
        which = torch.arange(len(factors))[:, None, None]
        images[which, rows[:, :, None], columns[:, None, :]] = inside * torch.tensor(
            255, dtype=torch.uint8
        )
        return images[:, None]


def dsprites(_split: str) -> DSprites:
    """The one split there is."""
    return DSprites()


def _in_square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) <= 9.6


def _in_ellipse(u: Tensor, v: Tensor) -> Tensor:
    return (u / 12.8) ** 2 + (v / 7.2) ** 2 <= 1


def _in_heart(u: Tensor, v: Tensor) -> Tensor:
    """Inside of the polygon, whose corners go once around the origin, each at a larger angle.

    So a point need only be held against the one edge that its own angle falls on.
    """
    corners_u, corners_v = _heart()
    angles = torch.atan2(corners_v, corners_u)
    first = int(angles.argmin())
    corners_u, corners_v, angles = (
        values.roll(-first) for values in (corners_u, corners_v, angles)
    )
    after = torch.searchsorted(angles, torch.atan2(v, u).contiguous(), right=True)
    start, end = (after - 1) % _HEART_POINTS, after % _HEART_POINTS
    edge_u, edge_v = corners_u[end] - corners_u[start], corners_v[end] - corners_v[start]
    return edge_u * (v - corners_v[start]) - edge_v * (u - corners_u[start]) >= 0


def _heart() -> tuple[Tensor, Tensor]:
    """Corners (100,) of a heart of scale 1 in pixels, tip down, counter-clockwise."""
    t = -torch.arange(_HEART_POINTS, dtype=torch.float64) * 2 * math.pi / _HEART_POINTS
    curve = 13 * t.cos() - 5 * (2 * t).cos() - 2 * (3 * t).cos() - (4 * t).cos()
    return 0.601 * 16 * t.sin() ** 3, 0.6626 * curve + 1.442
