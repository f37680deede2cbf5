"""Files of settings, as ``--config`` takes them and a run keeps them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganzoo.layers import TOO_DEEP, Problem, is_deep, spell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Document:
    """The tables of one file. A complete one says everything and goes over no preset."""

    label: str
    table: dict[str, Any]
    preset: str | None
    complete: bool

    @property
    def model(self) -> str | None:
        """The model that the file names, if it does."""
        table = self.table.get("model")
        name = table.get("name") if isinstance(table, dict) else None
        return name if isinstance(name, str) else None


def read_document(file: Path) -> tuple[Document | None, list[Problem]]:
    """The settings in a TOML file; None if it cannot be read, and what is wrong with it."""
    label = str(file)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        return None, [Problem(label, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return None, [Problem(label, "cannot be read: it is not UTF-8 text")]
    except ValueError as error:  # TOMLDecodeError, or Python's own on a number too long to read
        return None, [Problem(label, f"is not TOML: {error}")]
    except RecursionError:
        return None, [Problem(label, TOO_DEEP)]
    return as_document(table, label)


def as_document(table: Mapping[str, Any], label: str) -> tuple[Document, list[Problem]]:
    """The same for tables that were read already; ``label`` names them in errors."""
    if is_deep(table):
        return Document(label, {}, None, complete=False), [Problem(label, TOO_DEEP)]
    preset, complete = table.get("preset"), table.get("complete", False)
    problems = []
    if not isinstance(preset, str | None):
        problems.append(Problem("preset", f"should be text, not {spell(preset)}", origin=label))
    if not isinstance(complete, bool):
        what = f"should be true or false, not {spell(complete)}"
        problems.append(Problem("complete", what, origin=label))
    rest = {key: value for key, value in table.items() if key not in {"preset", "complete"}}
    named = preset if isinstance(preset, str) else None
    return Document(label, rest, named, complete is True), problems
