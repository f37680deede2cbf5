"""What each continuous code does to the slant and stroke width of drawn digits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.metrics import NotApplicable, Score
from ganzoo_evaluation.classifier import find_classifier
from ganzoo_evaluation.measures import ink_mass, slant_degrees, stroke_width
from ganzoo_evaluation.traversing import NOISES, STEPS, STRONG, Effect, effect, traversal

if TYPE_CHECKING:
    from ganzoo.loaded import Loaded
    from ganzoo_evaluation.measures import Floats

DIGITS = 10

SEEN_DEGREES, SEEN_PIXELS = 0.1, 0.01
"""What a quality changes by at least over a code's range, for a rank correlation to mean anything:
it is as high where a generator that does not move only rounds."""


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
        images = traversal(loaded, name, values, noises)
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


def _effect(values: list[float], measured: Floats) -> Effect:
    return effect(np.asarray(values), measured.reshape(len(values), -1).T)


def _scores(name: str, n: int, effects: dict[str, Effect]) -> dict[str, Score]:
    slant, width = effects["slant"], effects["stroke_width"]
    ink = {"ink_mass_effect": effects["ink_mass"].median}

    def score(value: float, label: str, unit: str, note: str = "", **extra: float) -> Score:
        return Score(value, None, n, label, unit, note, extra)

    def moving(found: Effect, what: str, least: float, **extra: float) -> Score:
        note = f"median |Spearman| of the code with the measured {what}; above {STRONG} in "
        note += f"{100 * found.share:.0f} % of the noises"
        value = found.median
        if found.reach < least:
            value, note = 0.0, f"the code changes the {what} by less than can be seen"
        return score(
            value, f"moves {what}", "", note, share_above=found.share, ceiling=1.0, **extra
        )

    over = "median change over the range that the code was trained on"
    return {
        f"slant_effect/{name}": moving(slant, "slant", SEEN_DEGREES),
        f"slant_range_degrees/{name}": score(slant.reach, "slant range", "degrees", over),
        f"stroke_width_effect/{name}": moving(width, "stroke width", SEEN_PIXELS, **ink),
        f"stroke_width_range_px/{name}": score(width.reach, "stroke width range", "px", over),
    }
