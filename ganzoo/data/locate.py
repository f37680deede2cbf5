"""Finds the data that ``data.name`` means: a plugin's, files or a folder here, or on the Hub."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import datasets

from ganzoo.data.columns import Rows, classes_of, find_columns, words_of
from ganzoo.data.convert import SUFFIXES
from ganzoo.data.folder import list_files, only_images, open_image_folder, state_of
from ganzoo.data.hub import OfflineError, caches, load_hub, load_local, load_saved
from ganzoo.data.shards import Shards, features_of
from ganzoo.data.source import ImageSource, Source
from ganzoo.data.splits import find_splits, is_split, same_split
from ganzoo.errors import OfferError, UserError, did_you_mean
from ganzoo.places import local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ganzoo.registry import Registry
    from ganzoo.schema import DataSettings

_BUILDERS = {".parquet": "parquet", ".arrow": "arrow", ".csv": "csv", ".tar": "webdataset"}
HUB = "hf://"
"""How addresses on the Hub begin."""
_METADATA = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})
_SAVED = frozenset({"dataset_dict.json", "state.json"})


class MissingPathError(UserError):
    """A path that the settings name leads to nothing."""


@contextmanager
def told_of_a_run() -> Iterator[None]:
    """Say of a path that is missing, and that a run has saved, where it is told from."""
    try:
        yield
    except MissingPathError as error:
        raise UserError(
            error.what,
            hint="A run tells paths from the folder that it was begun in: go there to continue or "
            "to score it, or put a link to the data here.",
        ) from error


def open_source(settings: DataSettings, registry: Registry, split: str) -> Source:
    """Open ``split`` of ``settings.name``: a plugin's data set, else a path here, else a Hub id.

    Raises:
        MissingSplitError: the data set has no such split.
        UserError: there is no such data set, or it cannot be read, or its columns are ambiguous.
    """
    name = settings.name
    if not name:
        hint = f"Name one with --data: {_offered(registry)}, or a Hub id."
        raise UserError("data.name is empty: no data set is named", hint=hint)
    if (":" in name and not _is_path(name)) or registry.matching("dataset", name):
        return _open_offered(settings, registry, split)
    try:
        path = local(name)  # absolute, since rows are read later, relative to their folder
        is_folder, files = path.is_dir(), _files_at(path)
    except (OSError, RuntimeError, ValueError) as error:  # too long, nobody's home, no text
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"data.name: {name[:60]!r} cannot be looked up: {reason}") from error
    if is_folder:
        return _open_folder(settings, path, split)
    if files:
        return _open_files(settings, files, split)
    if _is_path(name):
        raise MissingPathError(
            f"there is no file or folder {name!r}",
            hint="A path is looked for from the folder that you are in.",
        )
    return _open_hub(settings, registry, split)


def _files_at(path: Path) -> list[Path]:
    """The file of that path, or those that fit it as a pattern; none if it is a folder."""
    if path.is_dir():
        return []
    # What the folder that we are in is called is no pattern.
    start = Path.cwd() if path.is_relative_to(Path.cwd()) else Path(path.anchor)
    return [path] if path.is_file() else sorted(start.glob(str(path.relative_to(start))))


def _open_offered(settings: DataSettings, registry: Registry, split: str) -> Source:
    offer = registry.find("dataset", settings.name)
    found = [split]
    if offer.spec.splits:  # without any, it only says where its images are to be had
        found = find_splits(settings.name, split, offer.spec.splits)
    contents = {each: registry.load(offer)(each) for each in found}
    if all(isinstance(each, datasets.Dataset) for each in contents.values()):
        return _tabular(settings, contents, "+".join(found))
    if len(contents) > 1:
        raise UserError(
            f"the splits of {settings.name!r} are not tables, and cannot be joined to {split!r}",
            hint=f"Choose one: {', '.join(offer.spec.splits)}.",
        )
    split, content = contents.popitem()
    if not isinstance(content, ImageSource):
        raise OfferError(
            offer.offered_by,
            f"{offer.spec.load} gives a {type(content).__name__}, "
            "neither a datasets.Dataset nor a ganzoo.data.ImageSource",
        )
    marks = (offer.qualified, offer.version, split, len(content), content.image_shape)
    fingerprint = hashlib.blake2b(repr(marks).encode(), digest_size=16).hexdigest()
    return Source(settings.name, split, content, content.classes, fingerprint)


def _open_folder(settings: DataSettings, path: Path, split: str) -> Source:
    files = list_files(path)
    kinds = {file.suffix.lower() for file in files}
    names = {file.name for file in files if len(file.parts) == 1}
    if names & _SAVED:
        return _tabular(settings, load_saved(settings.name, str(path)), split, (path, *caches()))
    if images := only_images(files):
        if names & _METADATA:
            loaded = load_local(settings.name, "imagefolder", folder=str(path))
            return _tabular(settings, loaded, split, (path, *caches()))
        if kinds.isdisjoint({".parquet", ".arrow", ".tar"}):
            return open_image_folder(settings.name, path, images, split)
    if kinds.isdisjoint(_BUILDERS):
        found = f"its {len(files)} files are of other kinds" if files else "it is empty"
        raise UserError(
            f"the folder {settings.name!r} holds no images and no data files: {found}",
            hint=f"Images end in {', '.join(sorted(SUFFIXES))}; "
            f"data files in {', '.join(_BUILDERS)}",
        )
    state = state_of(str(path), path, files)
    loaded = load_local(
        settings.name, str(path), config=settings.config, state=state, stream=settings.stream
    )
    source = _tabular(settings, loaded, split, (path, *caches()), root=path)
    return replace(source, fingerprint=f"{source.fingerprint}-{state}")


def _open_files(settings: DataSettings, files: Sequence[Path], split: str) -> Source:
    """One file is the split ``train``; several are splits if named so (``test-0.csv``)."""
    kinds = {file.suffix.lower() for file in files}
    if kinds <= SUFFIXES and len(files) > 1:
        folder = Path(os.path.commonpath([file.parent for file in files]))
        images = [file.relative_to(folder) for file in files]
        return open_image_folder(settings.name, folder, images, split)
    builder = _BUILDERS.get(kinds.pop())
    if builder is None or kinds:
        raise UserError(
            f"{settings.name!r} is not a kind of data that can be read",
            hint=f"Give a folder of images, or files that end in {', '.join(_BUILDERS)}",
        )
    parts = defaultdict(list)
    for file in files:
        words = [word for word in re.split(r"[\W\d_]+", file.stem) if is_split(word)]
        parts[words[0] if words else ""].append(str(file))
    if len(files) == 1 or "" in parts:
        parts = defaultdict(list, train=[str(file) for file in files])
    stream = settings.stream and builder != "csv"  # which holds paths alone
    loaded = load_local(settings.name, builder, files=dict(parts), stream=stream)
    folder = files[0].parent
    return _tabular(settings, loaded, split, (folder, *caches()), root=folder)


def _open_hub(settings: DataSettings, registry: Registry, split: str) -> Source:
    name = settings.name
    near = did_you_mean(name, [offer.name for offer in registry.all("dataset")])
    try:
        loaded = load_hub(
            name, config=settings.config, revision=settings.revision, stream=settings.stream
        )
    except OfflineError as error:
        raise UserError(
            f"{name!r} is no file or folder here, and cannot be had from the Hugging Face Hub "
            f"without network{near}; without it take {_offered(registry)}"
        ) from error
    except UserError as error:
        raise UserError(f"{error.what}{near}", hint=error.hint) from error
    return _tabular(settings, loaded, split, caches(), remote=f"{HUB}datasets/{name}@")


def _tabular(
    settings: DataSettings,
    splits: Mapping[str, datasets.Dataset | datasets.IterableDataset],
    split: str,
    folders: tuple[Path, ...] | None = None,
    *,
    root: Path | None = None,
    remote: str | None = None,
) -> Source:
    """A split of a table. Its rows may name files in ``folders``, relative ones below ``root``.

    Those of a stream may also name files whose address begins with ``remote``.
    """
    name = settings.name
    found = find_splits(name, split, splits)
    split = "+".join(found)
    tables = [splits[part] for part in found]
    try:
        table = tables[0] if len(tables) == 1 else datasets.concatenate_datasets(tables)
    except ValueError as error:
        raise UserError(
            f"the splits {' and '.join(found)} of {name!r} have other columns or classes than one "
            "another, and cannot be joined",
            hint="Choose one of them with --set data.split=NAME.",
        ) from error
    streams = isinstance(table, datasets.IterableDataset)
    if not streams and not len(table):
        raise UserError(f"split {split!r} of {name!r} is empty")
    features = features_of(table, name) if streams else table.features
    columns = find_columns(
        features,
        name,
        image=settings.image_column,
        label=settings.label_column,
        paths=root is not None,
        words=not streams,
    )
    if streams:
        shards = Shards(table, columns.image, columns.label, root, folders, remote, name)
        return _sharded(settings, split, shards, features)
    label = columns.label
    # Of all splits, so that a class has the same number in each.
    words = None if label is None else words_of(_tables(splits), label)
    if words is not None:
        classes = words or None
    else:
        classes = None if label is None else classes_of(table, name, label)
    known = label if classes is not None else None
    rows = Rows(table, columns.image, known, root, folders, words=words)
    fingerprint = str(table._fingerprint)  # noqa: SLF001 - its only name
    if remote is None and (files := rows.named_files()):
        fingerprint = state_of(fingerprint, Path(), files)
    return Source(name, split, rows, classes, fingerprint)


def _tables(
    splits: Mapping[str, datasets.Dataset | datasets.IterableDataset],
) -> list[datasets.Dataset]:
    return [table for table in splits.values() if isinstance(table, datasets.Dataset)]


def _sharded(
    settings: DataSettings, split: str, shards: Shards, features: datasets.Features
) -> Source:
    """A split that is only read in order; it has labels if there are names for its classes."""
    label = shards.label
    feature = None if label is None else features[label]
    classes = tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else None
    notes = []
    if classes is None and label is not None:
        shards = replace(shards, label=None)
        notes.append(f"no labels: a stream needs names of classes, which column {label!r} has not")
    if same_split(split, settings.split):
        shards = replace(shards, limit=settings.limit)
    return Source(settings.name, split, shards, classes, "", tuple(notes))


def _offered(registry: Registry) -> str:
    names = sorted({offer.name for offer in registry.all("dataset") if offer.spec.splits})
    return ", ".join([*names, "a folder of images or a data file"])


def _is_path(name: str) -> bool:
    """Whether a name can only be meant as a path."""
    return (
        name.startswith((".", "~", "/"))
        or name.endswith("/")
        or name.count("/") > 1
        or any(mark in name for mark in "*?[")
        or Path(name).suffix.lower() in (*_BUILDERS, *SUFFIXES)
    )
