"""``ganzoo run``: train a model, from a command line to a scored run folder."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.arguments import (
    complete_runs,
    config_option,
    data_option,
    model_argument,
    preset_option,
    set_option,
)
from ganzoo.cli.terminal import watched
from ganzoo.discovery import invocation

if TYPE_CHECKING:
    from ganzoo.folder import RunFolder
    from ganzoo.loop import Outcome
    from ganzoo.model import DataInfo
    from ganzoo.registry import Registry
    from ganzoo.reporting import Observer
    from ganzoo.task import Task


@click.command("run")
@model_argument
@preset_option
@data_option
@click.option("--steps", metavar="N", help="Turns to train for (train.steps).")
@click.option("--seed", metavar="S", help="Seed of everything that is drawn (train.seed).")
@config_option
@set_option
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the run.")
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=complete_runs,
    help="Continue this run from its newest checkpoint.",
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would be run, and stop; data may be fetched for it."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result (or the plan) as JSON.")
@click.option(
    "-q", "--quiet", is_flag=True, help="Print the run's folder at the end, and notes and warnings."
)
@click.pass_obj
def run_command(
    registry: Registry,
    *,
    name: str | None,
    preset: str | None,
    data: str | None,
    steps: str | None,
    seed: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    out: Path | None,
    resume: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train the model NAME and score it.

    Everything goes to a folder, runs/<model>-<preset>-<seed> unless --out names another: settings,
    pictures, metrics, checkpoints and the model. Ctrl-C (exit code 130), SIGTERM (143) and SIGUSR1
    (138) finish the turn and save first, and --resume goes on from there; a second signal ends the
    command at once.

    \b
    Examples:
      ganzoo run infogan
      ganzoo run infogan --data photos/ --steps 20000
      ganzoo run infogan --set prior.codes.digit='categorical(20)'
      accelerate launch -m ganzoo run infogan
    """  # noqa: D301  click reads the control character, not the two letters
    from ganzoo.plan import Request
    from ganzoo.settings import Assignment
    from ganzoo.task import prepare

    short = [("train.steps", steps, "--steps"), ("train.seed", seed, "--seed")]
    assignments = [Assignment(key, text, origin) for key, text, origin in short if text is not None]
    assignments = [Assignment.parse(text) for text in settings] + assignments
    request = Request(name, preset, files, assignments, data)
    if name is None and resume is None and not files:
        raise click.UsageError(
            "Say which model to run, as in: ganzoo run infogan (see: ganzoo models)"
        )
    if resume is not None and out is not None:
        raise click.UsageError("--resume continues in the run's own folder: leave --out away.")
    task = prepare(registry, request, out, resume)
    if dry_run:
        _show_plan(task, as_json=as_json)
    else:
        _execute(task, as_json=as_json, quiet=quiet)


def _execute(task: Task, *, as_json: bool, quiet: bool) -> None:
    from ganzoo.reporting import Console, Warnings
    from ganzoo.task import execute

    def watch(folder: RunFolder) -> list[Observer]:
        if as_json or quiet:
            return [Warnings()]
        for line in _heading(task, folder):
            click.echo(line)
        return [Console(notes=sys.stdout)]

    folder, outcome = execute(task, watch)
    task.launch.accelerator.end_training()
    if task.tells:
        _conclude(task, folder, outcome, as_json=as_json, quiet=quiet)
    if outcome.stopped_by is not None:
        raise SystemExit(128 + outcome.stopped_by)


def _heading(task: Task, folder: RunFolder) -> list[str]:
    from ganzoo.loop import first_picture

    plan, launch = task.plan, task.launch
    settings, data = plan.settings, plan.assembly.data
    counts = plan.assembly.parameter_counts()
    train = settings.train
    sizes = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return [
        f"{settings.model.name}, preset {settings.preset}, in {launch.precision} ({launch.why})",
        f"  device    {launch.describe_device()}",
        f"  data      {data.name} {settings.data.split}: {_images(data)}",
        *(
            f"            {name}: {each.name} {settings.further[name].split}: {_images(each)}"
            for name, each in data.further.items()
        ),
        f"  networks  {sizes} parameters",
        f"  training  {train.steps:,} turns of {train.batch_size} images, seed {train.seed}",
        f"  folder    {folder.path}",
        f"  pictures  {folder.picture('samples')}, from turn {first_picture(train)} on",
    ]


def _images(data: DataInfo) -> str:
    channels, height, width = data.image_shape
    colours = "grey" if channels == 1 else "colour"
    return f"{data.amount} {colours} images, {height}x{width}"


def _conclude(
    task: Task, folder: RunFolder, outcome: Outcome, *, as_json: bool, quiet: bool
) -> None:
    """Score what was trained, and say what to do next."""
    from ganzoo.best import Score, best_of
    from ganzoo.claim import claimed_if_free
    from ganzoo.metrics.progress import showing
    from ganzoo.metrics.scorecard import render, to_json
    from ganzoo.reporting import clock
    from ganzoo.resume import continuing
    from ganzoo.scoring import quick_metrics, score_run

    if outcome.stopped_by is not None:
        name = signal.Signals(outcome.stopped_by).name
        click.echo(f"Stopped by {name} after turn {outcome.step:,}; everything is saved.", err=True)
        if outcome.step < task.plan.settings.train.steps:
            again = f"Continue with: {continuing(folder, task.registry.plugins)}"
        else:
            again = f"Score it with: {invocation(task.registry.plugins)} eval {folder.typed}"
        click.echo(again, err=True)
        return
    if not quiet:
        click.echo("Scoring the model ...", err=True)
    metrics = quick_metrics(task.registry)
    # Held, so that a sweep that waits for the run does not score it, too.
    with claimed_if_free(folder.path), showing(when=watched() and not (as_json or quiet)):
        scores = score_run(folder.path, task.registry, folder.scores, metrics)
    outcome.audience.tell(outcome.step, lambda observer: observer.scored(scores))
    if as_json:
        click.echo(json.dumps({"folder": str(folder.path), **to_json(scores)}, indent=2))
        return
    if quiet:
        click.echo(folder.path)
        return
    rate = f", {outcome.images_per_second:,.0f} images/s" if outcome.images_per_second else ""
    click.echo(f"\nTrained {outcome.step:,} turns in {clock(outcome.seconds)}{rate}.\n")
    click.echo(render(scores))
    click.echo()
    best, wanted = best_of(folder.checkpoints), task.plan.settings.train.keep_best
    if best is not None and wanted and best.figure == Score.parse(wanted).figure:
        click.echo(
            f"The best checkpoint by {best.figure} ({best.value:.4g}) is that of turn "
            f"{best.step:,}; its model is {folder.best_model}."
        )
    for line in _next_commands(task, folder):
        click.echo(line)


def _next_commands(task: Task, folder: RunFolder) -> list[str]:
    prior, path, ganzoo = task.plan.assembly.prior, folder.typed, invocation(task.registry.plugins)
    codes = {} if prior is None else prior.codes
    pages = sorted(folder.path.glob("*.html"))  # of observers
    pictures = [folder.picture("samples")] + ([folder.picture("traversal")] if codes else [])
    lines = ["Look at:", *(f"  {shown}" for shown in pages + pictures), "Then:"]
    example = ""
    for name, code in codes.items():
        last = code.categories and code.categories - 1
        example = f" --code {name}={'0.5' if last is None else min(3, last)}"
        break
    if prior is not None:
        lines.append(f"  {ganzoo} sample {path} -n 64{example}")
    if codes:
        lines.append(f"  {ganzoo} traverse {path} --code {list(codes)[-1]}")
    lines.append(f"  {ganzoo} eval {path}")
    lines.append(f"  {ganzoo} run --resume {path} --steps {2 * task.plan.settings.train.steps}")
    return lines


def _show_plan(task: Task, *, as_json: bool) -> None:
    from dataclasses import asdict

    if not task.tells:
        return
    plan, settings = task.plan, task.plan.settings
    counts = plan.assembly.parameter_counts()
    phases: dict[str, dict[str, Any]] = {
        phase.name: {
            "trains": list(phase.trains),
            "optim": asdict(plan.assembly.optim[phase.name]),
            "losses": {term.loss: term.weight for term in plan.assembly.terms[phase.name]},
        }
        for phase in plan.assembly.phases
    }
    if as_json:
        document = {
            "settings": settings.table(),
            "parameters": counts,
            "phases": phases,
            "device": task.launch.accelerator.device.type,
            "precision": task.launch.precision,
            "world_size": task.launch.accelerator.num_processes,
            "notes": list(plan.notes),
        }
        click.echo(json.dumps(document, indent=2))
        return
    from ganzoo.folder import RunFolder, new_names
    from ganzoo.settings import showing

    name = next(new_names(settings.model.name, settings.preset, settings.train.seed))
    for line in _heading(task, RunFolder(task.out or name)):
        click.echo(line)
    for note in (*plan.notes, *plan.source.notes):
        click.echo(f"  note      {note}")
    for phase, about in phases.items():
        losses = (
            ", ".join(f"{loss} x {weight:g}" for loss, weight in about["losses"].items())
            or "no loss"
        )
        rate, trains = about["optim"]["lr"], ", ".join(about["trains"])
        click.echo(f"  phase     {phase} trains {trains} at {rate:g} by {losses}")
    show = showing(task.registry, settings.model.name, settings.preset)
    click.echo(f"No run was begun (--dry-run). Every setting: {show}")


COMMANDS = [run_command]
