"""What batches are made of: the images of a run, and further sources of images beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ganzoo.data.ahead import Ahead
from ganzoo.data.order import Order
from ganzoo.data.streamed import Streamed
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
        self,
        images: Data | Streamed,
        further: Mapping[str, Data | Streamed],
        seed: int,
        device: torch.device,
    ) -> None:
        self._sources = (images, *further.values())
        self._main = _dealt(images, seed, device)
        self._further = {
            name: _dealt(data, mix(seed, "data", name), device) for name, data in further.items()
        }

    def batch(self, position: int, size: int, mine: slice) -> dict[str, Tensor]:
        """The part ``mine`` of the global batch of ``size`` from ``position`` on; images uint8."""
        batch = self._main.batch(position, size, mine)
        for name, dealt in self._further.items():
            parts = dealt.batch(position, size, mine)
            batch |= {f"{name}.{key}": value for key, value in parts.items()}
        return batch

    def first(self, n: int) -> dict[str, Tensor]:
        """A batch of the first ``n`` images (or all there are), the same at any time."""
        batch = self._main.first(n)
        for name, dealt in self._further.items():
            batch |= {f"{name}.{key}": value for key, value in dealt.first(n).items()}
        return batch

    @property
    def streams(self) -> bool:
        """Whether a source is read on the way, by each rank for itself."""
        return any(isinstance(each, Streamed) for each in self._sources)

    @property
    def flaws(self) -> dict[str, str]:
        """Sentences on broken images that this rank found on the way, by the name of the data."""
        dealt = {"data": self._main} | {
            f"data.{name}": each for name, each in self._further.items()
        }
        return {name: each.flaw for name, each in dealt.items() if each.flaw is not None}


class _Dealt(Protocol):
    """One source of images in an order."""

    def batch(self, position: int, size: int, mine: slice) -> dict[str, Tensor]: ...

    def first(self, n: int) -> dict[str, Tensor]: ...

    @property
    def flaw(self) -> str | None: ...


class _Ordered:
    """Images that can be had by index, in the order of a seed."""

    flaw = None

    def __init__(self, data: Data, seed: int) -> None:
        self._data = data
        self._order = Order(len(data), seed)

    def batch(self, position: int, size: int, mine: slice) -> dict[str, Tensor]:
        return self._data.gather(self._order.indices(position, size)[mine])

    def first(self, n: int) -> dict[str, Tensor]:
        return self._data.gather(self._order.indices(0, min(n, len(self._data))))


def _dealt(data: Data | Streamed, seed: int, device: torch.device) -> _Dealt:
    if isinstance(data, Streamed):
        return Ahead(data, seed, device)
    return _Ordered(data.to(device), seed)
