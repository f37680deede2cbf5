"""What this plugin offers: data sets that lie in the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo import DatasetSpec, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

ganzoo_api = 1


@hookimpl
def ganzoo_datasets() -> Iterator[DatasetSpec]:
    """Yield the data sets of this package."""
    yield DatasetSpec(
        "mnist",
        "ganzoo_bundled.parquet:mnist",
        "MNIST handwritten digits: 60,000 + 10,000 grey 28x28 images",
        splits=("train", "test"),
        licence="CC BY-SA 3.0",
    )
