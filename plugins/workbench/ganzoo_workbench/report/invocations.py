"""Commands that begin a run again, and those that use it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.discovery import FILE, words_with
from ganzoo.errors import in_one_line
from ganzoo.files import plain_name
from ganzoo.layers import parse_value, spell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo_workbench.report.differences import Difference
    from ganzoo_workbench.report.recorded import RecordedRun

_SHORT = {"data.name": "--data", "train.steps": "--steps", "train.seed": "--seed"}
_LONGEST_WORD = 1000
_BARE = re.compile(r'[^\s."=]+')


@dataclass(frozen=True)
class Invocation:
    """A command, and what it is good for."""

    purpose: str
    command: str


def place_of(run: RecordedRun) -> str:
    """The folder as a command names it: from the working folder, or else by its own name.

    So a report never tells where on a machine, or in whose home, the run lay.
    """
    path, here = run.folder.path.resolve(), Path.cwd().resolve()
    inside = path != here and path.is_relative_to(here)
    place = str(path.relative_to(here)) if inside else path.name
    return f"./{place}" if place.startswith("-") else place


def beginning(run: RecordedRun, differences: Sequence[Difference] | None) -> str:
    """A command that trains with the same settings, given how they differ from the preset's.

    Where that is unknown, the command takes them from the run's file.
    """
    if differences is None:
        return _line(
            *_ganzoo(run), "run", "--config", f"{place_of(run)}/{run.folder.settings.name}"
        )
    words = [*_ganzoo(run), "run", run.model, "--preset", run.preset]
    for difference in differences:
        value, short = difference.values[-1], _SHORT.get(difference.key)
        if value is None and difference.path[0] == "loss":
            # The preset has a loss that the run lacks: of its settings the weight alone counts.
            loss = (*difference.path[:2], "weight")
            if difference.path == loss:
                words += ["--set", _pair(loss, 0)]
            continue
        words += (
            [short, str(value)]
            if short and value is not None
            else ["--set", _pair(difference.path, value)]
        )
    return _line(*words)


def following(run: RecordedRun) -> list[Invocation]:
    """Commands for a run: to go on with it and, once it has a model, to use that."""
    place, steps, ganzoo = place_of(run), run.steps or 0, _ganzoo(run)
    go_on = [*ganzoo, "run", "--resume", place]
    unfinished = run.step < steps
    found = [
        Invocation(
            "Continue",
            _line(*go_on, *([] if unfinished else ["--steps", str(2 * max(run.step, 1))])),
        )
    ]
    if run.exported:
        if "prior" in run.settings:
            found.append(Invocation("Sample", _line(*ganzoo, "sample", place, "-n", "64")))
        if run.codes:
            found.append(Invocation("Traverse the codes", _line(*ganzoo, "traverse", place)))
        hub = f"NAME/{plain_name(run.name)}"
        found += [
            Invocation("Evaluate", _line(*ganzoo, "eval", place)),
            Invocation("Share on the Hub", _line(*ganzoo, "push", place, hub)),
        ]
    return [*found, Invocation("Report anew", _line(*ganzoo, "report", place))]


def _ganzoo(run: RecordedRun) -> list[str]:
    """The command with the plugins that are files, by their names alone: as from their folder."""
    versions = run.environment.get("versions")
    names = sorted(versions) if isinstance(versions, Mapping) else []
    return words_with(
        name.removeprefix(f"{FILE}:") for name in names if name.startswith(f"{FILE}:")
    )


def _pair(path: tuple[str, ...], value: Any) -> str:
    """``KEY=VALUE`` as ``--set`` reads it."""
    key = ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in path)
    plain = isinstance(value, str) and parse_value(value) == value
    return f"{key}={value if plain else spell(value)}"


def _line(*words: str) -> str:
    """The words as a shell reads them; none can bring a control character into a terminal."""
    return " ".join(shlex.quote(in_one_line(word, _LONGEST_WORD)) for word in words)
