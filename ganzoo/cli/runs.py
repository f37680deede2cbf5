"""Commands that read a run: ``sample``, ``traverse``, ``eval``, ``runs``."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import json_option, run_argument
from ganzoo.cli.terminal import watched
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.folder import RunFolder
    from ganzoo.loaded import Loaded
    from ganzoo.overview import Overview
    from ganzoo.registry import Registry

MOST_IMAGES = 100_000
"""Images that a command draws or reads at most: they are in memory together."""
LABEL = "label"
"""The code that ``--label`` fixes: what a model that is told classes calls it."""
_SHEET = 10
"""Columns of a sheet of samples, and its rows until it becomes a larger square."""
RUN_HELP = (
    "RUN is a run folder, an exported model folder, or a model of the Hugging Face Hub (OWNER/NAME "
    "or OWNER/NAME@REVISION), of which the output goes into ./OWNER-NAME; left out, the newest run."
)


@click.command("sample", epilog=RUN_HELP)
@run_argument
@click.option(
    "-n",
    "count",
    default=64,
    show_default=True,
    type=click.IntRange(1, MOST_IMAGES),
    help="Images to draw.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the latents.")
@click.option(
    "--code", "codes", metavar="NAME=VALUE", multiple=True, help="Fix a code, as in digit=7."
)
@click.option(
    "--label", help="Fix the code 'label' of a model that has one: a class, or its number."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PNG file to write. [default: sample.png in RUN]",
)
@click.pass_obj
def sample_command(
    registry: Registry,
    *,
    run: str | None,
    count: int,
    seed: int,
    codes: tuple[str, ...],
    label: str | None,
    output: Path | None,
) -> None:
    """Draw images from a trained model into one PNG."""
    from ganzoo.pictures import grid

    named = _as_png(output)
    place, loaded = _load(run, registry)
    path = named or place.path / "sample.png"
    fixed = [_parse_code(loaded, text) for text in codes]
    if label is not None:
        classes = loaded.data.classes or ()
        value = str(classes.index(label)) if label in classes else label
        fixed.append((LABEL, loaded.code_value(LABEL, value)))
    _refuse_twice([name for name, _ in fixed])
    latents = loaded.with_codes(loaded.draw(count, seed), dict(fixed))
    side = math.ceil(count**0.5)
    columns = side if count > _SHEET * _SHEET else min(_SHEET, side)
    picture = grid(loaded.generate(latents, seed), columns=columns, span=loaded.model.image_range)
    _save(picture, path)


@click.command(
    "traverse", epilog=RUN_HELP, short_help="Move one code, keep the rest: a sheet and a GIF."
)
@run_argument
@click.option(
    "--code", "codes", metavar="NAME", multiple=True, help="Code to move; left out, each in turn."
)
@click.option(
    "--range", "span", nargs=2, type=float, metavar="A B", help="Range of a continuous code."
)
@click.option(
    "--rows", default=10, show_default=True, type=click.IntRange(1, 100), help="Noises, one a row."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the noise.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PNG file to write, with a GIF of the same name beside it. "
    "[default: traverse-CODE.png in RUN]",
)
@click.pass_obj
def traverse_command(
    registry: Registry,
    *,
    run: str | None,
    codes: tuple[str, ...],
    span: tuple[float, float] | None,
    rows: int,
    seed: int,
    output: Path | None,
) -> None:
    """Move one code while everything else stays: a sheet (PNG) and an animation (GIF)."""
    from ganzoo.files import plain_name
    from ganzoo.pictures import save_gif, traversal_frames, traversal_sheet
    from ganzoo.previews import FRAMES, traversals

    place, loaded = _load(run, registry)
    chosen = _codes_to_move(loaded, codes)
    _check_span(loaded, chosen, span)
    if output is not None and output.suffix.lower() == ".gif":
        raise UserError(
            f"-o {output} names the sheet, and the animation is written beside it",
            hint=f"Name it {output.with_suffix('.png')}: the animation is {output} then.",
        )
    # The names of codes come with the run, which may be anybody's.
    path = _as_png(output) or place.path / f"traverse-{plain_name('-'.join(codes) or 'all')}.png"
    assert loaded.prior is not None
    moved = partial(
        traversals,
        loaded.prior,
        loaded.generate,
        rows=rows,
        seed=seed,
        device=loaded.device,
        codes=chosen,
        span=span,
    )
    _save(traversal_sheet(moved(), span=loaded.model.image_range), path)
    smooth = moved(steps=FRAMES)
    for moving in smooth:
        gif = path.with_suffix(".gif")
        if len(smooth) > 1:
            gif = path.with_name(f"{path.stem}-{plain_name(moving.code)}.gif")
        save_gif(traversal_frames(moving, span=loaded.model.image_range), gif)
        click.echo(gif)


def _codes_to_move(loaded: Loaded, named: tuple[str, ...]) -> tuple[str, ...]:
    """The codes that were named, or all. Raises UserError if one is none, or there are none."""
    known = {} if loaded.prior is None else loaded.prior.codes
    if not known:
        raise UserError(
            f"{loaded.settings.model.name} has no codes to move",
            hint=None if loaded.prior is None else "Draw images with: ganzoo sample",
        )
    for name in named:
        loaded.check_code(name)
    _refuse_twice(named)
    return named or tuple(known)


def _check_span(loaded: Loaded, codes: tuple[str, ...], span: tuple[float, float] | None) -> None:
    """Raise UserError for a range that is none, or that no code can be moved over."""
    from ganzoo.latents import as_float32

    if span is None:
        return
    if not -math.inf < as_float32(span[0]) < as_float32(span[1]) < math.inf:
        raise UserError(
            f"--range {span[0]:g} {span[1]:g} goes nowhere: "
            "A must be less than B, as numbers of 32 bits"
        )
    if all(loaded.check_code(name).trained is None for name in codes):
        raise UserError(f"--range is for continuous codes: {codes[0]} takes each of its categories")


@click.command("eval", epilog=RUN_HELP, short_help="Score a trained model.")
@run_argument
@click.option(
    "--images",
    "budget",
    type=click.IntRange(100, MOST_IMAGES),
    help="Images of a split to use. [default: 10000]",
)
@click.option(
    "--metric",
    "names",
    metavar="NAME",
    multiple=True,
    help="Metric to compute, repeatable; scores.json keeps the others of this model. "
    "[default: all but those on request]",
)
@json_option
@click.pass_obj
def eval_command(
    registry: Registry,
    *,
    run: str | None,
    budget: int | None,
    names: tuple[str, ...],
    as_json: bool,
) -> None:
    """Score a trained model with the metrics on offer, into scores.json of the run.

    Metrics that are listed as on request, since they take long, are computed if --metric names
    them. If one that was named fails, the exit code is 1.
    """
    from ganzoo.metrics.progress import showing
    from ganzoo.metrics.scorecard import render, to_json
    from ganzoo.scoring import BUDGET, score_named

    with showing(when=watched() and not as_json):
        scores = score_named(registry, run, names, budget or BUDGET)
    click.echo(json.dumps(to_json(scores), indent=2) if as_json else render(scores))
    if names and scores.failed:
        raise click.exceptions.Exit(1)


@click.command("runs")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
def runs_command(*, folder: Path | None, as_json: bool) -> None:
    """List the runs in FOLDER (runs/), the newest first."""
    from ganzoo.export import CONFIG
    from ganzoo.folder import RUNS, all_runs
    from ganzoo.overview import overview

    parent = folder or RUNS
    if folder is not None and not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}", hint="Name a folder that runs lie in, such as runs/.")
    rows = [overview(run, run.model / CONFIG) for run in all_runs(parent)]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if not rows:
        click.echo(f"There is no run in {parent}/ yet. Start one with: ganzoo run infogan")
        return
    width = max(len(row.run) for row in rows)
    for row in rows:
        click.echo(_line(row, width))


def _line(run: Overview, width: int) -> str:
    turns = f"{run.step:,} of {run.steps:,} turns"
    remarks = [f"{name} {run.scores[name]:.3f}" for name in run.headlines]
    if run.damaged:
        remarks.append(f"({', '.join(run.damaged)} cannot be read)")
    return f"{run.run:<{width}}  {turns:<24}  {'  '.join(remarks)}".rstrip()


def _load(run: str | None, registry: Registry) -> tuple[RunFolder, Loaded]:
    from ganzoo.loaded import load
    from ganzoo.repository import find_model

    model = find_model(run)
    return model.output, load(model.folder, registry)


def _as_png(path: Path | None) -> Path | None:
    """The path with a suffix. Raises UserError if it has that of another kind of picture."""
    from ganzoo.data.convert import SUFFIXES

    if path is None or path.suffix.lower() == ".png":
        return path
    if path.suffix.lower() in SUFFIXES:
        raise UserError(
            f"-o {path} is no PNG file, and pictures are written as such",
            hint=f"Name it {path.with_suffix('.png')}.",
        )
    return path.with_name(f"{path.name}.png")


def _refuse_twice(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--code names {name} twice", hint="Say it once.")


def _parse_code(loaded: Loaded, text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--code {text} says no value", hint="Write it as in: --code digit=7")
    return name.strip(), loaded.code_value(name.strip(), value.strip())


def _save(picture: object, path: Path) -> None:
    from PIL.Image import Image

    from ganzoo.pictures import save_png

    assert isinstance(picture, Image)
    save_png(picture, path)
    click.echo(path)


COMMANDS = [sample_command, traverse_command, eval_command, runs_command]
