"""Names of splits, under which a data set keeps its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganzoo.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

_MEANINGS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}


class MissingSplitError(UserError):
    """The data set is there, but has no split of that name; ``splits`` are those that it has."""

    def __init__(self, name: str, split: str, splits: Iterable[str]) -> None:
        self.splits = tuple(splits)
        super().__init__(
            f"{name!r} has no split {split!r}{did_you_mean(split, self.splits)}",
            hint=f"It has: {', '.join(self.splits)}. "
            "Choose with --set data.split=NAME, or data.test_split=NAME for scores",
        )


def is_split(word: str) -> bool:
    """Whether a folder or a part of a file's name of this name is a split."""
    return word.lower() in _MEANINGS


def find_split(name: str, wanted: str, splits: Iterable[str]) -> str:
    """The split ``wanted`` of the data set ``name``; ``val`` finds ``validation``, and so on.

    Raises:
        MissingSplitError: there is none.
    """
    known = list(splits)
    if wanted in known:
        return wanted
    meaning = _MEANINGS.get(wanted.lower())
    for split in known:
        if meaning is not None and _MEANINGS.get(split.lower()) == meaning:
            return split
    raise MissingSplitError(name, wanted, known)


def find_splits(name: str, wanted: str, splits: Iterable[str]) -> list[str]:
    """The splits that ``wanted`` joins with plus signs, as ``train+extra`` does.

    Raises:
        MissingSplitError: one of them is not there.
    """
    known = list(splits)
    if wanted in known:
        return [wanted]
    return [find_split(name, part.strip(), known) for part in wanted.split("+")]


def share_a_split(one: str, other: str) -> bool:
    """Whether two names of splits, each joined of several perhaps, have one in common."""
    return bool({*_meant(one)} & {*_meant(other)})


def same_split(one: str, other: str) -> bool:
    """Whether two names mean the same split, as ``val`` and ``validation`` do, or the same join."""
    return _meant(one) == _meant(other)


def _meant(name: str) -> list[str]:
    """What each of the splits that a name joins is called by everybody who means it."""
    parts = [part.strip() for part in name.split("+")]
    return [_MEANINGS.get(part.lower(), part) for part in parts]
