"""Scores of codes against answers worked out by hand."""

import numpy as np
import pytest
import torch

from ganzoo.metrics import Score
from ganzoo.metrics.codes import (
    UNMATCHED,
    accuracy_under,
    ari,
    contingency,
    hungarian_matching,
    majority_matching,
    nmi,
    r2,
    spearman,
    used_categories,
)

LABELS = np.repeat(np.arange(10), 20)


def test_permuted_clusters_are_perfect():
    permutation = np.random.default_rng(0).permutation(10)
    categories = permutation[LABELS]
    matching = hungarian_matching(categories, LABELS, 10, 10)
    assert (matching[permutation] == np.arange(10)).all()
    assert accuracy_under(matching, categories, LABELS) == 1
    assert nmi(categories, LABELS) == pytest.approx(1)
    assert ari(categories, LABELS) == pytest.approx(1)


def test_merging_two_classes_and_splitting_one_costs_each_score_its_own():
    # 4 and 9 share category 4; half of class 0 sits in category 9
    categories = np.where(LABELS == 9, 4, LABELS)
    categories[:10] = 9
    matching = hungarian_matching(categories, LABELS, 10, 10)
    assert accuracy_under(matching, categories, LABELS) == pytest.approx(0.85)
    assert set(matching) == set(range(10))
    majority = majority_matching(categories, LABELS, 10, 10)
    assert accuracy_under(majority, categories, LABELS) == pytest.approx(0.9)
    assert nmi(categories, LABELS) == pytest.approx(0.954, abs=0.001)


def test_random_categories_score_as_chance_does():
    generator = np.random.default_rng(1)
    labels, categories = generator.integers(10, size=(2, 20_000))
    half = 10_000
    matching = hungarian_matching(categories[:half], labels[:half], 10, 10)
    assert accuracy_under(matching, categories[half:], labels[half:]) == pytest.approx(
        0.1, abs=0.015
    )
    assert nmi(categories, labels) < 0.005
    assert ari(categories, labels) == pytest.approx(0, abs=0.005)


def test_surplus_categories_stay_unmatched_and_count_as_wrong():
    labels = np.array([0, 0, 0, 1, 1, 1])
    categories = np.array([0, 0, 3, 1, 1, 1])
    matching = hungarian_matching(categories, labels, 4, 2)
    assert matching.tolist() == [0, 1, UNMATCHED, UNMATCHED]
    assert accuracy_under(matching, categories, labels) == pytest.approx(5 / 6)
    assert majority_matching(categories, labels, 4, 2).tolist() == [0, 1, UNMATCHED, 0]


def test_fewer_categories_than_classes_match_the_largest_agreement():
    labels = np.array([0, 0, 0, 1, 1, 2])
    categories = np.array([0, 0, 0, 1, 1, 1])
    matching = hungarian_matching(categories, labels, 2, 3)
    assert matching.tolist() == [0, 1]
    assert accuracy_under(matching, categories, labels) == pytest.approx(5 / 6)


def test_a_category_with_a_stray_image_is_not_in_use():
    categories = np.array([0] * 500 + [1] * 499 + [2])
    assert used_categories(categories, 10) == 2


def test_r2_of_known_readings():
    sampled = np.linspace(-1, 1, 101)
    assert r2(sampled, sampled) == 1
    assert r2(np.zeros(101), sampled) == pytest.approx(0)
    assert r2(np.full(101, 0.5), sampled) < 0
    # half the scale leaves a quarter of the variance, although the correlation is perfect
    assert r2(sampled / 2, sampled) == pytest.approx(0.75)
    assert r2(-sampled, sampled) == pytest.approx(-3)
    assert r2(sampled, np.ones(101)) == 0


def test_spearman_sees_order_only_and_a_constant_as_nothing():
    sampled = np.linspace(-1, 1, 101)
    assert spearman(np.exp(3 * sampled), sampled) == pytest.approx(1)
    assert spearman(-sampled, sampled) == pytest.approx(-1)
    assert spearman(np.full(101, 0.3), sampled) == 0


def test_extra_may_not_hide_a_key_of_the_format():
    with pytest.raises(ValueError, match="'split'"):
        Score(1.0, "test", 1, extra={"split": "train"})


def test_a_condition_is_an_entry_of_the_extra():
    assert Score(1.0, None, 1, extra={"trees": "forest"}, conditions=["trees"]).conditions
    with pytest.raises(ValueError, match="lacks 'trees'"):
        Score(1.0, None, 1, conditions=["trees"])


@pytest.mark.parametrize("score", [r2, spearman])
def test_a_column_is_read_as_one_number_for_each_image(score):
    sampled = np.random.default_rng(2).normal(size=200)
    read = sampled + 0.5 * np.random.default_rng(3).normal(size=200)
    assert score(read[:, None], sampled) == score(read, sampled[:, None]) == score(read, sampled)
    for wrong in (np.stack([read, read], axis=1), read[:-1]):
        with pytest.raises(ValueError, match=r"\(n,\) or \(n, 1\), not|do not belong together"):
            score(wrong, sampled)


def test_a_column_of_categories_is_not_paired_with_every_label():
    categories = LABELS[:, None]
    assert contingency(categories, LABELS, 10, 10).sum() == len(LABELS)
    assert accuracy_under(np.arange(10), categories, LABELS) == 1


def test_tensors_are_scored_as_arrays_are():
    rng = np.random.default_rng(0)
    categories, labels = rng.integers(4, size=(2, 50))
    read, sampled = rng.normal(size=(2, 50))
    as_tensors = [torch.from_numpy(each) for each in (categories, labels)]
    matching = hungarian_matching(categories, labels, 4, 4)
    assert (hungarian_matching(*as_tensors, 4, 4) == matching).all()
    assert accuracy_under(torch.from_numpy(matching), *as_tensors) == accuracy_under(
        matching, categories, labels
    )
    assert nmi(*as_tensors) == nmi(categories, labels)
    assert used_categories(as_tensors[0], 4) == used_categories(categories, 4)
    learnt = torch.from_numpy(read).requires_grad_()
    assert r2(learnt, torch.from_numpy(sampled)) == r2(read, sampled)


def test_no_image_has_no_score():
    nothing = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="without an image"):
        accuracy_under(np.arange(4), nothing, nothing)
