"""Disentanglement of made-up readers of images that hold their factors in their pixels."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ganzoo.data import FactorSource, Images, Rendered
from ganzoo.loaded import Split
from ganzoo.metrics import NotApplicable
from ganzoo.metrics import disentanglement as measure
from ganzoo.metrics.disentanglement import PoolSampler, factor_vae
from ganzoo_evaluation.disentanglement import (
    SourceSampler,
    boosted_trees,
    disentanglement,
    read_sample,
)

NAMES = {
    "mig",
    "sap",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "modularity",
    "explicitness",
    "factor_vae",
    "beta_vae",
}
NAMES |= {f"{name}_infogan_cr" for name in NAMES}


class Pixels:
    """Images of a row of pixels, one for each factor, as bright as the value."""

    classes = None

    def __init__(self, **sizes):
        self.factor_names, self.factor_sizes = tuple(sizes), tuple(sizes.values())
        self.image_shape = (1, 1, len(sizes))

    def __len__(self):
        return int(np.prod(self.factor_sizes))

    def factors(self, indices):
        places = np.unravel_index(indices.numpy(), self.factor_sizes)
        return torch.from_numpy(np.stack(places, axis=1))

    def places(self, factors):
        return torch.from_numpy(np.ravel_multi_index(factors.T.numpy(), self.factor_sizes))

    def gather(self, indices):
        return {"image": self.factors(indices).to(torch.uint8)[:, None, None]}


def split_of(source):
    return Split("train", Rendered(source, len(source), "pixels"))


def aligned(images):
    rows = images[:, 0, 0]
    return {"shape": (rows[:, 1].long() + 1) % 3, "width": rows[:, 2], "height": -9 * rows[:, 3]}


def mixed(images):
    rows = images[:, 0, 0]
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-6)
    return {"a": rows @ torch.tensor([0, 1.0, 1, 1]), "b": rows @ torch.tensor([0, 1.0, -1, 1])}


@dataclass
class Loaded:
    encode: object = staticmethod(aligned)
    train: Split | None = None
    data_name: str = "pixels"

    def split(self, name):
        assert name == "train"
        return self.train

    def normalise(self, images):
        assert images.dtype == torch.uint8
        return images.float()


PIXELS = Pixels(colour=1, shape=3, width=6, height=8)


def test_the_source_is_one_that_knows_its_factors():
    assert isinstance(PIXELS, FactorSource)


def test_a_categorical_and_two_continuous_codes_for_their_factors_score_near_one():
    scores = disentanglement(Loaded(train=split_of(PIXELS)), 1000)
    assert set(scores) == NAMES
    for name in NAMES - {"sap", "explicitness", "explicitness_infogan_cr"}:
        assert scores[name].value > 0.95, name
    for name, score in scores.items():
        assert (score.split, score.n) == ("train", 144)
        expected = "infogan_cr" if name.endswith("infogan_cr") else "locatello"
        assert score.extra["protocol"] == expected
        assert score.extra["codes"] == ["shape", "width", "height"]
        assert score.extra["factors"] == ["colour", "shape", "width", "height"]
        assert score.label


def test_scores_whose_chance_is_not_0_say_what_it_is():
    scores = disentanglement(Loaded(train=split_of(PIXELS)), 1000)
    for name in ("factor_vae", "beta_vae"):
        assert "chance is 0.33" in scores[name].note  # of three factors that vary
        assert "noise gets more than 0.33" in scores[f"{name}_infogan_cr"].note
    assert "chance is 0.5" in scores["explicitness"].note
    assert "noise may get 0.7" in scores["modularity"].note


def test_mixed_codes_score_lower():
    scores = disentanglement(Loaded(mixed, split_of(PIXELS)), 1000)
    for name in ("mig", "dci_disentanglement", "factor_vae"):
        assert scores[name].value < 0.7, name


def test_no_more_images_are_read_than_the_budget_and_none_twice():
    source, seen = Pixels(a=20, b=30), []

    def encode(images):
        seen.append(images[:, 0, 0])
        return {"a": images[:, 0, 0, 0], "b": images[:, 0, 0, 1]}

    scores = disentanglement(Loaded(encode, split_of(source)), 200)
    rows = torch.cat(seen)
    assert len(rows) == len(rows.unique(dim=0)) == 200
    assert {score.n for score in scores.values()} == {200}


def test_fewer_images_than_the_protocol_has_and_other_trees_are_told():
    source = Pixels(a=20, b=30, c=30)

    def encode(images):
        return {name: images[:, 0, 0, place] for place, name in enumerate("abc")}

    scores = disentanglement(Loaded(encode, split_of(source)), 12_000)
    assert (scores["sap"].n, scores["sap"].extra["protocol_n"]) == (12_000, 15_000)
    assert "12,000 images, the protocol has 15,000" in scores["sap"].note
    assert scores["mig"].n == 10_000
    assert "the protocol has" not in scores["mig"].note
    assert "12,000 images, the protocol has 73,728" in scores["mig_infogan_cr"].note
    grown = scores["dci_completeness"]
    assert "by a random forest, the protocol has boosted trees" in grown.note
    assert set(grown.conditions) == {"images", "trees"}
    assert grown.extra["images"] == "18000 made on demand"
    assert "boosted" not in scores["dci_completeness_infogan_cr"].note


def test_boosted_trees_are_scored_beside_the_forest_and_not_as_it():
    source = Pixels(a=6, b=5, c=4)

    def encode(images):
        return {name: images[:, 0, 0, place] for place, name in enumerate("abc")}

    loaded = Loaded(encode, split_of(source))
    boosted, grown = boosted_trees(loaded, 120), disentanglement(loaded, 120)
    assert set(boosted) == {
        "dci_disentanglement_boosted",
        "dci_completeness_boosted",
        "dci_informativeness_boosted",
    }
    assert not set(boosted) & set(grown)
    for score in boosted.values():
        assert score.value > 0.95
        assert (score.extra["trees"], score.extra["protocol"]) == ("boosted", "locatello")
        assert "forest" not in score.note
        assert "trees" in score.conditions


class Classed(Pixels):
    """One of the factors is the class of the image."""

    classes = ("square", "ellipse", "heart")

    def gather(self, indices):
        return super().gather(indices) | {"label": self.factors(indices)[:, 1]}


def given(monkeypatch, source):
    """What SAP and DCI of ``infogan_cr`` are told about the factors."""
    told = {}

    def spy(name, score):
        def scoring(*arrays, **options):
            if options["protocol"] == "infogan_cr":
                told[name] = options
            return score(*arrays, **options)

        return scoring

    module = "ganzoo_evaluation.disentanglement.measure"
    monkeypatch.setattr(f"{module}.sap", spy("sap", measure.sap))
    monkeypatch.setattr(f"{module}.dci", spy("dci", measure.dci))

    def encode(images):
        return {"a": images[:, 0, 0, 1], "b": images[:, 0, 0, 2]}

    disentanglement(Loaded(encode, split_of(source)), 300)
    return told["sap"]["nominal"], told["dci"]["depths"]


def test_infogan_cr_predicts_the_class_of_the_images_as_nominal(monkeypatch):
    nominal, _ = given(monkeypatch, Classed(scale=6, shape=3, x=8))
    assert nominal == (False, True, False)
    assert given(monkeypatch, Pixels(scale=6, shape=3, x=8))[0] == (False, False, False)


def test_the_published_depths_are_for_the_factors_of_dsprites_in_any_order(monkeypatch):
    sizes = {"y": 3, "shape": 3, "colour": 1, "scale": 6, "x": 4, "orientation": 5}
    assert given(monkeypatch, Pixels(**sizes))[1] == [2, 4, 2, 2, 4]
    assert given(monkeypatch, Pixels(**(sizes | {"colour": 2})))[1] is None


def test_images_go_to_the_network_in_chunks(monkeypatch):
    monkeypatch.setattr("ganzoo_evaluation.disentanglement.CHUNK", 50)
    sizes = []

    def encode(images):
        sizes.append(len(images))
        return aligned(images)

    read = read_sample(Loaded(encode, split_of(PIXELS)), 1000)
    assert sizes == [50, 50, 44]
    whole = read_sample(Loaded(train=split_of(PIXELS)), 1000)
    assert (read.codes == whole.codes).all()


def test_rows_of_codes_belong_to_the_rows_of_factors():
    read = read_sample(Loaded(train=split_of(PIXELS)), 100)
    assert read.names == ("shape", "width", "height")
    assert read.discrete == (True, False, False)
    assert (read.codes[:, 0] == (read.factors[:, 1] + 1) % 3).all()
    assert (read.codes[:, 1] == read.factors[:, 2]).all()
    assert (read.codes[:, 2] == -9 * read.factors[:, 3]).all()


def test_fresh_groups_share_the_value_of_one_factor():
    sampler = SourceSampler(PIXELS, lambda images: images[:, 0, 0].double().numpy())
    assert sampler.factors == 3  # the colour has a single value
    groups = sampler(1, 40, 30, np.random.default_rng(0))
    assert groups.shape == (40, 30, 4)
    constant = np.ptp(groups, axis=1) == 0
    assert constant[:, [0, 2]].all()
    assert not constant[:, [1, 3]].any()
    assert len(np.unique(groups[:, 0, 2])) == 6
    free = sampler(None, 1, 500, np.random.default_rng(0))[0]
    assert np.ptp(free, axis=0).tolist() == [0, 2, 5, 7]


def test_groups_from_a_random_pool_score_as_fresh_groups_do():
    """Means of several draws: a single score of 2,000 groups has a deviation of about 0.01."""
    source = Pixels(a=3, b=6, c=40, d=32)
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]

    def encode(images):
        rows = images[:, 0, 0].double().numpy() / [3, 6, 40, 32]
        return rows @ (np.eye(4) + 0.8 * turned)

    def pool(seed):
        places = np.random.default_rng(seed).choice(len(source), 2000, replace=False)
        indices = torch.from_numpy(places)
        codes = encode(source.gather(indices)["image"])
        return PoolSampler(codes, source.factors(indices).numpy())

    def mean(sampler_of):
        scores = [factor_vae(sampler_of(s), 4, groups=1000, size=20, seed=s) for s in range(6)]
        return np.mean(scores)

    fresh = mean(lambda seed: SourceSampler(source, encode))
    assert 0.85 < fresh < 0.93
    assert mean(pool) == pytest.approx(fresh, abs=0.02)


@pytest.mark.parametrize(
    ("loaded", "why"),
    [
        (Loaded(), "not at hand"),
        (Loaded(train=split_of(Pixels(a=1, b=5))), "pixels has fewer than two factors"),
        (Loaded(lambda images: None, split_of(PIXELS)), "reads no codes from images"),
        (
            Loaded(train=Split("train", Images(torch.zeros(4, 1, 2, 2), None, None, "x"))),
            "the factors of pixels are not known",
        ),
    ],
)
def test_a_model_or_data_that_does_not_fit_says_so(loaded, why):
    with pytest.raises(NotApplicable, match=why):
        disentanglement(loaded, 100)
