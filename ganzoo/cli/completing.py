"""``ganzoo completion``: the script that lets a shell complete commands, models and runs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_GANZOO_COMPLETE"
_INSTALL = {
    "bash": "ganzoo completion bash > ~/.local/share/bash-completion/completions/ganzoo",
    "zsh": "ganzoo completion zsh > ~/.zfunc/_ganzoo   (~/.zfunc in fpath, before compinit)",
    "fish": "ganzoo completion fish > ~/.config/fish/completions/ganzoo.fish",
}


@click.command(
    "completion",
    short_help="Print what lets a shell complete commands and runs.",
    epilog="\b\nInstall it with one of:\n" + "\n".join(f"  {line}" for line in _INSTALL.values()),
)
@click.argument("shell", type=click.Choice(list(_INSTALL)))
@click.pass_context
def completion_command(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script for SHELL, which completes commands, options, models and runs."""
    completion = get_completion_class(shell)
    assert completion is not None, "click knows bash, zsh and fish"
    click.echo(completion(ctx.find_root().command, {}, "ganzoo", VARIABLE).source())


COMMANDS = [completion_command]
