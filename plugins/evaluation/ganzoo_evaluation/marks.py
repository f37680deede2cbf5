"""What tells the images of a split from others, whatever machine they are on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

from ganzoo.data import Rendered

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.loaded import Split

_LOOKED_AT = 200
"""Images of a split by which :func:`images_mark` knows it."""


def digest_of(split: Split, indices: Tensor) -> str:
    """SHA-256 of some images of a split and of their labels."""
    labels = split.labels(indices)
    digest = hashlib.sha256(split.images(indices).cpu().numpy().tobytes())
    if labels is not None:
        digest.update(labels.cpu().numpy().tobytes())
    return digest.hexdigest()


def images_mark(split: Split) -> str:
    """How many images a split has, and a hash of some from all over it.

    Images that are made on demand are known by their number alone: two machines may round a pixel
    of them differently.
    """
    count = len(split)
    if isinstance(split.data, Rendered):
        return f"{count} made on demand"
    looked_at = min(_LOOKED_AT, count)
    return f"{count}:{digest_of(split, torch.arange(looked_at) * count // looked_at)[:12]}"
