"""Scores of generated images against real ones, as pure functions of their features.

Features are (n, d), one row for each image, from any fixed network: tensors or arrays. A ValueError
says what is wrong with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganzoo.metrics.arrays import as_features

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NEIGHBOURS = 5
"""k of the neighbourhoods in :func:`neighbourhood_scores`."""

_ROWS = 1000
"""Rows of a matrix of pairs that are in memory at a time."""


def frechet_distance(first: ArrayLike | Tensor, second: ArrayLike | Tensor) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of features.

    |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), as in Heusel et al. 2017, equation 6. The trace of the
    square root is that of (R C2 R)^½ with R = C1^½, which is symmetric: so its eigenvalues are
    exact and real where those of C1 C2 need not be.
    """
    first, second = (each.double() for each in as_features(first, second, least=2))
    size = first.shape[1]
    spread, other = (part.T.cov().reshape(size, size) for part in (first, second))
    values, vectors = torch.linalg.eigh(spread)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    common = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    apart = (first.mean(0) - second.mean(0)).square().sum()
    return float(apart + spread.trace() + other.trace() - 2 * common)


def kernel_distance(first: ArrayLike | Tensor, second: ArrayLike | Tensor) -> float:
    """Squared maximum mean discrepancy under the kernel (x·y / d + 1)³, unbiased.

    It is the KID of Bińkowski et al. 2018 over all pairs, rather than as a mean over random
    subsets. It may be slightly negative for sets of one distribution.
    """
    first, second = (each.double() for each in as_features(first, second, least=2))
    own = [(_kernel_sum(x, x) - float(_kernel(x, x).sum())) for x in (first, second)]
    pairs = [len(x) * (len(x) - 1) for x in (first, second)]
    cross = _kernel_sum(first, second) / (len(first) * len(second))
    return own[0] / pairs[0] + own[1] / pairs[1] - 2 * cross


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Of each row of ``x`` with the same row of ``y``, (n,)."""
    return ((x * y).sum(1) / x.shape[1] + 1) ** 3


def _kernel_sum(x: Tensor, y: Tensor) -> float:
    return sum(
        float(((rows @ y.T).div_(x.shape[1]).add_(1) ** 3).sum()) for rows in torch.split(x, _ROWS)
    )


@dataclass(frozen=True)
class Neighbourhoods:
    """How generated and real images lie among each other."""

    precision: float
    """Share of generated images in the neighbourhood of a real one."""
    recall: float
    """Share of real images in the neighbourhood of a generated one."""
    density: float
    """Mean number of real neighbourhoods that a generated image is in, over k; may exceed 1."""
    coverage: float
    """Share of real images with a generated one in their neighbourhood; about 1 - 2^-k at best."""


def neighbourhood_scores(
    real: ArrayLike | Tensor, generated: ArrayLike | Tensor, k: int = NEIGHBOURS
) -> Neighbourhoods:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    The neighbourhood of an image reaches to the ``k``-th nearest other image of its own set. All
    four depend on the sizes of the sets, which should be equal.

    Raises:
        ValueError: a set has no more than ``k`` images.
    """
    real, generated = as_features(real, generated, least=1)
    if min(len(real), len(generated)) <= k:
        raise ValueError(f"neighbourhoods of {k} images need more than {k} images")
    # Distances are differences of large numbers if the features lie far from 0.
    real, generated = real - real.mean(0), generated - real.mean(0)
    reach, other_reach = _reach(real, k), _reach(generated, k)
    inside = torch.zeros(len(generated), device=real.device)
    covered, recalled = torch.zeros(2, len(real), dtype=torch.bool, device=real.device)
    for start in range(0, len(generated), _ROWS):
        rows = slice(start, start + _ROWS)
        apart = torch.cdist(generated[rows], real)
        within = apart <= reach
        inside[rows] = within.sum(1).float()
        covered |= within.any(0)
        recalled |= (apart <= other_reach[rows, None]).any(0)
    return Neighbourhoods(
        precision=float((inside > 0).double().mean()),
        recall=float(recalled.double().mean()),
        density=float(inside.double().mean()) / k,
        coverage=float(covered.double().mean()),
    )


def _reach(features: Tensor, k: int) -> Tensor:
    """Distance to the ``k``-th nearest other row, (n,)."""
    # The nearest of all is the row itself.
    parts = [
        torch.cdist(rows, features).kthvalue(k + 1).values for rows in torch.split(features, _ROWS)
    ]
    return torch.cat(parts)


def nearest_distances(features: Tensor, among: Tensor) -> Tensor:
    """Distance of each row of ``features`` to the nearest row of ``among``, (n,)."""
    centre = among.mean(0)
    parts = [
        torch.cdist(rows - centre, among - centre).amin(1) for rows in torch.split(features, _ROWS)
    ]
    return torch.cat(parts)


def classifier_score(probabilities: Tensor) -> float:
    """Exponential of E KL(p(class | image) || p(class)), from 1 to K; probabilities are (n, K).

    It is the inception score of Salimans et al. 2016, with any classifier and over one split. It
    sees neither memorised nor blurred images.
    """
    probabilities = probabilities.double()
    joint = torch.special.xlogy(probabilities, probabilities).sum(1).mean()
    marginal = probabilities.mean(0)
    return float((joint - torch.special.xlogy(marginal, marginal).sum()).exp())


def kl_to_uniform(shares: Tensor) -> float:
    """KL(shares || uniform) in nats, of ``shares`` (K,) that sum to 1: from 0 to ln K."""
    shares = shares.double()
    return float(torch.special.xlogy(shares, shares * len(shares)).sum())
