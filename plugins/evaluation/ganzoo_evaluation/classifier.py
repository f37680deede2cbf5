"""A small classifier of the model's data, trained once and frozen: features to compare images by.

It is trained on the training split alone and kept in the cache; one for the bundled MNIST comes
with the package, so that its numbers compare across machines. To make that one again::

    python -m ganzoo_evaluation.classifier mnist28.safetensors
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.data.store import cache_folder
from ganzoo.draw import generator_for
from ganzoo.files import whole_file
from ganzoo.metrics import NotApplicable
from ganzoo_evaluation.marks import digest_of
from ganzoo_evaluation.network import SmallNetwork, fit, make_network, steps_of_an_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from ganzoo.loaded import Loaded, Split

RECIPE = 2
"""Version of the network and of its training: numbers of different recipes do not compare."""

SEED = 0
EPOCHS = 5
LEAST_STEPS = 200
"""Steps that are trained for where five epochs of few images are fewer."""
MOST = 60_000
"""Training images that are used of a larger split."""

CHUNK = 500
"""Images that the network is given at a time."""

SHIPPED = "mnist28"
"""Name of the classifier in the package."""

_SCALED = 2000
"""Training images on which the mean square of the features is made 1."""

_MARKED = 1000
"""Images by which the data of the classifier in the package are known again."""

_LEAST_JUDGED = 20
"""Labelled images that tell whether anything was learnt."""

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Classifier:
    """A frozen classifier, with what it takes to compare the numbers that rest on it."""

    network: SmallNetwork
    name: str
    digest: str
    """SHA-256 of the weights, in hexadecimal."""
    accuracy: float
    """Share that it gets right of labelled images that it was not trained on."""
    device: torch.device

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.network.head.out_features

    @property
    def provenance(self) -> dict[str, Any]:
        """What a score that rests on this classifier carries in its ``extra``."""
        return {
            "extractor": f"{self.name}:{self.digest[:12]}",
            "extractor_accuracy": self.accuracy,
        }

    @torch.inference_mode()
    def describe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, 128) and probabilities (n, classes), both on the CPU.

        Args:
            images: (n, C, H, W), uint8 or floats in [0, 1].
        """
        features, probabilities = [], []
        for chunk in torch.split(images, CHUNK):
            hidden = self.network.features(as_unit(chunk.to(self.device)))
            features.append(hidden.cpu())
            probabilities.append(self.network.head(hidden).softmax(1).cpu())
        return torch.cat(features), torch.cat(probabilities)


def as_unit(images: Tensor) -> Tensor:
    """Images as floats in [0, 1], if they are bytes; others are passed on."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def find_classifier(loaded: Loaded) -> Classifier:
    """The classifier of the model's data: from the package, from the cache, or trained now.

    Raises:
        NotApplicable: the data have no labels, or labels of one class only.
    """
    train = loaded.split("train")
    if train is None or len(train) == 0:
        raise NotApplicable("the images of the data are not at hand")
    shape, mark = loaded.data.image_shape, mark_of(train)
    shipped = files("ganzoo_evaluation.classifiers") / f"{SHIPPED}.safetensors"
    name = f"{train.data.fingerprint}-{mark[:12]}-{RECIPE}.safetensors"
    path = cache_folder().with_name("classifiers") / name

    def kept(place: Traversable) -> Classifier | None:
        content = place.read_bytes() if place.is_file() else b""
        return _restore(content, shape, mark, loaded.device)

    if (found := kept(shipped) or kept(path)) is not None:
        return found
    content = train_classifier(train, loaded.split("test"), loaded.data_name, loaded.device)
    if (found := kept(path)) is not None:
        return found  # another process was faster, and scores of one classifier compare
    with whole_file(path) as file:
        file.write(content)
    trained = _restore(content, shape, mark, loaded.device)
    assert trained is not None, "what was just written can be read"
    return trained


def mark_of(split: Split) -> str:
    """SHA-256 of the first images of a split and of their labels: the same data on any machine."""
    return digest_of(split, torch.arange(min(_MARKED, len(split))))


def train_classifier(train: Split, test: Split | None, name: str, device: torch.device) -> bytes:
    """Train a classifier; returns a safetensors file, weights rounded to 16 bits.

    Its accuracy is that on ``test`` or, without labels there, on a tenth of ``train`` that is left
    out of the training for it.

    Raises:
        NotApplicable: ``train`` has no labels, or labels of one class only, or they cannot be told
            from the images by what was learnt.
    """
    chosen, labels = _labelled(train)
    if len(labels) == 0:
        raise NotApplicable(f"{name} has no labels to train a classifier on")
    classes = max(1 + int(labels.max()), len(train.classes or ()))
    if bool((labels == labels[0]).all()):
        raise NotApplicable(f"{name} has labels of one class only, which trains no classifier")
    held_out, truth = (chosen[:0], labels[:0]) if test is None else _labelled(test)
    judged = test
    if test is None or len(truth) == 0:
        part, judged = max(1, len(labels) // 10), train
        held_out, truth = chosen[:part], labels[:part]
        chosen, labels = chosen[part:], labels[part:]
    assert judged is not None, "a split with labels was found"
    network = make_network(train.data.image_shape, classes, seed=SEED, device=device)

    def loss(places: Tensor) -> Tensor:
        images = as_unit(train.images(chosen[places]).to(device))
        return cross_entropy(network(images), labels[places].to(device))

    generator = generator_for(_CPU, SEED, "classifier")
    what = "training a classifier"
    epochs = max(EPOCHS, -(-LEAST_STEPS // steps_of_an_epoch(len(labels))))
    fit(network, loss, len(labels), epochs=epochs, generator=generator, what=what)
    network.scale_features(as_unit(train.images(chosen[:_SCALED]).to(device)))
    weights = {key: _halved(value) for key, value in network.state_dict().items()}
    network.load_state_dict(weights)
    right = [
        network(as_unit(judged.images(places).to(device))).argmax(1).cpu() == labelled
        for places, labelled in zip(
            torch.split(held_out, CHUNK), torch.split(truth, CHUNK), strict=True
        )
    ]
    accuracy = float(torch.cat(right).double().mean())
    commonest = float(truth.bincount().max() / len(truth))
    if len(truth) >= _LEAST_JUDGED and accuracy <= commonest:
        raise NotApplicable(
            f"a classifier of the {len(labels):,} labelled images is right on {accuracy:.0%} of "
            f"others, and always saying the commonest class is on {commonest:.0%}: its features "
            "say nothing"
        )
    about = {
        "name": name,
        "recipe": RECIPE,
        "seed": SEED,
        "data": mark_of(train),
        "classes": classes,
        "images": len(labels),
        "accuracy": accuracy,
        "accuracy_images": f"{len(truth)} {judged.name}",
    }
    return save(weights, metadata={"classifier": json.dumps(about)})


def _labelled(split: Split) -> tuple[Tensor, Tensor]:
    """At most :data:`MOST` images with a label, by index in random order, and their labels."""
    order = torch.randperm(len(split), generator=generator_for(_CPU, SEED, "choice"))[:MOST]
    labels = [split.labels(indices) for indices in torch.split(order, CHUNK)]
    known = [part.cpu() for part in labels if part is not None]
    if not known:
        return order[:0], order[:0]
    found = torch.cat(known)
    return order[found >= 0], found[found >= 0]


def _halved(weight: Tensor) -> Tensor:
    weight = weight.detach().cpu()
    return weight.half() if weight.is_floating_point() else weight


def _restore(
    content: bytes, shape: tuple[int, int, int], mark: str, device: torch.device
) -> Classifier | None:
    """The classifier in a safetensors file, or None if it is damaged or was made of other images.

    ``mark`` is :func:`mark_of` the images that it has to be made of.
    """
    try:
        about, weights = _description(content), load(content)
        if about["data"] != mark:
            return None
        network = make_network(shape, about["classes"], seed=SEED, device=device)
        network.load_state_dict(weights)
        name, accuracy = str(about["name"]), float(about["accuracy"])
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    network.eval().requires_grad_(requires_grad=False)
    return Classifier(network, name, _digest(weights), accuracy, device)


def _description(content: bytes) -> dict[str, Any]:
    """What was written about a classifier into the head of its safetensors file."""
    size = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + size])
    about: dict[str, Any] = json.loads(head["__metadata__"]["classifier"])
    return about


def _digest(weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].numpy().tobytes())
    return digest.hexdigest()


def main() -> None:
    """Train the classifier of the bundled MNIST and write it to the file that is named."""
    import argparse

    from ganzoo.data import decode, open_source
    from ganzoo.discovery import discover
    from ganzoo.loaded import Split
    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings

    parser = argparse.ArgumentParser(description="Make the classifier that comes with the package.")
    parser.add_argument("output", type=Path, help="safetensors file to write")
    output: Path = parser.parse_args().output
    settings, registry = DataSettings(name="mnist"), Registry(discover(()))
    train, test = (
        Split(name, decode(open_source(settings, registry, name), settings))
        for name in ("train", "test")
    )
    content = train_classifier(train, test, SHIPPED, _CPU)
    with whole_file(output) as file:
        file.write(content)
    print(json.dumps(_description(content), indent=2))


if __name__ == "__main__":
    main()
