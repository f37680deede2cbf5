"""Image files that are odd or broken, as bytes by the name of the file."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import PIL
from PIL import Image


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> Image.Image:
    """A picture of noise, so that its file is long."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def png(width: int, height: int, data: bytes) -> bytes:
    """A grey PNG that says what size it is, whatever is in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _upside_down() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(photo(), "JPEG", exif=exif)


def _see_through() -> bytes:
    return encoded(photo().quantize(16), transparency=3)


def _moving(kind: str) -> bytes:
    frames = [photo(), photo().transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


_PNG, _JPEG, _GIF = encoded(photo()), encoded(photo(), "JPEG"), encoded(photo(), "GIF")

BROKEN = {
    "empty.png": b"",
    "cut-short.png": _PNG[: len(_PNG) // 2],
    "cut-short.jpg": _JPEG[: len(_JPEG) // 2],
    "cut-in-header.png": _PNG[:20],
    "flipped.png": _PNG[:18] + bytes([_PNG[18] ^ 0xFF]) + _PNG[19:],
    "text.png": b"I am no image, but my name says so.\n" * 9,
    "zeros.jpg": bytes(4096),
    "page.png": b"<!DOCTYPE html><html><body>404</body></html>",
    "drawing.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "program.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "bomb.png": png(60_000, 60_000, bytes(99)),
    "long-bomb.png": png(2**31 - 1, 1, b""),
    "no-pixels.png": png(0, 0, b""),
    "too-little.png": png(32, 32, bytes(5)),
    "deep.tif": encoded(Image.fromarray(np.full((32, 32), 70_000, np.int32)), "TIFF"),
    "light.tif": encoded(Image.fromarray(np.full((32, 32), 7.5, np.float32)), "TIFF"),
    "nan.tif": encoded(Image.fromarray(np.full((32, 32), np.nan, np.float32)), "TIFF"),
}
"""What cannot be read: it is left out and counted."""

ODD = {
    "plain.png": (_PNG, ""),
    "cmyk.jpg": (encoded(photo("CMYK"), "JPEG"), "another colour space"),
    "moving.gif": (_moving("GIF"), "only the first frame was taken"),
    "moving.png": (_moving("PNG"), "only the first frame was taken"),
    "a-gif.png": (_GIF, "palette colours were looked up"),
    "a-jpeg.png": (_JPEG, ""),
    "one-pixel.png": (encoded(photo(size=(1, 1))), "upscaling was applied"),
    "huge.png": (encoded(photo("L", (3000, 2000))), "antialiased downscaling was applied"),
    "thin.png": (encoded(photo(size=(400, 1))), "the central square was cut out"),
    "deep.png": (
        encoded(Image.fromarray(np.full((32, 32), 40_000, np.uint16))),
        "16-bit grey was scaled",
    ),
    "light.tif": (
        encoded(Image.fromarray(np.full((32, 32), 0.5, np.float32)), "TIFF"),
        "floating-point values",
    ),
    "bits.png": (encoded(photo("1")), "grey was repeated"),
    "see-through.png": (encoded(Image.new("RGBA", (32, 32))), "transparency was laid on white"),
    "see-through-palette.png": (_see_through(), "transparency was laid on white"),
    "upside-down.jpg": (_upside_down(), "the EXIF orientation was applied"),
    "photo.TIFF": (encoded(photo(), "TIFF"), ""),
    "photo.webp": (encoded(photo(), "WEBP"), ""),
}
"""What is converted by a stated rule, and what is said of it."""

if int(PIL.__version__.partition(".")[0]) >= 13:  # earlier ones cannot read what they wrote
    ODD["ycbcr.tif"] = (encoded(photo("YCbCr"), "TIFF"), "another colour space")
