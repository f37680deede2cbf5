"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

from ganzoo import DatasetSpec, LossSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_datasets() -> Iterable[DatasetSpec]:
    """The data."""
    yield DatasetSpec("stripes", "ganzoo_stripes.parts:Stripes", "Bright stripes at any height")


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The loss."""
    yield LossSpec(
        "total_variation", "ganzoo_stripes.parts:TotalVariation", "Keeps generated images smooth"
    )
