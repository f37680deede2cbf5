"""A picture as HTML: one image without a file behind it, its axes, and a link to keep it."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

from ganzoo_workbench.explore.pictures import bare, labelled

if TYPE_CHECKING:
    from PIL import Image

    from ganzoo_workbench.explore.pictures import Axis, Picture

_QUICK = 3
"""Level of compression: what costs less than it saves on the way to a browser."""


def figure(picture: Picture, *, about: str, file_name: str) -> str:
    """The picture with its axes, ``about`` it, and a link that saves it as ``file_name``."""
    tiles = bare(picture)
    shown = kept = _data(tiles)
    corner, across, down = "", "", ""
    if picture.columns is not None and picture.rows is not None:
        kept = _data(labelled(picture))
        corner = f"<div class='corner'>{escape(picture.rows.name)}&nbsp;↓</div>"
        across = (
            f"<div class='across'><span>{escape(picture.columns.name)}&nbsp;→</span>"
            f"<div>{_labels(picture.columns)}</div></div>"
        )
        down = f"<div class='down'>{_labels(picture.rows)}</div>"
    return (
        f"<figure class='picture' style='--width: {tiles.width}px'>{corner}{across}{down}"
        f"<img alt='{escape(about)}' src='{shown}' decoding='sync'"
        f" width='{tiles.width}' height='{tiles.height}'>"
        f"<figcaption><span>{escape(about)}</span>"
        f"<a download='{escape(file_name)}' href='{kept}'>Save as PNG</a>"
        "</figcaption></figure>"
    )


def thumbnail(picture: Picture, *, about: str) -> str:
    """The picture alone."""
    return f"<img class='seen' alt='{escape(about)}' src='{_data(bare(picture))}'>"


def _labels(axis: Axis) -> str:
    return "".join(f"<span title='{escape(each)}'>{escape(each)}</span>" for each in axis.labels)


def _data(image: Image.Image) -> str:
    file = BytesIO()
    image.save(file, format="PNG", compress_level=_QUICK)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
