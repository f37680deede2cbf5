"""Disentanglement of made-up codes whose scores are known, bounded or worked out by hand."""

import math

import numpy as np
import pytest

from ganzoo.metrics.disentanglement import (
    DCI,
    PoolSampler,
    beta_vae,
    dci,
    explicitness,
    factor_vae,
    mig,
    modularity,
    sap,
)
from ganzoo.metrics.disentanglement.prediction import _concentration

ROWS, FACTORS, VALUES = 800, 4, 5
LN2 = math.log(2)


def generator():
    return np.random.default_rng(7)


FACTOR_TABLE = generator().integers(VALUES, size=(ROWS, FACTORS))
NOISE = np.random.default_rng(8).normal(size=(ROWS, FACTORS))
PLACES = (FACTOR_TABLE - FACTOR_TABLE.mean(axis=0)) / FACTOR_TABLE.std(axis=0)
ALIGNED = PLACES + 0.05 * NOISE
MIXED = ALIGNED @ np.linalg.qr(generator().normal(size=(FACTORS, FACTORS)))[0]


def voted(score, **options):
    """A score that asks a sampler, as one of codes and factors."""

    def of(codes, factors, **more):
        sampler = PoolSampler(codes, factors)
        return score(sampler, sampler.factors, **{"groups": 120, **options, **more})

    return of


ALL = {
    "mig": mig,
    "modularity": modularity,
    "sap": sap,
    "sap_infogan_cr": lambda *a, **o: sap(*a, protocol="infogan_cr", **o),
    "dci": dci,
    "dci_infogan_cr": lambda *a, **o: dci(*a, protocol="infogan_cr", **o),
    "explicitness": explicitness,
    "factor_vae": voted(factor_vae),
    "factor_vae_infogan_cr": voted(factor_vae, protocol="infogan_cr"),
    "beta_vae": voted(beta_vae),
    "beta_vae_infogan_cr": voted(beta_vae, protocol="infogan_cr"),
}
every = pytest.mark.parametrize("score", ALL.values(), ids=ALL.keys())


def factor_of(seed):
    return voted(factor_vae)(MIXED, FACTOR_TABLE, seed=seed)


def plain(result):
    if isinstance(result, DCI):
        return [result.disentanglement, result.completeness, result.informativeness]
    return [result]


def test_mig_is_what_the_contingency_table_says():
    # code 0 equals factor 0; code 1 equals factor 0 in three rows of four; factor 1 is free of both
    factors = np.array([[0, 0], [0, 1], [0, 0], [0, 1], [1, 0], [1, 1], [1, 0], [1, 1]])
    second = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    codes = np.stack([factors[:, 0] * 3.0, second * -2.0], axis=1)
    joint = {(0, 0): 4 / 8, (1, 0): 2 / 8, (1, 1): 2 / 8}
    of_factor, of_code = (0.5, 0.5), (6 / 8, 2 / 8)
    known = sum(p * math.log(p / (of_factor[f] * of_code[c])) for (f, c), p in joint.items())
    expected = ((LN2 - known) / LN2 + 0) / 2
    assert mig(codes, factors) == pytest.approx(expected)
    assert mig(codes, factors, discrete=[True, True]) == pytest.approx(expected)


def test_mig_divides_by_the_entropy_of_the_factor_and_not_of_the_code():
    # the code knows half of a factor of four values: ln 2 of ln 4
    factor = np.repeat([0, 1, 2, 3], 10)
    assert mig((factor // 2)[:, None], factor[:, None]) == pytest.approx(0.5)


def test_a_categorical_code_is_not_cut_into_bins():
    factor = np.repeat(np.arange(60), 5)[:, None]
    assert mig(factor, factor) == pytest.approx(math.log(20) / math.log(60))
    assert mig(factor, factor, discrete=[True]) == pytest.approx(1)


def test_modularity_is_what_the_formula_says():
    # information ln 2 with factor 0, and with factor 1 that of the table above
    first = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    second = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    known = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)
    found = modularity(first[:, None], np.stack([first, second], axis=1))
    assert found == pytest.approx(1 - (known / LN2) ** 2)


def test_sap_is_the_gap_of_squared_correlations():
    factor = np.array([0, 1, 2, 3, 4, 5])
    weak = np.array([0.0, 3.0, 1.0, 5.0, 2.0, 4.0])
    codes = np.stack([-2.0 * factor, weak], axis=1)
    expected = 1 - np.corrcoef(factor, weak)[0, 1] ** 2
    assert sap(codes, factor[:, None], protocol="infogan_cr") == pytest.approx(expected)


def test_sap_of_a_nominal_factor_is_a_gap_of_accuracies():
    factor = generator().integers(2, size=600)
    codes = np.stack([factor + 0.01 * NOISE[:600, 0], NOISE[:600, 1]], axis=1)
    gap = sap(codes, factor[:, None], protocol="infogan_cr", nominal=[True])
    assert gap == pytest.approx(0.5, abs=0.06)


def test_one_categorical_code_against_ordered_values_is_the_variance_between_groups():
    factor = np.array([0, 1, 2, 3])
    codes = np.array([[0], [0], [1], [1]])
    found = sap(codes, factor[:, None], discrete=[True], protocol="infogan_cr")
    assert found == pytest.approx(1.0 / 1.25)  # group means 0.5 and 2.5: variance 1 of 1.25


def test_aligned_codes_score_near_one():
    assert mig(ALIGNED, FACTOR_TABLE) > 0.97
    assert modularity(ALIGNED, FACTOR_TABLE) > 0.99
    assert sap(ALIGNED, FACTOR_TABLE, protocol="infogan_cr") > 0.95
    # told by lines, the three middle ones of five values are out of reach: 2 of 5, less chance
    assert sap(ALIGNED, FACTOR_TABLE) == pytest.approx(0.2, abs=0.08)
    for protocol in ("locatello", "infogan_cr"):
        assert min(plain(dci(ALIGNED, FACTOR_TABLE, protocol=protocol))) > 0.9
        assert voted(factor_vae, protocol=protocol)(ALIGNED, FACTOR_TABLE) == 1
        assert voted(beta_vae, protocol=protocol)(ALIGNED, FACTOR_TABLE) == 1


def test_explicitness_of_two_values_that_are_told_apart_is_one():
    halves = FACTOR_TABLE // 3
    assert explicitness(halves + 0.01 * NOISE, halves) == pytest.approx(1)


def test_mixed_codes_score_lower_though_they_know_as_much():
    assert mig(MIXED, FACTOR_TABLE) < 0.4
    assert sap(MIXED, FACTOR_TABLE, protocol="infogan_cr") < 0.5
    assert modularity(MIXED, FACTOR_TABLE) < 0.97
    assert voted(factor_vae)(MIXED, FACTOR_TABLE) < 0.95
    mixed = dci(MIXED, FACTOR_TABLE)
    assert mixed.disentanglement < 0.5
    assert mixed.completeness < 0.5
    same = explicitness(ALIGNED, FACTOR_TABLE)
    assert explicitness(MIXED, FACTOR_TABLE) == pytest.approx(same, abs=0.01)


def test_redundant_codes_cost_gaps_and_completeness_only():
    twice = np.hstack([ALIGNED, PLACES + 0.05 * NOISE[::-1], np.full((ROWS, 1), 3.0)])
    assert mig(twice, FACTOR_TABLE) < 0.02
    assert sap(twice, FACTOR_TABLE, protocol="infogan_cr") < 0.01
    assert modularity(twice, FACTOR_TABLE) > 0.99
    assert voted(factor_vae)(twice, FACTOR_TABLE) == 1
    found = dci(twice, FACTOR_TABLE)
    assert found.disentanglement > 0.95
    assert found.completeness < 0.85


def test_noise_scores_near_chance():
    assert mig(NOISE, FACTOR_TABLE) < 0.01
    assert sap(NOISE, FACTOR_TABLE) < 0.05
    assert explicitness(NOISE, FACTOR_TABLE) == pytest.approx(0.5, abs=0.03)
    assert dci(NOISE, FACTOR_TABLE).disentanglement < 0.05


@pytest.mark.parametrize("score", [factor_vae, beta_vae])
def test_noise_in_fresh_groups_is_told_apart_at_chance(score):
    def sampler(factor, groups, size, rng):
        return rng.normal(size=(groups, size, 6))

    assert score(sampler, FACTORS, groups=2000, size=10) == pytest.approx(0.25, abs=0.04)


@every
@pytest.mark.parametrize("wobble", [0.0, 1e-8], ids=["constant", "rounding"])
def test_a_dead_code_changes_nothing(score, wobble):
    dead = np.full((ROWS, 1), 2.0) + wobble * np.sign(NOISE[:, :1])
    with_dead = np.hstack([ALIGNED[:, :2], dead, ALIGNED[:, 2:]]).astype(np.float32)
    without = ALIGNED.astype(np.float32)
    assert plain(score(with_dead, FACTOR_TABLE)) == plain(score(without, FACTOR_TABLE))


@every
def test_the_order_of_the_columns_changes_nothing(score):
    order = [2, 0, 3, 1]
    assert plain(score(MIXED[:, order], FACTOR_TABLE)) == plain(score(MIXED, FACTOR_TABLE))


@every
def test_the_scale_of_a_code_changes_nothing(score):
    scaled = MIXED * np.array([1, 1000, 1, 1]) + np.array([0, 0, 5, 0])
    assert plain(score(scaled, FACTOR_TABLE)) == pytest.approx(
        plain(score(MIXED, FACTOR_TABLE)), abs=1e-3
    )


@every
def test_a_factor_with_a_single_value_changes_nothing(score):
    more = np.hstack([np.full((ROWS, 1), 6), FACTOR_TABLE])
    assert plain(score(MIXED, more)) == plain(score(MIXED, FACTOR_TABLE))


def test_seeds_decide_the_lots_that_are_drawn():
    assert factor_of(1) == factor_of(1)
    assert factor_of(1) != factor_of(2)
    assert dci(MIXED, FACTOR_TABLE, seed=1) == dci(MIXED, FACTOR_TABLE, seed=1)
    assert dci(MIXED, FACTOR_TABLE, seed=1) != dci(MIXED, FACTOR_TABLE, seed=2)


@every
def test_a_representation_without_a_live_code_gets_the_floor(score):
    collapsed = np.ones((ROWS, 3), dtype=np.float32)
    assert all(0 <= value <= 0.5 for value in plain(score(collapsed, FACTOR_TABLE)))


NOMINAL = np.array([3, 0, 4, 1, 2])[FACTOR_TABLE[:, :1]]
"""A categorical code that holds factor 0, under names without an order."""


@every
def test_a_categorical_code_may_stand_for_a_nominal_factor(score):
    codes = np.hstack([NOMINAL, ALIGNED[:, 1:]])
    found = plain(score(codes, FACTOR_TABLE, discrete=[True, False, False, False]))
    aligned = plain(score(ALIGNED, FACTOR_TABLE))
    assert all(new > old - 0.05 for new, old in zip(found, aligned, strict=True))


@every
def test_the_names_of_categories_do_not_count(score):
    marks = [True, False, False, False]
    codes, renamed = (np.hstack([c, ALIGNED[:, 1:]]) for c in (NOMINAL, 10 + 3 * NOMINAL))
    found = plain(score(renamed, FACTOR_TABLE, discrete=marks))
    assert found == pytest.approx(plain(score(codes, FACTOR_TABLE, discrete=marks)), abs=1e-9)


def test_a_categorical_code_is_one_code_where_its_probabilities_are_several():
    codes = np.hstack([NOMINAL, ALIGNED[:, 1:]])
    marks = [True, False, False, False]
    assert mig(codes, FACTOR_TABLE, discrete=marks) > 0.97
    posterior = np.hstack([np.eye(VALUES)[NOMINAL[:, 0]], ALIGNED[:, 1:]])
    assert mig(posterior, FACTOR_TABLE) < 0.8
    assert dci(codes, FACTOR_TABLE, discrete=marks).completeness > 0.97
    assert dci(posterior, FACTOR_TABLE).completeness < 0.9


def test_a_group_votes_for_the_category_that_it_has_in_common():
    """Factor 0 fixes the category and nothing else; the other code is free of both factors."""
    factors = generator().integers(3, size=(ROWS, 2))
    codes = np.stack([factors[:, 0] * 1.0, factors[:, 1] + 0.3 * NOISE[:, 0]], axis=1)
    sampler = PoolSampler(codes, factors)
    assert factor_vae(sampler, 2, discrete=[True, False], groups=200) == 1


def test_a_dead_code_never_wins_the_vote_of_factor_vae():
    """Rounding noise relative to its own spread is one of the smallest: it must not be asked."""

    def sampler(factor, groups, size, rng):
        codes = rng.normal(size=(groups, size, 3))
        if factor is not None:
            codes[:, :, factor] *= 0.5
        codes[:, :, 2] = 1.0
        return codes

    assert factor_vae(sampler, 2, groups=200) > 0.95


def test_locatello_leaves_out_codes_that_hardly_vary():
    def sampler(factor, groups, size, rng):
        codes = rng.normal(size=(groups, size, 2)) * [1.0, 0.04]
        if factor is not None:
            codes[:, :, factor] *= 0.1
        return codes

    assert factor_vae(sampler, 2, groups=200, protocol="infogan_cr") == 1
    assert factor_vae(sampler, 2, groups=400) == pytest.approx(0.5, abs=0.1)


def test_infogan_cr_asks_about_the_factors_in_turn_and_locatello_counts_fresh_votes():
    asked = []

    def sampler(factor, groups, size, rng):
        asked.append((factor, groups, size))
        return rng.normal(size=(groups, size, 2))

    factor_vae(sampler, 3, protocol="infogan_cr")
    drawn = dict.fromkeys(range(3), 0)
    for factor, groups, size in asked:
        if factor is not None:
            drawn[factor] += groups
            assert size == 100
    assert drawn == {0: 167, 1: 167, 2: 166}
    asked.clear()
    factor_vae(sampler, 3, groups=100)
    assert sum(groups for factor, groups, _ in asked if factor is not None) == 150
    assert {size for factor, _, size in asked if factor is not None} == {64}


def test_a_beta_vae_pair_has_a_value_of_its_own_but_under_infogan_cr():
    asked = []

    def sampler(factor, groups, size, rng):
        asked.append((factor, groups, size))
        return rng.normal(size=(groups, size, 2))

    def total():
        return sum(g * s for factor, g, s in asked if factor is not None)

    beta_vae(sampler, 2, groups=10)
    assert {size for factor, _, size in asked if factor is not None} == {2}
    assert total() == 15 * 64 * 2
    asked.clear()
    beta_vae(sampler, 2, groups=10, protocol="infogan_cr")
    assert total() == 10 * 100


def test_groups_of_a_pool_share_the_value_of_the_factor_and_of_no_other():
    sampler = PoolSampler(FACTOR_TABLE, FACTOR_TABLE)
    groups = sampler(2, 50, 30, generator())
    assert groups.shape == (50, 30, FACTORS)
    constant = np.ptp(groups, axis=1) == 0
    assert constant[:, 2].all()
    assert not constant[:, [0, 1, 3]].any()
    assert len(np.unique(groups[:, 0, 2])) == VALUES
    free = sampler(None, 1, 400, generator())
    assert (np.ptp(free, axis=1) == VALUES - 1).all()


def test_a_group_from_a_sample_of_images_repeats_none_while_there_are_others():
    """Repeated images narrow the spread within a group, and the wrong code wins more often."""
    factors = FACTOR_TABLE[:, :2]
    sampler = PoolSampler(np.arange(ROWS)[:, None], factors)
    most = int(np.bincount(factors[:, 1]).min())
    groups = sampler(1, 40, most, generator())[:, :, 0]
    assert all(len(set(group)) == most for group in groups)
    assert len({frozenset(group) for group in groups}) > VALUES
    assert sampler(1, 3, 2 * ROWS, generator()).shape == (3, 2 * ROWS, 1)


def test_a_pool_of_every_combination_is_drawn_from_with_replacement():
    grid = np.stack(np.meshgrid(range(6), range(8), indexing="ij"), axis=-1).reshape(-1, 2)
    groups = PoolSampler(np.arange(48)[:, None], grid)(0, 50, 8, generator())[:, :, 0]
    assert any(len(set(group)) < 8 for group in groups)
    assert all(len(set(group // 8)) == 1 for group in groups)


@pytest.mark.slow
def test_boosted_trees_agree_on_what_is_aligned_and_what_is_not():
    aligned, mixed = (
        dci(codes[:400], FACTOR_TABLE[:400], trees="boosted").disentanglement
        for codes in (ALIGNED, MIXED)
    )
    assert aligned > 0.95
    assert mixed < 0.5


@pytest.mark.parametrize(
    ("codes", "factors", "options", "why"),
    [
        (ALIGNED[:-1], FACTOR_TABLE, {}, "need the same rows"),
        (ALIGNED[:, 0], FACTOR_TABLE, {}, "need the same rows"),
        (ALIGNED[:2], FACTOR_TABLE[:2], {}, "too few"),
        (np.where(PLACES > 1, np.nan, ALIGNED), FACTOR_TABLE, {}, "NaN"),
        (ALIGNED, np.ones_like(FACTOR_TABLE), {}, "no factor varies"),
        (ALIGNED, FACTOR_TABLE, {"discrete": [True]}, "one mark for each of 4 codes"),
    ],
)
@pytest.mark.parametrize("score", [mig, modularity, sap, dci, explicitness])
def test_arrays_that_cannot_be_scored_are_refused(score, codes, factors, options, why):
    with pytest.raises(ValueError, match=why):
        score(codes, factors, **options)


def test_options_that_a_protocol_lacks_are_refused():
    with pytest.raises(ValueError, match="no boosted trees"):
        dci(ALIGNED, FACTOR_TABLE, protocol="infogan_cr", trees="boosted")
    with pytest.raises(ValueError, match="belong to protocol='infogan_cr'"):
        dci(ALIGNED, FACTOR_TABLE, depths=[2] * FACTORS)
    with pytest.raises(ValueError, match="one for each of 4 factors"):
        dci(ALIGNED, FACTOR_TABLE, protocol="infogan_cr", depths=[2])
    with pytest.raises(ValueError, match="one mark for each of 4 factors"):
        sap(ALIGNED, FACTOR_TABLE, nominal=[True])
    with pytest.raises(ValueError, match="nothing to tell apart"):
        factor_vae(PoolSampler(ALIGNED, FACTOR_TABLE), 1)
    with pytest.raises(ValueError, match="at least two factors"):
        modularity(ALIGNED, FACTOR_TABLE[:, :1])


def test_dci_is_what_the_formula_says_of_known_importances():
    importances = np.array([[3.0, 0, 0], [0.5, 0.5, 0]])
    rows = (3 * 1 + 1 * (1 - LN2 / math.log(3))) / 4
    assert _concentration(importances) == pytest.approx(rows)
    entropy = -(6 / 7 * math.log(6 / 7) + 1 / 7 * math.log(1 / 7)) / LN2
    columns = (3.5 * (1 - entropy) + 0.5 * 1) / 4
    assert _concentration(importances.T) == pytest.approx(columns)
