"""Chairs of boxes on white: a stand-in for the rendered chairs of InfoGAN's paper."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo_bundled.factors import FactorImages, spread
from ganzoo_bundled.nuisance import between, uniform
from ganzoo_bundled.raycasting import cast_at_boxes, direction, image, rotation

_SIDE = 64
_SALT = 0xC4A1
_AMBIENT = 0.45
_BACKGROUND = 1.0
_CAMERA = (0.35, 0.52)
"""How far the camera looks down, in radians (20 to 30 degrees, as in the rendered chairs)."""
_LIGHT = (0.6, 0.75)
"""Azimuth and elevation of the light in radians: from above, to the right."""
_TRAITS = 6
_BACK = 0.03
"""Half the thickness of the back, and of arm rests."""
_ABOVE = 5
"""Boxes above the seat, at most."""
_STOOL = 3


class Chairs3D(FactorImages):
    """10,240 grey chairs of 64 x 64 pixels on white, seen from a little above.

    From first value to last:

    - ``type``: a plain back, a slatted back, a plain back with arm rests, a stool (no back);
    - ``width``: the chair is 0.5 to 0.95 wide, where the image is 2;
    - ``leg_length``: 0.3 to 0.75;
    - ``rotation``: a full turn, counter-clockwise as seen from above, in 40 steps without the end
      point, from the chair that faces the camera.

    Six traits (depth and thickness of the seat, height of the back, thickness of the legs, shade,
    height of the camera) hang on the index.
    """

    image_shape = (1, _SIDE, _SIDE)
    factor_names = ("type", "width", "leg_length", "rotation")
    factor_sizes = (4, 8, 8, 40)
    classes = ("plain", "slatted", "armed", "stool")
    class_factor = "type"
    chunk = 8

    def draw(self, indices: Tensor, factors: Tensor) -> Tensor:
        """Each face is shaded by its normal alone."""
        kind, width, leg_length, turn = factors.unbind(1)
        return render(
            kind=kind,
            width=spread(width, 0.5, 0.95, 8),
            leg_length=spread(leg_length, 0.3, 0.75, 8),
            turn=turn * (2 * math.pi / 40),
            traits=uniform(indices, _TRAITS, _SALT),
        )


def chairs3d(_split: str) -> Chairs3D:
    """The one split there is."""
    return Chairs3D()


def render(
    *, kind: Tensor, width: Tensor, leg_length: Tensor, turn: Tensor, traits: Tensor
) -> Tensor:
    """Chairs uint8 (n, 1, 64, 64); ``turn`` (n,) in radians, ``traits`` (n, 6) in 0 to 1."""
    depth, seat, back, leg, shade, camera = traits.unbind(1)
    centres, halves = _chair(
        kind,
        x=width / 2,
        z=between(depth, 0.24, 0.34),
        seat=between(seat, 0.02, 0.05),
        legs=leg_length,
        leg=between(leg, 0.025, 0.045),
        back=between(back, 0.5, 0.7),
    )
    turned = rotation(turn, -between(camera, *_CAMERA))
    hits = cast_at_boxes(centres, halves, turned, _SIDE)
    lit = (hits.normal @ direction(torch.tensor([_LIGHT[0]]), _LIGHT[1])[0]).clamp(min=0)
    brightness = between(shade, 0.35, 0.8)[hits.scene] * (_AMBIENT + (1 - _AMBIENT) * lit)
    return image(hits, brightness, len(turn), _SIDE, _BACKGROUND)


def _chair(
    kind: Tensor, *, x: Tensor, z: Tensor, seat: Tensor, legs: Tensor, leg: Tensor, back: Tensor
) -> tuple[Tensor, Tensor]:
    """Centres and half sizes (n, B, 3) of the boxes of chairs that face +z, their middle at 0.

    ``x`` and ``z`` are half the width and depth of the seat, ``seat`` and ``leg`` half the
    thickness of seat and legs, ``legs`` and ``back`` their heights, all (n,).
    """
    height = legs + 2 * seat + torch.where(kind == _STOOL, torch.zeros_like(back), back)
    floor = -height / 2
    top = floor + legs + 2 * seat
    boxes = [_box((0, top - seat, 0), (x, seat, z))]
    boxes += [
        _box((right * (x - leg), floor + legs / 2, front * (z - leg)), (leg, legs / 2, leg))
        for right in (-1, 1)
        for front in (-1, 1)
    ]
    panel = _panel(x, z, top, back)
    arms = _arms(x, z, top, back, leg)
    above: tuple[list[Tensor], ...] = (
        [panel],
        _slats(x, z, top, back, leg),
        [panel, *arms],
        [],
    )  # in the order of the classes
    absent = _box((0, 0, 0), (-torch.ones_like(x), -1, -1))
    kinds = [parts + [absent] * (_ABOVE - len(parts)) for parts in above]
    chosen = torch.stack([torch.stack(parts, dim=1) for parts in kinds])
    every = torch.cat([torch.stack(boxes, dim=1), chosen[kind, torch.arange(len(kind))]], dim=1)
    return every[..., :3], every[..., 3:]


def _panel(x: Tensor, z: Tensor, top: Tensor, back: Tensor) -> Tensor:
    return _box((0, top + back / 2, _BACK - z), (x, back / 2, _BACK))


def _slats(x: Tensor, z: Tensor, top: Tensor, back: Tensor, leg: Tensor) -> list[Tensor]:
    """Two posts and three slats across, with gaps as high as the slats."""
    posts = [
        _box((right * (x - leg), top + back / 2, leg - z), (leg, back / 2, leg))
        for right in (-1, 1)
    ]
    slats = [
        _box((0, top + back * share, _BACK - z), (x - leg, back / 12, _BACK))
        for share in (3 / 12, 7 / 12, 11 / 12)
    ]
    return posts + slats


def _arms(x: Tensor, z: Tensor, top: Tensor, back: Tensor, leg: Tensor) -> list[Tensor]:
    """On each side an arm rest from the back to the front, and a post under its front end."""
    rest = top + 0.4 * back
    boxes = []
    for right in (-1, 1):
        boxes.append(_box((right * (x - leg), rest, 0), (leg, _BACK, z)))
        boxes.append(_box((right * (x - leg), (top + rest) / 2, z - leg), (leg, 0.2 * back, leg)))
    return boxes


def _box(
    centre: tuple[float | Tensor, ...], half: tuple[Tensor, float | Tensor, float | Tensor]
) -> Tensor:
    """Centre and half sizes (n, 6) of one box in each chair; the first half size is (n,)."""
    return torch.stack([torch.as_tensor(value).expand_as(half[0]) for value in (*centre, *half)], 1)
