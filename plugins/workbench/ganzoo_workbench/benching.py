"""``ganzoo bench``: how fast a model trains here. Imports no torch before it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.arguments import (
    complete_models,
    config_option,
    data_option,
    json_option,
    preset_option,
    set_option,
)
from ganzoo.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ganzoo.registry import Registry
    from ganzoo.task import Task
    from ganzoo_workbench.quartiles import Quartiles
    from ganzoo_workbench.throughput import Throughput

_NEGLIGIBLE = 1e-3
"""Share of a turn below which a part of it gets no line."""


@click.command("bench", short_help="Time the turns of a model, and say where their time goes.")
@click.argument("name", shell_complete=complete_models)
@preset_option
@data_option
@config_option
@set_option
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(min=1),
    help="Turns to time, whole periods of them; left out, as many as take some 20 seconds.",
)
@json_option
@click.pass_obj
def bench_command(
    registry: Registry,
    *,
    name: str,
    preset: str | None,
    data: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    steps: int | None,
    as_json: bool,
) -> None:
    """Take turns as `ganzoo run NAME` would, and time them.

    Nothing is written but the cache of decoded images. Some turns to warm up come first; then turns
    are timed in windows, and each figure is the median over the windows with the quartiles behind
    it. Where a phase or a loss is due every n-th turn only, each window holds whole periods. FLOP/s
    counts matrix products and convolutions, and is held against what this machine gives for large
    matrix products between the windows, or after them all if it streams. Several processes are
    timed as by `ganzoo run`:

    \b
      accelerate launch -m ganzoo bench NAME
    """  # noqa: D301  click reads the control character, not the two letters
    from ganzoo import environment
    from ganzoo.plan import Request
    from ganzoo.settings import Assignment
    from ganzoo.task import prepare
    from ganzoo_workbench.throughput import make_trainer, measure

    assignments = [Assignment.parse(text) for text in settings]
    task = prepare(registry, Request(name, preset, files, assignments, data))
    throughput = measure(make_trainer(task), task.launch.precision, steps)
    task.launch.accelerator.end_training()
    if not task.tells:
        return
    here = environment.present(task.launch, task.plan.settings, registry.plugins)
    if as_json:
        click.echo(json.dumps(_document(task, throughput, here), indent=2))
        return
    for line in (*_heading(task, here), *_figures(throughput)):
        click.echo(line)


def _document(task: Task, throughput: Throughput, here: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    settings = task.plan.settings
    return {
        "model": settings.model.name,
        "preset": settings.preset,
        "settings": settings.table(),
        "parameters": task.plan.assembly.parameter_counts(),
        "environment": here,
        **asdict(throughput),
    }


def _heading(task: Task, here: dict[str, Any]) -> Iterator[str]:
    settings, launch = task.plan.settings, task.launch
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    counts = task.plan.assembly.parameter_counts().items()
    sizes = ", ".join(f"{name} {count:,}" for name, count in counts)
    yield f"{settings.model.name}, preset {settings.preset}, in {launch.precision} ({launch.why})"
    yield f"  device      {here['device_name']}, {here['instructions']}, {here['system']}"
    yield f"  versions    Python {here['python']}, {versions}"
    yield f"  networks    {sizes} parameters"


def _figures(throughput: Throughput) -> Iterator[str]:
    windows = counted(throughput.windows, "window")
    if throughput.period > 1:
        windows += f" of whole periods ({throughput.period} turns)"
    yield (
        f"  timed       {counted(throughput.turns, 'turn')} of {throughput.batch_size} images in "
        f"{windows}: median (quartiles)"
    )
    yield f"  images/s    {_say(throughput.images_per_second, _number)}"
    yield f"  ms a turn   {_say(throughput.turn, _milliseconds)}"
    for part, quartiles in throughput.parts.items():
        if quartiles.median >= _NEGLIGIBLE * throughput.turn.median:
            yield f"    {part:<12}{_say(quartiles, _milliseconds)}"
    drawn = throughput.latents
    if drawn is not None and drawn.median >= _NEGLIGIBLE * throughput.turn.median:
        yield f"    one draw of latents, within these: {_say(drawn, _milliseconds)}"
    by_part = ", ".join(f"{part} {_giga(flop)}" for part, flop in throughput.flop.items() if flop)
    yield f"  GFLOP       {_giga(sum(throughput.flop.values()))} a turn: {by_part}"
    yield f"  GFLOP/s     {_say(throughput.flop_rate, _giga)}"
    for name, quartiles in throughput.matrix_rate.items():
        yield f"    {name + ' matrix product':<24}{_say(quartiles, _giga)}"
    share = _say(throughput.utilisation, lambda value: f"{value:.0%}")
    yield f"    the turn's share of {throughput.held_against} matrix products: {share}"
    memory = f"{throughput.memory.process / 2**20:,.0f} MiB of this process at most"
    if throughput.memory.device is not None:
        memory += f", {throughput.memory.device / 2**20:,.0f} MiB of tensors on the device"
    yield f"  memory      {memory}"


def _say(quartiles: Quartiles, form: Callable[[float], str]) -> str:
    return f"{form(quartiles.median)} ({form(quartiles.low)} to {form(quartiles.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.3g}" if seconds < 1 else f"{seconds * 1000:,.0f}"


def _giga(value: float) -> str:
    return f"{value / 1e9:,.3g}"
