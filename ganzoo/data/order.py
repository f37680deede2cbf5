"""The order of the data: which image comes when, as a pure function of the seed."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.draw import generator_for
from ganzoo.errors import UserError


class Order:
    """The endless stream of the indices 0 .. ``count`` - 1, shuffled anew in each epoch.

    Entry i of the stream is place i mod ``count`` of the permutation of epoch i div ``count``, so
    that resuming needs no replay, and a batch larger than the data is simply several epochs long.
    """

    def __init__(self, count: int, seed: int) -> None:
        if count < 1:
            raise UserError("there are no images to put in an order")
        self.count = count
        self.seed = seed
        self._permutations: dict[int, Tensor] = {}

    def indices(self, position: int, n: int) -> Tensor:
        """Entries ``position`` .. ``position`` + ``n`` - 1 of the stream, int64 (n,) on the CPU."""
        parts = []
        while n > 0:
            epoch, place = divmod(position, self.count)
            part = self._permutation(epoch)[place : place + n]
            parts.append(part)
            position += len(part)
            n -= len(part)
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._permutations:
            generator = generator_for(torch.device("cpu"), self.seed, "order", epoch)
            # A batch may straddle two epochs, so two are kept; a third would only cost memory.
            kept = {known: self._permutations[known] for known in list(self._permutations)[-1:]}
            self._permutations = kept | {epoch: torch.randperm(self.count, generator=generator)}
        return self._permutations[epoch]
