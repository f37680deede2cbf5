"""The pictures of codes in the README, cut from the sheets that two runs left.

    python docs/banner.py docs/figures/traversal.png docs/figures/codes.png
    python docs/banner.py docs/figures/traversal-augment.png docs/figures/codes-augment.png

Takes ``traversal.png`` of a run of preset ``infogan/mnist``: every category, and the continuous
code within the range of its training, side by side, pixel by pixel.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

MARGIN, CELL, DRAWN, ROWS = 16, 86, 84, 5
"""The sheet: its margin, from one picture to the next, a picture, and rows of a code."""
PIXELS = 28
EDGE, SIDE, STEP, BETWEEN, HEAD = 14, 56, 58, 30, 62
"""The banner: its margin, a picture, from one to the next, between two codes, above pictures."""
PAPER, INK, FAINT = "white", "#1a1a1a", "#707070"


class Code(NamedTuple):
    """What is taken of a code, and from where on the sheet."""

    title: str
    values: tuple[str, ...]
    column: int
    top: int


RANGE = ("-1", "-0.5", "0", "0.5", "1")
CODES = (
    Code("digit", tuple("0123456789"), 0, 67),
    Code("slant", RANGE, 2, 570),
    Code("width", RANGE, 2, 1073),
)


def banner(sheet: Image.Image) -> Image.Image:
    """The codes of a sheet side by side."""
    columns = sum(len(code.values) for code in CODES)
    wide = columns * STEP + (len(CODES) - 1) * BETWEEN
    picture = Image.new("RGB", (wide + 2 * EDGE, HEAD + ROWS * STEP + 2 * EDGE), PAPER)
    draw = ImageDraw.Draw(picture)
    title, text = ImageFont.load_default(size=24), ImageFont.load_default(size=17)
    left = EDGE
    for code in CODES:
        draw.text((left, EDGE + 24), code.title, font=title, fill=INK, anchor="ls")
        for number, value in enumerate(code.values):
            x = left + number * STEP
            draw.text((x + SIDE // 2, EDGE + HEAD - 10), value, font=text, fill=FAINT, anchor="ms")
            for row in range(ROWS):
                corner = MARGIN + (code.column + number) * CELL, code.top + row * CELL
                drawn = sheet.crop((*corner, corner[0] + DRAWN, corner[1] + DRAWN))
                pixels = drawn.resize((PIXELS, PIXELS), Image.Resampling.NEAREST)
                larger = pixels.resize((SIDE, SIDE), Image.Resampling.NEAREST)
                picture.paste(larger, (x, EDGE + HEAD + row * STEP))
        left += len(code.values) * STEP + BETWEEN
    return picture


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    banner(Image.open(source).convert("RGB")).save(target, optimize=True)
