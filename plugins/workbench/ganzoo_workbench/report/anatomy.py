"""What a run's parts tell beyond its files: parameters of its networks, entropies of its codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from ganzoo.assembly import assemble
from ganzoo.export import CONFIG
from ganzoo.exported import read_config
from ganzoo.settings import from_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ganzoo.assembly import Assembly
    from ganzoo.registry import Registry
    from ganzoo_workbench.report.recorded import RecordedRun


@dataclass(frozen=True)
class Anatomy:
    """Empty where nothing is known."""

    parameters: Mapping[str, int] = field(default_factory=dict)
    """Trained numbers, by network."""
    entropies: Mapping[str, float] = field(default_factory=dict)
    """H(c) in nats, by code."""


def anatomy_of(assembly: Assembly) -> Anatomy:
    """The anatomy of parts that there are."""
    codes = {} if assembly.prior is None else assembly.prior.codes
    return Anatomy(
        assembly.parameter_counts(), {name: code.entropy for name, code in codes.items()}
    )


def rebuilt(run: RecordedRun, registry: Registry) -> Anatomy:
    """The anatomy of parts as the settings describe them; empty if they cannot be had here.

    Only shapes are built, which take no memory, whatever a stranger's settings ask for. What the
    networks of a run are made for is known from its first checkpoint on.
    """
    if not run.exported:
        return Anatomy()
    try:
        settings = from_table(registry, run.settings, origin=run.folder.settings.name)
        config = read_config(run.folder.model / CONFIG)
        with torch.device("meta"):
            return anatomy_of(assemble(settings, config.data))
    except Exception:  # noqa: BLE001 - parts of plugins may raise anything on anybody's settings
        return Anatomy()
