"""Between bytes and the range that a model works in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping


def normalise(batch: Mapping[str, Tensor], image_range: tuple[float, float]) -> dict[str, Tensor]:
    """Scale every uint8 tensor of ``batch`` from 0..255 to float32 in ``image_range``.

    0 becomes exactly the lower end and 255 exactly the upper. Other tensors are passed on.
    """
    low, high = image_range
    return {
        name: value.to(torch.float32).div_(255).mul_(high - low).add_(low)
        if value.dtype == torch.uint8
        else value
        for name, value in batch.items()
    }


def to_uint8(images: Tensor, image_range: tuple[float, float]) -> Tensor:
    """Invert :func:`normalise` for a tensor of any shape: clamp to the range, round to bytes.

    NaN becomes the lower end.
    """
    low, high = image_range
    share = (images.detach().to(torch.float32) - low) / (high - low)
    return share.nan_to_num(0.0).clamp(0, 1).mul(255).round().to(torch.uint8)
