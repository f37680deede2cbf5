"""Probes of folders that trainings write to: whether they can be, how full, how much room."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from ganzoo_workbench.doctor.findings import at_home, gigabytes, note, ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ganzoo_workbench.doctor.findings import Finding

HARDLY = 10**9
"""Bytes of room below which a training may not get through."""
LITTLE = 5 * 10**9

_SECONDS = 2.0
"""Time for counting the files of one folder."""

_WAYS_OUT = {
    "cache": "Set GANZOO_CACHE to a folder that can be written.",
    "runs": "Go to a folder that can be written, or say where with --out.",
    "hub": "Set HF_HOME to a folder that can be written.",
    "datasets": "Set HF_HOME or HF_DATASETS_CACHE to a folder that can be written.",
}


def places() -> dict[str, Path]:
    """The folders by what they are for."""
    import datasets
    from huggingface_hub import constants

    from ganzoo.data.store import cache_folder
    from ganzoo.folder import RUNS

    return {
        "cache": cache_folder(),
        "runs": RUNS.absolute(),
        "hub": Path(constants.HF_HUB_CACHE),
        "datasets": Path(datasets.config.HF_DATASETS_CACHE),
    }


def storage() -> Iterator[Finding]:
    """Every folder, and the room on each disk."""
    usable = {}
    for name, path in places().items():
        finding = _folder(name, path)
        yield finding
        if finding.mark == "ok":
            usable[name] = path
    yield from _disks(usable)


def _folder(name: str, path: Path) -> Finding:
    where = at_home(path)
    try:
        with TemporaryFile(dir=_existing(path)):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        return problem(name, f"{where} cannot be written: {reason}", _WAYS_OUT[name])
    if not path.exists():
        return ok(name, f"{where}, not there yet")
    return ok(name, f"{where}, {_size(path)}")


def _disks(found: Mapping[str, Path]) -> Iterator[Finding]:
    """The room on each disk, once."""
    users: dict[int, list[str]] = {}
    for name, path in found.items():
        users.setdefault(_existing(path).stat().st_dev, []).append(name)
    for names in users.values():
        free = shutil.disk_usage(_existing(found[names[0]])).free
        text = f"{gigabytes(free)} free for {', '.join(names)}"
        if free < HARDLY:
            advice = "Make room: a run may take a gigabyte, a cache as much as its images."
            yield problem("disk", text, advice)
        elif free < LITTLE:
            yield note("disk", text, "Enough for MNIST; make room for more.")
        else:
            yield ok("disk", text)


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    for each in (path, *path.parents):
        with suppress(OSError):  # one that may not be looked into
            if each.exists():
                return each
    return Path(path.anchor)


def _size(folder: Path) -> str:
    """The size of all files below a folder, or how much was found within two seconds."""
    total, ends = 0, time.monotonic() + _SECONDS
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  pathlib takes twice as long
            except OSError:  # gone in the meantime
                continue
        if time.monotonic() > ends:
            return f"more than {gigabytes(total)}"
    return gigabytes(total)
