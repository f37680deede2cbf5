"""Scores of codes that a network reads from images, as pure functions of arrays."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Array = TypeVar("Array", Integers, Floats)

UNMATCHED = -1
"""Class of a category that a matching leaves out; it agrees with no label."""

_LEAST_USE = 0.1


def _paired(one: Array, other: Array) -> tuple[Array, Array]:
    """Both as (n,): a column (n, 1) beside (n,) would be taken for all n x n pairs."""
    for values in (one, other):
        if values.shape not in ((values.size,), (values.size, 1)):
            raise ValueError(f"values of a code are (n,) or (n, 1), not {values.shape}")
    if one.size != other.size:
        raise ValueError(f"{one.size} and {other.size} values do not belong together")
    return one.reshape(-1), other.reshape(-1)


def contingency(categories: Integers, labels: Integers, k: int, classes: int) -> Integers:
    """Count the images of each category and label: (k, classes).

    Raises:
        ValueError: categories and labels are not both (n,) or (n, 1).
    """
    categories, labels = _paired(categories, labels)
    counts = np.zeros((k, classes), dtype=np.int64)
    np.add.at(counts, (categories, labels), 1)
    return counts


def hungarian_matching(categories: Integers, labels: Integers, k: int, classes: int) -> Integers:
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


def majority_matching(categories: Integers, labels: Integers, k: int, classes: int) -> Integers:
    """Give each category, (k,), the class that most of its images have.

    Several categories may share a class, which flatters merged ones and rises with ``k`` by chance:
    score it on other images than these, and say ``k``. An empty category is :data:`UNMATCHED`.
    """
    counts = contingency(categories, labels, k, classes)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), UNMATCHED).astype(np.int64)


def accuracy_under(matching: Integers, categories: Integers, labels: Integers) -> float:
    """Share of the images whose category is matched with their label.

    Raises:
        ValueError: categories and labels are not both (n,) or (n, 1).
    """
    categories, labels = _paired(categories, labels)
    return float(np.mean(matching[categories] == labels))


def nmi(categories: Integers, labels: Integers) -> float:
    """Mutual information of category and label over the mean of their entropies, from 0 to 1."""
    score = normalized_mutual_info_score(labels, categories, average_method="arithmetic")
    return float(score)


def ari(categories: Integers, labels: Integers) -> float:
    """Rand index adjusted for chance (Hubert and Arabie 1985): 1 is perfect, 0 is chance."""
    return float(adjusted_rand_score(labels, categories))


def used_categories(categories: Integers, k: int) -> int:
    """Count the categories that hold at least a tenth of an even share of the images."""
    counts = np.bincount(categories, minlength=k)
    return int(np.sum(counts >= max(1.0, _LEAST_USE * len(categories) / k)))


def r2(read: Floats, sampled: Floats) -> float:
    """Coefficient of determination, 1 - SS_res / SS_tot, of the reading as it stands.

    Nothing is refitted: a reading with the wrong scale or sign loses, and may fall below 0, where
    the squared correlation would forgive it. A code that never varies scores 0.

    Raises:
        ValueError: they are not both (n,) or (n, 1).
    """
    read, sampled = _paired(np.asarray(read, np.float64), np.asarray(sampled, np.float64))
    total = np.sum((sampled - sampled.mean()) ** 2)
    return float(1.0 - np.sum((sampled - read) ** 2) / total) if total else 0.0


def spearman(read: Floats, sampled: Floats) -> float:
    """Rank correlation from -1 to 1; 0 where the reading or the code never varies.

    Raises:
        ValueError: they are not both (n,) or (n, 1).
    """
    read, sampled = _paired(np.asarray(read, np.float64), np.asarray(sampled, np.float64))
    if np.ptp(read) == 0 or np.ptp(sampled) == 0:
        return 0.0
    return float(spearmanr(read, sampled).statistic)
