"""What this plugin offers: data sets that lie in the package or are drawn on demand."""

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
    yield DatasetSpec(
        "housenumbers",
        "ganzoo_bundled.housenumbers:HouseNumbers",
        "MNIST digits in colour with neighbours, like SVHN: 60,000 + 10,000 32x32 images",
        splits=("train", "test"),
        licence="CC BY-SA 3.0",
    )
    yield DatasetSpec(
        "dsprites",
        "ganzoo_bundled.dsprites:dsprites",
        "Squares, ellipses and hearts with 5 known factors: 737,280 black-and-white 64x64 images",
        splits=("train",),
        licence="Apache-2.0",
    )
    yield DatasetSpec(
        "cdsprites",
        "ganzoo_bundled.cdsprites:cdsprites",
        "A disc at every angle and radius: 1,080 black-and-white 64x64 images",
        splits=("train",),
        licence="Apache-2.0",
    )
    yield DatasetSpec(
        "heads3d",
        "ganzoo_bundled.heads3d:heads3d",
        "Heads with 4 known factors, like the paper's 3D faces: 53,361 grey 32x32 images",
        splits=("train",),
        licence="Apache-2.0",
    )
    yield DatasetSpec(
        "chairs3d",
        "ganzoo_bundled.chairs3d:chairs3d",
        "Chairs with 4 known factors, like the paper's 3D chairs: 10,240 grey 64x64 images",
        splits=("train",),
        licence="Apache-2.0",
    )
    yield DatasetSpec(
        "rendered-faces",
        "ganzoo_bundled.archives:rendered_faces",
        "The paper's 3D faces: not here, says where to get them",
        splits=(),
    )
    yield DatasetSpec(
        "rendered-chairs",
        "ganzoo_bundled.archives:rendered_chairs",
        "The paper's 3D chairs: not here, says where to get them",
        splits=(),
    )
