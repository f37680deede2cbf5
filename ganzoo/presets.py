"""Presets: the TOML files in which a plugin joins a model with prior, losses, data and training."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from ganzoo.errors import OfferError, UserError, did_you_mean
from ganzoo.plugins import CONTAINED, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from ganzoo.hookspecs import ModelSpec

UNNAMED = "default"
"""The empty preset of a model that brings none."""


@dataclass(frozen=True)
class Preset:
    """One table of settings by name.

    ``extends`` names what the table is laid over: a preset of the same model, or ``model/preset``.
    """

    name: str
    summary: str
    extends: str | None
    table: Mapping[str, Any]


def preset_files(spec: ModelSpec, plugin: str) -> dict[str, Traversable]:
    """The files that hold the presets of a model, by the name of the preset."""
    if not spec.presets:
        return {}
    try:
        found = {
            file.name.removesuffix(".toml"): file
            for file in resources.files(spec.presets).iterdir()
            if file.name.endswith(".toml")
        }
    except CONTAINED as error:
        raise OfferError(
            plugin, f"no presets of {spec.name} in {spec.presets!r}: {one_line(error)}"
        ) from error
    return dict(sorted(found.items()))


def read_preset(spec: ModelSpec, plugin: str, name: str) -> Preset:
    """One preset of a model. Raises :class:`UserError` if there is none or it cannot be read."""
    files = preset_files(spec, plugin)
    if not files and name == UNNAMED:
        return Preset(UNNAMED, "", None, {})
    if name not in files:
        known = ", ".join(files) or "none"
        raise UserError(
            f"{spec.name} has no preset {name!r}{did_you_mean(name, files)}",
            hint=f"Presets of {spec.name}: {known}.",
        )
    preset = f"preset {spec.name}/{name}"
    try:
        table = tomllib.loads(files[name].read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise OfferError(plugin, f"{preset} cannot be read: {one_line(error)}") from error
    summary, extends = table.pop("summary", ""), table.pop("extends", None)
    if not isinstance(summary, str) or not isinstance(extends, str | None):
        raise OfferError(plugin, f"{preset}: `summary` and `extends` should be text")
    return Preset(name, summary, extends, table)
