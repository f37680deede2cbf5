"""``ganzoo verify``: make turns of a run again. Imports no torch before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import run_argument

if TYPE_CHECKING:
    from ganzoo.registry import Registry

_SHOWN = 10


@click.command("verify", short_help="Make the last turns of a run again, and compare every byte.")
@run_argument
@click.option(
    "--steps",
    metavar="K",
    type=click.IntRange(min=1),
    help="Begin at least so many turns before the end; left out, at the checkpoint before the "
    "newest one.",
)
@click.pass_obj
def verify_command(registry: Registry, *, run: str | None, steps: int | None) -> None:
    """Train RUN (or the newest run) again from a checkpoint to its newest one, and compare.

    Exit code 0 if every tensor is the same to the bit; else 1, and the tensors that differ are
    named. A replay begins at a checkpoint that is still kept, or at turn 0, which needs none. The
    run itself is only read. A run of several processes is verified by as many:

    \b
      accelerate launch --num_processes 2 -m ganzoo verify RUN
    """  # noqa: D301  click reads the control character, not the two letters
    from ganzoo.folder import find_run
    from ganzoo_workbench.replay import prepare

    replay = prepare(registry, find_run(run), steps)
    turns = f"turns {replay.first + 1:,}..{replay.last:,}"
    if replay.tells:
        for line in replay.doubts:
            click.echo(f"note: {line}")
        click.echo(f"replaying {turns} from {replay.origin} ...", err=True)
    differing = replay.differing()
    replay.launch.accelerator.end_training()
    if replay.tells and not differing:
        click.echo(f"replayed {turns}: identical")
    elif replay.tells:
        click.echo(f"replayed {turns}: {len(differing)} values differ")
        for line in differing[:_SHOWN]:
            click.echo(f"  {line}")
        if len(differing) > _SHOWN:
            click.echo(f"  ... and {len(differing) - _SHOWN} more")
    raise SystemExit(1 if differing else 0)
