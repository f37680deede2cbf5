"""Sample quality of generators whose faults are known, in the features of a made-up classifier."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

from ganzoo.data import Images
from ganzoo.draw import generator_for
from ganzoo.latents import Latents
from ganzoo.loaded import Split
from ganzoo.metrics import NotApplicable
from ganzoo_evaluation import samples as module
from ganzoo_evaluation.samples import samples

CPU = torch.device("cpu")


def squares(n, seed):
    """Images of four pixels, each around 60 or 200, as bytes."""
    generator = generator_for(CPU, seed)
    bright = torch.randint(2, (n, 1, 2, 2), generator=generator)
    noise = torch.randn(n, 1, 2, 2, generator=generator) * 12
    return (60 + 140 * bright + noise).round().clamp(0, 255).to(torch.uint8)


class Classifier:
    """Sees the pixels, and takes the top left one for the class."""

    provenance = {"extractor": "squares:0", "extractor_accuracy": 1.0}  # noqa: RUF012
    classes = 2
    accuracy = 0.875

    def describe(self, images):
        assert images.dtype == torch.uint8
        features = images.flatten(1).float() / 50
        bright = (images[:, 0, 0, 0] > 130).long()
        return features, torch.eye(2)[bright]


@dataclass
class Loaded:
    generated: object = staticmethod(lambda n: squares(n, "generated"))
    splits: dict = field(default_factory=lambda: {"train": 600, "test": 400})
    prior: object = field(default_factory=object)
    model: object = field(default_factory=lambda: SimpleNamespace(image_range=(-1, 1)))

    def draw(self, n, seed):
        index = torch.arange(n)
        return Latents(index[:, None].float(), {"index": index})

    def generate(self, latents, seed=0):
        images = self.generated(600)[latents.parts["index"]]
        return images.float() / 127.5 - 1

    def split(self, name):
        if name not in self.splits:
            return None
        return Split(name, Images(squares(self.splits[name], name), None, None, name))


@pytest.fixture(autouse=True)
def _classifier(monkeypatch):
    monkeypatch.setattr(module, "find_classifier", lambda loaded: Classifier())
    monkeypatch.setattr(module, "CHUNK", 128)


def test_samples_of_the_real_distribution_are_at_the_floor():
    scores = samples(Loaded(), 1000)
    distance = scores["frechet_classifier_distance"]
    assert distance.value == pytest.approx(distance.extra["floor"], abs=0.1)
    assert scores["kid_classifier"].value == pytest.approx(0, abs=3)
    assert scores["coverage"].value == pytest.approx(scores["coverage"].extra["floor"], abs=0.05)
    assert scores["density"].value == pytest.approx(1, abs=0.1)
    assert scores["nearest_train_ratio"].value == pytest.approx(1, abs=0.1)
    assert scores["classifier_score"].value == pytest.approx(2, abs=0.02)
    assert scores["classifier_score"].extra["ceiling"] == 2
    assert scores["mean_max_probability"].value == 1
    assert scores["class_kl"].value < 0.02


def test_every_score_names_its_classifier_and_how_many_images_it_is_of():
    for budget, n in ((1000, 400), (100, 100)):
        for score in samples(Loaded(), budget).values():
            assert score.extra["extractor"] == "squares:0"
            assert (score.n, score.extra["n_real"], score.extra["real"]) == (n, n, "test")
            assert score.extra["images"].startswith("400:")
            assert set(score.conditions) == {"real", "images"}
            assert score.split is None


def test_a_generator_that_lacks_a_class_is_seen_by_usage_distance_and_recall():
    def dark(n):
        images = squares(n, "generated")
        images[:, 0, 0, 0] = 60
        return images

    scores = samples(Loaded(dark), 1000)
    assert scores["class_kl"].value == pytest.approx(0.693, abs=0.01)
    assert scores["classifier_score"].value == pytest.approx(1)
    distance = scores["frechet_classifier_distance"]
    assert distance.value > 10 * distance.extra["floor"]
    assert scores["kid_classifier"].value > 30
    assert scores["recall"].value < 0.6


def test_memorised_images_are_seen_by_the_nearest_training_image_and_by_coverage():
    scores = samples(Loaded(lambda n: squares(600, "train")[:10].repeat(60, 1, 1, 1)), 600)
    assert scores["nearest_train_ratio"].value < 0.5
    assert scores["coverage"].value < 0.3
    assert scores["recall"].value < 0.1


def test_memorised_images_are_found_among_all_training_images_whatever_the_budget():
    """With a budget of 100, the images that are repeated were not among the 100 looked at."""
    memorised = samples(Loaded(lambda n: squares(600, "train")), 100)["nearest_train_ratio"]
    assert memorised.value < 0.05
    assert (memorised.n, memorised.extra["train_images"]) == (100, 600)
    assert "nearest of 600 train images" in memorised.note


def test_where_not_all_training_images_are_looked_through_it_is_said(monkeypatch):
    monkeypatch.setattr(module, "MOST", 150)
    ratio = samples(Loaded(), 100)["nearest_train_ratio"]
    assert ratio.extra["train_images"] == 150
    assert "nearest of 150 of 600 train images" in ratio.note


def test_scores_that_have_no_floor_stand_beside_those_of_real_images():
    scores = samples(Loaded(), 1000)
    assert scores["class_kl"].extra["real_images"] == pytest.approx(0, abs=0.01)
    assert scores["mean_max_probability"].extra["real_images"] == 1
    assert "400 real test images get 100.0%" in scores["mean_max_probability"].note
    assert "right on 87.5% of images that it was not trained on" in scores["classifier_score"].note


def test_a_floor_of_nothing_is_no_divisor(monkeypatch):
    monkeypatch.setattr(module.measure, "frechet_distance", lambda first, second: 0.0)
    distance = samples(Loaded(), 100)["frechet_classifier_distance"]
    assert (distance.value, distance.extra["floor"]) == (0, 0)
    assert "times the floor" not in distance.note


def test_without_a_test_split_one_half_of_the_training_images_stands_for_the_other():
    scores = samples(Loaded(splits={"train": 300}), 1000)
    assert scores["recall"].extra["real"] == "train"
    assert "150 real train images" in scores["recall"].note
    assert scores["recall"].n == 150
    assert scores["nearest_train_ratio"].value > 0.5
    assert scores["nearest_train_ratio"].extra["train_images"] == 150


def test_a_model_without_a_prior_and_too_few_images_say_so():
    with pytest.raises(NotApplicable, match="no prior"):
        samples(Loaded(prior=None), 100)
    with pytest.raises(NotApplicable, match="4 images are too few"):
        samples(Loaded(splits={"train": 50, "test": 4}), 100)
