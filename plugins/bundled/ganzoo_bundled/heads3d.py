"""Heads of ellipsoids, turned and lit: a stand-in for the rendered faces of InfoGAN's paper."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo_bundled.factors import FactorImages, spread
from ganzoo_bundled.nuisance import between, uniform
from ganzoo_bundled.raycasting import cast_at_ellipsoids, direction, image, rotation

_SIDE = 32
_SALT = 0x4EAD
_AMBIENT = 0.15
_BACKGROUND = 0.04
_LIGHT_ELEVATION = 0.35
_TRAITS = 8


class Heads3D(FactorImages):
    """53,361 grey heads of 32 x 32 pixels, with the four factors of Chen et al. (2016), 7.2.

    From first value to last:

    - ``azimuth``: the face looks from left (-1.2 rad) to right (1.2 rad), as displayed;
    - ``elevation``: from down (-0.5 rad) to up (0.5 rad);
    - ``light``: it comes from the left (-1.2 rad) to the right (1.2 rad), whatever the head does;
    - ``width``: the head is 0.75 to 1.2 times as wide.

    Whose head it is no factor says: eight traits (length and width of the nose, height of the brow,
    distance of the eyes, place and width of the mouth, chin, skin) hang on the index.
    """

    image_shape = (1, _SIDE, _SIDE)
    factor_names = ("azimuth", "elevation", "light", "width")
    factor_sizes = (21, 11, 21, 11)
    chunk = 16

    def draw(self, indices: Tensor, factors: Tensor) -> Tensor:
        """Lambert's shading with 15 % ambient light, before a dark background."""
        azimuth, elevation, light, width = factors.unbind(1)
        return render(
            azimuth=spread(azimuth, -1.2, 1.2, 21),
            elevation=spread(elevation, -0.5, 0.5, 11),
            light=spread(light, -1.2, 1.2, 21),
            width=spread(width, 0.75, 1.2, 11),
            traits=uniform(indices, _TRAITS, _SALT),
        )


def heads3d(_split: str) -> Heads3D:
    """The one split there is."""
    return Heads3D()


def render(
    *, azimuth: Tensor, elevation: Tensor, light: Tensor, width: Tensor, traits: Tensor
) -> Tensor:
    """Heads uint8 (n, 1, 32, 32); angles (n,) in radians, ``traits`` (n, 8) in 0 to 1."""
    centres, radii, albedo = _head(traits)
    wider = torch.stack([width, torch.ones_like(width), torch.ones_like(width)], dim=1)[:, None]
    turned = rotation(azimuth, elevation)
    hits = cast_at_ellipsoids(centres * wider, radii * wider, turned, _SIDE)
    towards_light = direction(light, _LIGHT_ELEVATION)[hits.scene]
    lit = (hits.normal * towards_light).sum(dim=1).clamp(min=0)
    brightness = albedo.flatten()[hits.part] * (_AMBIENT + (1 - _AMBIENT) * lit)
    return image(hits, brightness, len(azimuth), _SIDE, _BACKGROUND)


def _head(traits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centres and radii (n, E, 3) and albedo (n, E), of width 1 and facing +z."""
    nose, nostrils, brow, eyes, mouth, lips, chin, skin = traits.unbind(1)
    reach = between(nose, 0.12, 0.26)
    apart = between(eyes, 0.21, 0.28)
    skin = between(skin, 0.72, 1.0)
    parts: list[tuple[tuple[float | Tensor, ...], tuple[float | Tensor, ...], float]] = [
        ((0, 0.10, -0.08), (0.64, 0.76, 0.74), 1.0),
        ((0, -0.40, 0.12), (0.44, between(chin, 0.34, 0.50), 0.46), 1.0),
        ((0, -0.02, 0.62), (0.08, 0.22, 0.10 + 0.4 * reach), 1.0),
        ((0, -0.15, 0.62), (between(nostrils, 0.09, 0.16), 0.09, 0.08 + reach), 1.0),
        ((0, between(mouth, -0.46, -0.36), 0.50), (between(lips, 0.13, 0.24), 0.055, 0.1), 0.35),
    ]
    for side in (-1, 1):
        parts += [
            ((side * apart, between(brow, 0.25, 0.36), 0.52), (0.16, 0.045, 0.12), 0.3),
            ((side * apart, 0.12, 0.54), (0.105, 0.075, 0.10), 0.2),
            ((side * 0.62, 0.04, -0.12), (0.08, 0.17, 0.12), 0.85),
        ]
    return (
        torch.stack([_columns(centre, skin) for centre, _, _ in parts], dim=1),
        torch.stack([_columns(radii, skin) for _, radii, _ in parts], dim=1),
        torch.stack([skin * albedo for _, _, albedo in parts], dim=1),
    )


def _columns(values: tuple[float | Tensor, ...], like: Tensor) -> Tensor:
    return torch.stack([torch.as_tensor(value).expand_as(like) for value in values], dim=1)
