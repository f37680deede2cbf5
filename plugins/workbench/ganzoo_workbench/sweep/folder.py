"""The folder of a sweep: ``sweep.toml`` says its grid, each run and each log has its place."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import tomli_w

from ganzoo.claim import is_unused
from ganzoo.errors import SettingsError, UserError
from ganzoo.files import numbered, plain_name, whole_file
from ganzoo.folder import RUNS, RunFolder
from ganzoo.layers import spell
from ganzoo.places import portable
from ganzoo_workbench.sweep.grid import STEPS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from ganzoo_workbench.sweep.grid import Cell

SWEEP = "sweep.toml"
FILES = "config"
SCHEMA = 1

Key: TypeAlias = tuple[int, str]
"""What a run of a sweep is known by: its seed, and what its settings say where runs differ."""

_LONGEST = 180
"""Characters of the name of a run."""


@dataclass(frozen=True)
class Entry:
    """One run of a sweep."""

    name: str
    """Of its folder, and of its log."""
    seed: int
    values: Mapping[str, str]
    """What it has of the settings in which runs of the sweep differ, as it was written."""
    settings: Mapping[str, Any]
    """Its settings by dotted key, but for the seed."""


@dataclass(frozen=True)
class Sweep:
    """What ``sweep.toml`` says."""

    varied: tuple[str, ...]
    """Keys of the settings in which runs differ, besides the seed."""
    entries: tuple[Entry, ...]

    @property
    def shared(self) -> dict[str, Any]:
        """The settings that all runs have in common."""
        return _shared([entry.settings for entry in self.entries])

    def entry(self, seed: int, settings: Mapping[str, Any]) -> Entry:
        """The run of a seed with these settings, by dotted key."""
        return self.entries[self.places[_key(seed, settings, self.varied)]]

    @cached_property
    def places(self) -> dict[Key, int]:
        """The place of every run by what it is known by."""
        return {
            _key(entry.seed, entry.settings, self.varied): place
            for place, entry in enumerate(self.entries)
        }


@dataclass(frozen=True)
class SweepFolder:
    """Where everything of a sweep lies."""

    path: Path

    @property
    def record(self) -> Path:
        """The grid."""
        return self.path / SWEEP

    @property
    def jobs(self) -> Path:
        """What a cluster's jobs leave."""
        return self.path / "jobs"

    def run(self, entry: Entry) -> RunFolder:
        """The folder of a run."""
        return RunFolder(self.path / entry.name)

    def log(self, entry: Entry) -> Path:
        """What the workers of a run said, one after the other."""
        return self.path / "logs" / f"{entry.name}.log"

    def files(self, count: int) -> list[Path]:
        """The copies of so many files of settings."""
        return [self.path / FILES / f"{n}.toml" for n in range(1, count + 1)]

    def keep(self, contents: Sequence[bytes]) -> None:
        """Write the copies of files of settings, for runs that begin later. Raises OSError."""
        for content, copy in zip(contents, self.files(len(contents)), strict=True):
            copy.parent.mkdir(exist_ok=True)
            with whole_file(copy) as file:
                file.write(content)

    def read(self) -> Sweep | None:
        """What is there; None if nothing is. Raises UserError if it is something else."""
        if not self.path.exists():
            return None
        if not self.path.is_dir():
            raise UserError(f"--out {self.path} is a file", hint="Name a folder.")
        if not self.record.is_file():
            if is_unused(self.path):
                return None
            raise UserError(
                f"--out {self.path} holds something else: it is not empty and no sweep",
                hint="Name a folder that is empty or not there yet.",
            )
        try:
            return _parse(tomllib.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise UserError(f"{self.record} cannot be read: {error}") from error

    def write(self, sweep: Sweep) -> None:
        """Write ``sweep.toml`` whole. Raises OSError."""
        shared = sweep.shared
        document = {
            "schema": SCHEMA,
            "varied": list(sweep.varied),
            "settings": shared,
            "runs": [
                {
                    "name": entry.name,
                    "seed": entry.seed,
                    "values": dict(entry.values),
                    "settings": {
                        key: value for key, value in entry.settings.items() if key not in shared
                    },
                }
                for entry in sweep.entries
            ],
        }
        with whole_file(self.record) as file:
            file.write(tomli_w.dumps(document).encode())


def default_folders(model: str, preset: str) -> Iterator[SweepFolder]:
    """Where a sweep may lie: ``runs/sweep-<model>-<preset>[-n]``."""
    names = numbered(plain_name(f"sweep-{model}-{preset}"))
    yield from (SweepFolder(RUNS / name) for name in names)


def extended(
    old: Sweep | None, planned: Sequence[tuple[Cell, Mapping[str, Any]]], path: Path
) -> Sweep:
    """The sweep in ``path``, if there is one, with all cells of a grid and their settings.

    Raises:
        UserError: its runs differ in other settings, or have others in common. More turns are fine
            where every run that there is gets them.
    """
    varied = tuple(key for key, _ in planned[0][0].varied)
    entries = [] if old is None else list(old.entries)
    if old is not None:
        if set(old.varied) != set(varied):
            raise UserError(
                f"the runs of {path} differ in {_listed(old.varied)}, not in {_listed(varied)}",
                hint="Name another folder with --out.",
            )
        _refuse_differences(old, planned, path)
    known = {} if old is None else old.places
    taken = {entry.name for entry in entries}
    for cell, settings in planned:
        place = known.get(_key(cell.seed, settings, varied))
        if place is not None:
            entries[place] = replace(entries[place], settings=settings)
        else:
            name = _new_name(cell, taken)
            taken.add(name)
            entries.append(Entry(name, cell.seed, _values(cell), settings))
    return Sweep(varied, tuple(entries))


def _refuse_differences(
    sweep: Sweep, planned: Sequence[tuple[Cell, Mapping[str, Any]]], path: Path
) -> None:
    """Raise UserError if runs of the same values, or all runs, had other settings before."""
    shared = _shared([settings for _, settings in planned])
    # What is common to one side alone may well vary on the other.
    unlike = {key: pair for key, pair in _unlike(sweep.shared, shared).items() if None not in pair}
    of_values = {
        _come_to(entry.settings, sweep.varied): entry.settings for entry in reversed(sweep.entries)
    }
    for _, settings in planned:
        like = of_values.get(_come_to(settings, sweep.varied))
        if like is not None:
            unlike |= _unlike(like, settings)
    before, now = unlike.get(STEPS, (0, 0))
    if unlike.keys() == {STEPS} and now > before:
        named = {_key(cell.seed, settings, sweep.varied) for cell, settings in planned}
        if sweep.places.keys() <= named:
            return
        raise UserError(
            f"{path} has further runs, which would be left at turn {before:,}",
            hint="Name all its seeds and values to train it further.",
        )
    if unlike:
        problems = [
            f"{key}: the sweep's is {spell(before)}, not {spell(now)}"
            for key, (before, now) in sorted(unlike.items())
        ]
        raise SettingsError(
            f"{path} was begun with other settings:",
            problems,
            hint="Name another folder with --out.",
        )


def _unlike(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What two tables of settings differ in, each with both values; None stands for no value."""
    return {
        key: (before.get(key), now.get(key))
        for key in before.keys() | now.keys()
        if not _same(before.get(key), now.get(key))
    }


def _shared(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = tables
    return {
        key: value
        for key, value in first.items()
        if all(_same(other.get(key), value) for other in others)
    }


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _key(seed: int, settings: Mapping[str, Any], varied: Sequence[str]) -> Key:
    return seed, _come_to(settings, varied)


def _come_to(settings: Mapping[str, Any], varied: Sequence[str]) -> str:
    """What the varied keys, or those in their tables, came to: ``.2`` and ``0.20`` to the same."""
    return repr(
        {
            key: value
            for key, value in sorted(settings.items())
            if any(key == given or key.startswith(f"{given}.") for given in varied)
        }
    )


def _values(cell: Cell) -> dict[str, str]:
    """What a cell has of the varied settings, as it was written; a path as a run tells it."""
    return {key: _told(key, text) for key, text in cell.varied}


def _told(key: str, text: str) -> str:
    is_path = key.startswith("data.") and key.endswith(".name")
    return portable(text.strip("\"'")) if is_path else text


def _new_name(cell: Cell, taken: Container[str]) -> str:
    """``seed-3,model.routing=joint``: safe as the name of a folder, and had by no other run."""
    parts = [f"{plain_name(key)}={plain_name(text)}" for key, text in _values(cell).items()]
    stem = ",".join([f"seed-{cell.seed}", *parts])[:_LONGEST]
    return next(name for name in numbered(stem) if name not in taken)


def _parse(document: Mapping[str, Any]) -> Sweep:
    if document.get("schema") != SCHEMA:
        raise ValueError(f"layout {document.get('schema')}, this ganzoo reads {SCHEMA}")
    shared = document["settings"]
    entries = tuple(
        Entry(
            _plain(run["name"]), int(run["seed"]), {**run["values"]}, {**shared, **run["settings"]}
        )
        for run in document["runs"]
    )
    if not entries:
        raise ValueError("it names no run")
    return Sweep(tuple(document["varied"]), entries)


def _plain(name: str) -> str:
    if name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(f"{name!r} is no name of a run")
    return name


def _listed(keys: Sequence[str]) -> str:
    return " and ".join(["the seed", *sorted(keys)])
