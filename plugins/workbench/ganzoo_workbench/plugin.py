"""What this plugin offers; imports no torch."""

from collections.abc import Iterable

import click

from ganzoo import hookimpl
from ganzoo_workbench.verifying import verify_command

ganzoo_api = 1


@hookimpl
def ganzoo_commands() -> Iterable[click.Command]:
    """The commands."""
    yield verify_command
