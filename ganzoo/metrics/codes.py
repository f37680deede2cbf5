"""Scores of codes that a network reads from images, as pure functions of arrays or tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from ganzoo.metrics.arrays import as_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

Integers = NDArray[np.int64]

UNMATCHED = -1
"""Class of a category that a matching leaves out; it agrees with no label."""

_LEAST_USE = 0.1


def _column(values: ArrayLike | Tensor) -> NDArray[Any]:
    """As (n,): a column (n, 1) beside (n,) would be taken for all n x n pairs."""
    found = as_array(values)
    if found.shape not in ((found.size,), (found.size, 1)):
        raise ValueError(f"values of a code are (n,) or (n, 1), not {found.shape}")
    if not found.size:
        raise ValueError("without an image there is no score")
    return found.reshape(-1)


def _paired(
    one: ArrayLike | Tensor, other: ArrayLike | Tensor
) -> tuple[NDArray[Any], NDArray[Any]]:
    first, second = _column(one), _column(other)
    if first.size != second.size:
        raise ValueError(f"{first.size} and {second.size} values do not belong together")
    return first, second


def contingency(
    categories: ArrayLike | Tensor, labels: ArrayLike | Tensor, k: int, classes: int
) -> Integers:
    """Count the images of each category and label: (k, classes).

    Raises:
        ValueError: categories and labels are not both (n,) or (n, 1).
    """
    categories, labels = _paired(categories, labels)
    counts = np.zeros((k, classes), dtype=np.int64)
    np.add.at(counts, (categories, labels), 1)
    return counts


def hungarian_matching(
    categories: ArrayLike | Tensor, labels: ArrayLike | Tensor, k: int, classes: int
) -> Integers:
    """Match categories with classes one to one, so that as many of these images as possible agree.

    Returns the class of each category, (k,). With more categories than classes the rest is
    :data:`UNMATCHED`; with fewer, some classes belong to no category.
    """
    matching = np.full(k, UNMATCHED, dtype=np.int64)
    rows, columns = linear_sum_assignment(
        contingency(categories, labels, k, classes), maximize=True
    )
    matching[rows] = columns
    return matching


def majority_matching(
    categories: ArrayLike | Tensor, labels: ArrayLike | Tensor, k: int, classes: int
) -> Integers:
    """Give each category, (k,), the class that most of its images have.

    Several categories may share a class, which flatters merged ones and rises with ``k`` by chance:
    score it on other images than these, and say ``k``. An empty category is :data:`UNMATCHED`.
    """
    counts = contingency(categories, labels, k, classes)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), UNMATCHED).astype(np.int64)


def accuracy_under(
    matching: ArrayLike | Tensor, categories: ArrayLike | Tensor, labels: ArrayLike | Tensor
) -> float:
    """Share of the images whose category is matched with their label.

    Raises:
        ValueError: categories and labels are not both (n,) or (n, 1).
    """
    categories, labels = _paired(categories, labels)
    return float(np.mean(as_array(matching)[categories] == labels))


def nmi(categories: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """Mutual information of category and label over the mean of their entropies, from 0 to 1."""
    categories, labels = _paired(categories, labels)
    score = normalized_mutual_info_score(labels, categories, average_method="arithmetic")
    return float(score)


def ari(categories: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """Rand index adjusted for chance (Hubert and Arabie 1985): 1 is perfect, 0 is chance."""
    categories, labels = _paired(categories, labels)
    return float(adjusted_rand_score(labels, categories))


def used_categories(categories: ArrayLike | Tensor, k: int) -> int:
    """Count the categories that hold at least a tenth of an even share of the images."""
    found = _column(categories)
    counts = np.bincount(found, minlength=k)
    return int(np.sum(counts >= max(1.0, _LEAST_USE * found.size / k)))


def r2(read: ArrayLike | Tensor, sampled: ArrayLike | Tensor) -> float:
    """Coefficient of determination, 1 - SS_res / SS_tot, of the reading as it stands.

    Nothing is refitted: a reading with the wrong scale or sign loses, and may fall below 0, where
    the squared correlation would forgive it. A code that never varies scores 0.

    Raises:
        ValueError: they are not both (n,) or (n, 1).
    """
    read, sampled = (each.astype(np.float64) for each in _paired(read, sampled))
    total = np.sum((sampled - sampled.mean()) ** 2)
    return float(1.0 - np.sum((sampled - read) ** 2) / total) if total else 0.0


def spearman(read: ArrayLike | Tensor, sampled: ArrayLike | Tensor) -> float:
    """Rank correlation from -1 to 1; 0 where the reading or the code never varies.

    Raises:
        ValueError: they are not both (n,) or (n, 1).
    """
    read, sampled = (each.astype(np.float64) for each in _paired(read, sampled))
    if np.ptp(read) == 0 or np.ptp(sampled) == 0:
        return 0.0
    return float(spearmanr(read, sampled).statistic)
