"""Calls of ``datasets.load_dataset`` that are quiet, and quick and clear when they fail."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import huggingface_hub
from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NO_ROWS = ("corresponds to no data", "BatchSize must be greater than 0")
"""How the builders of ``datasets`` say that a table has no rows."""

_UNUSED = 24 * 3600
"""Seconds after which what was read of an earlier state of a folder goes."""

_PATIENCE = 3.0
"""Seconds to wait for a sign of life from the Hub."""


class OfflineError(Exception):
    """The Hub does not answer, and the data set is not in the cache."""


def load_local(
    name: str,
    builder: str,
    *,
    config: str | None = None,
    folder: str | None = None,
    files: dict[str, list[str]] | None = None,
    state: str = "",
    stream: bool = False,
) -> Mapping[str, Any]:
    """All splits of local data: what a ``builder`` of ``datasets`` makes of a folder or of files.

    The path of a folder as ``builder`` leaves it to ``datasets`` to find out what is in there; then
    ``state`` must change with its content, as ``datasets`` would take what it once read in a folder
    of that name. What it keeps of earlier states goes a day after its last use. With ``stream``
    nothing is copied, and tables are ``datasets.IterableDataset``.

    Raises:
        UserError: they cannot be read.
    """
    with _quiet(progress=False):
        try:
            cache = _place_of(builder) / state if state else None
            loaded = datasets.load_dataset(
                builder,
                config,
                data_dir=folder,
                data_files=files,
                cache_dir=cache,
                streaming=stream,
            )
        except Exception as error:  # the builders raise nearly anything
            if any(words in f"{error} {_reason(error)}" for words in _NO_ROWS):
                raise UserError(f"{name!r} is empty: there are no rows in it") from error
            raise UserError(f"cannot read {name!r}: {_reason(error)}") from error
    if cache is not None and cache.is_dir():
        _forget_earlier(cache)
    return dict(loaded)


def _forget_earlier(state: Path) -> None:
    """Remove the states beside this one of which nobody has made use for a day."""
    with suppress(OSError):
        os.utime(state)  # it counts as used
        for other in set(state.parent.iterdir()) - {state}:
            if time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other, ignore_errors=True)


def _place_of(folder: str) -> Path:
    """Where ``datasets`` keeps what it reads in a folder."""
    mark = hashlib.blake2b(folder.encode(errors="surrogateescape"), digest_size=8).hexdigest()
    return Path(datasets.config.HF_DATASETS_CACHE, f"ganzoo-{mark}")


def load_saved(name: str, path: str) -> Mapping[str, datasets.Dataset]:
    """All splits of what ``save_to_disk`` wrote.

    Raises:
        UserError: it cannot be read.
    """
    with _quiet(progress=False):
        try:
            loaded = datasets.load_from_disk(path)
        except Exception as error:  # a damaged folder may raise nearly anything
            raise UserError(f"cannot read {name!r}: {_reason(error)}") from error
    if isinstance(loaded, datasets.Dataset):
        return {str(loaded.split or "train"): loaded}
    return dict(loaded)


def load_hub(
    name: str, *, config: str | None, revision: str | None, stream: bool = False
) -> Mapping[str, Any]:
    """All splits of a data set on the Hugging Face Hub, or of its cached copy without network.

    With ``stream`` nothing is fetched yet, and tables are ``datasets.IterableDataset``.

    Raises:
        OfflineError: neither is there.
        UserError: the Hub has no such data set, configuration or revision.
    """
    online = _hub_answers()
    with _quiet(progress=sys.stderr.isatty()), ExitStack() as stack:
        if not online:
            stack.enter_context(_set(datasets.config, HF_HUB_OFFLINE=True))
            stack.enter_context(_set(huggingface_hub.constants, HF_HUB_OFFLINE=True))
        try:
            loaded = datasets.load_dataset(name, config, revision=revision, streaming=stream)
        except (datasets.exceptions.DatasetNotFoundError, ValueError) as error:
            hint = "--set data.config=NAME and data.revision=NAME choose a variant of it."
            raise UserError(
                f"cannot load {name!r} from the Hub: {_reason(error)}", hint=hint
            ) from error
        except Exception as error:  # errors of HTTP clients, of parsers, of the disk
            if not online:
                raise OfflineError(name) from error
            raise UserError(f"cannot load {name!r} from the Hub: {_reason(error)}") from error
    return dict(loaded)


def caches() -> tuple[Path, ...]:
    """The folders in which ``datasets`` keeps what it fetched and unpacked."""
    tables, files = datasets.config.HF_DATASETS_CACHE, huggingface_hub.constants.HF_HUB_CACHE
    return Path(tables).expanduser().absolute(), Path(files).expanduser().absolute()


def _hub_answers() -> bool:
    """Whether the Hub sends any answer. Unasked, ``datasets`` would retry for half a minute."""
    try:
        get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_PATIENCE)
    except Exception:  # noqa: BLE001 - the client is requests or httpx, depending on the version
        return False
    return True


@contextmanager
def _quiet(*, progress: bool) -> Iterator[None]:
    """Keep ``datasets`` from writing to stderr and from running code that comes with data."""
    logs = (datasets.logging, huggingface_hub.utils.logging)
    levels = [log.get_verbosity() for log in logs]
    bars = datasets.is_progress_bar_enabled()
    with warnings.catch_warnings(), _set(datasets.config, HF_DATASETS_TRUST_REMOTE_CODE=False):
        warnings.simplefilter("ignore")
        try:
            for log in logs:
                log.set_verbosity(50)
            if not progress:
                datasets.disable_progress_bars()
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.set_verbosity(level)
            if bars:
                datasets.enable_progress_bars()


@contextmanager
def _set(module: Any, **values: Any) -> Iterator[None]:
    before = {name: getattr(module, name) for name in values if hasattr(module, name)}
    vars(module).update(values)
    try:
        yield
    finally:
        for name in values:
            if name in before:
                setattr(module, name, before[name])
            else:
                delattr(module, name)


def _reason(error: BaseException) -> str:
    """The first line of the error that began it, not of one that ``datasets`` wraps it in."""
    if (
        isinstance(error, datasets.exceptions.DatasetGenerationError)
        and error.__cause__ is not None
    ):
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__
