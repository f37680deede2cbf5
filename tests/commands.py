"""Commands as a user types them, in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from ganzoo.cli import cli

if TYPE_CHECKING:
    from click.testing import Result


def ganzoo(*arguments: str, **options: Any) -> Result:
    """What a command says and exits with; ``options`` are those of click's runner.

    An exception that would be a traceback for the user is one for the test.
    """
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False, **options)
