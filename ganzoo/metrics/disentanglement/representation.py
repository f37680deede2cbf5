"""Codes and factors made ready: dead codes and constant factors left out, the rest on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics.arrays import as_array
from ganzoo.metrics.disentanglement.protocols import find_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from ganzoo.metrics.disentanglement.protocols import ProtocolName

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

DEAD = 1e-6
"""A code whose deviation is less than this share of the largest, or of its own mean, is dead."""


@dataclass(frozen=True)
class Representation:
    """Live codes beside the factors that vary, row by row."""

    codes: Floats
    """(N, D): mean 0 and deviation 1; a categorical code instead holds numbers from 0 on."""
    discrete: Flags
    """(D,): which codes are categorical."""
    factors: Integers
    """(N, K): the values of each factor, numbered from 0 on."""

    @property
    def code_count(self) -> int:
        """Number of live codes, D."""
        return int(self.codes.shape[1])

    @property
    def factor_count(self) -> int:
        """Number of factors that vary, K."""
        return int(self.factors.shape[1])

    def columns(self, code: int) -> Floats:
        """What a predictor is given of one code: (N, 1), or (N, categories) as one-hot."""
        values = self.codes[:, code]
        if not self.discrete[code]:
            return values[:, None]
        return np.eye(int(values.max()) + 1)[values.astype(np.int64)]

    def halves(self, protocol: ProtocolName, seed: int) -> tuple[Integers, Integers]:
        """Rows to fit on and rows to score on: two thirds and one third, or all and all."""
        recipe = find_protocol(protocol)
        rows = np.random.default_rng(seed).permutation(len(self.codes))
        if not recipe.held_out:
            return rows, rows
        cut = len(rows) - len(rows) // 3
        return rows[:cut], rows[cut:]


def represent(
    codes: ArrayLike, factors: ArrayLike, discrete: Sequence[bool] | None
) -> Representation:
    """Check codes (N, D) and factors (N, K), and bring them into a form that no metric trips over.

    The order of the columns is made to depend on what they hold, so that a fit that draws lots
    among columns comes out the same however they were ordered.

    Raises:
        ValueError: the arrays do not belong together, hold NaN, or no factor varies.
    """
    table, values = row_by_row(codes, factors)
    marks = discrete_marks(discrete, table.shape[1])
    numbered = [numbers(column) for column in values.T]
    varying = [column for column in numbered if column.max() > 0]
    if not varying:
        raise ValueError("no factor varies in these rows")
    kept = alive(table, marks)
    columns = [_scaled(table[:, code], discrete=marks[code]) for code in np.flatnonzero(kept)]
    ready = np.stack(columns, axis=1) if columns else np.empty((len(table), 0))
    order = np.lexsort((*ready[::-1], marks[kept])) if columns else np.empty(0, np.int64)
    return Representation(ready[:, order], marks[kept][order], np.stack(varying, axis=1))


def row_by_row(codes: ArrayLike, factors: ArrayLike) -> tuple[Floats, NDArray[Any]]:
    """Codes (N, D) and factors (N, K) as arrays.

    Raises:
        ValueError: they do not belong together, are too few, or hold NaN or infinity.
    """
    table = as_array(codes).astype(np.float64, copy=False)
    values = as_array(factors)
    if table.ndim != 2 or values.ndim != 2 or len(table) != len(values):
        raise ValueError(
            f"codes (N, D) and factors (N, K) need the same rows: {table.shape}, {values.shape}"
        )
    if len(table) < 3:
        raise ValueError(f"{len(table)} rows are too few to score")
    for name, numeric in (("codes", table), ("factors", values)):
        if numeric.dtype.kind == "f" and not np.isfinite(numeric).all():
            raise ValueError(f"{name} hold NaN or infinity")
    return table, values


def at_least(name: str, value: int, least: int) -> int:
    """The value of the argument of that name.

    Raises:
        ValueError: it is too small.
    """
    if value < least:
        raise ValueError(f"{name} should be {least} or more, not {value}")
    return value


def discrete_marks(discrete: Sequence[bool] | None, count: int) -> Flags:
    """Which of ``count`` codes are categorical: none, if nothing is said.

    Raises:
        ValueError: there is not one mark for each code.
    """
    marks = np.zeros(count, bool) if discrete is None else np.asarray(discrete, dtype=bool)
    if marks.shape != (count,):
        raise ValueError(f"discrete needs one mark for each of {count} codes, not {marks.shape}")
    return marks


def alive(codes: Floats, discrete: Flags) -> Flags:
    """Which codes (N, D) vary: a dead one is noise of rounding, and says nothing."""
    deviation = codes.std(axis=0)
    largest = deviation[~discrete].max(initial=0.0)
    least = DEAD * np.maximum(largest, np.abs(codes.mean(axis=0)))
    flags: Flags = np.where(discrete, np.ptp(codes, axis=0) > 0, deviation > least)
    return flags


def commonest(codes: Floats, discrete: Flags) -> Floats:
    """Share (D,) of the rows (N, D) that have a code's commonest value, but for rounding."""
    size = np.maximum(codes.std(axis=0), np.abs(codes.mean(axis=0)))
    shares = []
    for values, reach in zip(
        np.sort(codes, axis=0).T, np.where(discrete, 0.0, DEAD * size), strict=True
    ):
        ends = np.searchsorted(values, values + reach, side="right")
        shares.append(np.max(ends - np.arange(len(values))) / len(values))
    return np.array(shares)


def numbers(values: NDArray[Any]) -> Integers:
    """The values (N,) numbered from 0 on in their order."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _scaled(values: Floats, *, discrete: bool) -> Floats:
    if discrete:
        return numbers(values).astype(np.float64)
    scaled: Floats = (values - values.mean()) / values.std()
    return scaled
