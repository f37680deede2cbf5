"""Writes docs/reference.md: hooks and interfaces for plugin authors, from the code itself.

    python docs/reference.py

The tests compare the file with what this gives.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import ganzoo
from ganzoo.data import FactorSource, ImageSource
from ganzoo.distributed import mean
from ganzoo.hookspecs import Hooks, Spec
from ganzoo.loaded import Loaded, Split
from ganzoo.loss import Measured
from ganzoo.metrics import NotApplicable, Score
from ganzoo.reporting import Observer

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_suffix(".md")

PARTS: dict[str, tuple[Any, ...]] = {
    "Hooks": (Hooks,),
    "What hooks yield": (
        Spec,
        ganzoo.ModelSpec,
        ganzoo.LossSpec,
        ganzoo.PriorSpec,
        ganzoo.DatasetSpec,
        ganzoo.MetricSpec,
    ),
    "Models": (ganzoo.Model, ganzoo.Adversarial, ganzoo.Phase, ganzoo.Pass, ganzoo.Draw),
    "What the parts are built for": (ganzoo.Context, ganzoo.DataInfo),
    "Losses": (ganzoo.Loss, Measured, mean),
    "Priors and codes": (ganzoo.Prior, ganzoo.Latents, ganzoo.Code),
    "Settings": (ganzoo.setting,),
    "Data": (ImageSource, FactorSource),
    "Metrics": (Score, NotApplicable, Loaded, Split),
    "Observers": (Observer,),
    "From Python": (ganzoo.train, ganzoo.load, ganzoo.evaluate),
    "Errors": (ganzoo.UserError,),
}


def write_page() -> str:
    """The whole page."""
    lines = [
        "# Reference for plugin authors",
        "",
        "Written by `python docs/reference.py` from the code. See also [the tutorial](plugins.md).",
    ]
    for title, things in PARTS.items():
        lines += ["", f"## {title}"]
        for thing in things:
            lines += ["", *describe(thing)]
    return "\n".join(lines) + "\n"


def describe(thing: Any) -> Iterator[str]:
    """A heading, what it is, its fields and its methods."""
    yield f"### `{thing.__module__}.{thing.__qualname__}`"
    yield ""
    if isinstance(thing, FunctionType):
        yield f"`{signature(thing)}`"
        yield ""
    yield prose(thing)
    if is_dataclass(thing):
        rows = [f"- `{field.name}: {field.type}`{default(field)}" for field in fields(thing)]
        yield from ["", *rows]
    elif inspect.isclass(thing):
        for name, kind in inspect.get_annotations(thing).items():
            if name.startswith("_"):
                continue
            value = f" = {getattr(thing, name)!r}" if hasattr(thing, name) else ""
            yield f"\n- `{name}: {kind}{value}`"
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if not name.startswith("_"):
                yield from describe_member(name, member)


def describe_member(name: str, member: Any) -> Iterator[str]:
    """A method or property: its signature, and its docstring."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    function = inspect.unwrap(function) if callable(function) else function
    if not isinstance(function, FunctionType):
        return
    yield ""
    yield f"#### `{signature(function) if not isinstance(member, property) else name}`"
    yield ""
    yield prose(function)


def signature(function: FunctionType) -> str:
    """``name(arguments) -> result`` as it stands in the code."""
    text = re.sub(r"<\S+ object at \w+>", "MISSING", str(inspect.signature(function)))
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are kept as text
    return f"{function.__name__}{text}"


def prose(thing: Any) -> str:
    """A docstring as Markdown."""
    text = inspect.cleandoc(thing.__doc__ or "").replace("\n::\n", "\n")
    text = re.sub(r":\w+:`(?:~?[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def default(field: Any) -> str:
    """What a field is if it is left out."""
    return f", default `{field.default!r}`" if "MISSING" not in repr(field.default) else ""


if __name__ == "__main__":
    PAGE.write_text(write_page())
    sys.stdout.write(f"{PAGE} written\n")
