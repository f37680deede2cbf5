"""A training that takes seconds: the settings of it, as the command line has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.discovery import discover
from ganzoo.layers import Assignment
from ganzoo.plan import Request
from ganzoo.registry import Registry
from ganzoo.task import execute, prepare

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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


def train_small(folder: Path) -> None:
    """Train a small InfoGAN for one turn into ``folder``, and do not score it."""
    settings = dict(setting.split("=", 1) for setting in [*SMALL, "train.steps=1"])
    assignments = [Assignment(key, value, "a test") for key, value in settings.items()]
    execute(prepare(Registry(discover()), Request("infogan", assignments=assignments), folder))
