"""From a command to a plan: settings, data and parts that fit, before anything is written."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ganzoo.assembly import Assembly, assemble
from ganzoo.best import Score
from ganzoo.data import ImageSource, NativeShape, Source, check_rendered, open_source
from ganzoo.errors import UserError
from ganzoo.model import DataInfo, Model
from ganzoo.places import shareable
from ganzoo.settings import Assignment, Settings, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings

ANY_IMAGES = "images"
"""The preset that takes images of any shape; a model need not have one."""

_SIDES = (128, 64, 32)
_MODEST_SIDE = 64


@dataclass(frozen=True)
class Request:
    """What the command line asked for."""

    model: str | None
    preset: str | None = None
    files: Sequence[Path] = ()
    assignments: Sequence[Assignment] = ()
    data: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will be run."""

    settings: Settings
    source: Source
    assembly: Assembly
    further: Mapping[str, Source]
    """The further sources of images, by name."""
    notes: tuple[str, ...] = ()
    """What was chosen for the user, a sentence each."""


def make_plan(request: Request, registry: Registry) -> Plan:
    """Resolve settings, open the data and assemble the parts.

    Raises:
        UserError: something does not fit.
    """
    if request.data is not None:
        data = Assignment("data.name", json.dumps(request.data, ensure_ascii=False), "--data")
        request = replace(request, assignments=(data, *request.assignments))
    settings = resolve(
        registry,
        request.model,
        preset=request.preset,
        files=request.files,
        assignments=request.assignments,
    )
    source = open_source(settings.data, registry, settings.data.split)
    notes: list[str] = []
    settings = _fit_preset(request, settings, source, registry, notes)
    settings = _fit_shape(request, settings, source, registry, notes)
    _check_rendered(settings, source, registry)
    settings = _fit_further(settings)
    further = {
        name: open_source(each, registry, each.split) for name, each in settings.further.items()
    }
    for name, each in further.items():
        hint = f"What [data.{name}] leaves out is that of [data]: give it a size and channels."
        check_rendered(each, settings.further[name], hint)
    settings = shareable(settings, registry)
    infos = {name: _describe_data(settings.further[name], each) for name, each in further.items()}
    info = replace(_describe_data(settings.data, source), further=infos)
    assembly = assemble(settings, info)
    notes += _idle_settings(settings, assembly.model)
    if settings.train.keep_best:
        Score.parse(settings.train.keep_best).check_loss(assembly)
    # What a phase takes over from another is written down as well, so that it stays as it is.
    settings = replace(settings, optim={name: assembly.optim[name] for name in settings.optim})
    return Plan(settings, source, assembly, further, tuple(notes))


def _idle_settings(settings: Settings, model: Model) -> list[str]:
    """A sentence for each setting that the model does nothing with, though it was asked for."""
    notes = []
    if settings.train.share_fakes and _is_inherited(model.share, Model.share):
        notes.append("train.share_fakes may change nothing: this model has no share() of its own")
    if settings.train.stuck_after and _is_inherited(model.stuck, Model.stuck):
        notes.append("train.stuck_after stops nothing: this model does not say when it is stuck")
    return notes


def _is_inherited(method: object, original: object) -> bool:
    return getattr(method, "__func__", None) is original


def _check_rendered(settings: Settings, source: Source, registry: Registry) -> None:
    """Raise UserError if a plugin makes images of another shape than the settings ask for."""
    hint = None
    asked = [settings.origin_of(("data", key)) for key in ("size", "channels", "crop")]
    if any(origin.startswith("preset ") for origin in asked):
        fitting = _presets_for(source.native_shape(), settings.model.name, registry)
        hint = f"Presets for such images: {', '.join(fitting)}." if fitting else None
    check_rendered(source, settings.data, hint)


def _presets_for(seen: NativeShape, model: str, registry: Registry) -> list[str]:
    """The presets of a model that take images of this shape as they are."""
    offer, fitting = registry.find("model", model), []
    for name in registry.preset_names(offer):
        data: dict[str, object] = {}
        with suppress(UserError):  # of presets that cannot be read, which is told elsewhere
            for _, preset in registry.lineage(offer, name):
                data |= preset.table.get("data", {})
            shape = (data.get("channels"), data.get("size"), data.get("size"))
            takes_any = data.get("size") is None and data.get("channels") is None
            if (shape == seen.uniform or takes_any) and "crop" not in data:
                fitting.append(name)
    return fitting


def _fit_further(settings: Settings) -> Settings:
    """Give further sources the size and channels of the data where they do not say their own."""
    data = settings.data
    fitted = {
        name: replace(each, size=each.size or data.size, channels=each.channels or data.channels)
        for name, each in settings.further.items()
    }
    return replace(settings, further=fitted)


def _describe_data(settings: DataSettings, source: Source) -> DataInfo:
    assert settings.size is not None
    assert settings.channels is not None
    count = len(source) if settings.limit is None else min(len(source), settings.limit)
    shape = (settings.channels, settings.size, settings.size)
    return DataInfo(settings.name, shape, source.classes, count)


def _fit_preset(
    request: Request, settings: Settings, source: Source, registry: Registry, notes: list[str]
) -> Settings:
    """Take the preset for any images where data of another shape met a preset that nobody chose."""
    chosen = request.preset is not None or request.files or settings.preset == ANY_IMAGES
    if chosen or request.data is None:
        return settings
    if ANY_IMAGES not in registry.presets(registry.find("model", settings.model.name)):
        return settings
    usual = resolve(registry, request.model, preset=settings.preset).data
    given = {assignment.key for assignment in request.assignments}
    seen = source.native_shape()
    # What the command line says of the shape is what the images are to become.
    channels, sizes = seen.channels, seen.sizes
    if "data.channels" in given and settings.data.channels is not None:
        channels = settings.data.channels
    if "data.size" in given and settings.data.size is not None:
        sizes = ((settings.data.size, settings.data.size),)
    if (channels, sizes) == (usual.channels, ((usual.size, usual.size),)):
        return settings
    if isinstance(source.content, ImageSource):
        made = _presets_for(seen, settings.model.name, registry)
        others = [name for name in made if name != ANY_IMAGES]
        instead = f"--preset {' or '.join(others)} takes them, too" if others else ""
    else:
        instead = f"--preset {settings.preset} would convert them"
    what = _describe(NativeShape(sizes, channels))
    notes.append(
        f"{what} do not fit preset {settings.preset}: taking preset {ANY_IMAGES}"
        + (f" ({instead})" if instead else "")
    )
    return resolve(registry, request.model, preset=ANY_IMAGES, assignments=request.assignments)


def _fit_shape(
    request: Request, settings: Settings, source: Source, registry: Registry, notes: list[str]
) -> Settings:
    """Settle ``data.size`` and ``data.channels`` where the settings leave them to the data."""
    missing = []
    if settings.data.size is None:
        seen = source.native_shape()
        size = _choose_side(seen)
        missing.append(Assignment("data.size", str(size), "the data"))
        if seen.uniform is None or seen.uniform[1:] != (size, size):
            notes.append(f"images become {size}x{size}; choose with --set data.size=N")
    if settings.data.channels is None:
        channels = source.native_shape().channels
        missing.append(Assignment("data.channels", str(channels), "the data"))
    if not missing:
        return settings
    return resolve(
        registry,
        request.model,
        preset=settings.preset if not request.files else request.preset,
        files=request.files,
        assignments=(*request.assignments, *missing),
    )


def _choose_side(seen: NativeShape) -> int:
    shortest = min(min(size) for size in seen.sizes)
    square = seen.uniform is not None and seen.uniform[1] == seen.uniform[2]
    if square and shortest <= _MODEST_SIDE and shortest % 4 == 0:
        return shortest
    return next((side for side in _SIDES if side <= min(shortest, _MODEST_SIDE)), min(_SIDES))


def _describe(seen: NativeShape) -> str:
    colour = "grey" if seen.channels == 1 else "colour"
    if seen.uniform is not None:
        return f"{colour} images of {seen.uniform[1]}x{seen.uniform[2]}"
    return f"{colour} images of {len(seen.sizes)} sizes"
