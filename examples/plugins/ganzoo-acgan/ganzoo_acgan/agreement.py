"""Whether generated images are of the class that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ganzoo.data import to_uint8
from ganzoo.metrics import NotApplicable, Score
from ganzoo_acgan.model import LABEL

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.loaded import Loaded

SEED = 0
"""Of the latents, so that equal models get equal scores."""


def label_agreement(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Score any model that has a code ``label``: by its own reading of it, and by a stranger's.

    ``label_agreement/label`` is the model's own view, which may flatter it: generator and
    discriminator can agree on what no real image looks like. ``classifier_agreement/label`` is that
    of the frozen classifier of the plugin ``evaluation``, where it is installed and the code has
    one category for each class, in their order.
    """
    if loaded.prior is None or LABEL not in loaded.prior.codes:
        raise NotApplicable(f"this model is not asked for a class: it has no code '{LABEL}'")
    latents = loaded.draw(budget, SEED)
    images, asked = loaded.generate(latents, SEED), latents.parts[LABEL].cpu()
    scores = {}
    own = loaded.encode(images)
    if own is not None and LABEL in own:
        scores[f"label_agreement/{LABEL}"] = _share(own[LABEL], asked, "obeys (own view)")
    scores |= _strangers_view(loaded, images, asked)
    if not scores:
        raise NotApplicable("nothing at hand tells the class of an image")
    return scores


def _strangers_view(loaded: Loaded, images: Tensor, asked: Tensor) -> dict[str, Score]:
    try:
        from ganzoo_evaluation.classifier import find_classifier
    except ImportError:
        return {}
    try:
        classifier = find_classifier(loaded)
    except NotApplicable:
        return {}
    if loaded.prior is None or loaded.prior.codes[LABEL].categories != classifier.classes:
        return {}
    _, probabilities = classifier.describe(to_uint8(images, loaded.model.image_range))
    note = f"by a classifier that gets {classifier.accuracy:.1%} of real images right"
    share = _share(probabilities.argmax(1), asked, "obeys", note, **classifier.provenance)
    return {f"classifier_agreement/{LABEL}": share}


def _share(seen: Tensor, asked: Tensor, label: str, note: str = "", **extra: object) -> Score:
    right = (seen.cpu() == asked).to(torch.float64)
    error = float(right.std(correction=0)) / len(right) ** 0.5
    extra = {"standard_error": error, **extra}
    return Score(float(right.mean()), None, len(right), label, "share", note, extra)
