"""How close generated images are to real ones, in the features of a frozen classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.data import to_uint8
from ganzoo.draw import generator_for
from ganzoo.metrics import NotApplicable, Score
from ganzoo.metrics import samples as measure
from ganzoo.metrics.progress import tracked
from ganzoo_evaluation.classifier import MOST, find_classifier
from ganzoo_evaluation.codes import CHUNK, SEED, generated
from ganzoo_evaluation.marks import images_mark

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


@dataclass(frozen=True)
class _Real:
    """Real images to hold the generated ones against."""

    reference: _Set
    split: str
    """Split that the reference is from."""
    images: str
    """Mark of its images."""
    known: _Set
    """Training images that are not in the reference, at most :data:`MOST` unless the reference is
    larger."""
    training_images: int
    """How many of those there are."""

    @property
    def floor(self) -> _Set:
        """As many known images as the reference has."""
        count = len(self.reference.features)
        return _Set(self.known.features[:count], self.known.probabilities[:count])


def samples(loaded: Loaded, budget: int) -> dict[str, Score]:
    """Compare generated images with as many real ones by a classifier of the data.

    The real ones are of the test split, or without one of the training split. Distances and
    neighbourhoods stand beside their floor: what training images get in place of the generated
    ones. The classifier was trained on those and sees them a little apart from other real ones, so
    the floor is a little high. Generated images are rounded to 8 bits, as the real ones are.

    ``nearest_train_ratio`` alone looks through more than ``budget`` images: among a part of the
    training images, those that a generator repeats are hardly ever found.

    Raises:
        NotApplicable: the model has no prior, or its data no classifier.
    """
    if loaded.prior is None:
        raise NotApplicable("this model has no prior to draw images from")
    classifier = find_classifier(loaded)
    real = _real(loaded, classifier, budget)
    reference = real.reference
    count = len(reference.features)
    if count <= measure.NEIGHBOURS:
        raise NotApplicable(f"{count} images are too few to compare with")
    generated = _seen(classifier, generated_images(loaded, count))
    floor = _compare(reference, real.floor)
    certain, real_certain = (each.probabilities.amax(1).double() for each in (generated, reference))
    usage, real_usage = (each.probabilities.double().mean(0) for each in (generated, reference))
    common = {
        "n_real": count,
        "real": real.split,
        "images": real.images,
        **classifier.provenance,
    }
    against = f"{count:,} real {real.split} images"

    def score(value: float, label: str, unit: str = "", note: str = "", **extra: object) -> Score:
        return Score(value, None, count, label, unit, note, {**common, **extra}, ("real", "images"))

    result = {}
    for name, value in _compare(reference, generated).items():
        lowest = floor[name]
        note = f"against {against}; as many train images get {lowest:.3g}"
        if name == "frechet_classifier_distance" and lowest > 0:
            note += f", so this is {value / lowest:.1f} times the floor"
        made = score(value, _LABELS[name][0], _LABELS[name][1], note, floor=lowest)
        result[name] = replace(made, headline=name == "frechet_classifier_distance")
    ceiling = float(classifier.classes)
    real_score = measure.classifier_score(reference.probabilities)
    real_certainty, real_kl = float(real_certain.mean()), measure.kl_to_uniform(real_usage)
    return result | {
        "classifier_score": score(
            measure.classifier_score(generated.probabilities),
            "classifier score",
            note=f"{against} get {real_score:.3g}; the classifier is right on "
            f"{classifier.accuracy:.1%} of images that it was not trained on",
            ceiling=ceiling,
            real_images=real_score,
        ),
        "mean_max_probability": score(
            float(certain.mean()),
            "mean certainty",
            "share",
            f"mean of the classifier's largest probability; {against} get {real_certainty:.1%}",
            real_images=real_certainty,
            standard_error=float(certain.std()) / count**0.5,
        ),
        "class_kl": score(
            measure.kl_to_uniform(usage),
            "KL of classes",
            "nats",
            f"of the classes that the classifier sees, to even ones; {against} get {real_kl:.3g}",
            real_images=real_kl,
            shares=usage.tolist(),
        ),
        "nearest_train_ratio": score(
            _nearest_ratio(real, generated),
            "nearest train",
            note=f"mean distance to the nearest of {_looked_through(real)} train images, over that "
            "of real images; far below 1 means memorised",
            train_images=len(real.known.features),
        ),
    }


def _nearest_ratio(real: _Real, generated: _Set) -> float:
    near, real_near = (
        measure.nearest_distances(each.features, real.known.features).mean()
        for each in (generated, real.reference)
    )
    return float(near / real_near)


def _looked_through(real: _Real) -> str:
    known = len(real.known.features)
    rest = "" if known == real.training_images else f" of {real.training_images:,}"
    return f"{known:,}{rest}"


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


def _real(loaded: Loaded, classifier: Classifier, budget: int) -> _Real:
    """Test images, or without a test split one half of as many training images."""
    train, test = loaded.split("train"), loaded.split("test")
    assert train is not None, "there is a classifier, so there are images to train it on"
    order = _shuffled(train, len(train))
    if test is None:
        count = min(budget, len(train)) // 2
        source, chosen, others = train, order[:count], order[count:]
    else:
        count = min(budget, len(test), len(train))
        source, chosen, others = test, _shuffled(test, count), order
    return _Real(
        reference=_seen(classifier, _images(source, chosen)),
        split=source.name,
        images=images_mark(source),
        known=_seen(classifier, _images(train, others[: max(MOST, count)])),
        training_images=len(others),
    )


def _shuffled(split: Split, count: int) -> Tensor:
    return torch.randperm(len(split), generator=generator_for(_CPU, SEED, split.name))[:count]


def _images(split: Split, order: Tensor) -> Iterator[Tensor]:
    parts = torch.split(order, CHUNK)
    for indices in tracked(parts, f"reading {split.name} images", len(parts)):
        yield split.images(indices)


def real_images(loaded: Loaded, budget: int) -> tuple[Split, Tensor]:
    """A split, test if there is one, and at most ``budget`` of its images, uint8 (n, C, H, W)."""
    split = loaded.split("test") or loaded.split("train")
    if split is None:
        raise NotApplicable("the images of the data are not at hand")
    return split, torch.cat(list(_images(split, _shuffled(split, budget)))).cpu()


def generated_images(loaded: Loaded, count: int) -> Iterator[Tensor]:
    """Yield ``count`` generated images in chunks, uint8 (n, C, H, W)."""
    for _, images in generated(loaded, count):
        yield to_uint8(images, loaded.model.image_range)


def _seen(classifier: Classifier, images: Iterator[Tensor]) -> _Set:
    seen = [classifier.describe(chunk) for chunk in images]
    return _Set(torch.cat([part[0] for part in seen]), torch.cat([part[1] for part in seen]))
