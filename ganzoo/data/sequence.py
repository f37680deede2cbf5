"""Undecoded images in an endless, shuffled order that is a function of the seed."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING, Protocol

import torch

from ganzoo.data.order import Order
from ganzoo.draw import generator_for
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.columns import Encoded, Rows
    from ganzoo.data.shards import Shards

_CPU = torch.device("cpu")


class Sequence(Protocol):
    """An endless order of undecoded images, each at its place: 0, 1, 2 and so on."""

    def batches(self, first: int, size: int, stride: int) -> Iterator[list[Encoded]]:
        """Endless batches of ``size``, from places ``first``, ``first`` + ``stride``, ... on."""
        ...


class RowSequence:
    """All rows of a table that gives any row at any time, shuffled anew in each epoch.

    It is the order of decoded images, except that a broken image keeps its place.
    """

    def __init__(self, rows: Rows, total: int, seed: int) -> None:
        self.rows = rows
        self.total = total
        self.seed = seed

    def batches(self, first: int, size: int, stride: int) -> Iterator[list[Encoded]]:
        """Endless batches of ``size``, from places ``first``, ``first`` + ``stride``, ... on."""
        order = Order(self.total, self.seed)  # one for each thread that reads
        for place in count(first, stride):
            yield self.rows.take(order.indices(place, size).tolist())


class ShardSequence:
    """Every ``parts``-th shard of an endless list, the rows of which are shuffled in windows.

    The list has all shards in a new order in each epoch. Their rows, joined, are cut into windows
    of ``window`` rows, and each window is shuffled by itself; it may hold the end of one epoch and
    the beginning of the next. So the image at a place depends on nothing but the seed and the
    files, and to begin at any place only the shards before it have to be read, once.
    """

    def __init__(
        self, shards: Shards, window: int, seed: int, part: int = 0, parts: int = 1
    ) -> None:
        self.shards = shards
        self.window = window
        self.seed = seed
        self.part, self.parts = part, parts
        self._lengths: dict[int, int] = {}
        """How many rows a shard has, once it was read."""

    def batches(self, first: int, size: int, stride: int) -> Iterator[list[Encoded]]:
        """Endless batches of ``size``, from places ``first``, ``first`` + ``stride``, ... on."""
        current = first // self.window
        windows = self._windows(current)
        rows = next(windows)
        for place in count(first, stride):
            batch: list[Encoded] = []
            while len(batch) < size:
                number, offset = divmod(place + len(batch), self.window)
                while current < number:
                    rows = next(windows)
                    current += 1
                batch += rows[offset : offset + size - len(batch)]
            yield batch

    def _windows(self, first: int) -> Iterator[list[Encoded]]:
        """Windows from number ``first`` on, each in its order."""
        rows = self._rows(first * self.window)
        for number in count(first):
            window = list(islice(rows, self.window))
            generator = generator_for(_CPU, self.seed, "window", self.part, number)
            order = torch.randperm(len(window), generator=generator)
            yield [window[place] for place in order.tolist()]

    def _rows(self, skip: int) -> Iterator[Encoded]:
        """The rows of the endless list of shards without the first ``skip``."""
        empty = 0
        for shard in self._list():
            length = self._lengths.get(shard)
            if length is not None and length <= skip:
                skip -= length
                continue
            length = 0
            for rows in self.shards.read(shard):
                left_out = min(skip, len(rows))
                skip -= left_out
                numbers = range(length + left_out, length + len(rows))
                length += len(rows)
                yield from self.shards.encoded(rows.slice(left_out), numbers)
            self._lengths[shard] = length
            empty = 0 if length else empty + 1
            if empty >= self.shards.number:
                raise UserError(f"{self.shards.name!r} is empty: there are no rows in it")

    def _list(self) -> Iterator[int]:
        """The shards of this part, endless."""
        return islice(self._all(), self.part, None, self.parts)

    def _all(self) -> Iterator[int]:
        for epoch in count():
            generator = generator_for(_CPU, self.seed, "shards", epoch)
            yield from torch.randperm(self.shards.number, generator=generator).tolist()
