"""``ganzoo push``: share a trained model on the Hub. Imports no torch before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import complete_runs
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from ganzoo.registry import Registry
    from ganzoo.repository import Repository


@click.command("push", short_help="Share a trained model on the Hugging Face Hub.")
@click.argument("run", shell_complete=complete_runs)
@click.argument("repository", metavar="REPO")
@click.option("--private", is_flag=True, help="Make the repository one that nobody else can see.")
@click.option(
    "--branch", "--revision", "branch", metavar="NAME", help="Branch to push to. [default: main]"
)
@click.option("--message", metavar="TEXT", help="First line of the commit.")
@click.option(
    "--license",
    "licence",
    metavar="ID",
    help="Licence of the weights, as the Hub writes it (mit, cc-by-sa-4.0); yours to choose.",
)
@click.option("--update", is_flag=True, help="Commit upon a model that is there already.")
@click.option("--dry-run", is_flag=True, help="Send nothing: list the files.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="With --dry-run, a new folder to write the files to.",
)
@click.pass_obj
def push_command(
    registry: Registry,
    *,
    run: str,
    repository: str,
    private: bool,
    branch: str | None,
    message: str | None,
    licence: str | None,
    update: bool,
    dry_run: bool,
    output: Path | None,
) -> None:
    """Send the model of RUN to REPO (OWNER/NAME) on the Hugging Face Hub, in one commit.

    RUN is a run or an exported model folder. What is sent: weights, config, pictures, and a model
    card with the scores of the run. Your token is the one of `hf auth login`.
    """
    from ganzoo.card import Publication
    from ganzoo.folder import find_run
    from ganzoo_workbench.push import Terms, pack, send

    if output is not None and not dry_run:
        raise UserError("-o says where --dry-run writes, and goes with it")
    target = _target(repository, branch)
    parcel = pack(find_run(run), registry, Publication(repository=target.name, licence=licence))
    for name, size in parcel.sizes().items():
        click.echo(f"  {name:<20}  {size:>13,} bytes")
    if output is not None:
        parcel.write(output)
        click.echo(output)
    if dry_run:
        click.echo(f"Nothing was sent to {target} (--dry-run).")
        return
    terms = Terms(message=message or f"Upload {parcel.title}", private=private, update=update)
    page = send(parcel, target, terms)
    click.echo(f"{page}\nDraw from it anywhere with: ganzoo sample {target}")


def _target(text: str, branch: str | None) -> Repository:
    from ganzoo.repository import Repository

    target = Repository.named(text if branch is None else f"{text}@{branch}")
    if target is None:
        named = text if branch is None else f"{text} with the branch {branch}"
        raise UserError(
            f"{named} names no repository of the Hub",
            hint="Write OWNER/NAME, as in: ganzoo push RUN ada/infogan-mnist",
        )
    return target
