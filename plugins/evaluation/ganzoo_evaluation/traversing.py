"""A code moved through its range with everything else held, and what that does to a measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganzoo.data import to_uint8
from ganzoo.draw import generator_for
from ganzoo.metrics import codes as measure
from ganzoo.metrics.progress import tracked

if TYPE_CHECKING:
    from ganzoo.latents import Latents
    from ganzoo.loaded import Loaded

Floats = NDArray[np.float64]

_CPU = torch.device("cpu")

STEPS = 11
"""Values of a code, evenly over the range that it was trained on."""

NOISES = 100
"""Draws of everything else, each of which is moved through all values."""

SEED = 0

STRONG = 0.9
"""Rank correlation from which a measure is said to follow a code."""


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


def traversal(loaded: Loaded, name: str, values: list[float], noises: int) -> Tensor:
    """Images (values * noises, C, H, W) as bytes, value by value.

    The categories of each categorical code come round evenly, and where there are several codes, in
    orders that have nothing to do with each other.
    """
    prior = loaded.prior
    assert prior is not None, "only a prior has codes"
    start: Latents = loaded.draw(noises, SEED)
    categorical = [other for other, code in prior.codes.items() if code.trained is None]
    for other in categorical:
        categories = torch.tensor(prior.codes[other].walk(noises)).repeat(noises)[:noises]
        if other != categorical[0]:
            order = torch.randperm(noises, generator=generator_for(_CPU, SEED, other))
            categories = categories[order]
        start = prior.replace(start, other, categories.to(loaded.device))
    moved = [
        to_uint8(
            loaded.generate(loaded.with_codes(start, {name: value}), SEED),
            loaded.model.image_range,
        )
        for value in tracked(values, f"moving {name}", len(values))
    ]
    return torch.cat(moved)
