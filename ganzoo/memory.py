"""Memory that does not suffice for a training, told in one line."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ganzoo.errors import OneProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo.schema import TrainSettings

# torch has a type for it on a GPU alone.
_FULL = re.compile("out of memory|can't allocate memory|ALLOC_FAILED")


@contextmanager
def told_when_full(settings: TrainSettings) -> Iterator[None]:
    """Turn the failure to get memory into one line.

    Raises:
        OneProcessError: torch could not get as much memory as it asked for.
    """
    try:
        yield
    except RuntimeError as error:
        if not _FULL.search(str(error)):
            raise
        raise OneProcessError(
            f"the memory of the device does not hold a training with {settings.batch_size} images "
            "a turn",
            hint="End what else computes there and go on with --resume RUN, or begin anew with a "
            "smaller train.batch_size or smaller networks ([model]).",
        ) from error
