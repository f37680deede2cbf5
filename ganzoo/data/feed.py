"""What batches are made of: the images of a run, and further sources of images beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.data.order import Order
from ganzoo.draw import mix

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor

    from ganzoo.data.decoding import Data


class Feed:
    """Batches at places of the endless stream; each source is shuffled by itself.

    The run's own images give ``image`` and ``label``; the further source of ``[data.NAME]`` gives
    ``NAME.image`` and ``NAME.label``, as many of them. Sources may differ in length, and which of
    their images meet means nothing.
    """

    def __init__(
        self, images: Data, further: Mapping[str, Data], seed: int, device: torch.device
    ) -> None:
        self._main = images.to(device), Order(len(images), seed)
        self._further = {
            name: (data.to(device), Order(len(data), mix(seed, "data", name)))
            for name, data in further.items()
        }

    def batch(self, position: int, size: int, mine: slice) -> dict[str, Tensor]:
        """The part ``mine`` of the global batch of ``size`` from ``position`` on; images uint8."""
        data, order = self._main
        batch = data.gather(order.indices(position, size)[mine])
        for name, (data, order) in self._further.items():
            parts = data.gather(order.indices(position, size)[mine])
            batch |= {f"{name}.{key}": value for key, value in parts.items()}
        return batch
