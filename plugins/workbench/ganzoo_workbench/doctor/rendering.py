"""Findings as lines for a terminal. Torch-free."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ganzoo_workbench.doctor.findings import Finding, Mark

_COLOURS: dict[Mark, str] = {"ok": "green", "note": "yellow", "problem": "red"}
_INDENT = 24
"""Columns before the text: the mark, and what the finding is about."""


def lines(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """Each finding behind its mark; what to do about it stands below it.

    No line is wider than ``width`` (at least 50 columns), unless a word alone is.
    """
    for finding in findings:
        mark = click.style(f"{finding.mark:7}", fg=_COLOURS[finding.mark])
        text, *more = _wrapped(finding.text, width - _INDENT)
        yield f"  {mark}  {finding.about:12} {text}"
        more += [
            f"{'→' if number == 0 else ' '} {line}"
            for number, line in enumerate(_wrapped(finding.advice, width - _INDENT - 2))
        ]
        yield from (" " * _INDENT + line for line in more)


def _wrapped(text: str, width: int) -> list[str]:
    if not text:
        return []
    return wrap(" ".join(text.split()), width, break_on_hyphens=False)
