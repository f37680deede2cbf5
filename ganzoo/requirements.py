"""Distributions that a model needs, told apart from what pip cannot install. Torch-free."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import requires
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from ganzoo.discovery import FILE
from ganzoo.errors import UserError, in_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ganzoo.plugins import Plugins

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([\w.-]{0,98}[A-Za-z0-9])?", re.ASCII)
_OWN = "torch-ganzoo"
_LONGEST = 200


def installable(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of distributions beside our own that pip takes, and those that are no such names.

    Whoever exported a model chose them: a name with options or an address in it is none.
    """
    others = [name for name in dict.fromkeys(names) if name != _OWN]
    fit = [name for name in others if name != FILE and _DISTRIBUTION.fullmatch(name)]
    return fit, [name for name in others if name not in fit]


def installing(extra: str) -> str:
    """The command that installs what an extra of ganzoo's own stands for, package by package.

    Unlike the extra's name it does not ask from where ganzoo itself was installed.
    """
    known = map(Requirement, requires(_OWN) or [])
    chosen = [each for each in known if each.marker and each.marker.evaluate({"extra": extra})]
    return shlex.join(["pip", "install", *(f"{each.name}{each.specifier}" for each in chosen)])


def lacking(names: Iterable[str], plugins: Plugins, whose: object) -> UserError | None:
    """An error that names the distributions of which no plugin was found here, if there are any.

    ``whose`` needs them. A plugin that was found and cannot be loaded is not lacking.
    """
    found = {record.distribution for record in plugins.records}
    away = [name for name in dict.fromkeys(names) if name not in found]
    if not away:
        return None
    fit, others = installable(away)
    hints = []
    if fit:
        hints.append(
            f"Plugins are code. If you trust these, install them: pip install {' '.join(fit)}"
        )
    if FILE in others:
        hints.append(
            "One plugin was a file of its own: give it with: ganzoo --plugin FILE.py ... "
            "(in Python plugins=[...])"
        )
    named = in_one_line(", ".join(away), _LONGEST)
    return UserError(
        f"{whose} needs plugins that are not installed: {named}", hint="\n".join(hints) or None
    )
