"""``ganzoo centrality``: choose among runs without labels. Imports no torch before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.registry import Registry


@click.command("centrality", short_help="Choose among runs without labels (ModelCentrality).")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--groups",
    default=500,
    show_default=True,
    type=click.IntRange(min=2),
    help="Groups of 100 generated images with one code in common, for each pair of runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_obj
def centrality_command(
    registry: Registry, *, runs: tuple[Path, ...], groups: int, as_json: bool
) -> None:
    """Rank runs by ModelCentrality: how well each RUN and the others read each other's images.

    The best disentangled models are alike, and the others are bad each in its own way (Lin et al.
    2020), so the first is the one to take. Needs at least three runs on the same data.
    """
    from ganzoo import load
    from ganzoo_infogan_cr.centrality import centrality

    chosen = tuple(dict.fromkeys(runs))
    scores = centrality([load(run, registry) for run in chosen], groups)
    ranked = sorted(zip(scores.tolist(), chosen, strict=True), reverse=True)
    if as_json:
        rows = [{"run": str(run), "centrality": score} for score, run in ranked]
        click.echo(json.dumps({"groups": groups, "runs": rows}, indent=2))
        return
    for score, run in ranked:
        click.echo(f"{score:.3f}  {run}")
