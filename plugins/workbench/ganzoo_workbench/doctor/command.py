"""``ganzoo doctor``. Imports no torch before it runs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ganzoo.cli.arguments import json_option
from ganzoo.counting import counted

if TYPE_CHECKING:
    from ganzoo.registry import Registry

_WIDEST = 80


@click.command("doctor", short_help="Look whether this machine can train, and say what to mend.")
@click.option("--online", is_flag=True, help="Also see whether the Hugging Face Hub answers.")
@json_option
@click.pass_obj
def doctor_command(registry: Registry, *, online: bool, as_json: bool) -> None:
    """Look at Python, torch, devices, folders, accelerate and plugins, and train for one turn.

    Each line is ok, a note, or a problem with what to do about it. Exit code 0 if there is no
    problem, else 1. Nothing is changed; the turn is done in a temporary folder. The network is not
    used unless --online is given.
    """
    from ganzoo.cli.terminal import colour, width
    from ganzoo.version import __version__
    from ganzoo_workbench.doctor.examination import examine
    from ganzoo_workbench.doctor.rendering import lines

    marks: Counter[str] = Counter()
    found = []
    for section in examine(registry, online=online):
        if not as_json:
            click.secho(section.title, bold=True, color=colour())
        findings = list(section.findings)
        marks.update(finding.mark for finding in findings)
        found += [{"section": section.title, **asdict(finding)} for finding in findings]
        if not as_json:
            for line in [*lines(findings, min(width(), _WIDEST)), ""]:
                click.echo(line, color=colour())
    if as_json:
        counts = {"problems": marks["problem"], "notes": marks["note"]}
        click.echo(json.dumps({"ganzoo": __version__, **counts, "findings": found}, indent=2))
    else:
        tally = [_count(marks[mark], mark) for mark in ("problem", "note")]
        click.echo(f"{', '.join(tally).capitalize()}.")
    raise SystemExit(1 if marks["problem"] else 0)


def _count(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"
