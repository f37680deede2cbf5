"""Folders of images: what in them is a split, what a class, and what an image."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import datasets

from ganzoo.data.columns import Rows
from ganzoo.data.convert import SUFFIXES
from ganzoo.data.source import Source
from ganzoo.data.splits import find_splits, is_split
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def list_files(folder: Path) -> list[Path]:
    """The files in a folder at any depth, relative to it and sorted; hidden ones are left out."""
    return sorted(_walk(folder))


def only_images(files: Sequence[Path]) -> list[Path]:
    """Those of ``files`` that are images by their name."""
    return [file for file in files if file.suffix.lower() in SUFFIXES]


def open_image_folder(name: str, folder: Path, images: Sequence[Path], split: str) -> Source:
    """Open one split of the ``images`` (relative paths) of a folder.

    Sub-folders at the top that are all named like splits (``train``, ``test``, ``val``, …) are
    splits; without them, all images are the split ``train``. If all images of all splits lie in
    sub-folders, of which there are at least two, these are classes. Otherwise there are no labels.
    """
    splits = _splits(images)
    found = find_splits(name, split, splits)
    files, below = zip(*(image for each in found for image in splits[each]), strict=True)
    parents = {
        inner.parts[0] if len(inner.parts) > 1 else ""
        for part in splits.values()
        for _, inner in part
    }
    classes = tuple(sorted(parents)) if len(parents) > 1 and "" not in parents else None

    features: dict[str, object] = {"image": datasets.Image()}
    columns: dict[str, list[str] | list[int]] = {"image": [str(folder / file) for file in files]}
    notes = []
    if classes is not None:
        number = {label: index for index, label in enumerate(classes)}
        features["label"] = datasets.ClassLabel(names=list(classes))
        columns["label"] = [number[inner.parts[0]] for inner in below]
        notes.append(f"the {len(classes)} sub-folders of {name} were taken as classes")
    elif parents != {""}:
        notes.append(f"no labels: the images of {name} do not all lie in two or more sub-folders")
    try:
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    except UnicodeEncodeError as error:
        raise UserError(f"{name!r}: the name of a file is not UTF-8: {error.object!r}") from error
    rows = Rows(table, "image", None if classes is None else "label", folder)
    fingerprint = state_of(classes, folder, files)
    return Source(name, "+".join(found), rows, classes, fingerprint, tuple(notes))


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(f"cannot read the folder {error.filename}: {error.strerror}") from error

    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        yield from (Path(parent, name).relative_to(folder) for name in names if name[0] != ".")


def _splits(images: Sequence[Path]) -> dict[str, list[tuple[Path, Path]]]:
    """The images of each split: their path, and their path below the split's folder."""
    tops = {image.parts[0] if len(image.parts) > 1 else "" for image in images}
    if not all(is_split(top) for top in tops):
        return {"train": [(image, image) for image in images]}
    splits = defaultdict(list)
    for image in images:
        splits[image.parts[0]].append((image, Path(*image.parts[1:])))
    return dict(splits)


def state_of(table: object, folder: Path, files: Iterable[Path]) -> str:
    """Changes with the table, and when a file is added, removed, renamed, or written again."""
    digest = hashlib.blake2b(repr(table).encode(), digest_size=16)
    for file in files:
        try:
            state = (folder / file).stat()
            known = f"{file}\0{state.st_size}\0{state.st_mtime_ns}\n"
        except (OSError, ValueError):  # a link to nothing, no name: broken when it is read
            known = f"{file}\n"
        digest.update(known.encode(errors="backslashreplace"))
    return digest.hexdigest()
