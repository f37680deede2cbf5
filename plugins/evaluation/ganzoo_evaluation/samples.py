"""How close generated images are to real ones, in the features of a frozen classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.data import to_uint8
from ganzoo.draw import generator_for
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import samples as measure
from ganzoo_evaluation.classifier import find_classifier
from ganzoo_evaluation.codes import CHUNK, SEED, generated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.loaded import Loaded, Split
    from ganzoo_evaluation.classifier import Classifier

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _Set:
    """What the classifier sees in one set of images."""

    features: Tensor
    probabilities: Tensor

    def part(self, start: int, stop: int) -> _Set:
        return _Set(self.features[start:stop], self.probabilities[start:stop])


def samples(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Compare generated images with as many real ones by a classifier of the data.

    The real ones are of the test split, or without one of the training split. Distances and
    neighbourhoods stand beside their floor: what training images get in place of the generated
    ones. Generated images are rounded to 8 bits, as the real ones are.

    Raises:
        NotApplicable: the model has no prior, or its data no classifier.
    """
    if loaded.prior is None:
        raise NotApplicable("this model has no prior to draw images from")
    classifier = find_classifier(loaded)
    reference, train, split = _real(loaded, classifier, budget)
    count = len(reference.features)
    if count <= measure.NEIGHBOURS:
        raise NotApplicable(f"{count} images are too few to compare with")
    generated = _seen(classifier, generated_images(loaded, count))
    floor = _compare(reference, train)
    near = measure.nearest_distances(reference.features, train.features).mean()
    ratio = measure.nearest_distances(generated.features, train.features).mean() / near
    certain = generated.probabilities.amax(1).double()
    usage = generated.probabilities.double().mean(0)
    common = {"n_real": count, "real": split, **classifier.provenance}
    against = f"{count:,} real {split} images"

    def score(value: float, label: str, unit: str = "", note: str = "", **extra: object) -> Score:
        return Score(value, None, count, label, unit, note, {**common, **extra})

    result = {}
    for name, value in _compare(reference, generated).items():
        lowest = floor[name]
        note = f"against {against}; as many train images get {lowest:.3g}"
        if name == "frechet_classifier_distance":
            note += f", so this is {value / lowest:.1f} times the floor"
        result[name] = score(value, _LABELS[name][0], _LABELS[name][1], note, floor=lowest)
    ceiling = float(classifier.classes)
    real_score = measure.classifier_score(reference.probabilities)
    return result | {
        "classifier_score": score(
            measure.classifier_score(generated.probabilities),
            "classifier score",
            note=f"{against} get {real_score:.3g}",
            ceiling=ceiling,
            real_images=real_score,
        ),
        "mean_max_probability": score(
            float(certain.mean()),
            "mean certainty",
            "share",
            "mean of the classifier's largest probability",
            standard_error=float(certain.std()) / count**0.5,
        ),
        "class_kl": score(
            measure.kl_to_uniform(usage),
            "KL of classes",
            "nats",
            "of the classes that the classifier sees, to even ones",
            shares=usage.tolist(),
        ),
        "nearest_train_ratio": score(
            float(ratio),
            "nearest train",
            note=f"mean distance to the nearest of {len(train.features):,} train images, over that "
            "of real images; far below 1 means memorised",
        ),
    }


_LABELS = {
    "frechet_classifier_distance": ("Fréchet (classifier)", ""),
    "kid_classifier": ("KID (classifier)", ""),
    "precision": ("precision", "share"),
    "recall": ("recall", "share"),
    "density": ("density", ""),
    "coverage": ("coverage", "share"),
}


def _compare(real: _Set, other: _Set) -> dict[str, float]:
    """The scores that have a floor, by name."""
    near = measure.neighbourhood_scores(real.features, other.features)
    return {
        "frechet_classifier_distance": measure.frechet_distance(real.features, other.features),
        "kid_classifier": measure.kernel_distance(real.features, other.features),
        "precision": near.precision,
        "recall": near.recall,
        "density": near.density,
        "coverage": near.coverage,
    }


def _real(loaded: Loaded, classifier: Classifier, budget: int) -> tuple[_Set, _Set, str]:
    """The reference, as many training images that are not in it, and the reference's split."""
    train, test = loaded.split("train"), loaded.split("test")
    assert train is not None, "there is a classifier, so there are images to train it on"
    if test is None:
        order = _shuffled(train, 2 * (min(budget, len(train)) // 2))
        seen = _seen(classifier, _images(train, order))
        middle = len(order) // 2
        return seen.part(0, middle), seen.part(middle, len(order)), train.name
    count = min(budget, len(test), len(train))
    sets = [_seen(classifier, _images(split, _shuffled(split, count))) for split in (test, train)]
    return sets[0], sets[1], test.name


def _shuffled(split: Split, count: int) -> Tensor:
    return torch.randperm(len(split), generator=generator_for(_CPU, SEED, split.name))[:count]


def _images(split: Split, order: Tensor) -> Iterator[Tensor]:
    for indices in torch.split(order, CHUNK):
        yield split.images(indices)


def real_images(loaded: Loaded, budget: int) -> tuple[str, Tensor]:
    """A split, test if there is one, and at most ``budget`` of its images, uint8 (n, C, H, W)."""
    split = loaded.split("test") or loaded.split("train")
    if split is None:
        raise NotApplicable("the images of the data are not at hand")
    return split.name, torch.cat(list(_images(split, _shuffled(split, budget)))).cpu()


def generated_images(loaded: Loaded, count: int) -> Iterator[Tensor]:
    """Yield ``count`` generated images in chunks, uint8 (n, C, H, W)."""
    for _, images in generated(loaded, count):
        yield to_uint8(images, loaded.model.image_range)


def _seen(classifier: Classifier, images: Iterator[Tensor]) -> _Set:
    seen = [classifier.describe(chunk) for chunk in images]
    return _Set(torch.cat([part[0] for part in seen]), torch.cat([part[1] for part in seen]))
