"""Reads type annotations: the arms of a union, the choices of a Literal, and words for people."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ganzoo.layers import NONE

TABLES = (dict, Mapping)

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_PLURALS = {int: "whole numbers", float: "numbers", bool: "true or false", str: "texts"}


def type_name(annotation: Any) -> str:
    """A type in few words, for a table: ``int > 0``, ``auto | fp32``, ``[float, float]``."""
    if get_origin(annotation) is Annotated:
        inner, *limits = get_args(annotation)
        return f"{type_name(inner)} {_bounds(limits)}".rstrip()
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Literal, Union, types.UnionType}:
        return " | ".join(str(arm) if origin is Literal else type_name(arm) for arm in arguments)
    if origin in {tuple, list} and arguments:
        return f"[{', '.join('...' if arm is ... else type_name(arm) for arm in arguments)}]"
    if origin in TABLES:
        return f"table of {type_name(arguments[1])}"
    return NONE if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def _bounds(limits: list[Any]) -> str:
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    return " and ".join(
        f"{signs[key]} {number(getattr(limit, key))}"
        for limit in limits
        for key in signs
        if getattr(limit, key, None) is not None
    )


def in_words(annotation: Any) -> str:
    """A type as a reader expects it after "should be": ``a list of 2 numbers``."""
    annotation = _unannotated(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        listed = ", ".join(str(choice) for choice in arguments)
        return f"one of {listed}" if len(arguments) > 1 else listed
    if origin in {Union, types.UnionType}:
        words = [in_words(arm) for arm in arguments if arm is not type(None)]
        return " or ".join(words + [NONE] * (type(None) in arguments))
    if origin in {tuple, list}:
        count = f"{len(arguments)} " if origin is tuple and ... not in arguments else ""
        return f"a list of {count}{_plural(arguments)}"
    if origin in TABLES:
        return f"a table of {_plural(arguments[1:])}"
    return _WORDS.get(annotation, f"a {type_name(annotation)}")


def _plural(arguments: tuple[Any, ...]) -> str:
    inner = {_unannotated(argument) for argument in arguments if argument is not ...}
    if len(inner) != 1:
        return "values"
    kind = inner.pop()
    among = ", ".join(map(str, get_args(kind))) if get_origin(kind) is Literal else ""
    return f"values out of {among}" if among else _PLURALS.get(kind, "values")


def arms_of(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself."""
    inner = _unannotated(annotation)
    union = get_origin(inner) in {Union, types.UnionType}
    return get_args(inner) if union else (annotation,)


def narrow(annotation: Any, value: Any) -> Any:
    """The arms of a union that a value of this shape may mean: errors speak of these only."""
    arms = arms_of(annotation)
    if len(arms) == 1:
        return annotation
    tables = [arm for arm in arms if bare(arm) in TABLES]
    if isinstance(value, dict) and tables:
        return _union(tables)
    others = [arm for arm in arms if arm not in tables and arm is not type(None)]
    return _union(others) if others and value is not None else annotation


def _union(arms: list[Any]) -> Any:
    return Union[tuple(arms)]  # noqa: UP007 -- the arms are only known at run time


def without_none(annotation: Any) -> Any:
    """``X`` for ``X | None``; anything else stays."""
    arms = [arm for arm in arms_of(annotation) if arm is not type(None)]
    return arms[0] if len(arms) == 1 else annotation


def _unannotated(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def bare(annotation: Any) -> Any:
    """The class behind an annotation: ``dict`` for ``dict[str, float]``."""
    inner = _unannotated(annotation)
    return get_origin(inner) or inner


def item_type(annotation: Any) -> Any:
    """The type of the values of the table that an annotation allows."""
    tables = [arm for arm in arms_of(annotation) if bare(arm) in TABLES]
    return get_args(tables[0])[1] if tables and get_args(tables[0]) else Any


def choices(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal, or of the Literals in a union."""
    found = [arm for arm in map(_unannotated, arms_of(annotation)) if get_origin(arm) is Literal]
    return tuple(choice for arm in found for choice in get_args(arm))


def none_means_none(annotation: Any) -> bool:
    """True if the text ``none`` is how the absence of a value is written for this type."""
    return type(None) in arms_of(annotation) and NONE not in choices(annotation)


def has_bool(value: Any) -> bool:
    """True if the value is true or false, or holds such a value."""
    if isinstance(value, Mapping):
        return any(has_bool(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_bool(item) for item in value)
    return isinstance(value, bool)


def has_huge(value: Any) -> bool:
    """True if the value is, or holds, a whole number that no file and no tensor can hold."""
    if isinstance(value, Mapping):
        return any(has_huge(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(has_huge(item) for item in value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def takes_bool(annotation: Any) -> bool:
    """True if true or false is a value of the type, or of a part of it."""
    inner = _unannotated(annotation)
    if inner in {bool, Any, object}:
        return True
    if get_origin(inner) is Literal:
        return any(isinstance(choice, bool) for choice in get_args(inner))
    return any(map(takes_bool, get_args(inner)))


def number(value: float) -> str:
    """A number without an idle ``.0``."""
    return str(int(value)) if value == int(value) else str(value)
