"""What can be measured of drawn things: slant, stroke width, ink, place, size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo_evaluation.classifier import as_unit

Floats = NDArray[np.float64]

UPSAMPLED = 4
"""Times that images are enlarged before a stroke is measured."""

_PART = 100
"""Images that are enlarged at a time."""

_INK = 0.5
"""Brightness from which a pixel belongs to a stroke."""


def slant_degrees(images: Tensor) -> Floats:
    """Slant of drawn digits, (n,) in degrees: 0 is upright, positive leans to the right.

    It is -atan(mu11 / mu02) of the central moments, with y pointing down. Glyphs that are wider
    than tall may turn the other way. An image without ink has slant 0.

    Args:
        images: (n, 1, H, W), bright on dark, uint8 or in [0, 1].
    """
    moments = _moments(as_unit(images))
    slant: Floats = (-torch.atan2(moments.mu11, moments.mu02).rad2deg()).numpy()
    return slant


def stroke_width(images: Tensor) -> Floats:
    """Mean width of the strokes of drawn digits, (n,) in pixels; 0 without any.

    It is twice the mean distance to the background along the ridges of that distance, in images
    enlarged :data:`UPSAMPLED` times.

    Args:
        images: as for :func:`slant_degrees`.
    """
    widths: list[float] = []
    for part in torch.split(as_unit(images).float().cpu(), _PART):
        large = interpolate(part, scale_factor=UPSAMPLED, mode="bilinear", align_corners=False)
        # A border of background: strokes end where the image does.
        inked = np.pad((large[:, 0] >= _INK).numpy(), ((0, 0), (1, 1), (1, 1)))
        widths += map(_width, inked)
    return np.array(widths)


def _width(strokes: NDArray[np.bool_]) -> float:
    if not strokes.any():
        return 0.0
    inside = distance_transform_edt(strokes)
    ridge = strokes & (inside == maximum_filter(inside, size=3))
    return float(2 * inside[ridge].mean() / UPSAMPLED)


@dataclass(frozen=True)
class _Moments:
    """Moments of the brightness of (n, 1, H, W), per unit of mass; y points down."""

    x: Tensor
    y: Tensor
    mu20: Tensor
    mu11: Tensor
    mu02: Tensor


def _moments(ink: Tensor) -> _Moments:
    ink = ink[:, 0].cpu().double()
    y, x = (torch.arange(side, dtype=torch.double) for side in ink.shape[1:])
    mass = ink.sum((1, 2)).clamp(min=1e-9)
    middle_x, middle_y = (ink.sum(1) @ x) / mass, (ink.sum(2) @ y) / mass
    from_x, from_y = x - middle_x[:, None], y - middle_y[:, None]
    return _Moments(
        middle_x,
        middle_y,
        torch.einsum("nyx,nx->n", ink, from_x.square()) / mass,
        torch.einsum("nyx,ny,nx->n", ink, from_y, from_x) / mass,
        torch.einsum("nyx,ny->n", ink, from_y.square()) / mass,
    )


def figure(images: Tensor) -> Tensor:
    """What stands out from the background, in [0, 1]: (n, 1, H, W) of images (n, C, H, W).

    It is how far the mean of the channels is from its median along the image's border.
    """
    grey = as_unit(images).float().mean(1, keepdim=True)
    border = torch.cat(
        [grey[..., 0, :], grey[..., -1, :], grey[..., :, 0], grey[..., :, -1]], dim=-1
    )
    return (grey - border.median(-1).values[..., None, None]).abs()


def brightness(images: Tensor) -> Floats:
    """Mean of all channels and pixels, (n,) from 0 to 1."""
    mean: Floats = as_unit(images).cpu().double().mean((1, 2, 3)).numpy()
    return mean


def place_right(images: Tensor) -> Floats:
    """Centre of mass of :func:`figure` along x, (n,) in pixels to the right of the middle."""
    place: Floats = (_moments(figure(images)).x - (images.shape[-1] - 1) / 2).numpy()
    return place


def place_up(images: Tensor) -> Floats:
    """Centre of mass of :func:`figure` along y, (n,) in pixels above the middle."""
    place: Floats = ((images.shape[-2] - 1) / 2 - _moments(figure(images)).y).numpy()
    return place


def size(images: Tensor) -> Floats:
    """Root mean square distance of :func:`figure` from its centre of mass, (n,) in pixels."""
    moments = _moments(figure(images))
    radius: Floats = (moments.mu20 + moments.mu02).clamp(min=0).sqrt().numpy()
    return radius


def aspect(images: Tensor) -> Floats:
    """Spread of :func:`figure` along x over that along y, (n,); 0 without any along y."""
    moments = _moments(figure(images))
    ratio = (moments.mu20 / moments.mu02.clamp(min=1e-9)).sqrt()
    spread: Floats = torch.where(moments.mu02 > 0, ratio, torch.zeros_like(ratio)).numpy()
    return spread


def ink_mass(images: Tensor) -> Floats:
    """Sum of the brightness of images (n, 1, H, W), in fully inked pixels: (n,)."""
    mass: Floats = as_unit(images).cpu().double().sum((1, 2, 3)).numpy()
    return mass
