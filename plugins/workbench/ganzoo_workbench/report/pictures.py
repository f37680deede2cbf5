"""Pictures of a run as data URIs: made anew from their pixels, and small enough to lie in a page.

A picture of a run may be anybody's: what is embedded is never its own bytes.
"""

from __future__ import annotations

import io
import re
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ganzoo_workbench.report.folder import FileTooOddError, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KINDS = {"samples": "images", "traversal": "traversals"}
"""The folder of the pictures of each kind, one file a step."""

MOST_FRAMES = 24
"""Steps that are shown of a run, spread evenly over those that there are."""

MOST_BYTES = 130_000
"""Of each sheet of a picture: 24 steps of two sheets stay below 8.5 MB, base64 included."""

_SHEET = 1600
"""Pixels of a sheet's sides. A picture is as wide as one, and may be as tall as several."""
_MOST_SHEETS = 10
"""Of a picture; WEBP ends at 16,383 pixels."""

_LARGEST_FILE = 32_000_000
_MOST_PIXELS = 40_000_000
_MAGNIFICATIONS = range(16, 1, -1)
_FORMS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("PNG", {}),
    ("WEBP", {"lossless": True, "method": 0}),
    *(("WEBP", {"quality": quality, "method": 2}) for quality in (90, 75, 50)),
)
"""How a picture is encoded: the first that is small enough."""

_NAME = re.compile(r"step-(\d{1,12})\.png")


@dataclass(frozen=True)
class Picture:
    """One picture, ready for an ``<img>``."""

    uri: str
    width: int
    """In CSS pixels."""
    height: int
    magnified: bool
    """Whether a pixel of the embedded picture stands for several, and should stay sharp."""

    @property
    def sheets(self) -> int:
        """How often the longest picture of one sheet goes into its height, rounded up."""
        return _sheets(self.height)


@dataclass(frozen=True)
class Frame:
    """What a run showed of itself after one turn, by kind."""

    step: int
    pictures: dict[str, Picture]


class Album:
    """The pictures of one run. Each is encoded once, however often the frames are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[tuple[str, int, int], Picture] = {}

    def frames(self, most: int = MOST_FRAMES) -> tuple[list[Frame], list[str]]:
        """At most ``most`` steps, the first and the last among them, and what was skipped.

        There are fewer where pictures are tall, as traversals of many codes are, so that a page
        keeps its size and its pictures stay sharp.
        """
        names: dict[int, dict[str, str]] = {}
        for kind, inner in KINDS.items():
            for step, name in _steps(self.folder / inner).items():
                names.setdefault(step, {})[kind] = name
        sheets = self._sheets(names)
        most = min(most, max(MOST_FRAMES * len(KINDS) // max(sum(sheets.values()), 1), 1))
        frames, remarks = [], []
        for step in _spread(sorted(names), most):
            pictures = {}
            for kind, name in names[step].items():
                try:
                    pictures[kind] = self._picture(KINDS[kind], name, sheets[kind])
                except FileTooOddError as error:
                    remarks.append(f"{KINDS[kind]}/{name} is left out: {error}.")
            if pictures:
                frames.append(Frame(step, pictures))
        return frames, remarks

    def _sheets(self, names: Mapping[int, Mapping[str, str]]) -> dict[str, int]:
        """How many sheets the pictures of each kind may have: as many as the newest one."""
        newest = {kind: each[kind] for _, each in sorted(names.items()) for kind in each}
        sheets = dict.fromkeys(newest, 1)
        for kind, name in newest.items():
            with suppress(FileTooOddError):  # said where it is to be shown
                sheets[kind] = self._picture(KINDS[kind], name, _MOST_SHEETS).sheets
        return sheets

    def _picture(self, inner: str, name: str, sheets: int) -> Picture:
        about = (self.folder / inner / name).lstat()
        key = (f"{inner}/{name}", about.st_mtime_ns, about.st_size)
        if key not in self._made or self._made[key].sheets > sheets:
            content = read_file(self.folder, inner, name, limit=_LARGEST_FILE)
            self._made[key] = encode(_opened(content or b"", sheets))
        return self._made[key]


def encode(picture: Image.Image) -> Picture:
    """A picture of at most :data:`MOST_BYTES` a sheet before base64: without loss if that can be.

    What was enlarged by repeating pixels is embedded as it was before.
    """
    width, height = picture.size
    most = MOST_BYTES * _sheets(height)
    small, magnified = _reduced(picture)
    while True:
        for form, options in _FORMS:
            content = _bytes(small, form, options)
            if len(content) <= most:
                uri = f"data:image/{form.lower()};base64,{b64encode(content).decode()}"
                return Picture(uri, width, height, magnified)
        small, magnified = small.reduce(2), False


def _sheets(height: int) -> int:
    return ceil(height / _SHEET)


def _bytes(picture: Image.Image, form: str, options: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _opened(content: bytes, sheets: int) -> Image.Image:
    """A PNG's pixels within so many sheets, grey where they are. Raises FileTooOddError."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise FileTooOddError("it has too many pixels")
            picture = opened.convert("RGB")
    except Image.DecompressionBombError as error:
        raise FileTooOddError("it has too many pixels") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise FileTooOddError("it is no whole PNG") from error
    picture.thumbnail((_SHEET, _SHEET * sheets))
    pixels = np.asarray(picture)
    grey = (pixels == pixels[..., :1]).all()
    return picture.convert("L") if grey else picture


def _reduced(picture: Image.Image) -> tuple[Image.Image, bool]:
    """The picture before each pixel was repeated in squares, and whether any was."""
    pixels = np.asarray(picture)
    for factor in _MAGNIFICATIONS:
        if picture.width % factor or picture.height % factor:
            continue
        small = pixels[::factor, ::factor]
        if (small.repeat(factor, axis=0).repeat(factor, axis=1) == pixels).all():
            return Image.fromarray(np.ascontiguousarray(small)), True
    return picture, False


def _steps(folder: Path) -> dict[int, str]:
    """The pictures in a folder of them, by their step; none if the folder is a link."""
    if folder.is_symlink() or not folder.is_dir():
        return {}
    found = ((_NAME.fullmatch(path.name), path.name) for path in folder.iterdir())
    return {int(match[1]): name for match, name in found if match}


def _spread(steps: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of the steps, evenly chosen by their place; the last is always there."""
    if len(steps) <= most:
        return list(steps)
    if most == 1:
        return [steps[-1]]
    last = len(steps) - 1
    return [steps[round(place * last / (most - 1))] for place in range(most)]
