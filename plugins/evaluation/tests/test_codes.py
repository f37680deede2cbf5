"""Metrics of codes on a made-up model whose every score is known.

An image is a row of ten pixels: the first four are a one-hot digit, the fifth holds the slant.
"""

import math
from dataclasses import dataclass, field

import pytest
import torch

from ganzoo.data import Images
from ganzoo.draw import generator_for
from ganzoo.latents import Prior
from ganzoo.loaded import Split
from ganzoo.metrics import NotApplicable
from ganzoo.model import Context, DataInfo
from ganzoo_evaluation import codes
from ganzoo_evaluation.codes import categories, information, recovery
from ganzoo_infogan.priors import StructuredPrior

CONTEXT = Context(DataInfo("rows", (1, 1, 10)))
SHUFFLED = torch.tensor([2, 0, 3, 1])


def prior_of(std="learned", **codes):
    return StructuredPrior(StructuredPrior.Config(size=2, codes=codes, std=std), CONTEXT)


def rows_of(digits, slant=None):
    images = torch.zeros(len(digits), 1, 1, 10)
    images[torch.arange(len(digits)), 0, 0, digits] = 1
    if slant is not None:
        images[:, 0, 0, 4] = slant
    return images


def split_of(name, labels, digits=None):
    """Images of ``digits``, by default as the labels say."""
    labels = None if labels is None else torch.as_tensor(labels)
    images = (rows_of(labels.clamp(min=0) if digits is None else digits) * 255).to(torch.uint8)
    return Split(name, Images(images, labels, None, name))


class Model:
    """Reads digit and slant as they are, more or less sure of the digit."""

    confidence = 30.0

    def read(self, nets, batch):
        rows = batch["image"][:, 0, 0]
        slant = torch.stack([rows[:, 4], torch.full_like(rows[:, 4], math.log(0.01))], dim=1)
        return {"digit": self.confidence * rows[:, :4], "slant": slant}


@dataclass
class Loaded:
    prior: Prior | None = field(
        default_factory=lambda: prior_of(digit="categorical(4)", slant="uniform(-1, 1)")
    )
    splits: dict = field(default_factory=dict)
    model: object = field(default_factory=Model)
    categories: torch.Tensor = field(default_factory=lambda: torch.arange(4))
    data_name: str = "rows"
    nets: dict = field(default_factory=dict)
    largest: int = 0

    def draw(self, n, seed):
        device = torch.device("cpu")
        return self.prior.sample(n, generator=generator_for(device, seed), device=device)

    def generate(self, latents, seed=0):
        return rows_of(latents.parts["digit"], latents.parts.get("slant"))

    def encode(self, images):
        self.largest = max(self.largest, len(images))
        rows = images[:, 0, 0]
        return {"digit": self.categories[rows[:, :4].argmax(1)], "slant": rows[:, 4]}

    def split(self, name):
        return self.splits.get(name)

    def normalise(self, images):
        return images.float() / 255


def labelled(**splits):
    chosen = {name: split_of(name, labels) for name, labels in splits.items()}
    return Loaded(splits=chosen, categories=SHUFFLED)


SORTED = torch.arange(4).repeat_interleave(50)


def test_shuffled_categories_are_perfect_after_matching_on_train_images():
    scores = categories(labelled(train=SORTED, test=SORTED[::5]), 1000)
    assert set(scores) == {
        "category_accuracy/digit",
        "majority_accuracy_k4/digit",
        "nmi/digit",
        "ari/digit",
        "purity/digit",
        "category_kl/digit",
    }
    accuracy = scores["category_accuracy/digit"]
    assert (accuracy.value, accuracy.split, accuracy.n) == (1.0, "test", 40)
    assert accuracy.extra["matched_on"] == "train"
    assert accuracy.extra["matched_n"] == 200
    assert [accuracy.extra["matching"][i] for i in SHUFFLED] == [0, 1, 2, 3]
    assert accuracy.extra["used_categories"] == 4
    assert accuracy.extra["standard_error"] == 0
    assert scores["nmi/digit"].value == pytest.approx(1)
    assert scores["ari/digit"].value == pytest.approx(1)


def test_merged_categories_flatter_nobody_in_the_headline():
    loaded = labelled(train=SORTED, test=SORTED)
    loaded.categories = torch.tensor([0, 1, 2, 2])
    scores = categories(loaded, 1000)
    assert scores["category_accuracy/digit"].value == 0.75
    assert scores["category_accuracy/digit"].extra["standard_error"] == pytest.approx(
        math.sqrt(0.75 * 0.25 / 200)
    )
    assert scores["category_accuracy/digit"].extra["used_categories"] == 3
    assert "3 of 4 in use" in scores["category_accuracy/digit"].note


def test_the_matching_is_fitted_on_train_and_never_on_test_images():
    # the labels of the test images are rotated by one: a matching of their own would be perfect
    loaded = labelled(train=SORTED, test=SORTED)
    loaded.splits["test"] = split_of("test", (SORTED + 1) % 4, digits=SORTED)
    scores = categories(loaded, 1000)
    assert scores["category_accuracy/digit"].value == 0
    assert scores["majority_accuracy_k4/digit"].value == 0


def test_purity_counts_the_commonest_label_and_weights_categories_by_their_images():
    loaded = labelled(train=SORTED, test=SORTED)
    loaded.categories = torch.tensor([0, 1, 2, 2])
    purity = categories(loaded, 1000)["purity/digit"]
    assert purity.value == 0.75
    assert purity.extra["by_category"] == [1, 1, 0.5, None]


def test_the_kl_of_categories_is_that_of_their_shares_on_real_images():
    loaded = labelled(train=SORTED, test=SORTED)
    assert categories(loaded, 1000)["category_kl/digit"].value == pytest.approx(0, abs=1e-9)
    loaded.categories = torch.tensor([0, 1, 2, 2])
    kl = categories(loaded, 1000)["category_kl/digit"]
    assert kl.value == pytest.approx(0.5 * math.log(2))
    assert kl.extra["images_by_category"] == [50, 50, 100, 0]


def test_images_sorted_by_class_are_sampled_from_all_classes():
    scores = categories(labelled(train=SORTED, test=SORTED), 40)
    accuracy = scores["category_accuracy/digit"]
    assert (accuracy.value, accuracy.n, accuracy.extra["matched_n"]) == (1.0, 40, 40)


@pytest.mark.parametrize("test", [None, [-1, -1, -1, -1]])
def test_without_a_labelled_test_split_other_train_images_are_scored_and_it_is_said(test):
    splits = {"train": SORTED} if test is None else {"train": SORTED, "test": test}
    accuracy = categories(labelled(**splits), 1000)["category_accuracy/digit"]
    assert (accuracy.value, accuracy.split, accuracy.n) == (1.0, "train", 100)
    assert accuracy.extra["matched_n"] == 100
    assert "100 other train images" in accuracy.note


def test_a_data_set_without_labels_says_so():
    loaded = labelled(train=SORTED)
    loaded.splits["train"] = split_of("train", None, digits=SORTED)
    with pytest.raises(NotApplicable, match="rows has no labels"):
        categories(loaded, 10)


def test_images_of_one_class_are_no_test_of_categories():
    """A reader that never looks gets them all right."""
    with pytest.raises(NotApplicable, match="rows has labels of one class only"):
        categories(labelled(train=torch.zeros(50, dtype=torch.long)), 1000)


@pytest.mark.parametrize("prior", [None, Prior(None, CONTEXT)])
def test_where_no_prior_says_how_many_categories_there_are_none_is_guessed(prior):
    loaded = labelled(train=SORTED, test=SORTED)
    loaded.prior = prior
    scores = categories(loaded, 1000)
    assert set(scores) == {
        f"{name}/digit" for name in ("category_accuracy", "nmi", "ari", "purity")
    }
    accuracy = scores["category_accuracy/digit"]
    assert accuracy.value == 1
    assert accuracy.extra["categories"] is None
    assert "4 in use, and no prior says of how many" in accuracy.note


def test_a_reader_of_one_category_is_not_even_where_no_prior_names_it():
    loaded = labelled(train=SORTED, test=SORTED)
    loaded.categories = torch.zeros(4, dtype=torch.long)
    assert categories(loaded, 1000)["category_kl/digit"].value == pytest.approx(math.log(4))
    loaded.prior = None
    with pytest.raises(NotApplicable, match="one category of digit is read from all images"):
        categories(loaded, 1000)


def test_scores_of_categories_name_the_conditions_they_hold_under():
    scores = categories(labelled(train=SORTED, test=SORTED[::5]), 1000)
    matched = scores["category_accuracy/digit"]
    assert set(matched.conditions) == {"images", "matched_on", "matched_n"}
    assert set(scores["nmi/digit"].conditions) == {"images"}
    assert matched.extra["images"].startswith("40:")


def test_a_code_in_a_column_scores_as_one_in_a_row(monkeypatch):
    plain = labelled(train=SORTED, test=SORTED)
    expected = recovery(plain, 300), categories(plain, 300)
    read = plain.encode
    column = labelled(train=SORTED, test=SORTED)
    monkeypatch.setattr(
        column, "encode", lambda images: {n: v[:, None] for n, v in read(images).items()}
    )
    assert (recovery(column, 300), categories(column, 300)) == expected


def test_a_code_of_several_numbers_is_told_to_be_one(monkeypatch):
    loaded = Loaded()
    monkeypatch.setattr(
        loaded, "encode", lambda images: {"slant": images[:, 0, 0, 4:7], "digit": images[:, 0, 0]}
    )
    with pytest.raises(NotApplicable, match=r"code .* has (3|10) numbers for each image"):
        recovery(loaded, 50)


def test_a_model_that_reads_nothing_says_so(monkeypatch):
    loaded = labelled(train=SORTED)
    monkeypatch.setattr(loaded, "encode", lambda images: None)
    loaded.model = object()
    for metric in (categories, recovery):
        with pytest.raises(NotApplicable, match="reads no codes from images"):
            metric(loaded, 10)
    with pytest.raises(NotApplicable, match="has no Q"):
        information(loaded, 10)


def test_a_model_with_continuous_codes_only_has_no_categories(monkeypatch):
    loaded = labelled(train=SORTED)
    monkeypatch.setattr(loaded, "encode", lambda images: {"slant": images[:, 0, 0, 4]})
    with pytest.raises(NotApplicable, match="no categorical code"):
        categories(loaded, 10)


@pytest.mark.parametrize("prior", [None, Prior(None, CONTEXT)])
def test_latents_without_codes_say_so(prior):
    for metric in (recovery, information):
        with pytest.raises(NotApplicable, match="hold no codes"):
            metric(Loaded(prior=prior), 10)


def test_codes_that_survive_generation_are_recovered(monkeypatch):
    monkeypatch.setattr(codes, "CHUNK", 64)
    loaded = Loaded()
    scores = recovery(loaded, 200)
    assert set(scores) == {"generated_accuracy/digit", "r2/slant", "spearman/slant"}
    assert all(score.value == pytest.approx(1) for score in scores.values())
    assert all((score.split, score.n) == (None, 200) for score in scores.values())
    assert loaded.largest == 64


def test_a_reading_that_follows_another_code_is_reported_as_leakage(monkeypatch):
    loaded = Loaded(prior=prior_of(slant="uniform(-1, 1)", width="uniform(-1, 1)"))

    def generate(latents, seed=0):
        rows = torch.zeros(len(latents.flat), 1, 1, 10)
        rows[:, 0, 0, 4], rows[:, 0, 0, 5] = latents.parts["slant"], latents.parts["width"]
        return rows

    def encode(images):
        slant, width = images[:, 0, 0, 4], images[:, 0, 0, 5]
        return {"slant": slant, "width": width - 2 * slant}

    monkeypatch.setattr(loaded, "generate", generate)
    monkeypatch.setattr(loaded, "encode", encode)
    scores = recovery(loaded, 4000)
    assert scores["leakage/slant"].value == pytest.approx(0, abs=0.05)
    assert scores["leakage/width"].value == pytest.approx(0.9, abs=0.05)
    leaked = scores["spearman/width"].extra["leakage"]
    assert leaked == {"slant": pytest.approx(-scores["leakage/width"].value)}


def test_a_code_that_images_ignore_is_not_recovered(monkeypatch):
    loaded = Loaded()
    monkeypatch.setattr(loaded, "generate", lambda latents, seed=0: rows_of(latents.parts["digit"]))
    scores = recovery(loaded, 500)
    assert scores["r2/slant"].value == pytest.approx(0, abs=0.02)
    assert scores["spearman/slant"].value == 0


def test_a_code_that_the_reader_leaves_out_costs_no_score_of_another(monkeypatch):
    loaded = Loaded()
    monkeypatch.setattr(
        loaded.model, "read", lambda nets, batch: {"slant": Model().read(nets, batch)["slant"]}
    )
    assert set(information(loaded, 50)) == {"mi_nats/slant"}


@pytest.mark.parametrize("metric", [recovery, information])
def test_a_model_that_reads_other_codes_than_it_is_given_says_so(monkeypatch, metric):
    loaded = Loaded()
    monkeypatch.setattr(loaded, "encode", lambda images: {"other": images[:, 0, 0, 4]})
    monkeypatch.setattr(loaded.model, "read", lambda nets, batch: {"other": batch["image"]})
    with pytest.raises(NotApplicable, match="other codes than its latents hold"):
        metric(loaded, 50)


def test_how_often_a_category_is_read_back_has_its_standard_error(monkeypatch):
    loaded = Loaded()
    loaded.categories = torch.tensor([0, 1, 2, 2])
    read_back = recovery(loaded, 400)["generated_accuracy/digit"]
    assert 0.6 < read_back.value < 0.9
    expected = math.sqrt(read_back.value * (1 - read_back.value) / 400)
    assert read_back.extra["standard_error"] == pytest.approx(expected)


def test_information_reaches_the_entropy_where_the_reader_is_sure():
    scores = information(Loaded(), 300)
    digit = scores["mi_nats/digit"]
    assert digit.value == pytest.approx(math.log(4), abs=1e-6)
    assert digit.extra["ceiling"] == pytest.approx(math.log(4))
    assert (digit.split, digit.n, digit.unit) == (None, 300, "nats")
    # a perfect mean with standard deviation 0.1: ln 2 - ln 0.1 - ln(2 pi) / 2
    assert scores["mi_nats/slant"].value == pytest.approx(2.0768, abs=1e-3)
    assert "ceiling" not in scores["mi_nats/slant"].extra


def test_information_is_zero_where_the_reader_knows_nothing():
    loaded = Loaded()
    loaded.model.confidence = 0.0
    digit = information(loaded, 100)["mi_nats/digit"]
    assert digit.value == pytest.approx(0, abs=1e-6)
    assert digit.extra["standard_error"] == pytest.approx(0, abs=1e-6)


def test_information_of_a_half_sure_reader_has_its_known_value_and_error(monkeypatch):
    # three of four images are of the drawn digit, the others of the next one
    loaded = Loaded(prior=prior_of(digit="categorical(4)"))
    loaded.model.confidence = math.log(9)

    def generate(latents, seed=0):
        wrong = torch.arange(len(latents.flat)) % 4 == 0
        return rows_of((latents.parts["digit"] + wrong) % 4)

    monkeypatch.setattr(loaded, "generate", generate)
    digit = information(loaded, 400)["mi_nats/digit"]
    right, wrong = math.log(9 / 12), math.log(1 / 12)
    assert digit.value == pytest.approx(math.log(4) + 0.75 * right + 0.25 * wrong, abs=1e-6)
    deviation = (right - wrong) * math.sqrt(0.75 * 0.25)
    assert digit.extra["standard_error"] == pytest.approx(deviation / 20, abs=1e-6)


def test_a_fixed_deviation_can_never_show_positive_information():
    loaded = Loaded(prior=prior_of("fixed", digit="categorical(4)", slant="uniform(-1, 1)"))
    assert information(loaded, 100)["mi_nats/slant"].value == pytest.approx(-0.2258, abs=1e-4)


def test_equal_models_get_equal_scores():
    assert information(Loaded(), 50) == information(Loaded(), 50)
