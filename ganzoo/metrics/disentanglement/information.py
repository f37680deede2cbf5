"""Scores from the mutual information of each code with each factor: MIG and modularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ganzoo.metrics.disentanglement.representation import Floats, Integers, at_least, represent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ganzoo.metrics.disentanglement.representation import Representation

BINS = 20
"""Bins of equal width that a continuous code is cut into, in both protocols."""


def mig(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: Sequence[bool] | None = None,
    bins: int = BINS,
) -> float:
    """Mutual information gap, from 0 to 1 (Chen et al. 2018, equation 6).

    For each factor, the information that the best code has of it less that of the second best, over
    the factor's entropy; the mean of that. Each code is cut into bins of equal width, as Locatello
    et al. 2019 do; Chen et al. sample from the posterior instead, which gives other numbers. The
    estimate rises as rows fall: noise against a factor of 40 values gets 0.01 of its entropy with
    10,000 rows, and 0.18 with 500.

    Args:
        codes: (N, D). All rows count; published numbers use 10,000 (``locatello``) or 73,728.
        factors: (N, K) values of the factors, as numbers without an order. Constant ones are left
            out.
        discrete: Which codes are categorical, (D,): those are not cut into bins.
        bins: Bins of a continuous code, 2 or more.

    Raises:
        ValueError: the arrays do not belong together, hold NaN, or no factor varies; or there are
            fewer than two bins.
    """
    ready = represent(codes, factors, discrete)
    information, entropies = _information(ready, bins)
    # two codes without any information, for a representation with fewer than two live ones
    contenders = np.sort(np.vstack([information, np.zeros((2, ready.factor_count))]), axis=0)
    return float(np.mean((contenders[-1] - contenders[-2]) / entropies))


def modularity(
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    discrete: Sequence[bool] | None = None,
    bins: int = BINS,
) -> float:
    """Modularity from 0 to 1 (Ridgeway & Mozer 2018, equation 2): has each code one factor alone?

    For each live code, 1 less the squared information of all factors but its best, over that of the
    best times K - 1; the mean of that. It asks nothing about how much a code knows: noise gets
    about 0.7, so never read it alone. 0 if no code is alive. Arguments as for :func:`mig`.

    Raises:
        ValueError: as for :func:`mig`, or fewer than two factors vary.
    """
    ready = represent(codes, factors, discrete)
    if ready.factor_count < 2:
        raise ValueError("modularity needs at least two factors that vary")
    squared = _information(ready, bins)[0] ** 2
    best = squared.max(axis=1)
    informed = best > 0
    if not informed.any():
        return 0.0
    rest = (squared.sum(axis=1) - best)[informed] / (best[informed] * (ready.factor_count - 1))
    return float(np.sum(1 - rest) / len(best))


def _information(ready: Representation, bins: int) -> tuple[Floats, Floats]:
    """Mutual information (D, K) of codes and factors, and the factors' entropies (K,), in nats."""
    at_least("bins", bins, 2)
    information = np.zeros((ready.code_count, ready.factor_count))
    entropies = np.array([_entropy(np.bincount(column)) for column in ready.factors.T])
    for code, values in enumerate(ready.codes.T):
        cells = values.astype(np.int64) if ready.discrete[code] else _binned(values, bins)
        own = _entropy(np.bincount(cells))
        for factor, column in enumerate(ready.factors.T):
            joint = _entropy(np.bincount(cells * (int(column.max()) + 1) + column))
            information[code, factor] = max(0.0, own + entropies[factor] - joint)
    return information, entropies


def _binned(values: Floats, bins: int) -> Integers:
    low, high = values.min(), values.max()
    places = ((values - low) / (high - low) * bins).astype(np.int64)
    cells: Integers = np.minimum(places, bins - 1)
    return cells


def _entropy(counts: Integers) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)))
