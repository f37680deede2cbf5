"""What this plugin offers. It imports no torch: everything is named by an import string."""

from collections.abc import Iterable

from ganzoo import LossSpec, ModelSpec, hookimpl

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model, with its presets."""
    yield ModelSpec(
        "seedling",
        "ganzoo_seedling.model:Seedling",
        "DCGAN whose images are mirror-symmetric",
        presets="ganzoo_seedling.presets",
        default_preset="mnist",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The loss, for any model with a generator's phase."""
    yield LossSpec("seedling", "ganzoo_seedling.losses:Seedling", "Keeps neighbouring pixels alike")
