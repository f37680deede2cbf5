"""What each continuous code seems to do, from what moving it does to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics.progress import tracked
from ganzoo_evaluation import measures
from ganzoo_evaluation.traversing import NOISES, STEPS, effect, traversal

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ganzoo.loaded import Loaded

FOLLOWS = 0.8
"""Median rank correlation below which a measure does not name a code."""

NOTICEABLE = 1.0
"""Change over the code's range, in standard deviations of the measure, below which it does not."""


PIXELS = 32 * 32
"""Size of images up to which all noises are moved; of larger ones fewer, since this ends a run."""


@dataclass(frozen=True)
class Quality:
    """Something that can be measured of any image."""

    name: str
    unit: str
    least: float
    """Change that is hard to see: by less, a code is said to move nothing."""
    measure: Callable[[Tensor], measures.Floats]


QUALITIES = (
    Quality("slant", "degrees", 1, lambda images: measures.slant_degrees(measures.figure(images))),
    Quality(
        "stroke width", "px", 0.1, lambda images: measures.stroke_width(measures.figure(images))
    ),
    Quality("place to the right", "px", 0.25, measures.place_right),
    Quality("place upwards", "px", 0.25, measures.place_up),
    Quality("size", "px", 0.1, measures.size),
    Quality("width to height", "", 0.02, measures.aspect),
    Quality("ink", "px", 1, lambda images: measures.ink_mass(measures.figure(images))),
    Quality("brightness", "", 1 / 255, measures.brightness),
)
"""Where two fit a code equally well, the one that stands first names it."""


@dataclass(frozen=True)
class Finding:
    """One code moved from the first to the last value of its range, and one quality."""

    quality: Quality
    correlation: float
    """Median over the noises of |Spearman| of the code with the measure, from 0 to 1."""
    first: float
    last: float
    """Medians of the measure at both ends."""
    reach: float
    """Median change of the measure between both ends."""
    spreads: float
    """Median change, in standard deviations of the measure among all images: about 3 where the
    code alone decides."""

    @property
    def speaks(self) -> bool:
        """Whether it is strong enough to name the code."""
        noticeable = self.spreads >= NOTICEABLE and self.reach >= self.quality.least
        return self.correlation >= FOLLOWS and noticeable

    def __str__(self) -> str:
        unit = f" {self.quality.unit}" if self.quality.unit else ""
        return f"{self.quality.name} from {self.first:.3g} to {self.last:.3g}{unit}"


def meanings(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Move each continuous code and name the quality of the image that follows it most.

    No label is used. The value is the median |Spearman| of the code with that quality, and 0 where
    no quality changes by its spread among images, as can be seen, and with the code in most of
    them.

    Raises:
        NotApplicable: no code is continuous.
    """
    codes = {} if loaded.prior is None else loaded.prior.codes
    moved = [name for name, code in codes.items() if code.trained is not None]
    if not moved:
        raise NotApplicable("this model has no continuous code to move")
    _, height, width = loaded.data.image_shape
    affordable = NOISES * PIXELS // max(PIXELS, height * width)
    noises = max(2, min(affordable, budget // STEPS))
    result: dict[str, Score] = {}
    for name in moved:
        values = codes[name].walk(STEPS)
        images = traversal(loaded, name, values, noises)
        what = f"measuring what {name} moves"
        found = [
            find(quality, values, images) for quality in tracked(QUALITIES, what, len(QUALITIES))
        ]
        result[f"meaning/{name}"] = _score(found, len(images))
    return result


def find(quality: Quality, values: list[float], images: Tensor) -> Finding:
    """What moving a code through ``values`` does to a quality of ``images``, value by value."""
    by_noise = quality.measure(images).reshape(len(values), -1).T
    moved = effect(np.asarray(values), by_noise)
    spread = float(by_noise.std())
    return Finding(
        quality,
        moved.median,
        float(np.median(by_noise[:, 0])),
        float(np.median(by_noise[:, -1])),
        moved.reach,
        moved.reach / spread if spread > 0 else 0.0,
    )


def _score(found: list[Finding], n: int) -> Score:
    best = max(found, key=lambda each: (each.speaks, each.spreads * each.correlation))
    change = f"{best}, {best.spreads:.1f} times its spread among images"
    note = f"median |Spearman| of the code with {change}"
    if not best.speaks:
        note = f"no quality measured follows it far enough; nearest is {change}"
    evidence = {
        each.quality.name: {
            "correlation": round(each.correlation, 4),
            "first": round(each.first, 4),
            "last": round(each.last, 4),
            "unit": each.quality.unit,
            "spreads": round(each.spreads, 3),
        }
        for each in found
    }
    name = best.quality.name if best.speaks else None
    return Score(
        best.correlation if name else 0.0,
        None,
        n,
        f"moves {name}" if name else "moves nothing measured",
        note=note,
        extra={"suggestion": name, "evidence": evidence},
        conditions=["suggestion"],  # the mean of a slant and of a width means nothing
    )
