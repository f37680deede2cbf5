"""Turns tables of plain values into the frozen dataclasses of settings, or problems in words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, get_type_hints

from ganzoo.annotations import (
    TABLES,
    bare,
    choices,
    has_bool,
    has_huge,
    in_words,
    item_type,
    narrow,
    none_means_none,
    number,
    takes_bool,
    without_none,
)
from ganzoo.errors import UserError, near_miss
from ganzoo.layers import NONE, Layers, Path, Problem, dotted, leaves, spell
from ganzoo.schema import WrongSettingsError

_LIMITS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_WRONG_SHAPES = {"int_from_float", "literal_error", "missing", "too_long", "too_short"}


@dataclass(frozen=True)
class Field:
    """One setting of a dataclass."""

    name: str
    annotation: Any
    help: str
    default: Callable[[], Any] | None
    """Gives the default; None where a value is required."""

    @property
    def has_free_keys(self) -> bool:
        """True if the value is a table whose keys are up to the user."""
        return bare(without_none(self.annotation)) in TABLES

    @property
    def nested(self) -> type[Any] | None:
        """The dataclass that the value is an instance of, if it is one."""
        inner = bare(without_none(self.annotation))
        return inner if dataclasses.is_dataclass(inner) and isinstance(inner, type) else None


def fields_of(config: type[Any]) -> dict[str, Field]:
    """The settings that a dataclass has, in their order, with resolved annotations."""
    if not dataclasses.is_dataclass(config):
        raise UserError(f"{config.__qualname__} should be a frozen, keyword-only dataclass")
    try:
        hints = get_type_hints(config, include_extras=True)
    except (NameError, TypeError) as error:
        raise UserError(f"the types of {config.__qualname__} cannot be read: {error}") from error
    found = {}
    for field in dataclasses.fields(config):
        default: Callable[[], Any] | None = None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory
        elif field.default is not dataclasses.MISSING:
            default = _constantly(field.default)
        meaning = field.metadata.get("help", "")
        if field.init:
            found[field.name] = Field(field.name, hints[field.name], meaning, default)
    return found


def paths_of(config: type[Any], prefix: Path) -> list[Path]:
    """The dotted keys of all settings of a dataclass, in parts."""
    paths: list[Path] = []
    for name, field in fields_of(config).items():
        here = (*prefix, name)
        paths += [here] if field.nested is None else paths_of(field.nested, here)
    return paths


class Converter:
    """Converts tables of merged layers; ``known`` are all dotted keys, for near misses."""

    def __init__(self, layers: Layers, known: Sequence[Path]) -> None:
        self.layers = layers
        self.known = known
        self.problems: list[Problem] = []

    def convert(self, config: type[Any], table: Any, path: Path) -> Any:
        """An instance of ``config`` from the table at ``path``; None if problems were added.

        Defaults fill what the table leaves out.
        """
        if not isinstance(table, Mapping):
            self.add(path, f"should be a table, not {spell(table)}")
            return None
        before = len(self.problems)
        fields = fields_of(config)
        self.reject(path, {key: item for key, item in table.items() if key not in fields})
        values = {
            name: self._field_value(field, table[name], (*path, name))
            for name, field in fields.items()
            if name in table
        }
        for name, field in fields.items():
            if name not in table and field.default is None:
                self.add((*path, name), "has no value and needs one")
        if len(self.problems) > before:
            return None
        try:
            return config(**values)
        except WrongSettingsError as error:
            for inner, what in error.problems.items():
                self.add((*path, *inner), what)
            return None
        except (ValueError, TypeError, ArithmeticError) as error:
            named = [name for name in table if re.search(rf"\b{re.escape(name)}\b", str(error))]
            self.add((*path, *named[:1]), str(error))
            return None

    def reject(self, path: Path, unknown: Mapping[str, Any]) -> None:
        """Report every setting in ``unknown``, a table at ``path``, as one that does not exist."""
        for leaf in leaves(unknown, path):
            self.add(leaf, "no such setting", closest(leaf, self.known))

    def add(self, path: Path, message: str, near: str = "") -> None:
        """Add a problem with the setting at ``path``."""
        problem = Problem(dotted(path), message, near, self.layers.origin(path))
        if problem not in self.problems:
            self.problems.append(problem)

    def _field_value(self, field: Field, value: Any, path: Path) -> Any:
        if field.nested is not None and isinstance(value, Mapping):
            return self.convert(field.nested, value, path)
        if field.has_free_keys and isinstance(value, dict) and not self.layers.is_whole(path):
            default = field.default() if field.default is not None else None
            value = {**default, **value} if isinstance(default, Mapping) else value
        try:
            return _validated(field.annotation, value)
        except _MismatchError as mismatch:
            flaws = mismatch.flaws
        # `--set data.revision=2024` was read as a number, but the setting is a text.
        typed = self.layers.as_text(path, value)
        if typed != value:
            try:
                return _validated(field.annotation, typed)
            except _MismatchError:
                pass
        for inner, message, near in flaws:
            self.add((*path, *inner), message, near)
        return None


def closest(path: Path, known: Sequence[Path]) -> str:
    """``"did you mean a.b?"`` for the dotted key nearest to ``path`` at any level, or nothing."""
    scores = {}
    for candidate in known:
        whole = _alike(dotted(path), dotted(candidate))
        # The right leaf in the wrong table, or without a table, is a likely slip.
        leaf = 0.95 * _alike(path[-1], candidate[-1])
        scores[dotted(candidate)] = max(whole, leaf)
    best = max(scores.values(), default=0.0)
    if best < 0.7:
        return ""
    return f"did you mean {' or '.join([key for key in scores if scores[key] == best][:3])}?"


class _MismatchError(Exception):
    """A value does not fit: (inner path, message, near miss) for each flaw."""

    def __init__(self, flaws: list[tuple[Path, str, str]]) -> None:
        super().__init__()
        self.flaws = flaws


def _validated(annotation: Any, value: Any) -> Any:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    if value == NONE and none_means_none(annotation):
        return None
    narrowed = narrow(annotation, value)
    if has_bool(value) and not takes_bool(narrowed):
        raise _MismatchError([((), _expected(annotation, value), "")])
    try:
        adapter = TypeAdapter(narrowed, config=ConfigDict(allow_inf_nan=False))
    except PydanticUserError:  # a type with a configuration of its own
        adapter = TypeAdapter(narrowed)
    try:
        converted = adapter.validate_python(value)
    except ValidationError as error:
        flaws = [_flaw(annotation, narrowed, value, each) for each in error.errors()]
        raise _MismatchError(flaws) from error
    if has_huge(converted):
        raise _MismatchError([((), f"should be below 2^63 in size, not {spell(value)}", "")])
    return converted


def _flaw(annotation: Any, narrowed: Any, value: Any, error: Any) -> tuple[Path, str, str]:
    kind, given = error["type"], error["input"]
    inner: Path = ()
    if isinstance(value, dict) and error["loc"] and error["loc"][0] in value:
        inner = (str(error["loc"][0]),)
        annotation = item_type(narrowed)
        value = value[error["loc"][0]]
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return inner, f"should be {words} {number(error['ctx'][key])}, not {spell(given)}", ""
    if kind == "finite_number":
        return inner, f"should be a finite number, not {spell(given)}", ""
    if kind in {"value_error", "assertion_error"}:
        return inner, error["msg"].partition(", ")[2], ""
    if kind.endswith(("_type", "_parsing")) or kind in _WRONG_SHAPES:
        near = near_miss(str(value), map(str, choices(annotation)))
        return inner, _expected(annotation, value), f"did you mean {near}?" if near else ""
    message = error["msg"].replace("Input should", "should").replace("Value should", "should")
    return inner, f"{message}, not {spell(value)}", ""


def _expected(annotation: Any, value: Any) -> str:
    return f"should be {in_words(annotation)}, not {spell(value)}"


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _constantly(value: Any) -> Callable[[], Any]:
    return lambda: value
