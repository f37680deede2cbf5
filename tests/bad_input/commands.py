"""Commands run as a user runs them, in this process."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from click.testing import CliRunner

from ganzoo.cli import cli

if TYPE_CHECKING:
    from click.testing import Result


def run_command(command: str) -> Result:
    """Run a command line, without ``ganzoo`` at its start."""
    return CliRunner().invoke(cli, shlex.split(command), prog_name="ganzoo")
