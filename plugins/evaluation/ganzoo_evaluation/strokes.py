"""Slant and stroke width of drawn digits, measured, and what each continuous code does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, maximum_filter
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.data import to_uint8
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import codes as measure
from ganzoo_evaluation.classifier import as_unit, find_classifier

if TYPE_CHECKING:
    from ganzoo.latents import Latents
    from ganzoo.loaded import Loaded

Floats = NDArray[np.float64]

STEPS = 11
"""Values of a code, evenly over the range that it was trained on."""

NOISES = 100
"""Draws of everything else, each of which is moved through all values."""

SEED = 0

STRONG = 0.9
"""Rank correlation from which a measure is said to follow a code."""

UPSAMPLED = 4
"""Times that images are enlarged before a stroke is measured."""

DIGITS = 10
_INK = 0.5
"""Brightness from which a pixel belongs to a stroke."""


def slant_degrees(images: Tensor) -> Floats:
    """Slant of drawn digits, (n,) in degrees: 0 is upright, positive leans to the right.

    It is -atan(mu11 / mu02) of the central moments, with y pointing down. Glyphs that are wider
    than tall may turn the other way. An image without ink has slant 0.

    Args:
        images: (n, 1, H, W), bright on dark, uint8 or in [0, 1].
    """
    ink = as_unit(images)[:, 0].double().cpu()
    y, x = (torch.arange(side, dtype=torch.double) for side in ink.shape[1:])
    mass = ink.sum((1, 2)).clamp(min=1e-9)
    middle_x, middle_y = (ink.sum(1) @ x) / mass, (ink.sum(2) @ y) / mass
    from_x, from_y = x - middle_x[:, None], y - middle_y[:, None]
    mu11 = torch.einsum("nyx,ny,nx->n", ink, from_y, from_x)
    mu02 = torch.einsum("nyx,ny->n", ink, from_y.square())
    slant: Floats = (-torch.atan2(mu11, mu02).rad2deg()).numpy()
    return slant


def stroke_width(images: Tensor) -> Floats:
    """Mean width of the strokes of drawn digits, (n,) in pixels; 0 without any.

    It is twice the mean distance to the background along the ridges of that distance, in images
    enlarged :data:`UPSAMPLED` times.

    Args:
        images: as for :func:`slant_degrees`.
    """
    large = interpolate(
        as_unit(images).float().cpu(), scale_factor=UPSAMPLED, mode="bilinear", align_corners=False
    )
    # A border of background: strokes end where the image does.
    inked = np.pad((large[:, 0] >= _INK).numpy(), ((0, 0), (1, 1), (1, 1)))
    return np.array([_width(strokes) for strokes in inked])


def _width(strokes: NDArray[np.bool_]) -> float:
    if not strokes.any():
        return 0.0
    inside = distance_transform_edt(strokes)
    ridge = strokes & (inside == maximum_filter(inside, size=3))
    return float(2 * inside[ridge].mean() / UPSAMPLED)


def ink_mass(images: Tensor) -> Floats:
    """Sum of the brightness of images (n, 1, H, W), in fully inked pixels: (n,)."""
    mass: Floats = as_unit(images).double().sum((1, 2, 3)).cpu().numpy()
    return mass


@dataclass(frozen=True)
class Effect:
    """What moving a code does to one measure of the image."""

    median: float
    """Median over the noises of |Spearman| of the code's value with the measure."""
    share: float
    """Share of the noises in which it exceeds :data:`STRONG`."""
    reach: float
    """Median over the noises of the measure's change from the first value to the last, without
    its sign."""


def effect(values: Floats, measured: Floats) -> Effect:
    """Compare a code's ``values`` (s,) with a measure of each noise's images, (n, s)."""
    rho = np.array([abs(measure.spearman(row, values)) for row in measured])
    return Effect(
        median=float(np.median(rho)),
        share=float(np.mean(rho > STRONG)),
        reach=float(abs(np.median(measured[:, -1] - measured[:, 0]))),
    )


def strokes(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Move each continuous code, and measure slant, stroke width and whether the digit stays.

    Raises:
        NotApplicable: the data are no grey digits by the name of mnist, or no code is continuous.
    """
    codes = {} if loaded.prior is None else loaded.prior.codes
    moved = [name for name, code in codes.items() if code.trained is not None]
    if not moved:
        raise NotApplicable("this model has no continuous code to move")
    named = re.split("[/:]", loaded.data_name)[-1]
    if named != "mnist" or loaded.data.image_shape[0] != 1:
        raise NotApplicable("strokes are measured of grey digits: of the data set mnist alone")
    classifier = find_classifier(loaded)
    if classifier.classes != DIGITS:
        raise NotApplicable(f"{loaded.data_name} has {classifier.classes} classes, not ten digits")
    noises = max(1, min(NOISES, budget // STEPS))
    result: dict[str, Score] = {}
    for name in moved:
        values = codes[name].walk(STEPS)
        images = _traversal(loaded, name, values, noises)
        seen = classifier.describe(images)[1].argmax(1).reshape(STEPS, noises)
        middle = STEPS // 2
        kept = (seen == seen[middle]).double().sum(0).sub(1).div(STEPS - 1)
        effects = {
            "slant": _effect(values, slant_degrees(images)),
            "stroke_width": _effect(values, stroke_width(images)),
            "ink_mass": _effect(values, ink_mass(images)),
        }
        result |= _scores(name, len(images), effects)
        result[f"identity_kept/{name}"] = Score(
            float(kept.mean()),
            None,
            len(images),
            "digit stays",
            "share",
            "share of the moved images in which the classifier sees the digit of the middle one",
            {"standard_error": float(kept.std(correction=0)) / noises**0.5} | classifier.provenance,
        )
    return result


def _traversal(loaded: Loaded, name: str, values: list[float], noises: int) -> Tensor:
    """Images (values * noises, 1, H, W) as bytes, value by value; categories come round evenly."""
    prior = loaded.prior
    assert prior is not None, "only a prior has codes"
    start: Latents = loaded.draw(noises, SEED)
    for other, code in prior.codes.items():
        if code.trained is None:
            categories = torch.tensor(code.walk(noises), device=loaded.device)
            start = prior.replace(start, other, categories.repeat(noises)[:noises])
    moved = [loaded.generate(loaded.with_codes(start, {name: value}), SEED) for value in values]
    return to_uint8(torch.cat(moved), loaded.model.image_range)


def _effect(values: list[float], measured: Floats) -> Effect:
    return effect(np.asarray(values), measured.reshape(len(values), -1).T)


def _scores(name: str, n: int, effects: dict[str, Effect]) -> dict[str, Score]:
    slant, width = effects["slant"], effects["stroke_width"]
    ink = {"ink_mass_effect": effects["ink_mass"].median}

    def score(value: float, label: str, unit: str, note: str = "", **extra: float) -> Score:
        return Score(value, None, n, label, unit, note, extra)

    def moving(found: Effect, what: str, **extra: float) -> Score:
        note = f"median |Spearman| of the code with the measured {what}; above {STRONG} in "
        note += f"{100 * found.share:.0f} % of the noises"
        return score(
            found.median, f"moves {what}", "", note, share_above=found.share, ceiling=1.0, **extra
        )

    over = "median change over the range that the code was trained on"
    return {
        f"slant_effect/{name}": moving(slant, "slant"),
        f"slant_range_degrees/{name}": score(slant.reach, "slant range", "degrees", over),
        f"stroke_width_effect/{name}": moving(width, "stroke width", **ink),
        f"stroke_width_range_px/{name}": score(width.reach, "stroke width range", "px", over),
    }
