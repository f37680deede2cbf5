"""Streams of images that show their number, and what comes out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import torch
from small_images import picture, png, tabular, write

from ganzoo.data import Streamed, open_source, open_stream
from ganzoo.data.ahead import Ahead
from ganzoo.plugins import Plugins
from ganzoo.registry import Registry
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CPU = torch.device("cpu")
REGISTRY = Registry(Plugins())


def shards(folder: Path, sizes: Iterable[int], broken: Iterable[int] = ()) -> Path:
    """Parquet files of grey images that show their number, also as labels."""
    folder.mkdir(parents=True)
    names = [str(number) for number in range(256)]
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=names)}
    start, bad = 0, set(broken)
    for number, size in enumerate(sizes):
        rows = range(start, start + size)
        content = [b"no image" if row in bad else png(row) for row in rows]
        columns = {"image": [{"bytes": each, "path": None} for each in content], "label": rows}
        tabular(folder, columns, features, f"train-{number}.parquet")
        start += size
    return folder


def photos(folder: Path, count: int) -> Path:
    """Files of grey images that show their number."""
    for number in range(count):
        write(folder / f"{number:03}.png", picture(color=number))
    return folder


def stream(path: Path, rank: int = 0, world: int = 1, **settings: Any) -> Streamed:
    """A stream as ``rank`` of ``world`` reads it, in this process; ``settings`` are of the data."""
    chosen = DataSettings(name=str(path), **{"stream": True, "workers": 0} | settings)
    opened = open_stream(open_source(chosen, REGISTRY, "train"), chosen, rank, world)
    assert isinstance(opened, Streamed)
    return opened


def dealt(
    streamed: Streamed, turns: Iterable[int], size: int = 8, seed: int = 0, share: int | None = None
) -> list[int]:
    """The numbers of the images of this rank in these turns, in their order."""
    share, rank = share or size, streamed.rank
    ahead = Ahead(streamed, seed, CPU)
    mine = slice(rank * share, (rank + 1) * share)
    batches = [ahead.batch(turn * size, size, mine) for turn in turns]
    for batch in batches:
        assert batch["image"].dtype == torch.uint8
        if "label" in batch:
            assert batch["label"].tolist() == batch["image"][:, 0, 0, 0].tolist()
    return [int(value) for batch in batches for value in batch["image"][:, 0, 0, 0]]


def go_on(ahead: Ahead, turns: int) -> None:
    """Take turns 1 to ``turns`` of batches of 4."""
    for turn in range(1, turns):
        ahead.batch(turn * 4, 4, slice(0, 4))
