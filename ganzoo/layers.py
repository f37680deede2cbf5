"""Layers of settings laid over one another, each value remembering which layer it came from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]
"""A dotted key in parts."""

TOO_DEEP = "is nested too deeply to be a setting"

NONE = "none"
"""How a file or a ``--set`` writes that an optional setting has no value."""

_DEEPEST = 20
"""Levels of tables and lists; no setting needs as many."""

_KEY_PART = re.compile(r'\s*(?:"([^"]+)"|([^\s."=]+))\s*')


@dataclass(frozen=True)
class Assignment:
    """One ``KEY=VALUE`` of a command line; ``text`` is None where the ``=`` is missing."""

    key: str
    text: str | None
    origin: str = "--set"

    @classmethod
    def parse(cls, argument: str, origin: str = "--set") -> Assignment:
        """Split ``KEY=VALUE`` at the first ``=``."""
        key, equals, text = argument.partition("=")
        return cls(key.strip(), text.strip() if equals else None, origin)


@dataclass(frozen=True)
class Source:
    """The layer that a value came from: its place in the pile and its name for people."""

    index: int
    origin: str


@dataclass(frozen=True)
class Problem:
    """Something wrong with one setting."""

    key: str
    message: str
    near: str = ""
    origin: str = ""


class Layers:
    """The settings as merged so far: ``table`` is the sum of all layers."""

    def __init__(self) -> None:
        self.table: dict[str, Any] = {}
        self.replaced: set[Path] = set()
        """Tables that were given whole: no default shines through them."""
        self.renamed: dict[str, int] = {}
        """The layer in which the ``name`` of a top-level table last changed."""
        self._sources: dict[Path, Source] = {}
        self._texts: dict[Path, str] = {}
        self._index = 0

    def add(self, table: Mapping[str, Any], origin: str) -> None:
        """Lay a nested table over the others, deeply; what it does not mention stays."""
        self._index += 1
        self._merge(self.table, table, (), Source(self._index, origin))

    def assign(self, assignment: Assignment) -> Problem | None:
        """Lay one assignment over the others; a table replaces the one that is there."""
        path = parse_key(assignment.key)
        if path is None or assignment.text is None:
            flaw = "is not a dotted key" if path is None else "has no value: write KEY=VALUE"
            return Problem(assignment.key or "''", flaw, origin=assignment.origin)
        self._index += 1
        value = parse_value(assignment.text)
        if len(path) > _DEEPEST or is_deep(value):
            return Problem(assignment.key, TOO_DEEP, origin=assignment.origin)
        obstacle = self._obstacle(path)
        if obstacle is not None:
            parent, existing = obstacle
            whole = f"{dotted(parent)}={{{dotted(path[len(parent) :])}={assignment.text}}}"
            return Problem(
                assignment.key,
                f"{dotted(parent)} is {spell(existing)} here, not a table: write {whole}",
                origin=assignment.origin,
            )
        node = self.table
        for part in path[:-1]:
            node = node.setdefault(part, {})
        source = Source(self._index, assignment.origin)
        self._note_name(path, node.get(path[-1]), value)
        self._put(node, path, value, source)
        if isinstance(value, dict):
            self.replaced.add(path)
        elif isinstance(value, int | float):
            self._texts[path] = assignment.text
        return None

    def source(self, path: Path) -> Source | None:
        """Where the value at ``path`` came from, or the nearest value around or inside it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._sources:
                return self._sources[path[:length]]
        inside = [source for key, source in self._sources.items() if key[: len(path)] == path]
        return max(inside, key=lambda source: source.index) if inside else None

    def origin(self, path: Path) -> str:
        """The name of the layer that gave ``path``, or an empty string."""
        source = self.source(path)
        return source.origin if source else ""

    def is_whole(self, path: Path) -> bool:
        """True if the table at ``path`` was given whole, alone or inside another."""
        return any(path[:length] in self.replaced for length in range(len(path) + 1))

    def as_text(self, path: Path, value: Any) -> Any:
        """``value`` with every number that was assigned as the text that it was read from."""
        if isinstance(value, dict):
            return {key: self.as_text((*path, key), inner) for key, inner in value.items()}
        return self._texts.get(path, value)

    def _merge(
        self, node: dict[str, Any], layer: Mapping[str, Any], path: Path, source: Source
    ) -> None:
        for key, value in layer.items():
            here = (*path, key)
            self._note_name(here, node.get(key), value)
            if isinstance(value, dict) and value and isinstance(node.get(key), dict):
                self._merge(node[key], value, here, source)
            else:
                self._put(node, here, value, source)

    def _put(self, node: dict[str, Any], path: Path, value: Any, source: Source) -> None:
        def outside(key: Path) -> bool:
            return key[: len(path)] != path

        self._sources = {key: source for key, source in self._sources.items() if outside(key)}
        self._texts = {key: text for key, text in self._texts.items() if outside(key)}
        self.replaced = set(filter(outside, self.replaced))
        node[path[-1]] = deepcopy(value)
        self._record(path, value, source)

    def _record(self, path: Path, value: Any, source: Source) -> None:
        found = leaves(value, path) if isinstance(value, dict) and value else [path]
        self._sources.update(dict.fromkeys(found, source))

    def _note_name(self, path: Path, old: Any, new: Any) -> None:
        if len(path) == 2 and path[1] == "name" and old is not None and old != new:
            self.renamed[path[0]] = self._index

    def _obstacle(self, path: Path) -> tuple[Path, Any] | None:
        """The parent of ``path`` that is no table, with its value."""
        node: Any = self.table
        for length, part in enumerate(path[:-1], start=1):
            if part not in node:
                # A loss that is there has the weight 1 until something else is said.
                is_weight = path[0] == "loss" and length == 3 and part == "weight"
                return (path[:length], 1.0) if is_weight and node else None
            node = node[part]
            if not isinstance(node, dict):
                return path[:length], node
        return None


def parse_key(key: str) -> Path | None:
    """The parts of a dotted key (quoted parts may hold dots), or None for anything else."""
    parts: list[str] = []
    position = 0
    while match := _KEY_PART.match(key, position):
        parts.append(match[1] or match[2])
        position = match.end()
        if position == len(key):
            return tuple(parts)
        if key[position] != ".":
            return None
        position += 1
    return None


def parse_value(text: str) -> Any:
    """The TOML value that ``text`` is, or else ``text`` itself (dates too: none is a setting)."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # also numbers too long, and brackets too deep, to read
        return text
    value = table["value"]
    plain = isinstance(value, str | bool | int | float | list | dict)
    return value if plain and len(table) == 1 else text


def dotted(path: Path) -> str:
    """A path as people write it; a part that holds dots is quoted."""
    return ".".join(f'"{part}"' if "." in part else part for part in path)


def is_deep(value: Any) -> bool:
    """True if tables and lists lie in one another deeper than those of any setting."""
    level = [value]
    for _ in range(_DEEPEST):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, Mapping):
                inside.extend(item.values())
            elif isinstance(item, list):
                inside.extend(item)
        level = inside
    return bool(level)


def leaves(table: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The path of every value that is not itself a filled table."""
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def value_at(table: Mapping[str, Any], path: Path) -> Any:
    """The value at a path, which must be there."""
    value: Any = table
    for part in path:
        value = value[part]
    return value


def spell(value: Any) -> str:
    """A value as TOML would have it, with texts in single quotes."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(spell(item) for item in value)}]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {spell(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    return repr(value)
