"""``ganzoo sweep``: many seeds at once. Imports no torch before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.arguments import config_option, data_option, model_argument, preset_option

if TYPE_CHECKING:
    from ganzoo.registry import Registry


@click.command("sweep", short_help="Train many seeds, and all combinations of settings, at once.")
@model_argument
@click.option(
    "--seeds", metavar="SEEDS", required=True, help="Such as 0-9, or 0-4,7 (train.seed of each)."
)
@preset_option
@data_option
@click.option("--steps", metavar="N", help="Turns to train each run for (train.steps).")
@config_option
@click.option(
    "--set",
    "settings",
    metavar="K=V[,V]...",
    multiple=True,
    help="One setting, with all its values.",
)
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help="Runs at once; left out, one on each GPU, or without any, one on each core; all by SLURM.",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "slurm"]),
    default="local",
    show_default=True,
    help="Where runs are trained: here, or as jobs of a SLURM cluster by submitit.",
)
@click.option(
    "--slurm",
    "parameters",
    metavar="K=V",
    multiple=True,
    help="A parameter of all SLURM jobs, as in partition=gpu, timeout_min=600 or cpus_per_task=4.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be run, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print the result (or the plan) as JSON.")
@click.pass_context
def sweep_command(
    ctx: click.Context,
    *,
    name: str | None,
    seeds: str,
    preset: str | None,
    data: str | None,
    steps: str | None,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    out: Path | None,
    jobs: int | None,
    executor: str,
    parameters: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train NAME with every seed and every combination of values, and compare the scores.

    The values of a --set are split at commas, but not inside quotes, brackets or parentheses:
    three are listed in --set 'prior.codes.digit=categorical(10),[1,2],"a,b"'.

    Every run is one process of `accelerate launch`, whatever this machine's `accelerate config`
    says, with its own folder and log in DIR, by default runs/sweep-<model>-<preset>. All are
    planned, and their images decoded, before the first one starts. The same command again goes on
    with what is unfinished; with further seeds or values, or with more --steps for all, it extends
    the sweep. Exit code 1 if a run failed; the others go on. Ctrl-C (exit code 130) and SIGTERM
    (143) let every run save and end.

    \b
    Examples:
      ganzoo sweep infogan --seeds 0-9
      ganzoo sweep infogan --seeds 0-4 --set model.routing=authors,joint --jobs 2
      ganzoo sweep infogan --seeds 0-9 --executor slurm --slurm partition=gpu
    """  # noqa: D301  click reads the control character, not the two letters
    from ganzoo.cli import plugin_files
    from ganzoo_workbench.sweep import slurm
    from ganzoo_workbench.sweep.grid import Base, read_grid

    if name is None:
        raise click.UsageError("Say which model to train, as in: ganzoo sweep infogan --seeds 0-9")
    if parameters and executor != "slurm":
        raise click.UsageError("--slurm needs --executor slurm beside it.")
    cluster: dict[str, Any] | None = None
    if executor == "slurm":
        slurm.refuse_absent()
        cluster = slurm.read_parameters(parameters)
    grid = read_grid(seeds, settings)
    base = Base(name, preset, data, steps, files, plugin_files(ctx))
    registry: Registry = ctx.obj
    from ganzoo_workbench.sweep.conducting import prepare
    from ganzoo_workbench.sweep.telling import conclusion, heading, plan_json, result_json

    options = [] if jobs is None else ["--jobs", str(jobs)]
    options += [] if cluster is None else ["--executor", executor]
    options += [word for parameter in parameters for word in ("--slurm", parameter)]
    sweep = prepare(registry, grid, base, out=out, jobs=jobs, cluster=cluster, options=options)
    if dry_run and as_json:
        click.echo(plan_json(sweep))
        return
    if not as_json:
        for line in heading(sweep):
            click.echo(line)
    if dry_run:
        click.echo("Nothing was written (--dry-run).")
        return
    ending = sweep.run(quiet=as_json)
    for line in [result_json(sweep, ending)] if as_json else conclusion(sweep, ending):
        click.echo(line)
    raise SystemExit(ending.exit_code)
