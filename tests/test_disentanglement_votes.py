"""Which codes have a vote, ties, and what is refused before anything is scored."""

import numpy as np
import pytest

from ganzoo.metrics.disentanglement import (
    PROTOCOLS,
    PoolSampler,
    beta_vae,
    dci,
    explicitness,
    factor_vae,
    mig,
    modularity,
    sap,
)

ROWS = 4000
FACTORS = np.random.default_rng(7).integers([3, 6, 40], size=(ROWS, 3))
NOISE = np.random.default_rng(8).normal(size=(ROWS, 3))
ALIGNED = FACTORS / FACTORS.std(axis=0) + 0.1 * NOISE
SMALL = ALIGNED[:300], FACTORS[:300]

by_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)


def score_of(codes, factors, **options):
    sampler = PoolSampler(codes, factors)
    return factor_vae(sampler, sampler.factors, groups=300, **options)


@by_protocol
@pytest.mark.parametrize("share", [0.05, 0.005, 0.0003], ids="odd {}".format)
@pytest.mark.parametrize("discrete", [True, False], ids=["category", "number"])
def test_a_code_with_one_value_in_almost_all_images_wins_next_to_no_vote(protocol, share, discrete):
    """It is alike in most groups whatever is fixed, and so its variance there is the least."""
    rng = np.random.default_rng(1)
    odd = np.where(rng.random(ROWS) < share, rng.integers(1, 10, size=ROWS), 0)
    codes = np.column_stack([odd, ALIGNED])
    found = score_of(codes, FACTORS, discrete=[discrete, False, False, False], protocol=protocol)
    assert found >= 0.95
    without = score_of(ALIGNED, FACTORS, protocol=protocol)
    assert found == without == 1 or share == 0.05


@by_protocol
def test_a_number_that_is_constant_but_for_rounding_in_almost_all_images_has_no_vote(protocol):
    rng = np.random.default_rng(1)
    odd = np.where(rng.random(ROWS) < 0.005, 1.0, 3.0) + 1e-9 * rng.normal(size=ROWS)
    assert score_of(np.column_stack([odd, ALIGNED]), FACTORS, protocol=protocol) == 1


@by_protocol
def test_categories_in_even_use_win_the_votes_for_what_they_hold(protocol):
    factors = np.random.default_rng(2).integers([2, 2, 3], size=(ROWS, 3))
    codes = np.column_stack([factors[:, 0], 1 - factors[:, 1], factors[:, 2] + 0.1 * NOISE[:, 0]])
    marks = [True, True, False]
    assert score_of(codes, factors, discrete=marks, protocol=protocol) == 1


@pytest.mark.parametrize(
    ("protocol", "share"),
    [("locatello", 0.01), ("locatello", 0.055), ("infogan_cr", 0.01), ("infogan_cr", 0.036)],
)
def test_the_order_of_categories_does_not_decide_ties(protocol, share):
    """The third knows nothing; where it is not too rare it has a vote, and ties in some groups."""
    rng = np.random.default_rng(3)
    factors = rng.integers([3, 4], size=(3000, 2))
    codes = np.column_stack([factors, rng.permutation(3000) < 3000 * share])
    found = {
        score_of(codes[:, order], factors, discrete=[True] * 3, protocol=protocol)
        for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0])
    }
    assert found == {1.0}


@pytest.mark.parametrize("score", [factor_vae, beta_vae])
def test_noise_gets_more_than_chance_where_fitted_votes_count(score):
    def of(count):
        def sampler(factor, groups, size, rng):
            return rng.normal(size=(groups, size, count))

        return np.mean([score(sampler, 5, protocol="infogan_cr", seed=seed) for seed in range(3)])

    assert 0.2 < of(4) < of(40) < 0.5


def test_the_order_of_five_factors_does_not_change_dci():
    factors = np.random.default_rng(4).integers([3, 6, 40, 32, 32], size=(500, 5))
    codes = factors @ np.random.default_rng(5).normal(size=(5, 4))
    order = [4, 2, 0, 1, 3]
    one, other = (dci(codes, f, protocol="infogan_cr") for f in (factors, factors[:, order]))
    assert one.disentanglement == pytest.approx(other.disentanglement)
    shallow = dci(codes, factors, protocol="infogan_cr", depths=(4, 2, 4, 2, 2))
    assert shallow.informativeness < one.informativeness


HOLED = np.where(np.arange(300)[:, None] == 5, np.nan, FACTORS[:300])


@pytest.mark.parametrize("score", [mig, modularity, sap, dci, explicitness, PoolSampler])
def test_factors_that_hold_nan_are_refused(score):
    with pytest.raises(ValueError, match="factors hold NaN"):
        score(ALIGNED[:300], HOLED)


@pytest.mark.parametrize("score", [factor_vae, beta_vae])
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda codes: np.where(codes > 2, np.nan, codes), "hold NaN"),
        (lambda codes: codes[:, :-1], r"should give codes \(\d+, \d+, 2\), and gave"),
        (lambda codes: codes[..., :1], r"should give codes \(\d+, \d+, 2\), and gave"),
        (lambda codes: codes[0], r"should give codes \(\d+, \d+, 2\), and gave"),
    ],
    ids=["nan", "fewer", "narrower", "flat"],
)
def test_groups_that_are_not_as_asked_for_are_refused(score, spoil, why):
    def sampler(factor, groups, size, rng):
        codes = rng.normal(size=(groups, size, 2))
        return codes if factor is None else spoil(codes)

    with pytest.raises(ValueError, match=why):
        score(sampler, 2, groups=50)


def asked(score, **options):
    return lambda: score(PoolSampler(*SMALL), options.pop("factors", 3), **options)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: dci(*SMALL, trees="gbt"), "trees should be forest or boosted, not 'gbt'"),
        (lambda: dci(*SMALL, protocol="x"), "protocol should be locatello or infogan_cr, not 'x'"),
        (lambda: sap(*SMALL, protocol="x"), "protocol should be locatello or infogan_cr"),
        (lambda: explicitness(*SMALL, protocol="x"), "protocol should be"),
        (lambda: mig(*SMALL, bins=0), "bins should be 2 or more, not 0"),
        (lambda: modularity(*SMALL, bins=1), "bins should be 2 or more, not 1"),
        (asked(factor_vae, protocol="x"), "protocol should be"),
        (asked(factor_vae, size=1), "size should be 2 or more, not 1"),
        (asked(factor_vae, size=0), "size should be 2 or more, not 0"),
        (asked(factor_vae, groups=0), "groups should be 3 or more, not 0"),
        (asked(factor_vae, factors=4), "factors should be 3 at most"),
        (asked(beta_vae, size=1, protocol="infogan_cr"), "size should be 2 or more, not 1"),
        (asked(beta_vae, size=0), "size should be 1 or more, not 0"),
        (asked(beta_vae, groups=1), "groups should be 3 or more, not 1"),
        (asked(beta_vae, factors=4), "factors should be 3 at most"),
        (lambda: PoolSampler(ALIGNED, FACTORS[:100]), "need the same rows"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named_with_what_is_allowed(call, why):
    with pytest.raises(ValueError, match=why):
        call()


def test_few_groups_that_all_fix_one_factor_tell_nothing_apart():
    sampler = PoolSampler(*SMALL)
    found = [beta_vae(sampler, 3, groups=3, seed=seed) for seed in range(12)]
    assert all(0 <= value <= 1 for value in found)
