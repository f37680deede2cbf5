"""A training that takes seconds: the settings of it, as the command line has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = [
    "model.generator_dense=[16]",
    "model.generator_channels=[8, 4]",
    "model.discriminator_channels=[4, 8]",
    "model.discriminator_dense=[16]",
    "data.limit=200",
    "train.batch_size=16",
    "train.precision=fp32",
]
"""Tiny networks and few images, in fp32 on any machine."""


def given(settings: Iterable[str]) -> list[str]:
    """The words of a command for settings ``KEY=VALUE``; the last of one key holds."""
    return [word for setting in settings for word in ("--set", setting)]
