"""Reads an exported model folder, and holds its weights against what its settings build.

Such a folder may come from anybody. Nothing in it is taken for what it should be, and it cannot
make more memory be taken than its weights fill.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from ganzoo.assembly import Assembly, assemble
from ganzoo.errors import UserError, in_one_line
from ganzoo.export import CONFIG, SCHEMA, WEIGHTS
from ganzoo.model import DataInfo  # noqa: TC001 - pydantic looks it up
from ganzoo.plugins import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from ganzoo.settings import Settings

_Document = TypeVar("_Document")
_LONGEST_REASON = 200
_TIMES_READ, _BETWEEN = 20, 0.05
"""How often a model is read that is being written meanwhile, and the seconds in between."""


@dataclass(frozen=True, kw_only=True)
class ExportedConfig:
    """What ``config.json`` says of a model, as :func:`ganzoo.export.export` wrote it."""

    settings: dict[str, Any]
    data: DataInfo
    step: int
    averaged: list[str]
    """The networks of which an average was exported."""
    packages: list[str]
    """The distributions that its model, prior and losses came from."""
    sha256: str
    """Digest of the file of weights, in hexadecimal."""


@dataclass(frozen=True)
class ExportedWeights:
    """The file ``model.safetensors`` as it was read."""

    path: Path
    content: bytes
    sha256: str
    """Digest of ``content``, in hexadecimal."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    schema: int


def read_model(folder: Path) -> tuple[ExportedConfig, ExportedWeights]:
    """Read both files of a model.

    A training writes one after the other and may be at it just now, so files that do not belong
    together are read again a few times. Raises UserError if they cannot be read.
    """
    for patience in reversed(range(_TIMES_READ)):
        config, weights = read_config(folder / CONFIG), _read_weights(folder / WEIGHTS)
        if weights.sha256 == config.sha256 or patience == 0:
            break
        time.sleep(_BETWEEN)
    return config, weights


def read_config(path: Path) -> ExportedConfig:
    """Read ``config.json``.

    Raises:
        UserError: it cannot be read, is no such file, or is of another version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    layout = _parsed(_Layout, content, path).schema
    if layout != SCHEMA:
        raise UserError(
            f"{path} was written by another version of ganzoo "
            f"(layout {layout}, this one reads {SCHEMA})",
            hint="Upgrade with: pip install -U torch-ganzoo",
        )
    config = _parsed(ExportedConfig, content, path)
    if min(config.data.image_shape) < 1:
        raise UserError(f"{path} is no model's config: its images have no pixels")
    return config


def build(settings: Settings, config: ExportedConfig, weights: ExportedWeights) -> Assembly:
    """The parts that ``settings`` name, their networks filled from ``weights``.

    Raises:
        UserError: nothing can be built from the settings, or the weights are damaged or of other
            networks.
    """
    tensors, path, data = _tensors(weights), weights.path, config.data
    try:
        # Shapes alone first: settings may ask for networks of any size.
        with torch.device("meta"):
            _check_fit(assemble(settings, data).networks, tensors, path)
    except UserError:
        raise
    except Exception as error:
        # Parts of plugins may raise nearly anything on settings that nobody tried; those that need
        # real numbers to be built say that they cannot have them.
        if "meta" not in str(error):
            reason = in_one_line(one_line(error), _LONGEST_REASON)
            raise UserError(
                f"{path.with_name(CONFIG)} describes nothing that can be built: {reason}"
            ) from error
    assembly = assemble(settings, data)
    _check_fit(assembly.networks, tensors, path)
    if weights.sha256 != config.sha256:
        raise UserError(
            f"{path} is not the file that {CONFIG} was written with: it is damaged, or of "
            "another turn",
            hint="Get a whole copy of both files, or let the run write them anew.",
        )
    for name, network in assembly.networks.items():
        network.load_state_dict(_own(name, tensors))
    return assembly


def _parsed(kind: type[_Document], content: bytes, path: Path) -> _Document:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(content, strict=True)
    except ValidationError as error:
        flaw = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, flaw["loc"]))
        reason = in_one_line(f"{place}: {flaw['msg']}" if place else flaw["msg"], _LONGEST_REASON)
        raise UserError(
            f"{path} is no model's config: {reason}",
            hint="Export the model again, by a run's next checkpoint, or get a whole copy of it.",
        ) from error


def _read_weights(path: Path) -> ExportedWeights:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    return ExportedWeights(path, content, sha256(content).hexdigest())


def _tensors(weights: ExportedWeights) -> dict[str, Tensor]:
    try:
        return load(weights.content)
    except (SafetensorError, ValueError, LookupError, RuntimeError) as error:
        reason = in_one_line(str(error), _LONGEST_REASON)
        raise UserError(
            f"{weights.path} cannot be read: it is no whole safetensors file ({reason})"
        ) from error


def _check_fit(
    networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], path: Path
) -> None:
    """Raise UserError unless the file has every tensor of the networks, and no other."""
    expected = {
        f"{name}.{key}": (name, value)
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    for key, (name, value) in expected.items():
        if key not in tensors:
            _misfit(path, name, f"the file lacks {key}")
        given = tensors[key]
        if given.shape != value.shape:
            shapes = f"{tuple(given.shape)} in the file and {tuple(value.shape)} by the settings"
            _misfit(path, name, f"{key} is {shapes}")
        if given.is_floating_point() != value.is_floating_point():
            _misfit(path, name, f"{key} is {given.dtype}, not {value.dtype}")
    for key in tensors.keys() - expected.keys():
        for name in networks:
            if key.startswith(f"{name}."):
                _misfit(path, name, f"it has no {in_one_line(key, _LONGEST_REASON)}")
        raise UserError(
            f"{path} holds {in_one_line(key, _LONGEST_REASON)!r}, "
            f"which is of none of its networks: {', '.join(networks)}"
        )


def _misfit(path: Path, network: str, flaw: str) -> None:
    raise UserError(f"{path} does not fit the network {network!r} of {CONFIG}", hint=flaw)


def _own(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one network, by their names in it."""
    start = f"{name}."
    return {key[len(start) :]: tensors[key] for key in tensors if key.startswith(start)}
