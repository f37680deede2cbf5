"""``ganzoo show``: every setting of a model, with value, type, meaning and origin."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import (
    config_option,
    json_option,
    model_argument,
    preset_option,
    set_option,
)
from ganzoo.cli.terminal import LEAST, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ganzoo.presets import Preset
    from ganzoo.registry import Registry
    from ganzoo.settings import Row, Settings


@click.command("show")
@model_argument
@preset_option
@config_option
@set_option
@json_option
@click.pass_obj
def show_command(
    registry: Registry,
    *,
    name: str | None,
    preset: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show every setting of NAME: value, type, meaning, origin."""
    from ganzoo.settings import Assignment, resolve, rows

    assignments = [Assignment.parse(text) for text in settings]
    resolved = resolve(registry, name, preset=preset, files=files, assignments=assignments)
    presets = registry.presets(registry.find("model", resolved.model.name))
    if as_json:
        document = {
            "model": resolved.model.name,
            "package": resolved.model.package,
            "preset": resolved.preset,
            "presets": {each.name: each.summary for each in presets.values()},
            "settings": [asdict(row) for row in rows(resolved)],
        }
        click.echo(json.dumps(document, indent=2))
        return
    for line in _page(resolved, presets, rows(resolved)):
        click.echo(line)


def _page(settings: Settings, presets: dict[str, Preset], table: Sequence[Row]) -> Iterator[str]:
    from ganzoo.layers import spell

    yield f"{settings.model.name} (from {settings.model.package}), preset {settings.preset}"
    yield from preset_lines(presets, settings.preset, indent=2)
    for section, group in groupby(table, key=lambda row: row.section):
        yield f"\n[{section}]"
        for row in group:
            left = f"  {row.key.removeprefix(section + '.')} = {spell(row.value)}"
            right = f"{row.type}; {row.origin}"
            gap = width() - len(left) - len(right)
            if gap > 1:
                yield f"{left}{' ' * gap}{right}"
            else:
                yield left
                yield from (f"      {line}" for line in wrap(f"({right})", width() - 6))
            yield from (f"      {line}" for line in wrap(row.help, width() - 6))
    yield from _about_phases(settings)
    yield "\nChange one with --set KEY=VALUE:\n  --set train.batch_size=64"


def _about_phases(settings: Settings) -> Iterator[str]:
    """What cannot be said of the settings alone, since a model is asked for its phases."""
    from ganzoo.conversion import fields_of
    from ganzoo.layers import spell
    from ganzoo.schema import OptimSettings

    defaults = OptimSettings()
    usual = [f"{name} = {spell(getattr(defaults, name))}" for name in fields_of(OptimSettings)]
    about = (
        "A phase of training without an [optim.PHASE] here has the values of the phase whose rates "
        f"it takes, or else {', '.join(usual)}. Which phases there are, and whether settings fit "
        "them, is told by:"
    )
    yield ""
    yield from wrap(about, width())
    preset = f" --preset {settings.preset}" if settings.preset else ""
    yield f"  ganzoo run {settings.model.name}{preset} --dry-run"


def preset_lines(presets: dict[str, Preset], chosen: str, *, indent: int) -> Iterator[str]:
    """Each preset with its summary; ``chosen`` is marked."""
    longest = max(map(len, presets), default=0)
    for preset in presets.values():
        mark = "*" if preset.name == chosen else " "
        start = f"{' ' * indent}{mark} --preset {preset.name:{longest}}  "
        about, *more = wrap(preset.summary, max(width() - len(start), LEAST)) or [""]
        yield (start + about).rstrip()
        yield from (" " * len(start) + line for line in more)
