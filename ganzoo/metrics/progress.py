"""How far scoring is, for a person who waits: which metric runs, and what it is doing."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Item = TypeVar("Item")

_shown: ContextVar[bool] = ContextVar("shown", default=False)

_SOON = 1.0
"""Seconds that a part of a metric may take without being told."""


@contextmanager
def showing(*, when: bool) -> Iterator[None]:
    """Within this, scoring tells on standard error how far it is; elsewhere it never does."""
    before = _shown.set(when)
    try:
        yield
    finally:
        _shown.reset(before)


def one_by_one(metrics: Mapping[str, Item]) -> Iterator[tuple[str, Item]]:
    """Pass metrics on by name, and say which of them runs."""
    with tqdm(total=0, bar_format="{desc}", leave=False, disable=not _shown.get()) as line:
        for place, (name, metric) in enumerate(metrics.items(), start=1):
            line.set_description_str(f"scoring {place}/{len(metrics)}: {name}")
            yield name, metric


def tracked(parts: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Pass on ``total`` parts of something that takes a metric seconds, and say how far it is.

    ``what`` is a few words such as ``training a classifier``.
    """
    form = "  {desc} {percentage:3.0f}% |{bar:24}| {remaining} left"
    with tqdm(
        parts,
        total=total,
        desc=what,
        bar_format=form,
        delay=_SOON,
        leave=False,
        dynamic_ncols=True,
        disable=not _shown.get(),
    ) as bar:
        yield from bar
