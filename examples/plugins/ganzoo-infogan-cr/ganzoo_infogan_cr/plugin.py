"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

import click

from ganzoo import LossSpec, ModelSpec, hookimpl
from ganzoo_infogan_cr.command import centrality_command

ganzoo_api = 1


@hookimpl
def ganzoo_models() -> Iterable[ModelSpec]:
    """The model."""
    yield ModelSpec(
        "infogan-modified",
        "ganzoo_infogan_cr.model:ModifiedInfoGAN",
        "InfoGAN with spectral normalisation and two rates (Lin et al. 2020)",
        presets="ganzoo_infogan_cr.presets",
        default_preset="cdsprites",
    )


@hookimpl
def ganzoo_losses() -> Iterable[LossSpec]:
    """The regulariser."""
    yield LossSpec(
        "contrastive",
        "ganzoo_infogan_cr.contrastive:Contrastive",
        "Two images that share one code shall show which one it is (Lin et al. 2020)",
    )


@hookimpl
def ganzoo_commands() -> Iterable[click.Command]:
    """The choice among runs."""
    yield centrality_command
