"""Images from any Hugging Face data set: found, decoded once, dealt out in a reproducible order.

``open_source`` finds a split, ``decode`` makes it one array of bytes, ``Order`` says which image
comes when, ``Feed`` deals out batches, and ``normalise`` brings one into the range of a model.
A split that is too large for an array is left by ``open_stream`` to be decoded as it comes.
"""

from __future__ import annotations

from ganzoo.data.decoding import Data, check_rendered, decode
from ganzoo.data.feed import Feed
from ganzoo.data.images import Images, Rendered
from ganzoo.data.locate import open_source, told_of_a_run
from ganzoo.data.order import Order
from ganzoo.data.scale import normalise, to_uint8
from ganzoo.data.source import FactorSource, ImageSource, NativeShape, Source
from ganzoo.data.splits import MissingSplitError
from ganzoo.data.streamed import Streamed, open_stream, sample

__all__ = [
    "Data",
    "FactorSource",
    "Feed",
    "ImageSource",
    "Images",
    "MissingSplitError",
    "NativeShape",
    "Order",
    "Rendered",
    "Source",
    "Streamed",
    "check_rendered",
    "decode",
    "normalise",
    "open_source",
    "open_stream",
    "sample",
    "to_uint8",
    "told_of_a_run",
]
