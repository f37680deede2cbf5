"""The command line: the host's commands, and those that plugins bring.

``ctx.obj`` of every command is the :class:`ganzoo.registry.Registry`. Whatever takes long to import
is imported in the body of the command that needs it.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganzoo.cli.terminal import colour
from ganzoo.discovery import discover
from ganzoo.errors import OneProcessError, UserError, did_you_mean
from ganzoo.plugins import PluginError
from ganzoo.registry import Registry
from ganzoo.variables import another_tells
from ganzoo.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = "ganzoo.plugin_files"


@cache
def own_commands() -> dict[str, dict[str, click.Command]]:
    """The host's commands by name, in the sections in which ``--help`` shows them."""
    from ganzoo.cli import checking, comparing, completing, listing, runs, scaffolding, training

    sections = {
        "Train": training.COMMANDS,
        "Use what was trained": [*runs.COMMANDS, comparing.compare_command],
        "See what there is": listing.COMMANDS,
        "Write a plugin": [*scaffolding.COMMANDS, *checking.COMMANDS],
        "Set up": completing.COMMANDS,
    }
    return {
        title: {str(command.name): command for command in commands}
        for title, commands in sections.items()
    }


def registry_of(ctx: click.Context) -> Registry:
    """The registry of this command line; plugins are loaded when it is first asked for."""
    root = ctx.find_root()
    if root.obj is None:
        root.obj = Registry(discover(plugin_files(ctx)))
    registry: Registry = root.obj
    return registry


def plugin_files(ctx: click.Context) -> tuple[Path, ...]:
    """The files that ``--plugin`` named."""
    files: tuple[Path, ...] = ctx.find_root().meta.get(_FILES, ())
    return files


class CommandLine(click.Group):
    """The group of all commands; errors of users end it in one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The host's commands, then those of plugins."""
        own = [name for section in own_commands().values() for name in section]
        return own + list(self._offered(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or by ``package:name`` for one that a plugin offers."""
        for section in own_commands().values():
            if cmd_name in section:
                return section[cmd_name]
        registry = registry_of(ctx)
        if not registry.matching("command", cmd_name):
            return None
        return registry.find("command", cmd_name).spec

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names, or an error with the near miss."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            miss = did_you_mean(args[0], self.list_commands(ctx))
            trouble = registry_of(ctx).plugins.why_incomplete()
            hint = "See all commands with: ganzoo --help"
            raise UserError(
                f"no command called {args[0]!r}{miss}",
                hint=f"{hint}\n{trouble}" if trouble else hint,
            )
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read what comes before the command."""
        with _wrong_use_told_as_ours():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Read the rest, and run the command.

        Ctrl-C outside a training, which saves first, ends it with the same exit code.
        """
        try:
            with _wrong_use_told_as_ours(ctx):
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            raise click.exceptions.Exit(128 + signal.SIGINT) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section."""
        sections = own_commands() | {"From plugins": self._offered(ctx)}
        width = max(len(name) for section in sections.values() for name in section)
        for title, commands in sections.items():
            lines = [
                (name.ljust(width), command.get_short_help_str(formatter.width - width - 6))
                for name, command in commands.items()
                if not command.hidden
            ]
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and turn a :class:`UserError` into its message and exit code 2."""
        try:
            return super().main(*args, **extra)
        except UserError as error:
            # Every process of a launch comes to the same error, and one of them tells it, but for
            # those that only one comes to.
            if not another_tells() or isinstance(error, OneProcessError):
                label = click.style("error:", fg="red", bold=True)
                click.echo(f"{label} {error}", err=True, color=colour())
            sys.exit(2)

    def _offered(self, ctx: click.Context) -> dict[str, click.Command]:
        """The commands of plugins by the shortest name that is theirs alone."""
        registry = registry_of(ctx)
        own = {name for section in own_commands().values() for name in section}
        offers = registry.all("command")
        names = [offer.name for offer in offers]
        found = {}
        for offer in offers:
            plain = offer.name not in own and names.count(offer.name) == 1
            found[offer.name if plain else offer.qualified] = offer.spec
            if offer.name in own:
                flaw = PluginError(
                    f"yields {offer.name!r}, which is the host's: call it {offer.qualified}"
                )
                registry.plugins.blame(offer.offered_by, "ganzoo_commands", flaw)
        return found


@contextmanager
def _wrong_use_told_as_ours(ctx: click.Context | None = None) -> Iterator[None]:
    """Let what click says of a wrong option or argument look like every other error."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        if error.ctx is not None:
            command = error.ctx.command_path
        else:
            # click does not say whose option lacks its value.
            command = "ganzoo" if ctx is None else f"{ctx.command_path} {ctx.invoked_subcommand}"
        misplaced = isinstance(error, click.NoSuchOption) and error.option_name == "--plugin"
        if misplaced and error.ctx is not None and error.ctx.parent is not None:
            raise UserError(
                "--plugin goes before the command",
                hint=f"As in: ganzoo --plugin FILE.py {error.ctx.info_name} ...",
            ) from error
        what = error.format_message()
        what = what if what.endswith("...") else what.removesuffix(".")
        if what[1:2].islower():
            what = what[0].lower() + what[1:]
        raise UserError(what, hint=f"See: {command} --help") from error


def _keep_files(ctx: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> None:
    ctx.meta[_FILES] = files


EXIT_CODES = """\b
Exit codes:
  0       done
  1       a check, a comparison, a metric that was named or one of several runs failed, or there
          is a bug
  2       wrong use, wrong settings or data, or a file that cannot be used
  128+N   stopped by signal N, a training after saving: 130 Ctrl-C, 143 SIGTERM, 138 SIGUSR1"""


@click.group(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="ganzoo")
@click.option(
    "--plugin",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    is_eager=True,  # its commands belong into --help
    expose_value=False,
    callback=_keep_files,
    help="Load a plugin that is one Python file; may be given several times.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A zoo of generative models in which a model, a loss or a prior is a plugin.

    Begin with: ganzoo run infogan
    """
    ctx.color = colour()
    if ctx.invoked_subcommand != "plugins":  # which can do without loading any
        registry_of(ctx)


def main() -> None:
    """Run the command line of this process."""
    cli(prog_name="ganzoo")
