"""The classifier: what it learns, what is kept of it, and how it is known again."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from types import SimpleNamespace

import pytest
import torch

from ganzoo.data import Images
from ganzoo.draw import generator_for
from ganzoo.loaded import Split
from ganzoo.metrics import NotApplicable
from ganzoo_evaluation import classifier as module
from ganzoo_evaluation.classifier import find_classifier, train_classifier
from ganzoo_evaluation.network import FEATURES, SmallNetwork

CPU = torch.device("cpu")


def bars(n, seed, channels=1):
    """Noisy images of a bar in one of three places, as bytes, with the place."""
    generator = generator_for(CPU, seed)
    labels = torch.arange(n) % 3
    images = torch.randint(60, (n, channels, 12, 12), generator=generator, dtype=torch.uint8)
    for image, place in zip(images, labels, strict=True):
        image[:, :, 4 * place : 4 * place + 2] += 180
    return images, labels


def split_of(name, images, labels, fingerprint=None):
    return Split(name, Images(images, labels, None, fingerprint or f"{name}-print"))


@dataclass
class Loaded:
    splits: dict = field(
        default_factory=lambda: {
            "train": split_of("train", *bars(300, 1)),
            "test": split_of("test", *bars(60, 2)),
        }
    )
    data_name: str = "bars"
    device: torch.device = CPU

    @property
    def data(self):
        return SimpleNamespace(image_shape=self.splits["train"].data.image_shape)

    def split(self, name):
        return self.splits.get(name)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))


def test_it_learns_the_classes_and_is_kept_beside_the_decoded_images(tmp_path):
    found = find_classifier(Loaded())
    assert found.accuracy > 0.95
    assert found.classes == 3
    kept = list((tmp_path / "classifiers").iterdir())
    mark = module.mark_of(Loaded().split("train"))[:12]
    assert [path.name for path in kept] == [f"train-print-{mark}-{module.RECIPE}.safetensors"]
    features, probabilities = found.describe(bars(5, 3)[0])
    assert features.shape == (5, FEATURES)
    assert torch.allclose(probabilities.sum(1), torch.ones(5))
    assert probabilities.argmax(1).tolist() == [0, 1, 2, 0, 1]
    assert not any(parameter.requires_grad for parameter in found.network.parameters())


def test_the_second_time_it_is_read_and_not_trained(monkeypatch):
    first = find_classifier(Loaded())
    monkeypatch.setattr(module, "train_classifier", None)
    second = find_classifier(Loaded())
    assert second.provenance == first.provenance
    assert first.provenance["extractor"] == f"bars:{first.digest[:12]}"
    images = bars(4, 4)[0]
    assert torch.equal(first.describe(images)[0], second.describe(images)[0])


def test_a_damaged_file_is_made_again(tmp_path):
    first = find_classifier(Loaded())
    (kept,) = (tmp_path / "classifiers").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    assert find_classifier(Loaded()).digest == first.digest


def test_other_data_get_another_classifier(tmp_path):
    first = find_classifier(Loaded())
    images, labels = bars(300, 1)
    other = Loaded(splits={"train": split_of("train", images.flip(2), labels, "other-print")})
    assert find_classifier(other).digest != first.digest
    assert len(list((tmp_path / "classifiers").iterdir())) == 2


def test_other_images_of_the_same_name_get_another_classifier():
    first = find_classifier(Loaded())
    images, labels = bars(300, 1)
    drawn_anew = Loaded(splits={"train": split_of("train", images.flip(2), labels)})
    assert find_classifier(drawn_anew).digest != first.digest


def test_training_leaves_the_global_generator_as_it_is():
    state = torch.get_rng_state()
    find_classifier(Loaded())
    assert torch.equal(torch.get_rng_state(), state)


def test_test_images_are_never_trained_on():
    train, test = split_of("train", *bars(90, 1)), split_of("test", *bars(60, 2))
    contents, some_wrong = [], (test.data.labels + (torch.arange(60) < 20)) % 3
    for truth in (test, split_of("test", test.data.images, some_wrong)):
        content = train_classifier(train, truth, "bars", CPU)
        size = int.from_bytes(content[:8], "little")
        contents.append(content[8 + size :])
    assert contents[0] == contents[1]


def test_without_a_labelled_test_split_a_tenth_of_the_training_images_is_held_out():
    train = split_of("train", *bars(300, 1, channels=3))
    content = train_classifier(train, split_of("test", bars(9, 2)[0], None), "bars", CPU)
    size = int.from_bytes(content[:8], "little")
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["classifier"])
    assert (about["images"], about["accuracy_images"]) == (270, "30 train")
    assert about["accuracy"] > 0.9


def test_images_whose_label_is_missing_are_left_out():
    images, labels = bars(300, 1)
    content = train_classifier(
        split_of("train", images, torch.where(torch.arange(300) < 30, -1, labels)),
        split_of("test", *bars(60, 2)),
        "bars",
        CPU,
    )
    assert b'\\"images\\": 270' in content
    assert b'\\"classes\\": 3' in content


@pytest.mark.parametrize(
    ("labels", "why"), [(None, "no labels"), (torch.zeros(9, dtype=torch.long), "one class only")]
)
def test_data_that_teach_no_classes_say_so(labels, why):
    loaded = Loaded(splits={"train": split_of("train", bars(9, 1)[0], labels)})
    with pytest.raises(NotApplicable, match=f"bars has .*{why}"):
        find_classifier(loaded)


def test_the_one_in_the_package_is_taken_for_its_own_data_only(monkeypatch):
    shipped = files("ganzoo_evaluation.classifiers") / "mnist28.safetensors"
    content = shipped.read_bytes()
    assert len(content) < 500_000
    about = module._description(content)
    images = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)
    loaded = Loaded(splits={"train": split_of("train", images, torch.arange(20) % 10)})
    assert find_classifier(loaded).name == "bars"
    monkeypatch.setattr(module, "mark_of", lambda split: about["data"])
    found = find_classifier(loaded)
    assert (found.name, found.classes) == ("mnist28", 10)
    assert found.accuracy >= 0.99


@pytest.mark.parametrize("shape", [(1, 1, 10), (3, 64, 48), (1, 8, 8)])
def test_images_of_any_shape_fit_the_network(shape):
    network = SmallNetwork(shape, 7)
    assert network(torch.zeros(2, *shape)).shape == (2, 7)
    assert network.features(torch.zeros(2, *shape)).shape == (2, FEATURES)


def test_labels_that_images_do_not_show_train_no_classifier():
    images = torch.randint(256, (300, 1, 8, 8), dtype=torch.uint8)
    labels = torch.arange(300) % 3
    split = Split("train", Images(images, labels, None, "noise"))
    odd = Split("test", Images(images.flip(0), (labels.flip(0) + 1) % 3, None, "noise"))
    with pytest.raises(NotApplicable, match="its features say nothing"):
        train_classifier(split, odd, "noise", torch.device("cpu"))
