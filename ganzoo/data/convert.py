"""The stated rules by which any image file becomes an array of bytes (C, H, W).

1. The first frame of the file is taken, turned upright as its EXIF orientation says.
2. 1-bit, palette, YCbCr and CMYK images become grey or RGB. Colour profiles are not applied.
3. 16-bit grey is divided by 257, so that its full range becomes 0..255. Integers beyond 16 bits are
   unreadable. Float images are taken as 0..1; any other value makes them unreadable.
4. Transparency (an alpha channel or a transparent colour) is laid on white.
5. For one channel, colour becomes ITU-R 601 luma; for three, grey is repeated.
6. The central square is cut out: the largest one, or one of ``crop`` pixels if there are as many.
7. The square is resized to ``side`` (bilinear, antialiased). One of that side keeps its bytes.

An image of more pixels than Pillow's limit (``PIL.Image.MAX_IMAGE_PIXELS``) is unreadable.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES_VERSION = 1
"""Moves when a rule above does: arrays made by other rules are then made anew."""

Bytes = npt.NDArray[np.uint8]

SUFFIXES = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".webp",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".jp2",
        ".avif",
    ]
)
"""How the names of image files end. What is in them is told from their content."""

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")
_ORIENTATION = 0x0112
_TURNS = frozenset(range(2, 9))
_QUARTER_TURNS = frozenset({5, 6, 7, 8})
_ALPHA = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
_GREY = frozenset({"1", "L", "LA", "La", "F"})

REMARKS = {
    "frame": "only the first frame was taken of",
    "upright": "the EXIF orientation was applied to",
    "deep": "16-bit grey was scaled to 8 bits in",
    "float": "floating-point values from 0 to 1 were scaled to 8 bits in",
    "palette": "palette colours were looked up in",
    "alpha": "transparency was laid on white in",
    "space": "another colour space (CMYK, YCbCr) was converted to RGB in",
    "luma": "colour was turned to grey (ITU-R 601 luma) in",
    "repeated": "grey was repeated to three channels in",
    "cropped": "the central square was cut out of",
    "shrunk": "antialiased downscaling was applied to",
    "enlarged": "upscaling was applied, since they are smaller than asked for, to",
}
"""What may happen to an image on its way, by the name under which it is counted."""


class UnreadableError(Exception):
    """An image that the rules cannot turn into bytes; the message says why."""


@dataclass(frozen=True)
class Target:
    """What every image is made into: (channels, side, side)."""

    side: int
    channels: int
    crop: int | None = None


@dataclass(frozen=True)
class Header:
    """What an image file says of itself; height and width are those of the upright image."""

    height: int
    width: int
    grey: bool


def read_header(content: bytes | str | UnreadableError | None) -> Header:
    """Read size and kind of an image, from its bytes or its path, without decoding it.

    Raises:
        UnreadableError: it is no image.
    """
    with _opened(content) as picture:
        if picture.format == "TIFF":
            picture.load()  # some versions of Pillow turn a TIFF themselves, and say so only now
        width, height = picture.size
        if _orientation(picture) in _QUARTER_TURNS:
            width, height = height, width
        return Header(height, width, _is_grey(picture))


def to_array(
    content: bytes | str | UnreadableError | None, target: Target
) -> tuple[Bytes, tuple[str, ...]]:
    """Make the image in ``content`` (bytes or path) a (C, H, W) array, with :data:`REMARKS` on it.

    Raises:
        UnreadableError: it is no image, is cut short, or is beyond the rules.
    """
    remarks: list[str] = []
    with _opened(content) as picture:
        if getattr(picture, "is_animated", False):
            remarks.append("frame")
        turned = _orientation(picture) in _TURNS
        picture.load()
        upright: Image.Image = picture
        if turned:
            remarks.append("upright")
            upright = ImageOps.exif_transpose(picture)
        pixels = np.array(_to_mode("L" if target.channels == 1 else "RGB", upright, remarks))
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return _to_square(planes, target, remarks), tuple(remarks)


@contextmanager
def _opened(content: bytes | str | UnreadableError | None) -> Iterator[Image.Image]:
    if content is None:
        raise UnreadableError("no image")
    if isinstance(content, UnreadableError):
        raise content
    try:
        with Image.open(_stream(content), formats=_formats()) as picture:
            limit = Image.MAX_IMAGE_PIXELS
            if limit is not None and picture.width * picture.height > limit:
                raise UnreadableError(f"more than {limit:,} pixels")  # noqa: TRY301
            yield picture
    except UnreadableError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableError("not an image of a known format") from error
    except Exception as error:  # Pillow raises nearly anything on a damaged file
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise UnreadableError(reason or type(error).__name__) from error


def _stream(content: bytes | str) -> io.BytesIO | str:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    if "://" in content:  # a member of an archive (zip://NAME::ARCHIVE), or a file on the Hub
        import fsspec  # type: ignore[import-untyped]

        with fsspec.open(content) as member:
            return io.BytesIO(member.read())
    return content


@cache
def _formats() -> tuple[str, ...]:
    """What is opened: no format that starts a program (EPS), none that matches anything (TGA)."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF data are no reason to lose the image
        return 1


def _is_grey(picture: Image.Image) -> bool:
    if picture.mode in {"P", "PA"}:
        palette = picture.getpalette("RGB") or []
        return palette[0::3] == palette[1::3] == palette[2::3]
    return picture.mode in _GREY or picture.mode.startswith("I")


def _to_mode(mode: str, picture: Image.Image, remarks: list[str]) -> Image.Image:
    """Rules 2 to 5."""
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _to_eight_bits(picture, remarks)
    grey = _is_grey(picture)
    if picture.mode in {"P", "PA"}:
        remarks.append("palette")
    if picture.mode in _ALPHA or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        if layer.getchannel("A").getextrema() != (255, 255):
            remarks.append("alpha")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert(
            "RGB"
        )
    elif picture.mode not in {"1", "L", "P", "RGB"}:
        remarks.append("space")
        picture = picture.convert("RGB")
    if grey and mode == "RGB":
        remarks.append("repeated")
    elif not grey and mode == "L":
        remarks.append("luma")
    # Pillow takes luma of a palette's colours after looking them up, so this is right for "P", too.
    return picture if picture.mode == mode else picture.convert(mode)


def _to_eight_bits(picture: Image.Image, remarks: list[str]) -> Image.Image:
    values = np.asarray(picture)
    if picture.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):
            raise UnreadableError("floating-point values beyond 0 to 1")
        remarks.append("float")
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableError("values beyond 16 bits")
    remarks.append("deep")
    return Image.fromarray(((values.astype(np.int64) + 128) // 257).astype(np.uint8))


def _to_square(planes: Bytes, target: Target, remarks: list[str]) -> Bytes:
    """Rules 6 and 7 on an array (C, H, W)."""
    height, width = planes.shape[1:]
    square = min(height, width, target.crop or height)
    if (height, width) == (square, square) == (target.side, target.side):
        return planes
    import torch
    from torchvision.transforms.v2 import functional

    image = torch.from_numpy(planes)
    if (height, width) != (square, square):
        remarks.append("cropped")
        image = functional.center_crop(image, [square, square])
    if square != target.side:
        remarks.append("enlarged" if square < target.side else "shrunk")
        image = functional.resize(image, [target.side, target.side], antialias=True)
    result: Bytes = image.numpy()
    return result
