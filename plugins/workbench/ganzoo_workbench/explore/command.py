"""``ganzoo explore``: a local page for a trained model. Imports neither torch nor gradio here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import run_argument

if TYPE_CHECKING:
    from ganzoo.registry import Registry


@click.command("explore", short_help="Move the codes of a trained model by hand, in a browser.")
@run_argument
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets everybody in the network in.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port to listen on. [default: the first free one from 7860 on]",
)
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.pass_obj
def explore_command(
    registry: Registry, *, run: str | None, host: str, port: int | None, no_browser: bool
) -> None:
    """Open a page on which the codes of RUN (or of the newest run) are moved by hand.

    RUN is a run folder or an exported model folder, and is only read. The page asks nothing of any
    other machine, and ends with Ctrl-C.
    """
    from ganzoo.folder import find_run
    from ganzoo.loaded import load
    from ganzoo_workbench.explore.explorer import Explorer
    from ganzoo_workbench.explore.serving import bind, serve, sheltered

    with sheltered(), bind(host, port) as listening:
        from ganzoo_workbench.explore.page import build_page

        folder = find_run(run)
        page = build_page(Explorer(load(folder.path, registry)), name=str(folder.path))
        serve(page, listening, name=str(folder.path), open_browser=not no_browser)
