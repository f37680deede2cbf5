"""The folder of a run belongs to one training at a time."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from ganzoo.errors import UserError
from ganzoo.files import PARTIAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK = ".lock"
"""The empty file that is locked; it goes when the training ends, and a killed one leaves it."""

_GLANCE = 0.2
"""Seconds that a lock may belong to somebody who only looks, as :func:`is_held` does."""


class TakenError(Exception):
    """There is a folder of that name already."""


@contextmanager
def claimed(path: Path, *, new: bool = False) -> Iterator[bool]:
    """Hold the folder ``path`` for the time of the block; it is made if it is not there.

    The kernel holds the lock, so that it ends with the process, however that ends. Folders that
    were made for it and stay empty go with it. Gives False where the file system has no locks.

    Raises:
        UserError: another training holds it.
        TakenError: ``new`` is asked for, and it is there.
        OSError: it cannot be made or written to.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, new=new)
        with _locked(path / LOCK) as holds:
            yield holds
    finally:
        for each in missing:
            with suppress(OSError):  # not empty, as it is when all went well
                each.rmdir()


@contextmanager
def claimed_if_free(path: Path) -> Iterator[None]:
    """Hold the folder ``path`` for the time of the block, unless somebody else does or it fails."""
    with ExitStack() as stack:
        with suppress(UserError, OSError):
            stack.enter_context(claimed(path))
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the folder ``path``; False where the file system has no locks."""
    try:
        with (path / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no file, or no locks
        return False
    return False


def is_unused(path: Path) -> bool:
    """Whether a folder holds nothing but what a training holds it by, or was killed over."""
    return all(each.name == LOCK or each.name.endswith(PARTIAL) for each in path.iterdir())


def _make(path: Path, *, new: bool) -> None:
    try:
        path.mkdir(exist_ok=not new)
    except FileExistsError as error:
        if new:
            raise TakenError(path) from error
        raise


@contextmanager
def _locked(file: Path) -> Iterator[bool]:
    descriptor, holds = _lock(file)
    try:
        yield holds
    finally:
        with suppress(OSError):
            file.unlink()
        os.close(descriptor)


def _lock(file: Path) -> tuple[int, bool]:
    """An open descriptor of the file, and whether the file is locked by it."""
    deadline = time.monotonic() + _GLANCE
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            if time.monotonic() < deadline:
                time.sleep(_GLANCE / 10)
                continue
            raise UserError(
                f"{file.parent} is being trained by another process",
                hint="Wait until it ends, or name another folder with --out.",
            ) from error
        except OSError:
            return descriptor, False
        if _is_still(file, descriptor):
            return descriptor, True
        os.close(descriptor)  # the training that held it has ended and removed it just now


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
