"""Pictures of what a model generates: grids, traversal sheets, and the files they go to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from typing import IO, TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganzoo.data.scale import to_uint8
from ganzoo.files import told_unwritable, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Range = tuple[float, float]

FRAMES_PER_SECOND = 12

_GRID_WIDTH = 600
_LARGEST_TILE = 160
_SHEET_TILE = 64
_MOST_COLUMNS = 20
_SWEEP_FRAMES = 36
_MOST_ABREAST = 8

_PAPER = (255, 255, 255)
_INK = (32, 33, 36)
_FAINT = (150, 153, 158)
_ACCENT = (26, 115, 232)
_MARGIN = 16
_GAP = 24
_TITLE = 18
_TEXT = 13


@dataclass(frozen=True)
class Traversal:
    """Pictures of one code that moves while everything else stays."""

    code: str
    values: tuple[float, ...]
    """Value of the code in each column."""
    images: Tensor
    """(rows, len(values), C, H, W): a row holds one noise and all other codes fixed."""
    trained: Range | None = None
    """Range of a continuous code in training; columns beyond it are marked. None for categories."""

    def __post_init__(self) -> None:
        if self.images.ndim != 5 or self.images.shape[1] != len(self.values):
            raise ValueError(
                f"a traversal of {len(self.values)} values needs images (rows, {len(self.values)}, "
                f"C, H, W), not {tuple(self.images.shape)}"
            )


def to_bytes(images: Tensor, span: Range = (-1.0, 1.0)) -> NDArray[np.uint8]:
    """Turn images (..., C, H, W) into bytes (..., H, W, 3).

    ``uint8`` is kept; floats are clamped to ``span`` and NaN is drawn as its lower end.
    """
    if images.shape[-3] not in (1, 3):
        raise ValueError(f"pictures have 1 or 3 channels, not {images.shape[-3]}")
    if images.dtype != torch.uint8:
        images = to_uint8(images, span)
    shape = (*images.shape[:-3], 3, *images.shape[-2:])
    pixels: NDArray[np.uint8] = images.expand(shape).movedim(-3, -1).cpu().numpy()
    return pixels


def grid(
    images: Tensor, *, columns: int = 10, span: Range = (-1.0, 1.0), padding: int = 1
) -> Image.Image:
    """Lay images (n, C, H, W) out row by row, each enlarged by a whole factor.

    The factor makes the grid at least 600 px wide, unless one image would then exceed 160 px.
    ``padding`` is the gap in pixels of the images, before enlarging.
    """
    pixels = to_bytes(images, span)
    count, height, width = pixels.shape[:3]
    if count == 0:
        raise ValueError("a grid needs at least one image")
    columns = min(columns, count)
    natural = columns * (width + padding) + padding
    scale = max(1, min(ceil(_GRID_WIDTH / natural), _LARGEST_TILE // max(height, width)))
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + padding) + padding, natural, 3), _PAPER, dtype=np.uint8)
    for index, tile in enumerate(pixels):
        top = padding + index // columns * (height + padding)
        left = padding + index % columns * (width + padding)
        sheet[top : top + height, left : left + width] = tile
    return _enlarge(sheet, scale)


def traversal_sheet(traversals: Sequence[Traversal], span: Range = (-1.0, 1.0)) -> Image.Image:
    """Draw one block for each code: its name, its values, and a row of pictures for each noise.

    A bar spans the columns within the trained range where the traversal leaves it. A code of more
    than 20 values goes on in further blocks.
    """
    blocks = [_block(part, span) for traversal in traversals for part in _parts(traversal)]
    if not blocks:
        raise ValueError("a sheet needs at least one traversal")
    width = max(block.width for block in blocks) + 2 * _MARGIN
    height = sum(block.height + _GAP for block in blocks) - _GAP + 2 * _MARGIN
    sheet = Image.new("RGB", (width, height), _PAPER)
    top = _MARGIN
    for block in blocks:
        sheet.paste(block, (_MARGIN, top))
        top += block.height + _GAP
    return sheet


def _parts(traversal: Traversal) -> Iterator[Traversal]:
    for start in range(0, len(traversal.values), _MOST_COLUMNS):
        part = slice(start, start + _MOST_COLUMNS)
        yield replace(traversal, values=traversal.values[part], images=traversal.images[:, part])


def _block(traversal: Traversal, span: Range) -> Image.Image:
    title, text = ImageFont.load_default(size=_TITLE), ImageFont.load_default(size=_TEXT)
    side = max(traversal.images.shape[-2:])
    scale = max(1, ceil(_SHEET_TILE / side))
    gap = 2
    rows, columns = traversal.images.shape[:2]
    step_x = traversal.images.shape[-1] * scale + gap
    step_y = traversal.images.shape[-2] * scale + gap
    head = _TITLE + _TEXT + 20
    pixels = to_bytes(traversal.images, span)
    caption = _caption(traversal)
    indent = ceil(title.getlength(traversal.code)) + 12
    wide = max(columns * step_x - gap, indent + ceil(text.getlength(caption)))
    block = Image.new("RGB", (wide, head + rows * step_y - gap), _PAPER)
    draw = ImageDraw.Draw(block)
    draw.text((0, _TITLE), traversal.code, font=title, fill=_INK, anchor="ls")
    inside = [i for i, value in enumerate(traversal.values) if _within(value, traversal.trained)]
    marked = 0 < len(inside) < columns
    draw.text((indent, _TITLE), caption, font=text, fill=_ACCENT if marked else _FAINT, anchor="ls")
    for column, value in enumerate(traversal.values):
        ink = _INK if _within(value, traversal.trained) else _FAINT
        centre = column * step_x + (step_x - gap) // 2
        draw.text((centre, head - 10), value_text(value), font=text, fill=ink, anchor="ms")
        for row in range(rows):
            tile = _enlarge(pixels[row, column], scale)
            block.paste(tile, (column * step_x, head + row * step_y))
    if marked:
        left, right = inside[0] * step_x, inside[-1] * step_x + step_x - gap - 1
        draw.rectangle((left, head - 6, right, head - 4), fill=_ACCENT)
    return block


def _caption(traversal: Traversal) -> str:
    if traversal.trained is None:
        return ""
    low, high = map(value_text, traversal.trained)
    return f"trained from {low} to {high}"


def _within(value: float, trained: Range | None) -> bool:
    # a walk's even steps may miss the end of the range by a rounding error
    return trained is None or trained[0] - 1e-6 <= value <= trained[1] + 1e-6


def value_text(value: float) -> str:
    """Write a code's value briefly: ``7``, ``-0.5``, ``1.33``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def traversal_frames(traversal: Traversal, span: Range = (-1.0, 1.0)) -> list[Image.Image]:
    """Draw the frames of a traversal that moves forth and back, to be looped.

    A frame shows every row's picture at one value, and the value. With few values each is held, so
    that one way takes about three seconds at 12 frames a second.
    """
    font = ImageFont.load_default(size=_TITLE)
    rows = len(traversal.images)
    columns = ceil(rows / ceil(rows / _MOST_ABREAST))
    forth = []
    for column, value in enumerate(traversal.values):
        picture = grid(traversal.images[:, column], columns=columns, span=span)
        strip = 2 * _TITLE
        label = f"{traversal.code} = {value_text(value)}"
        frame = Image.new("RGB", (max(picture.width, 200), picture.height + strip), _PAPER)
        ink = _INK if _within(value, traversal.trained) else _FAINT
        ImageDraw.Draw(frame).text((8, strip // 2), label, font=font, fill=ink, anchor="lm")
        frame.paste(picture, (0, strip))
        forth.append(frame)
    hold = max(1, round(_SWEEP_FRAMES / len(forth)))
    return [frame for frame in forth + forth[-2:0:-1] for _ in range(hold)]


def _enlarge(pixels: NDArray[np.uint8], scale: int) -> Image.Image:
    image = Image.fromarray(pixels)
    size = (image.width * scale, image.height * scale)
    return image.resize(size, Image.Resampling.NEAREST)


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG whole or not at all; missing folders are made."""
    with _writing(path) as file:
        image.save(file, format="PNG")


def save_gif(frames: Sequence[Image.Image], path: Path) -> None:
    """Write frames as a GIF that loops for ever at 12 frames a second, whole or not at all."""
    if not frames:
        raise ValueError("a GIF needs at least one frame")
    with _writing(path) as file:
        frames[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=round(100 / FRAMES_PER_SECOND) * 10,
            loop=0,
        )


@contextmanager
def _writing(path: Path) -> Iterator[IO[bytes]]:
    with told_unwritable(path), whole_file(path) as file:
        yield file
