"""Scores of features whose every distance is known."""

import math

import pytest
import torch

from ganzoo.metrics.samples import (
    classifier_score,
    frechet_distance,
    kernel_distance,
    kl_to_uniform,
    nearest_distances,
    neighbourhood_scores,
)


def gaussian(n, d=4, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def whitened(n, d=4):
    """Rows with mean 0 and covariance 1 exactly."""
    rows = gaussian(n, d).double()
    rows -= rows.mean(0)
    return rows @ torch.linalg.inv(torch.linalg.cholesky(rows.T.cov())).T


def test_the_frechet_distance_of_two_gaussians_is_the_closed_form():
    rows = whitened(500)
    scale = torch.tensor([1.0, 2, 3, 0.5], dtype=torch.double)
    shift = torch.tensor([1.0, 0, -2, 0], dtype=torch.double)
    expected = 1 + 4 + float((1 - scale).square().sum())
    assert frechet_distance(rows, rows * scale + shift) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_spreads_that_do_not_commute_is_the_closed_form():
    # tr (A B)^½ of 2 x 2 matrices is sqrt(tr AB + 2 sqrt(det AB))
    rows = whitened(500, 2)
    first = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.double)
    second = torch.tensor([[4.0, -1.0], [-1.0, 1.0]], dtype=torch.double)
    product = first @ second
    common = math.sqrt(product.trace() + 2 * math.sqrt(torch.linalg.det(product)))
    expected = float(first.trace() + second.trace()) - 2 * common
    given = [rows @ torch.linalg.cholesky(spread).T for spread in (first, second)]
    assert frechet_distance(*given) == pytest.approx(expected, rel=1e-9)


def test_a_unit_that_is_always_0_changes_no_frechet_distance():
    first, second = gaussian(300), gaussian(300, seed=1) + 1
    padded = [torch.cat([x, torch.zeros(300, 2)], dim=1) for x in (first, second)]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(first, second), abs=1e-6)


def test_the_kernel_distance_of_known_points_is_counted_out():
    first, second = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    # own pairs: (0·1 + 1)³ = 1 and (1·2 + 1)³ = 27; cross: 1, 1, 8, 27
    assert kernel_distance(first, second) == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_the_kernel_distance_is_unbiased_at_equal_distributions():
    values = [kernel_distance(gaussian(200, seed=i), gaussian(200, seed=i + 99)) for i in range(20)]
    assert abs(sum(values) / 20) < 0.02
    assert kernel_distance(gaussian(200), gaussian(200, seed=1) + 1) > 1


def test_distances_agree_with_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    kid = pytest.importorskip("torchmetrics.image.kid")

    class Features(torch.nn.Identity):
        num_features = 4

    first, second = gaussian(300).double(), gaussian(300, seed=1).double() * 1.3 + 0.2
    frechet = fid.FrechetInceptionDistance(Features(), normalize=True).set_dtype(torch.double)
    kernel = kid.KernelInceptionDistance(
        Features(), subsets=1, subset_size=300, normalize=True
    ).set_dtype(torch.double)
    for metric in (frechet, kernel):
        metric.update(first, real=True)
        metric.update(second, real=False)
    assert frechet_distance(first, second) == pytest.approx(float(frechet.compute()), rel=1e-5)
    assert kernel_distance(first, second) == pytest.approx(float(kernel.compute()[0]), rel=1e-5)


def test_samples_of_the_real_distribution_cover_about_1_minus_2_to_the_minus_k():
    found = neighbourhood_scores(gaussian(2000), gaussian(2000, seed=1))
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.015)
    assert found.density == pytest.approx(1, abs=0.05)
    assert found.precision > 0.9
    assert found.recall > 0.9


def test_repeating_a_few_real_images_is_precise_and_recalls_nothing():
    real = gaussian(1000)
    found = neighbourhood_scores(real, real[:20].repeat(50, 1))
    assert found.precision == 1
    assert found.recall < 0.03
    assert found.coverage < 0.2


def test_images_far_from_all_real_ones_score_0():
    found = neighbourhood_scores(gaussian(300), gaussian(300, seed=1) + 100)
    assert (found.precision, found.recall, found.density, found.coverage) == (0, 0, 0, 0)


def test_neighbourhoods_of_known_points_are_counted_out():
    # with k = 1 each real point reaches 1; the generated ones reach 0.5 and 9.5
    real = torch.tensor([[0.0], [1], [10], [11]])
    generated = torch.tensor([[0.5], [0.0], [20.0]])
    found = neighbourhood_scores(real, generated, k=1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.density == pytest.approx(4 / 3)
    assert found.coverage == pytest.approx(2 / 4)
    # 0.5 and 0 reach 0.5, and 20 reaches 19.5: all are recalled
    assert found.recall == 1


def test_pairs_are_the_same_in_chunks(monkeypatch):
    real, generated = gaussian(150), gaussian(130, seed=1) + 0.5
    whole = neighbourhood_scores(real, generated)
    near, kernel = nearest_distances(real, generated), kernel_distance(real, generated)
    monkeypatch.setattr("ganzoo.metrics.samples._ROWS", 32)
    assert neighbourhood_scores(real, generated) == whole
    assert torch.allclose(nearest_distances(real, generated), near, atol=1e-5)
    assert kernel_distance(real, generated) == pytest.approx(kernel)


def test_too_few_images_for_a_neighbourhood_are_refused():
    with pytest.raises(ValueError, match="more than 5 images"):
        neighbourhood_scores(gaussian(5), gaussian(100))


def test_the_classifier_score_counts_evenly_used_and_certain_classes():
    assert classifier_score(torch.eye(10).repeat(3, 1)) == pytest.approx(10)
    assert classifier_score(torch.eye(10)[:5]) == pytest.approx(5)
    assert classifier_score(torch.full((7, 10), 0.1)) == pytest.approx(1)


def test_the_kl_to_uniform_is_0_for_even_shares_and_ln_k_for_one():
    assert kl_to_uniform(torch.full((10,), 0.1)) == pytest.approx(0, abs=1e-6)
    assert kl_to_uniform(torch.tensor([0.0, 1, 0, 0])) == pytest.approx(math.log(4))


def test_features_may_be_arrays_and_whole_numbers():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randint(9, (2, 40, 3), generator=generator)
    floats = first.double(), second.double()
    assert frechet_distance(first.numpy(), second.numpy()) == frechet_distance(*floats)
    assert kernel_distance(first.numpy(), second) == kernel_distance(*floats)
    assert neighbourhood_scores(first, second.numpy()) == neighbourhood_scores(*floats)


@pytest.mark.parametrize("kind", [torch.half, torch.bfloat16])
def test_features_in_half_precision_are_scored_in_single(kind):
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 400, 3, generator=generator).to(kind)
    floats = first.float(), second.float()
    for score in (frechet_distance, kernel_distance, neighbourhood_scores):
        assert score(first, second) == score(*floats)


@pytest.mark.parametrize("score", [frechet_distance, kernel_distance, neighbourhood_scores])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.index_fill(0, torch.tensor([3]), torch.nan), "NaN or infinity"),
        (lambda rows: rows[:1], "or more|more than"),
        (lambda rows: rows[:, :2], "one width"),
        (lambda rows: rows[0], "features are"),
    ],
)
def test_features_that_are_none_are_refused(score, spoil, said):
    rows = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=said):
        score(rows, spoil(rows))
    with pytest.raises(ValueError, match=said):
        score(spoil(rows), rows)
