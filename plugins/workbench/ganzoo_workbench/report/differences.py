"""Settings of runs held against their preset, and against one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.errors import UserError, in_one_line
from ganzoo.layers import Path, dotted, leaves, spell, value_at
from ganzoo.settings import from_table, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganzoo.registry import Registry
    from ganzoo_workbench.report.recorded import RecordedRun

_NO_SETTINGS = ("complete", "preset")
_LONGEST_VALUE = 200
_LONGEST_KEY = 120


@dataclass(frozen=True)
class Difference:
    """One setting that is not everywhere the same."""

    path: Path
    values: tuple[Any, ...]
    """None where it is not set."""

    @property
    def key(self) -> str:
        """The dotted key."""
        return dotted(self.path)

    @property
    def shown_key(self) -> str:
        """The key in one line."""
        return shown_key(self.path)

    @property
    def spelt(self) -> list[str]:
        """The values as people write them."""
        return [shown(value) for value in self.values]


def from_preset(run: RecordedRun, registry: Registry) -> list[Difference] | None:
    """What the run has otherwise than its preset: the preset's value, then the run's.

    None if the preset, or the model, cannot be had here.
    """
    try:
        preset = resolve(registry, run.model, preset=run.preset)
    except UserError:
        return None
    return between([preset.table(), completed(run, registry)])


def completed(run: RecordedRun, registry: Registry) -> Mapping[str, Any]:
    """The settings of a run with the defaults of settings that are younger than it.

    As they were written, if the parts that they name cannot be had here.
    """
    try:
        return from_table(registry, run.settings, origin=run.folder.settings.name).table()
    except UserError:
        return run.settings


def between(tables: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Every setting in which the tables differ, in the order in which they first stand there."""
    flat = [flattened(table) for table in tables]
    keys = dict.fromkeys(path for each in flat for path in each)
    found = [Difference(path, tuple(each.get(path) for each in flat)) for path in keys]
    return [each for each in found if len(set(map(spell, each.values))) > 1]


def flattened(table: Mapping[str, Any]) -> dict[Path, Any]:
    """Settings by their paths; the weights of a loss by phase stay one value."""
    flat: dict[Path, Any] = {}
    for path in leaves(table):
        whole = path[:3] if path[0] == "loss" and path[2:3] == ("weight",) else path
        flat[whole] = value_at(table, whole)
    return {path: value for path, value in flat.items() if path[0] not in _NO_SETTINGS}


def shown(value: Any) -> str:
    """A value in one line; a dash if there is none."""
    return "\N{EN DASH}" if value is None else in_one_line(spell(value), _LONGEST_VALUE)


def shown_key(path: Path) -> str:
    """A dotted key in one line."""
    return in_one_line(dotted(path), _LONGEST_KEY)
