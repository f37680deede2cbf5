"""Decodes a split once; from then on its images are mapped into memory from a file of bytes."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from ganzoo.data.columns import UNLABELLED, Encoded, Rows
from ganzoo.data.convert import REMARKS, RULES_VERSION, Bytes, Target, UnreadableError, to_array
from ganzoo.data.images import Images, Rendered
from ganzoo.data.splits import same_split
from ganzoo.data.store import Description, Entry, Slot, cache_folder
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.data.source import ImageSource, Source
    from ganzoo.schema import DataSettings

Data = Images | Rendered
"""What batches are taken from."""

_CHUNK = 256
"""Rows that are read at once."""
_NAMED = 5
"""Broken images that are named; the others are counted."""
_SMALL = 128 * 128
"""Pixels up to which threads cost more than they bring: too little is done outside Python."""

_MOST_THREADS = 16


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
    if not isinstance(source.content, Rows):
        return _rendered(source, source.content, settings, count)
    target = _target(source, settings)
    marks = (RULES_VERSION, source.fingerprint, source.split, target, count)
    columns = (source.content.image, source.content.label)
    key = hashlib.blake2b(repr((marks, columns)).encode(), digest_size=16).hexdigest()
    slot = Slot(key, (target.channels, target.side, target.side))
    entry = slot.load() or _build(source, settings, target, count, slot)
    _check_broken(source.name, entry.description, settings.broken_share)
    labels = torch.from_numpy(entry.labels) if source.content.label else None
    return Images(
        images=torch.from_numpy(entry.images),
        labels=labels,
        classes=source.classes,
        fingerprint=key,
        skipped=entry.description.skipped,
        notes=(*source.notes, *_notes(entry.description, labels)),
    )


def _rendered(source: Source, content: ImageSource, settings: DataSettings, count: int) -> Rendered:
    channels, height, width = content.image_shape
    wanted = (settings.channels or channels, settings.size or height, settings.size or width)
    if wanted != content.image_shape or settings.crop is not None:
        raise UserError(
            f"{source.name!r} makes images of {height} x {width} pixels and {channels} channels, "
            "and data.size, data.channels and data.crop cannot change that",
            hint="Leave these settings out",
        )
    return Rendered(content, count, source.fingerprint, notes=source.notes)


def _target(source: Source, settings: DataSettings) -> Target:
    native = source.native_shape()
    side = settings.size or settings.crop or native.side
    if side is None:
        low, high = native.sizes[0], native.sizes[-1]
        raise UserError(
            f"the images of {source.name!r} differ in size: {_by(low)}, {_by(high)} and so on",
            hint="Say what size they are to be made, for example --set data.size=64",
        )
    return Target(side, settings.channels or native.channels, settings.crop)


def _build(source: Source, settings: DataSettings, target: Target, count: int, slot: Slot) -> Entry:
    resizes = settings.size is not None or settings.crop is not None
    labels: list[int] = []
    broken: list[str] = []
    skipped = 0
    remarks: Counter[str] = Counter()
    try:
        with slot.writing() as file:
            for item, result in _converted(source, target, count):
                if isinstance(result, UnreadableError):
                    skipped += 1
                    if len(broken) < _NAMED:
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
            description = Description(len(labels), skipped, broken, dict(remarks))
            _check_broken(source.name, description, settings.broken_share)
            file.complete(labels, description)
    except OSError as error:
        raise UserError(
            f"cannot keep decoded images in {cache_folder()}: {error.strerror or error}",
            hint="Set the environment variable GANZOO_CACHE to a writable folder with enough room",
        ) from error
    entry = slot.load()
    assert entry is not None, "what was just written can be read"
    return entry


def _converted(
    source: Source, target: Target, count: int
) -> Iterator[tuple[Encoded, tuple[Bytes, tuple[str, ...]] | UnreadableError]]:
    """Every row with its image, or with why there is none."""

    def convert(item: Encoded) -> tuple[Bytes, tuple[str, ...]] | UnreadableError:
        try:
            return to_array(item.content, target)
        except UnreadableError as error:
            return error

    rows = source.content
    assert isinstance(rows, Rows)
    large = max(height * width for height, width in source.native_shape().sizes) > _SMALL
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) if large else nullcontext()
    bar = tqdm(
        total=count, desc=f"decoding {source.name}", unit="img", delay=1, leave=False, disable=None
    )
    with pool as threads, bar, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about odd but readable files
        for start in range(0, count, _CHUNK):
            items = rows.take(range(start, min(start + _CHUNK, count)))
            results = map(convert, items) if threads is None else threads.map(convert, items)
            yield from zip(items, results, strict=True)
            bar.update(len(items))


def _check_broken(name: str, description: Description, share: float) -> None:
    if description.count == 0 or description.skipped > share * description.total:
        raise UserError(
            f"{_broken(description)} of {name!r} cannot be read: {_listed(description)}",
            hint=f"At most a share of {share:g} may be broken: remove them, or raise it with "
            "--set data.broken_share=SHARE",
        )


def _notes(description: Description, labels: torch.Tensor | None) -> Iterator[str]:
    for name, sentence in REMARKS.items():
        if times := description.remarks.get(name):
            yield f"{sentence} {times:,} of {description.count:,} images"
    if description.skipped:
        yield f"{_broken(description)} cannot be read and are left out: {_listed(description)}"
    if labels is not None and (missing := int((labels == UNLABELLED).sum())):
        yield f"{missing:,} of {description.count:,} images have no label"


def _broken(description: Description) -> str:
    return f"{description.skipped:,} of {description.total:,} images"


def _listed(description: Description) -> str:
    more = description.skipped - len(description.broken)
    return ", ".join(description.broken) + (f" and {more:,} more" if more else "")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
