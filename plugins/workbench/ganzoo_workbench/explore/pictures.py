"""The picture that is shown: equal tiles with values along its sides, bare or labelled."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganzoo.pictures import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

SIDE = 720
"""Width and height in pixels that a picture is enlarged to at most."""

_GAP = 2
_PAPER = (255, 255, 255)
_INK = (32, 33, 36)
_TEXT = 13
_TITLE = 16


@dataclass(frozen=True)
class Axis:
    """What changes along a side of a picture."""

    name: str
    labels: tuple[str, ...]
    """One for each column, or row."""


@dataclass(frozen=True)
class Picture:
    """Images in rows and columns."""

    images: Tensor
    """(rows, columns, C, H, W): bytes, or floats in ``span``."""
    span: tuple[float, float]
    columns: Axis | None = None
    rows: Axis | None = None


def bare(picture: Picture) -> Image.Image:
    """The images alone, each enlarged by the same whole factor, nothing between them (RGBA)."""
    pixels = to_bytes(picture.images, picture.span)
    rows, columns, height, width = pixels.shape[:4]
    scale = max(1, min(SIDE // (rows * height), SIDE // (columns * width)))
    tiles = pixels.repeat(scale, axis=2).repeat(scale, axis=3)
    step_y, step_x = height * scale + _GAP, width * scale + _GAP
    sheet: NDArray[np.uint8] = np.zeros((rows, step_y, columns, step_x, 4), dtype=np.uint8)
    sheet[:, :-_GAP, :, :-_GAP, :3] = tiles.transpose(0, 2, 1, 3, 4)
    sheet[:, :-_GAP, :, :-_GAP, 3] = 255
    flat = sheet.reshape(rows * step_y, columns * step_x, 4)
    return Image.fromarray(flat[:-_GAP, :-_GAP])


def labelled(picture: Picture) -> Image.Image:
    """The images on white, with the name and the values of each axis (RGB)."""
    tiles = bare(picture)
    title, text = ImageFont.load_default(size=_TITLE), ImageFont.load_default(size=_TEXT)
    left = top = right = 0
    if picture.rows is not None:
        widest = max(map(text.getlength, picture.rows.labels))
        left = ceil(max(widest, title.getlength(picture.rows.name))) + 12
    if picture.columns is not None:
        top = _TITLE + _TEXT + 20
        right = max(0, ceil(title.getlength(picture.columns.name)) - tiles.width)
    sheet = Image.new("RGB", (left + tiles.width + right, top + tiles.height), _PAPER)
    sheet.paste(tiles, (left, top), tiles)
    draw = ImageDraw.Draw(sheet)
    if picture.columns is not None:
        draw.text((left, _TITLE), picture.columns.name, font=title, fill=_INK, anchor="ls")
        for centre, label in _centres(picture.columns, tiles.width):
            draw.text((left + centre, top - 8), label, font=text, fill=_INK, anchor="ms")
    if picture.rows is not None:
        draw.text((left - 8, top - 8), picture.rows.name, font=title, fill=_INK, anchor="rs")
        for centre, label in _centres(picture.rows, tiles.height):
            draw.text((left - 8, top + centre), label, font=text, fill=_INK, anchor="rm")
    return sheet


def _centres(axis: Axis, length: int) -> Iterator[tuple[float, str]]:
    """Each label of an axis, with the middle of its tiles in pixels along the ``length``."""
    step = (length + _GAP) / len(axis.labels)
    for number, label in enumerate(axis.labels):
        yield (number + 0.5) * step - _GAP / 2, label
