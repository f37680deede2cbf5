"""Writes docs/commands.md: the help of every command, from the command line itself.

    python docs/commands.py

The tests compare the file with what this gives.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganzoo.cli import cli, own_commands
from ganzoo.discovery import discover
from ganzoo.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_suffix(".md")
WIDTH = 100


def write_page() -> str:
    """The whole page."""
    registry = Registry(discover())
    root = click.Context(cli, info_name="ganzoo", obj=registry, **cli.context_settings)
    lines = [
        "# Commands",
        "",
        "Written by `python docs/commands.py` from the command line itself. Errors go to standard",
        "error, results to standard output. `NO_COLOR` is honoured, and text fits the window.",
    ]
    sections = own_commands() | {"From the plugins of this package": _offered(registry)}
    for title, commands in sections.items():
        lines += ["", f"## {title}"]
        for name, command in commands.items():
            if not command.hidden:
                lines += [
                    "",
                    f"### ganzoo {name}",
                    "",
                    "```text",
                    *_help(root, name, command),
                    "```",
                ]
    lines += ["", "## Exit codes and common options", "", "```text", *_root_help(root), "```"]
    return "\n".join(lines) + "\n"


def _offered(registry: Registry) -> dict[str, click.Command]:
    """The commands of the plugins that come with the package, and of no other that is installed."""
    offers = registry.all("command")
    return {offer.name: offer.spec for offer in offers if offer.package == "torch-ganzoo"}


def _help(root: click.Context, name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=root, max_content_width=WIDTH)
    context.terminal_width = WIDTH
    yield from command.get_help(context).rstrip().splitlines()


def _root_help(root: click.Context) -> Iterator[str]:
    formatter = click.HelpFormatter(width=WIDTH)
    cli.format_usage(root, formatter)
    click.Command.format_options(cli, root, formatter)
    cli.format_epilog(root, formatter)
    yield from formatter.getvalue().rstrip().splitlines()


def main() -> int:
    """Write the page."""
    PAGE.write_text(write_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
