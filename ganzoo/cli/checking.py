"""``ganzoo check``: a plugin held against the contract of the plugin interface."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import config_option
from ganzoo.cli.terminal import width
from ganzoo.discovery import FILE, admit_file
from ganzoo.errors import UserError, did_you_mean
from ganzoo.plugins import CONTAINED, DisabledPlugin, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ganzoo.plugins import Plugin, Plugins
    from ganzoo.registry import Registry
    from ganzoo.testing import Check

_COLOURS = {"pass": "green", "fail": "red", "skip": "yellow"}


@dataclass(frozen=True)
class Outcome:
    """What one check said."""

    check: str
    """The name of the check."""
    subject: str
    """What was checked."""
    rule: str
    """What the check asks for, in one sentence."""
    state: str
    """``pass``, ``fail``, or ``skip`` where there was nothing to check."""
    reason: str = ""


@click.command("check", short_help="Hold a plugin against the contract of the plugin interface.")
@click.argument("name", metavar="NAME-or-FILE")
@config_option
@click.option("--quick", is_flag=True, help="Leave out presets of over 5 million parameters.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
@click.pass_obj
def check_command(
    registry: Registry, *, name: str, files: tuple[Path, ...], quick: bool, as_json: bool
) -> None:
    """Hold a plugin against the contract: gradients, draws, checkpoints, data, scores and more.

    NAME is that of an installed plugin, as `ganzoo plugins` lists it; FILE.py is a plugin that is
    one file. Its models are checked with each of their presets; those of a file have none, so
    --config gives them a prior, losses and sizes. All is done on tiny data, on the CPU. The exit
    code is 1 if a check fails.
    """
    plugin = _found(registry.plugins, name)
    from ganzoo.testing import checks_of_plugin

    outcomes = []
    for outcome in _outcomes(checks_of_plugin(registry.plugins, plugin, files), quick=quick):
        outcomes.append(outcome)
        if not as_json:
            click.echo("\n".join(_lines(outcome)))
    counts = Counter(outcome.state for outcome in outcomes)
    if as_json:
        tally = {state: counts[state] for state in _COLOURS}
        checks = [asdict(outcome) for outcome in outcomes]
        document = {"plugin": plugin.qualified, **tally, "checks": checks}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(
            f"{plugin.qualified}: {counts['pass']} passed, {counts['fail']} failed, "
            f"{counts['skip']} skipped"
        )
    if counts["fail"]:
        click.get_current_context().exit(1)


def _found(plugins: Plugins, name: str) -> Plugin:
    """The plugin of that name, or in that file. Raises UserError if there is none."""
    if name.endswith(".py"):
        admit_file(plugins, Path(name))
        return next(
            record for record in plugins.records if record.qualified == f"{FILE}:{Path(name).stem}"
        )
    matches = [each for each in plugins.records if name in _names(each)]
    if len(matches) > 1:
        names = " or ".join(each.qualified for each in matches)
        raise UserError(f"{name!r} means several plugins", hint=f"Say which: {names}.")
    if not matches:
        known = [spelling for each in plugins.records for spelling in _names(each)]
        there = ", ".join(each.name for each in plugins.records) or "none"
        raise UserError(
            f"no plugin called {name!r}{did_you_mean(name, known)}",
            hint=f"There are: {there}. A plugin that is one file ends in .py.",
        )
    if isinstance(matches[0], DisabledPlugin):
        raise UserError(f"plugin {matches[0].qualified} is disabled: {matches[0].reason}")
    return matches[0]


def _names(plugin: Plugin) -> tuple[str, str, str]:
    return plugin.name, plugin.qualified, plugin.distribution


def _outcomes(checks: Sequence[Check], *, quick: bool) -> Iterator[Outcome]:
    for check in checks:
        large = "over 5 million parameters, and --quick"
        state, reason = ("skip", large) if quick and check.slow else _result(check)
        yield Outcome(check.name, check.subject, check.meaning, state, reason)


def _result(check: Check) -> tuple[str, str]:
    from ganzoo.testing import ContractError, NotChecked

    try:
        check()
    except NotChecked as reason:
        return "skip", str(reason)
    except ContractError as error:
        return "fail", str(error)
    except CONTAINED as error:
        return "fail", f"{one_line(error)}{_place(error)}"
    return "pass", ""


def _place(error: BaseException) -> str:
    """Where an error comes from, outside of torch."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "/torch/" not in file:
            place = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _lines(outcome: Outcome) -> Iterator[str]:
    state = click.style(outcome.state, fg=_COLOURS[outcome.state])
    yield f"{state}  {outcome.check}[{outcome.subject}]"
    for line in outcome.reason.splitlines():
        yield from wrap(line, width(), initial_indent="      ", subsequent_indent="      ")


COMMANDS = [check_command]
