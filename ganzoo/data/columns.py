"""Which column of a table holds the images and which the labels, and reading rows of both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from ganzoo.data.convert import UnreadableError
from ganzoo.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL_NAMES = ("label", "labels", "class", "fine_label", "cls")
_MOST_CLASSES = 100_000
"""Integers beyond this are no classes."""

UNLABELLED = -1
"""The label of an image without one."""

PART = 256
"""Rows that are read, and then decoded, at once."""


class Encoded(NamedTuple):
    """One image as it is stored."""

    name: str
    """What messages call it."""
    content: bytes | str | UnreadableError | None
    """The bytes of the file, or its path, or why it is not opened."""
    label: int


@dataclass(frozen=True)
class Table:
    """The two columns of a table that matter, undecoded; a kind of it says how rows are had."""

    table: datasets.Dataset | datasets.IterableDataset
    image: str
    label: str | None = None
    root: Path | None = None
    """The folder that relative paths start at."""
    folders: tuple[Path, ...] | None = None
    """The folders that a file named by a row must lie in, links followed; None means anywhere."""
    remote: str | None = None
    """How the address of a file on the Hub begins that a row may name."""

    @cached_property
    def arrow(self) -> Any:
        """The table with these columns alone, which gives parts of it as ``pyarrow.Table``."""
        wanted = [self.image] if self.label is None else [self.image, self.label]
        return self.table.select_columns(wanted).with_format("arrow")

    def encoded(self, part: pa.Table, numbers: Iterable[int]) -> list[Encoded]:
        """The rows of a part of the table, which messages number like this."""
        images = part.column(self.image).to_pylist()
        labels = part.column(self.label).to_pylist() if self.label else [None] * len(images)
        return [
            self._encoded(row, image, label)
            for row, image, label in zip(numbers, images, labels, strict=True)
        ]

    def number_of(self, label: int | str | None) -> int:
        """The class of a label."""
        return UNLABELLED if label is None else int(label)

    def _encoded(self, row: int, image: Any, label: int | str | None) -> Encoded:
        content, path = image, image
        if isinstance(image, dict):
            path = image.get("path")
            content = path if image.get("bytes") is None else image["bytes"]
        if isinstance(content, str):
            content = self._place(content)
        name = self._name(row, path if isinstance(path, str) else None)
        return Encoded(name, content, self.number_of(label))

    def _place(self, file: str) -> str | UnreadableError:
        """Where a file is that a row names; a row must not name files that the data has not."""
        *members, path = file.split("::")  # how `datasets` writes a member of an archive
        zipped = all(member.startswith("zip://") for member in members)
        if self.remote is not None and path.startswith(self.remote) and zipped:
            return file
        if self.root is not None:
            path = str(self.root / path)
        if self.folders is not None:
            place = Path(os.path.normpath(path))
            inside = any(place.is_relative_to(os.path.normpath(each)) for each in self.folders)
            if not (inside and zipped):
                return UnreadableError("it names a file outside of the data")
        return "::".join([*members, path])

    def _name(self, row: int, path: str | None) -> str:
        if path is None:
            return f"row {row}"
        file = Path(path)
        if self.root is None:
            return f"row {row} ({file.name})"
        return str(file.relative_to(self.root)) if file.is_relative_to(self.root) else path


@dataclass(frozen=True)
class Rows(Table):
    """A ``datasets.Dataset``: any row can be had at any time."""

    table: datasets.Dataset

    words: tuple[str, ...] | None = None
    """The classes in their order, where labels are words and no numbers."""

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words or ())}

    def number_of(self, label: int | str | None) -> int:
        """The class of a label."""
        return self._numbers[label] if isinstance(label, str) else super().number_of(label)

    def named_files(self) -> list[Path]:
        """The files that rows name instead of holding an image, as far as they may be read."""
        images = self.table.data.column(self.image)
        if pa.types.is_struct(images.type):
            kinds = {field.name: field.type for field in images.type}
            if "bytes" in kinds:
                images = images.filter(pc.is_null(pc.struct_field(images, "bytes")))
            if not _is_string(kinds.get("path", pa.null())):
                return []
            images = pc.struct_field(images, "path")
        elif not _is_string(images.type):
            return []
        places = (self._place(file) for file in pc.unique(images).to_pylist() if file is not None)
        return [Path(place.rpartition("::")[2]) for place in places if isinstance(place, str)]

    def take(self, indices: range | list[int]) -> list[Encoded]:
        """The rows ``indices``; a range of step 1 is read in one piece."""
        key = slice(indices.start, indices.stop) if isinstance(indices, range) else indices
        return self.encoded(self.arrow[key], indices)


@dataclass(frozen=True)
class Columns:
    """The image column, and the label column if there is one."""

    image: str
    label: str | None


def find_columns(
    features: datasets.Features,
    name: str,
    *,
    image: str | None = None,
    label: str | None = None,
    paths: bool = False,
    words: bool = False,
) -> Columns:
    """Find the columns of a table by their ``features``, or take those that are named.

    Images are ``Image`` features, else structs with ``bytes``, else binary columns. Labels are
    ``ClassLabel`` features, else integers under a usual name. ``paths`` lets the named image column
    be text, taken as paths of files; ``words`` the named label column, taken as names of classes.

    Raises:
        UserError: no image column, more than one, or a named one that is missing or of a wrong
        type.
    """
    image = _image_column(features, name, image, paths=paths)
    return Columns(image, _label_column(features, name, label, words=words))


def _image_column(
    features: datasets.Features, name: str, wanted: str | None, *, paths: bool
) -> str:
    stages = (_is_image, _is_file, _is_binary)
    if wanted is not None:
        _check_known("data.image_column", wanted, features, name)
        feature = features[wanted]
        if any(fits(feature) for fits in stages) or (paths and _is_text(feature)):
            return wanted
        raise UserError(
            f"data.image_column: column {wanted!r} of {name!r} holds no images but {_kind(feature)}"
        )
    for fits in stages:
        found: list[str] = [column for column, feature in features.items() if fits(feature)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{name!r} has {len(found)} columns of images: {', '.join(found)}",
                hint=f"Choose one, for example with --set data.image_column={found[0]}",
            )
    listed = ", ".join(f"{column} ({_kind(feature)})" for column, feature in features.items())
    text = [column for column, feature in features.items() if _is_text(feature)] if paths else []
    raise UserError(
        f"{name!r} has no column of images; its columns are: {listed or 'none'}",
        hint=f"If one holds paths of image files, name it: --set data.image_column={text[0]}"
        if text
        else "--set data.image_column=NAME can name a column of images or of bytes of image files.",
    )


def _label_column(
    features: datasets.Features, name: str, wanted: str | None, *, words: bool
) -> str | None:
    if wanted is not None:
        _check_known("data.label_column", wanted, features, name)
        feature = features[wanted]
        if isinstance(feature, datasets.ClassLabel) or _is_integer(feature):
            return wanted
        if words and _is_text(feature):
            return wanted
        raise UserError(
            f"data.label_column: column {wanted!r} of {name!r} holds no class numbers "
            f"but {_kind(feature)}"
        )
    named = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    found = named or [column for column in _LABEL_NAMES if _is_integer(features.get(column))]
    usual = [column for column in _LABEL_NAMES if column in found]
    if len(found) > 1 and not usual:
        raise UserError(
            f"{name!r} has {len(found)} columns of labels: {', '.join(found)}",
            hint=f"Choose one, for example with --set data.label_column={found[0]}",
        )
    return next(iter(usual or found), None)


def words_of(tables: Iterable[datasets.Dataset], label: str) -> tuple[str, ...] | None:
    """The words in the column ``label`` of all splits, in order; None if it holds no words."""
    found: set[str] = set()
    for table in tables:
        if not _is_text(table.features.get(label)):
            return None
        found.update(word for word in table.unique(label) if word is not None)
    return tuple(sorted(found))


def classes_of(table: datasets.Dataset, name: str, label: str) -> tuple[str, ...] | None:
    """Names of the classes of the column ``label``; None if nothing in it is labelled.

    Raises:
        UserError: its numbers are no class numbers.
    """
    feature = table.features[label]
    values = [int(value) for value in table.unique(label) if value is not None]
    if all(value == UNLABELLED for value in values):
        return None
    low, high = min(values), max(values)
    names = tuple(feature.names or ()) if isinstance(feature, datasets.ClassLabel) else ()
    if low < UNLABELLED or high >= (len(names) or _MOST_CLASSES):
        raise UserError(
            f"column {label!r} of {name!r} holds {low} to {high}: these are no class numbers",
            hint="Name another column with --set data.label_column=NAME",
        )
    return names or tuple(str(value) for value in range(high + 1))


def _check_known(key: str, wanted: str, features: Iterable[str], name: str) -> None:
    known = list(features)
    if wanted not in known:
        near = did_you_mean(wanted, known)
        raise UserError(
            f"{key}: {name!r} has no column {wanted!r}; it has {', '.join(known)}{near}"
        )


def _is_image(feature: Any) -> bool:
    return isinstance(feature, datasets.Image)


def _is_file(feature: Any) -> bool:
    return isinstance(feature, dict) and _is_binary(feature.get("bytes"))


def _is_binary(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype in {"binary", "large_binary"}


def _is_text(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype in {"string", "large_string"}


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_integer(feature: Any) -> bool:
    if not isinstance(feature, datasets.Value):
        return False
    return str(feature.dtype).startswith(("int", "uint", "bool"))


def _kind(feature: Any) -> str:
    return str(feature.dtype) if isinstance(feature, datasets.Value) else type(feature).__name__


def sample_indices(count: int, size: int) -> list[int]:
    """Up to ``size`` indices spread evenly over 0 .. ``count`` - 1."""
    spread = np.linspace(0, count - 1, min(count, size))
    return [int(index) for index in spread]
