"""Decodes a split once; from then on its images are mapped into memory from a file of bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import torch

from ganzoo.counting import counted
from ganzoo.data.broken import NAMED, check_broken, notes_on
from ganzoo.data.columns import PART, Encoded, Rows
from ganzoo.data.convert import RULES_VERSION, Target, UnreadableError
from ganzoo.data.converting import converted
from ganzoo.data.images import Images, Rendered
from ganzoo.data.source import ImageSource
from ganzoo.data.splits import same_split
from ganzoo.data.store import Description, Entry, Slot, cache_folder
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.source import Source
    from ganzoo.data.store import EntryFile
    from ganzoo.schema import DataSettings

Data = Images | Rendered
"""What batches are taken from."""


def decode(source: Source, settings: DataSettings) -> Data:
    """Decode ``source`` to images (C, ``size``, ``size``), or take them from the cache.

    The conversion is that of :mod:`ganzoo.data.convert`. ``limit`` applies to the training split
    only. Images that a plugin makes on demand are taken as they are.

    Raises:
        UserError: sizes are mixed and ``size`` is not set, too many images are broken, or the cache
            cannot be written.
    """
    limit = settings.limit if same_split(source.split, settings.split) else None
    count = len(source) if limit is None else min(len(source), limit)
    if isinstance(source.content, ImageSource):
        return rendered(source, source.content, settings, count)
    assert isinstance(source.content, Rows), "a table that is only read in order is streamed"
    target = source.target(settings)
    marks = (RULES_VERSION, source.fingerprint, source.split, target, count)
    columns: tuple[object, ...] = (source.content.image, source.content.label)
    if source.content.words is not None:
        columns += (source.content.words,)  # which number a word has, other splits decide as well
    key = hashlib.blake2b(repr((marks, columns)).encode(), digest_size=16).hexdigest()
    slot = Slot(key, (target.channels, target.side, target.side))
    entry = slot.load() or _build(source, settings, target, count, slot)
    check_broken(source.name, entry.description, settings.broken_share)
    labels = torch.from_numpy(entry.labels) if source.content.label else None
    return Images(
        images=torch.from_numpy(entry.images),
        labels=labels,
        classes=source.classes,
        fingerprint=key,
        digest=entry.description.digest,
        notes=(*source.notes, *notes_on(entry.description, labels)),
    )


def check_rendered(source: Source, settings: DataSettings, hint: str | None = None) -> None:
    """Raise UserError if the settings ask for images of another shape than a plugin makes."""
    if not isinstance(source.content, ImageSource):
        return
    channels, height, width = source.content.image_shape
    wanted = (settings.channels or channels, settings.size or height, settings.size or width)
    if wanted != source.content.image_shape or settings.crop is not None:
        usual = f"Leave these settings out, or say data.size={height} and data.channels={channels}."
        raise UserError(
            f"{source.name!r} makes images of {height}x{width} pixels and "
            f"{counted(channels, 'channel')}, and data.size, data.channels and data.crop cannot "
            "change that",
            hint=hint or usual,
        )


def rendered(source: Source, content: ImageSource, settings: DataSettings, count: int) -> Rendered:
    """The first ``count`` images that a plugin makes on demand.

    Raises:
        UserError: the settings ask for images of another shape.
    """
    check_rendered(source, settings)
    # What is kept for a part of the images must not be found for all of them, as a classifier is.
    key = hashlib.blake2b(repr((source.fingerprint, count)).encode(), digest_size=16).hexdigest()
    return Rendered(content, count, key, notes=source.notes)


def _parts(rows: Rows, count: int) -> Iterator[list[Encoded]]:
    for start in range(0, count, PART):
        yield rows.take(range(start, min(start + PART, count)))


def _build(source: Source, settings: DataSettings, target: Target, count: int, slot: Slot) -> Entry:
    try:
        with slot.writing() as file:
            labels, description = _fill(file, source, settings, target, count)
            check_broken(source.name, description, settings.broken_share)
            entry = file.complete(labels, description)
    except OSError as error:
        raise UserError(
            f"cannot keep decoded images in {cache_folder()}: {error.strerror or error}",
            hint="Set the environment variable GANZOO_CACHE to a writable folder with enough room",
        ) from error
    return entry


def _fill(
    file: EntryFile, source: Source, settings: DataSettings, target: Target, count: int
) -> tuple[list[int], Description]:
    """Append all images that can be read; give their labels, and what happened."""
    resizes = settings.size is not None or settings.crop is not None
    labels: list[int] = []
    broken: list[str] = []
    skipped = 0
    remarks: Counter[str] = Counter()
    assert isinstance(source.content, Rows)
    parts = _parts(source.content, count)
    for item, result in converted(
        parts, target, threads=source.is_large, total=count, name=source.name
    ):
        if isinstance(result, UnreadableError):
            skipped += 1
            if len(broken) < NAMED:
                broken.append(f"{item.name} ({result})")
            continue
        image, made = result
        if not resizes and not {"shrunk", "enlarged"}.isdisjoint(made):
            raise UserError(
                f"the images of {source.name!r} differ in size: {item.name} is not of "
                f"{target.side} pixels, as others are",
                hint="Say what size they are to be made, for example --set data.size=64",
            )
        file.append(image)
        labels.append(item.label)
        remarks.update(made)
    return labels, Description(len(labels), skipped, broken, dict(remarks))
