"""Images of a few pixels, and loading them."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import datasets
from PIL import Image

from ganzoo.data import (
    decode,
    open_source,
)
from ganzoo.schema import DataSettings

if TYPE_CHECKING:
    from pathlib import Path


def picture(size=(8, 8), color=128, mode="L"):
    return Image.new(mode, size, color)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(value: int) -> bytes:
    """The file of a grey image of one value."""
    return encoded(picture(color=value))


def write(path: Path, image=None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or picture()).save(path, **options)
    return path


def tabular(tmp_path, columns, features=None, name="data.parquet"):
    table = datasets.Dataset.from_dict(columns, features=features and datasets.Features(features))
    table.to_parquet(str(tmp_path / name))
    return tmp_path / name


def pngs(count):
    return [{"bytes": png(number), "path": None} for number in range(count)]


def pack(path: Path, members: dict[str, bytes]) -> None:
    """A tar of these members, by their names."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def load(path, registry, **settings) -> Any:
    chosen = DataSettings(name=str(path), **settings)
    return decode(open_source(chosen, registry, chosen.split), chosen)
