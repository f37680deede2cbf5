"""``ganzoo report``: one file that shows a run, or several side by side. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import complete_runs
from ganzoo.files import told_unwritable

if TYPE_CHECKING:
    from ganzoo.registry import Registry

COMPARISON = Path("comparison.html")
"""Where the report of several runs goes by default."""


@click.command("report", short_help="Write a page that shows a run, or several side by side.")
@click.argument(
    "runs",
    metavar="[RUN]...",
    nargs=-1,
    type=click.Path(path_type=Path),
    shell_complete=complete_runs,
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"File to write. [default: report.html in RUN; of several runs, {COMPARISON}]",
)
@click.pass_obj
def report_command(registry: Registry, *, runs: tuple[Path, ...], output: Path | None) -> None:
    """Write a page of pictures, scores and curves of RUN (or the newest run), anew.

    A training keeps report.html in its folder up to date by itself. Of several runs the page has
    the curves in common charts, the scores side by side and the settings that differ. It is one
    file that opens offline and loads nothing.
    """
    from ganzoo.folder import find_run
    from ganzoo_workbench.report.making import REPORT, make, make_comparison

    folders = list({path.resolve(): path for path in runs}.values()) or [find_run(None).path]
    path = output or (folders[0] / REPORT if len(folders) == 1 else COMPARISON)
    with told_unwritable(path, "Make room or choose another place with -o."):
        if len(folders) == 1:
            remarks = make(folders[0], registry, path)
        else:
            remarks = make_comparison(folders, registry, path)
    for remark in remarks:
        click.echo(f"note: {remark}", err=True)
    click.echo(path)
