"""A split that is too large to be decoded as a whole: what is known of it before it is read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch

from ganzoo.cores import allowed_cores
from ganzoo.data.broken import NAMED, check_broken
from ganzoo.data.columns import PART, Rows
from ganzoo.data.convert import UnreadableError
from ganzoo.data.converting import converted
from ganzoo.data.decoding import rendered
from ganzoo.data.images import Images, Rendered
from ganzoo.data.sequence import RowSequence, ShardSequence
from ganzoo.data.source import ImageSource
from ganzoo.data.splits import same_split
from ganzoo.data.store import Description
from ganzoo.draw import generator_for
from ganzoo.launch import device_type
from ganzoo.variables import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.columns import Encoded
    from ganzoo.data.convert import Target
    from ganzoo.data.sequence import Sequence
    from ganzoo.data.shards import Shards
    from ganzoo.data.source import Source
    from ganzoo.schema import DataSettings

SAMPLE = 10_000
"""Images of a streamed split that scores look at."""
DECODERS = "GANZOO_DECODERS"
"""The variable in which a sweep tells each training how many processes decode for it."""
_MOST_WORKERS = 8


@dataclass(frozen=True)
class Streamed:
    """A split, ready to be dealt out; in use it is like decoded images."""

    name: str
    content: Rows | Shards
    target: Target
    classes: tuple[str, ...] | None
    count: int
    """Number of images; 0 where that is not known."""
    buffer: int
    """Images of shards that are shuffled at a time."""
    workers: int
    """Processes that decode for this rank."""
    broken_share: float
    rank: int = 0
    world: int = 1
    notes: tuple[str, ...] = ()
    """What a person should know of how it is read, a sentence each."""

    def __len__(self) -> int:
        return self.count

    @property
    def digest(self) -> str:
        """Empty: nobody has seen all images."""
        return ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.target.channels, self.target.side, self.target.side

    @property
    def parts(self) -> int:
        """In how many the ranks divide shards; 1 where each rank reads all and decodes its own."""
        divides = not isinstance(self.content, Rows) and self.content.number >= self.world
        return self.world if divides else 1

    def sequence(self, seed: int) -> Sequence:
        """The images in the order of ``seed``, or those of them that this rank reads."""
        if isinstance(self.content, Rows):
            return RowSequence(self.content, self.count, seed)
        part = self.rank if self.parts > 1 else 0
        return ShardSequence(self.content, self.buffer, seed, part, self.parts)


def open_stream(
    source: Source, settings: DataSettings, rank: int = 0, world: int = 1
) -> Streamed | Rendered:
    """Get a split ready to be streamed for one of ``world`` ranks; none of it is decoded yet.

    Images that a plugin makes on demand are taken as they are.

    Raises:
        UserError: the settings do not fit the images, or none of those looked at can be read, or
            ``GANZOO_DECODERS`` is no number.
    """
    count = len(source) if settings.limit is None else min(len(source), settings.limit)
    if isinstance(source.content, ImageSource):
        return rendered(source, source.content, settings, count)
    workers = _decoders(world) if settings.workers is None else settings.workers
    streamed = Streamed(
        name=source.name,
        content=source.content,
        target=source.target(settings),
        classes=source.classes,
        count=count,
        buffer=settings.shuffle_buffer,
        workers=workers,
        broken_share=settings.broken_share,
        rank=rank,
        world=world,
    )
    return replace(streamed, notes=(*source.notes, *_notes(streamed)))


def sample(source: Source, settings: DataSettings, size: int = SAMPLE) -> tuple[Images, bool]:
    """Decode the first ``size`` images of a split in the order of seed 0, and say if that is all.

    Raises:
        UserError: the settings do not fit, or too many of these images are broken.
    """
    assert not isinstance(source.content, ImageSource), "those need not be decoded"
    target = source.target(settings)
    limit = settings.limit if same_split(source.split, settings.split) else None
    rest = _in_order(source.content, limit)
    parts = _in_parts(islice(rest, size))
    images, labels, broken = [], [], []
    for item, result in converted(
        parts, target, threads=source.is_large, total=size, name=source.name
    ):
        if isinstance(result, UnreadableError):
            broken.append(f"{item.name} ({result})")
        else:
            images.append(result[0])
            labels.append(item.label)
    description = Description(len(images), len(broken), broken[:NAMED], {})
    check_broken(source.name, description, settings.broken_share)
    stacked = np.stack(images)
    images.clear()
    fingerprint = hashlib.blake2b(stacked.data)
    fingerprint.update(bytes(str(labels), "ascii"))
    decoded = Images(
        images=torch.from_numpy(stacked),
        labels=torch.tensor(labels) if source.content.label else None,
        classes=source.classes,
        fingerprint=fingerprint.hexdigest(),
        notes=source.notes,
    )
    return decoded, next(rest, None) is None


def _in_order(content: Rows | Shards, limit: int | None) -> Iterator[Encoded]:
    """Every image once: the first ``limit`` rows shuffled or, of shards, the shards alone."""
    generator = generator_for(torch.device("cpu"), 0, "sample")
    if isinstance(content, Rows):
        order = torch.randperm(min(len(content), limit or len(content)), generator=generator)
        for places in torch.split(order, PART):
            yield from content.take(places.tolist())
        return
    for shard in torch.randperm(content.number, generator=generator).tolist():
        read = 0
        for rows in content.read(shard):
            yield from content.encoded(rows, range(read, read + len(rows)))
            read += len(rows)


def _in_parts(items: Iterator[Encoded]) -> Iterator[list[Encoded]]:
    while part := list(islice(items, PART)):
        yield part


def _decoders(world: int) -> int:
    """Processes that decode for each rank, where no setting says how many.

    They are told by who shares this machine among several trainings; a training that has it for
    itself takes the cores that no thread of a rank trains on, at least 1. Beside an accelerator
    one thread of each rank is busy.
    """
    told = os.environ.get(DECODERS)
    if told is None:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        busy = torch.get_num_threads() if device_type() == "cpu" else 1
        return min(max(allowed_cores() // here - busy, 1), _MOST_WORKERS)
    return min(whole_number(DECODERS, told, "a number of processes"), _MOST_WORKERS)


def _notes(streamed: Streamed) -> Iterator[str]:
    decoders = f"{streamed.workers} processes" if streamed.workers != 1 else "a process"
    how = f"images are streamed: decoded as they come, by {decoders} of each rank"
    if streamed.workers == 0:
        how = "images are streamed: decoded as they come, while the training waits"
    if isinstance(streamed.content, Rows):
        yield how
    else:
        yield f"{how}, and shuffled among {streamed.buffer:,} at a time"
    yield (
        "a stream cannot promise to go on bit for bit: it does only while the files are the same"
        + (" and as many processes train" if streamed.parts > 1 else "")
    )
    if streamed.world > 1 and streamed.parts == 1 and not isinstance(streamed.content, Rows):
        yield (
            f"each of {streamed.world} processes reads the whole stream and decodes its own part: "
            f"there are fewer files ({streamed.content.number}) than processes"
        )
