"""Which splits are opened for scores, what they are called, and that no image is on both sides."""

from types import SimpleNamespace

import datasets
import numpy as np
import PIL.Image
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features

from ganzoo.data import Images
from ganzoo.discovery import discover
from ganzoo.loaded import Loaded, Split
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings
from ganzoo_evaluation.classifier import _description, find_classifier
from ganzoo_evaluation.codes import categories
from ganzoo_evaluation.marks import images_mark

CPU = torch.device("cpu")
SIDE = 8


class BrightHalf(Loaded):
    """Reads the half of the image that is bright, which is its class."""

    def encode(self, images):
        bright = images.mean((1, 3))
        return {"half": (bright[:, SIDE // 2 :].mean(1) > bright[:, : SIDE // 2].mean(1)).long()}

    def normalise(self, images):
        return images.float() / 255


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Images of two classes in splits train, validation and test."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    features = Features(image=datasets.Image(), label=ClassLabel(names=["upper", "lower"]))
    splits = DatasetDict()
    for split, count in (("train", 24), ("validation", 16), ("test", 20)):
        pixels = rng.integers(60, size=(count, SIDE, SIDE), dtype=np.uint8)
        labels = [number % 2 for number in range(count)]
        for image, label in zip(pixels, labels, strict=True):
            image[4 * label : 4 * label + 4] += 150
        table = {"image": list(map(PIL.Image.fromarray, pixels)), "label": labels}
        splits[split] = Dataset.from_dict(table, features)
    splits.save_to_disk(tmp_path / "halves")
    return tmp_path / "halves"


@pytest.fixture
def opened(folder):
    """``opened(split="train+test")`` is a model of these data."""

    def load(**data):
        return BrightHalf(
            SimpleNamespace(image_range=(0, 1)),
            {},
            SimpleNamespace(codes={"half": SimpleNamespace(categories=2)}),
            SimpleNamespace(data=DataSettings(name=str(folder), **data), further={}),
            Registry(discover(())),
            step=1,
            ema=False,
            data=SimpleNamespace(name="halves", image_shape=(1, SIDE, SIDE)),
            device=CPU,
        )

    return load


@pytest.mark.parametrize(
    ("settings", "train", "test"),
    [
        ({}, "train", "test"),
        ({"test_split": "val"}, "train", "test (validation)"),
        ({"split": "validation"}, "train (validation)", "test"),
        ({"split": "train+validation"}, "train (train+validation)", "test"),
        ({"split": "test"}, "train (test)", None),
        ({"split": "train+test"}, "train (train+test)", None),
        ({"test_split": "train+test"}, "train", None),
        ({"split": "val", "test_split": "validation"}, "train (validation)", None),
        ({"test_split": "extra"}, "train", None),
    ],
)
def test_a_split_has_its_own_name_and_none_is_both_trained_and_scored_on(
    opened, settings, train, test
):
    loaded = opened(**settings)
    found = [loaded.split(role) for role in ("train", "test")]
    assert [split and split.name for split in found] == [train, test]


def test_a_model_of_the_test_split_is_not_matched_on_the_images_it_is_scored_on(opened):
    accuracy = categories(opened(split="test"), 1000)["category_accuracy/half"]
    assert (accuracy.value, accuracy.split, accuracy.n) == (1, "train (test)", 10)
    assert accuracy.extra["matched_n"] == 10
    assert "on 10 other train (test) images" in accuracy.note
    assert "the model was trained on these images, data.test_split can name" in accuracy.note
    apart = categories(opened(), 1000)["category_accuracy/half"]
    assert (apart.split, apart.n, apart.extra["matched_n"]) == ("test", 20, 24)
    assert "trained on" not in apart.note


def test_a_classifier_of_the_test_split_is_judged_on_images_that_it_was_not_trained_on(
    opened, tmp_path
):
    find_classifier(opened(split="test"))
    (kept,) = (tmp_path / "cache" / "classifiers").iterdir()
    about = _description(kept.read_bytes())
    assert (about["images"], about["accuracy_images"]) == (18, "2 train (test)")


def test_images_are_known_by_their_number_their_pixels_and_their_labels():
    pixels = torch.randint(256, (300, 1, 4, 4), dtype=torch.uint8)
    labels = torch.arange(300) % 3

    def mark(images, labels):
        return images_mark(Split("test", Images(images, labels, None, "same")))

    changed = pixels.clone()
    changed[150] += 1
    marks = [
        mark(pixels, labels),
        mark(pixels[:-1], labels[:-1]),
        mark(changed, labels),
        mark(pixels, (labels + 1) % 3),
    ]
    assert len(set(marks)) == 4
    assert mark(pixels.clone(), labels.clone()) == marks[0]
    assert marks[0].startswith("300:")
