"""What a metric is given, numpy's or torch's, as what it computes with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def as_array(values: ArrayLike | Tensor) -> NDArray[Any]:
    """An array of numpy; numbers of a tensor with a fraction become float64."""
    if not isinstance(values, Tensor):
        return np.asarray(values)
    values = values.detach().cpu()
    return np.asarray((values.double() if values.is_floating_point() else values).numpy())


def as_features(*sets: ArrayLike | Tensor, least: int) -> list[Tensor]:
    """Features (n, d) of several sets as tensors; half precision becomes float32, integers float64.

    Raises:
        ValueError: one is no table, has fewer than ``least`` rows, or holds NaN or infinity, or
            their widths differ.
    """
    tables = [torch.as_tensor(each).detach() for each in sets]
    tables = [each if each.is_floating_point() else each.double() for each in tables]
    tables = [each.float() if each.dtype.itemsize < 4 else each for each in tables]
    for table in tables:
        if table.dim() != 2 or len(table) < least:
            raise ValueError(
                f"features are (n, d), of {least} images or more, not {tuple(table.shape)}"
            )
        if not table.isfinite().all():
            raise ValueError("features hold NaN or infinity")
    if len({table.shape[1] for table in tables}) > 1:
        shapes = " and ".join(str(tuple(table.shape)) for table in tables)
        raise ValueError(f"features of one network have one width, not {shapes}")
    return tables
