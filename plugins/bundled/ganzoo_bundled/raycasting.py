"""Casts parallel rays at ellipsoids and boxes, in closed form and for many scenes at once.

The camera looks along -z and shows x (to the right) and y (up) from -1 to 1; nearer is larger z. A
scene is given in a frame of its own, which a rotation (n, 3, 3) brings into the camera's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = 2
"""Rays along one side of a pixel; their mean is the pixel, so that edges are smooth."""
_OFFSET = 8.0
"""Added to depths, which lie within -4 to 4, so that they are positive."""
_MISS = 1e7
"""How much farther what a ray misses seems for every unit by which it misses it."""
_PARTS = 16
"""Parts that a scene may have: as many as four bits can number."""


@dataclass(frozen=True)
class Hits:
    """The rays that hit something, and what each of them hit first."""

    ray: Tensor
    """Number of the ray, int64 (hits,), counted through all images."""
    scene: Tensor
    """Number of the scene, int64 (hits,)."""
    part: Tensor
    """Number of the ellipsoid or box, int64 (hits,), counted through all scenes."""
    normal: Tensor
    """Unit vectors (hits, 3) in the camera's frame, out of the surface."""


def rotation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Rotations (n, 3, 3) for angles (n,) in radians.

    What looks at the camera (+z) is turned to the right by ``azimuth`` and then, with what is
    seen, upwards by ``elevation``.
    """
    one, zero = torch.ones_like(azimuth), torch.zeros_like(azimuth)
    turn = _matrices(
        (azimuth.cos(), zero, azimuth.sin()),
        (zero, one, zero),
        (-azimuth.sin(), zero, azimuth.cos()),
    )
    nod = _matrices(
        (one, zero, zero),
        (zero, elevation.cos(), elevation.sin()),
        (zero, -elevation.sin(), elevation.cos()),
    )
    return nod @ turn


def direction(azimuth: Tensor, elevation: float) -> Tensor:
    """Unit vectors (n, 3) that point from the scene to a light, at angles in radians."""
    height = torch.tensor(elevation)
    return torch.stack(
        [
            azimuth.sin() * height.cos(),
            height.sin().expand_as(azimuth),
            azimuth.cos() * height.cos(),
        ],
        dim=1,
    )


def cast_at_ellipsoids(centres: Tensor, radii: Tensor, turned: Tensor, side: int) -> Hits:
    """What the rays of images ``side`` pixels across see of ``centres`` and ``radii`` (n, E, 3).

    In the camera's frame an ellipsoid is (p - c)' M (p - c) = 1. Solved for z, that is a linear
    function of x and y plus the root of a quadratic one, whose coefficients are one matrix for all.
    """
    rays = _rays(side)
    turned = turned[:, None]
    matrix = (turned / radii[:, :, None] ** 2) @ turned.mT
    x, y, z = (turned @ centres[..., None])[..., 0].unbind(-1)
    zz = matrix[..., 2, 2]
    by_x, by_y = matrix[..., 0, 2] / zz, matrix[..., 1, 2] / zz
    xx = matrix[..., 0, 0] / zz - by_x**2
    xy = matrix[..., 0, 1] / zz - by_x * by_y
    yy = matrix[..., 1, 1] / zz - by_y**2
    middles = torch.stack([z + by_x * x + by_y * y, -by_x, -by_y], dim=-1)
    constant = 1 / zz - xx * x**2 - 2 * xy * x * y - yy * y**2
    to_x, to_y = 2 * (xx * x + xy * y), 2 * (xy * x + yy * y)
    squares = torch.stack([constant, to_x, to_y, -xx, -2 * xy, -yy], dim=-1)

    nearest = torch.zeros(len(centres), rays.shape[1], dtype=torch.int32)
    for number in range(centres.shape[1]):
        square = squares[:, number] @ rays
        # Of zero and of what has no root, MKL takes the root 40 times as slowly.
        depth = square.clamp(min=1e-12).sqrt_().add_(middles[:, number] @ rays[:3])
        depth.add_(square.clamp_(max=0), alpha=_MISS)
        torch.maximum(nearest, _pack(depth, number), out=nearest)

    ray = nearest.flatten().nonzero()[:, 0]
    scene, place = ray // rays.shape[1], ray % rays.shape[1]
    depth, part = _unpack(nearest.flatten()[ray])
    hit = scene * centres.shape[1] + part
    centre = torch.stack([x, y, z], dim=-1)
    # The gradient of the ellipsoid's equation is M (p - c), linear in (1, p).
    gradients = torch.cat([-(matrix @ centre[..., None]), matrix], dim=-1).flatten(0, 1).flatten(1)
    columns = gradients[hit].view(-1, 3, 4)
    point = torch.cat([rays[:3, place], depth[None]])
    slope = torch.einsum("hij,jh->hi", columns, point)
    normal = slope * slope.square().sum(dim=1, keepdim=True).rsqrt()
    return Hits(ray, scene, hit, normal)


def cast_at_boxes(centres: Tensor, halves: Tensor, turned: Tensor, side: int) -> Hits:
    """What the rays see of boxes with ``centres`` and half sizes ``halves``, both (n, B, 3).

    A box stands along the axes of the scene. A ray is inside of it where it is inside of all three
    slabs (Kay and Kajiya 1986). A box with negative half sizes is not there.
    """
    shown = (turned[:, None, :2] @ centres[..., None])[..., 0].abs()
    reach = (shown + (turned[:, None, :2].abs() @ halves[..., None])[..., 0]).amax(dim=(0, 1))
    x, y = _rays(side)[1:3]
    window = ((x.abs() <= reach[0]) & (y.abs() <= reach[1])).nonzero()[:, 0]
    x, y = x[window], y[window]
    along = turned[:, 2]  # the z axis in the scene's frame
    along = torch.where(along.abs() < 1e-6, torch.full_like(along, 1e-6), along)[:, None]
    crossings = turned[:, :2].mT @ torch.stack([x, y]) / along.mT  # of z = 0, (n, 3, rays)
    far = (centres - along.sign() * halves) / along
    near = (centres + along.sign() * halves) / along

    nearest = torch.zeros(len(centres), len(window), dtype=torch.int32)
    # Written to again and again: memory asked for anew would cost more than the sums.
    depth, inside, bound = (torch.empty(nearest.shape) for _ in range(3))
    for number in range(centres.shape[1]):
        _slabs(near[:, number], crossings, torch.minimum, depth, bound)
        _slabs(far[:, number], crossings, torch.maximum, inside, bound)
        torch.sub(depth, inside, out=inside).clamp_(max=0)
        depth.add_(inside, alpha=_MISS)
        torch.maximum(nearest, _pack(depth, number), out=nearest)

    seen = nearest.flatten().nonzero()[:, 0]
    scene, place = seen // len(window), seen % len(window)
    _, part = _unpack(nearest.flatten()[seen])
    hit = scene * centres.shape[1] + part
    face = (near.flatten(0, 1)[hit] - crossings[scene, :, place]).argmin(dim=1)
    outwards = along.sign().mT * turned.mT  # row k is the normal of the face on axis k
    ray = scene * _rays(side).shape[1] + window[place]
    return Hits(ray, scene, hit, outwards.flatten(0, 1)[3 * scene + face])


def image(hits: Hits, brightness: Tensor, count: int, side: int, background: float) -> Tensor:
    """Grey images uint8 (``count``, 1, ``side``, ``side``) of ``brightness`` (hits,) in 0 to 1."""
    rays = torch.full((count, 1, side * _SAMPLES, side * _SAMPLES), background)
    rays.view(-1)[hits.ray] = brightness
    pixels = torch.nn.functional.avg_pool2d(rays, _SAMPLES)
    return (pixels * 255).round_().clamp_(0, 255).to(torch.uint8)


def _slabs(
    bounds: Tensor, crossings: Tensor, combine: Callable[..., Tensor], depth: Tensor, bound: Tensor
) -> None:
    """Write to ``depth`` (n, rays) where rays leave, or enter, the last of three slabs."""
    torch.sub(bounds[:, 0, None], crossings[:, 0], out=depth)
    for axis in (1, 2):
        torch.sub(bounds[:, axis, None], crossings[:, axis], out=bound)
        combine(depth, bound, out=depth)


def _pack(depth: Tensor, part: int) -> Tensor:
    """Depths with the number of the part as their last four bits, as integers that sort like them.

    So the maximum over the parts says which of them it is, where a mask for each part would take
    most of the time. Positive floats sort like the integers of their bits; negative ones, which
    stand for misses, become negative. What is lost is less than 1e-5. Overwrites ``depth``.
    """
    assert part < _PARTS
    return depth.add_(_OFFSET).view(torch.int32).bitwise_and_(-_PARTS).bitwise_or_(part)


def _unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Depths as float32 and numbers of parts as int64."""
    return (packed & -_PARTS).view(torch.float32) - _OFFSET, (packed & (_PARTS - 1)).long()


@cache
def _rays(side: int) -> Tensor:
    """1, x, y, x², xy, y² of each ray: (6, rays), row by row from the top left."""
    places = (torch.arange(side * _SAMPLES) + 0.5) * 2 / (side * _SAMPLES) - 1
    y, x = (grid.flatten() for grid in torch.meshgrid(-places, places, indexing="ij"))
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y])


def _matrices(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
