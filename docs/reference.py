"""Writes docs/reference.md: hooks and interfaces for plugin authors, from the code itself.

    python docs/reference.py

The tests compare the file with what this gives.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import sys
import textwrap
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import ganzoo
from ganzoo import loss, model
from ganzoo.data import FactorSource, ImageSource
from ganzoo.distributed import mean
from ganzoo.events import Event
from ganzoo.hookspecs import Hooks, Spec
from ganzoo.loaded import Loaded, Split
from ganzoo.loss import Measured
from ganzoo.metrics import NotApplicable, Score
from ganzoo.reporting import Observer
from ganzoo.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_suffix(".md")


class Alias(NamedTuple):
    """A type that is a name for another one."""

    module: ModuleType
    name: str


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
    "Models": (
        ganzoo.Model,
        ganzoo.Adversarial,
        ganzoo.Phase,
        ganzoo.Pass,
        ganzoo.Draw,
        Alias(model, "Batch"),
        Alias(model, "Networks"),
    ),
    "What the parts are built for": (ganzoo.Context, ganzoo.DataInfo),
    "Losses": (ganzoo.Loss, Measured, Alias(loss, "TermFunction"), mean),
    "Priors and codes": (ganzoo.Prior, ganzoo.Latents, ganzoo.Code),
    "Settings": (ganzoo.setting,),
    "Data": (ImageSource, FactorSource),
    "Metrics": (Score, NotApplicable, Loaded, Split),
    "Observers": (Observer, Run, Event),
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
    if isinstance(thing, Alias):
        kind = getattr(thing.module, thing.name)
        text = remarks(thing.module)[thing.name]
        yield from (f"### `{thing.module.__name__}.{thing.name}`", "", f"`{kind}`", "", text)
        return
    yield f"### `{thing.__module__}.{thing.__qualname__}`"
    yield ""
    if isinstance(thing, FunctionType):
        yield f"`{signature(thing)}`"
        yield ""
    yield prose(thing)
    if inspect.isclass(thing):
        rows = list(attributes(thing))
        yield from ["", *rows] if rows else []
        for name, member in vars(thing).items():
            if not name.startswith("_") or name == "__init__":
                yield from describe_member(name, member)


def attributes(thing: type) -> Iterator[str]:
    """A line for each annotated attribute: its type, what it is if left out, what it means."""
    meanings = remarks(thing)
    if is_dataclass(thing):
        kinds = {field.name: field.type for field in fields(thing)}
        defaults = {field.name: default(field) for field in fields(thing)}
    else:
        kinds = inspect.get_annotations(thing)
        values = {name: vars(thing)[name] for name in kinds if name in vars(thing)}
        # Those of a NamedTuple are descriptors, not defaults.
        defaults = {
            name: f", default `{value!r}`"
            for name, value in values.items()
            if not inspect.isdatadescriptor(value)
        }
    for name, kind in kinds.items():
        if not name.startswith("_"):
            spelled = getattr(kind, "__forward_arg__", kind)
            meaning = f": {meanings[name]}" if name in meanings else ""
            yield f"- `{name}: {spelled}`{defaults.get(name, '')}{meaning}"


def remarks(holder: type | ModuleType) -> dict[str, str]:
    """The texts below the assignments of a class or module, by the name that is assigned."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(holder)))
    body = tree.body
    if isinstance(body[0], ast.ClassDef):
        body = body[0].body
    found = {}
    for before, after in itertools.pairwise(body):
        match before, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(markdown(text).split())
    return found


def describe_member(name: str, member: Any) -> Iterator[str]:
    """A method or property: its signature, and its docstring."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    function = inspect.unwrap(function) if callable(function) else function
    if not isinstance(function, FunctionType) or (name == "__init__" and not function.__doc__):
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
    return markdown(inspect.cleandoc(thing.__doc__ or "").replace("\n::\n", "\n"))


def markdown(text: str) -> str:
    """The text of a docstring with its marks as Markdown has them."""
    text = re.sub(r":\w+:`(?:~?[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def default(field: Any) -> str:
    """What a field is if it is left out."""
    if field.default_factory is not MISSING:
        return f", default `{field.default_factory()!r}`"
    return f", default `{field.default!r}`" if field.default is not MISSING else ""


if __name__ == "__main__":
    PAGE.write_text(write_page())
    sys.stdout.write(f"{PAGE} written\n")
