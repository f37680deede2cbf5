"""Tables that are only read from front to back: those of ``datasets``' streaming."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import datasets

from ganzoo.data.columns import PART, Table
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa  # type: ignore[import-untyped]

    from ganzoo.data.columns import Encoded


def features_of(table: datasets.IterableDataset, name: str) -> datasets.Features:
    """The types of the columns, from the first row where the files do not say them.

    Raises:
        UserError: the table cannot be read, or is empty.
    """
    if table.features is not None:
        return table.features
    for rows in _parts(table.with_format("arrow"), 1, name):
        return datasets.Features.from_arrow_schema(rows.schema)
    raise UserError(f"{name!r} is empty: there are no rows in it")


def _parts(table: datasets.IterableDataset, size: int, name: str) -> Iterator[pa.Table]:
    try:
        yield from table.iter(batch_size=size)
    except Exception as error:  # the readers of `datasets` raise nearly anything
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"cannot read {name!r} any further: {reason}") from error


@dataclass(frozen=True)
class Shards(Table):
    """A ``datasets.IterableDataset``: files that are read one after the other, never as a whole."""

    table: datasets.IterableDataset
    name: str = ""
    """What messages call the data set."""
    limit: int | None = None
    """Only so many rows are taken, the first ones; then all files count as one."""

    @property
    def number(self) -> int:
        """How many there are; each can be read by itself."""
        return 1 if self.limit is not None else int(self.table.num_shards)

    def read(self, shard: int) -> Iterator[pa.Table]:
        """The rows of one shard, from 0 to ``number`` - 1, in parts.

        Raises:
            UserError: they cannot be read.
        """
        left = self.limit
        for rows in _parts(self.arrow.shard(self.number, shard), PART, self.name):
            if left is None:
                yield rows
                continue
            yield rows.slice(0, left)
            left -= len(rows)
            if left <= 0:
                return

    def first(self, count: int) -> list[Encoded]:
        """The first ``count`` rows, or all if there are fewer."""
        found: list[Encoded] = []
        for shard in range(self.number):
            for rows in self.read(shard):
                found += self.encoded(rows, range(len(found), len(found) + len(rows)))
                if len(found) >= count:
                    return found[:count]
        return found
