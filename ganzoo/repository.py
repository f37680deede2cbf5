"""A model by the name that a user gave it: a folder here, or a repository of the Hugging Face Hub.

A repository may be anybody's. Of its files only those that a model consists of are fetched, by
their names, and none that is larger than such a file can be.
"""

from __future__ import annotations

import re
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from logging import CRITICAL
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import UserError, in_one_line
from ganzoo.export import CARD, CONFIG, PICTURES, WEIGHTS
from ganzoo.files import plain_name
from ganzoo.folder import RUNS, SEE_RUNS, RunFolder, find_run
from ganzoo.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from huggingface_hub import HfApi

FILES = (CONFIG, WEIGHTS, CARD, *PICTURES)
"""Everything that is ever sent to a repository, or fetched from one."""

PATIENCE = 10.0
"""Seconds to wait for the Hub's first answer."""

_MEGABYTE = 10**6
_LARGEST = dict.fromkeys(FILES, 20 * _MEGABYTE) | {WEIGHTS: 10_000 * _MEGABYTE}
_LOG_IN = "Log in with: hf auth login"
_LONGEST_REASON = 200
_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95})(@(?P<revision>[\w./-]{1,128}))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Repository:
    """A model repository of the Hub, ``OWNER/NAME``, at a branch, a tag or a commit."""

    name: str
    revision: str | None = None
    """The main branch if None."""

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @classmethod
    def named(cls, text: str) -> Repository | None:
        """The repository that ``OWNER/NAME`` or ``OWNER/NAME@REVISION`` means; None for others.

        What would lie in ``runs/`` is never taken for a repository.
        """
        match = _NAMED.fullmatch(text)
        if match is None or ".." in text or text.startswith(f"{RUNS}/"):
            return None
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

        try:
            validate_repo_id(match["name"])
        except HFValidationError:
            return None
        return cls(match["name"], match["revision"])

    def fetch(self) -> Path:
        """The folder of the cache that holds its model, fetched if need be.

        What was fetched once is used where the Hub does not answer or must not be asked
        (``HF_HUB_OFFLINE``). Raises UserError where there is no such model, or it is refused.
        """
        from huggingface_hub import snapshot_download

        with quiet():
            answers = self._check()
            try:
                folder = snapshot_download(
                    self.name,
                    revision=self.revision,
                    allow_patterns=list(FILES),
                    local_files_only=not answers,
                    library_name="ganzoo",
                    library_version=__version__,
                )
            except Exception as error:
                raise refusal(error, self) from error
        # Between the question and the download its owner may have put other files there.
        self._refuse_large({each.name: each.stat().st_size for each in Path(folder).iterdir()})
        return Path(folder)

    def _check(self) -> bool:
        """Whether the Hub answers. Raises UserError if what it has is no model to be fetched."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            files = files_of(hub(), self)
        except HfHubHTTPError as error:
            if error.response.status_code < 500:
                raise refusal(error, self) from error
            return False
        except Exception:  # noqa: BLE001 - errors of the HTTP client, which depends on the version
            return False
        for name in (CONFIG, WEIGHTS):
            if name not in files:
                raise UserError(
                    f"{self} on the Hub is no model of ganzoo: it has no {name}",
                    hint="Such a repository is made by: ganzoo push RUN OWNER/NAME",
                )
        self._refuse_large(files)
        return True

    def _refuse_large(self, files: Mapping[str, int]) -> None:
        """Raise UserError for a file that is larger than such files are; sizes in bytes."""
        for name, most in _LARGEST.items():
            size = files.get(name, 0)
            if size > most:
                raise UserError(
                    f"{self} is refused: its {name} has {size // _MEGABYTE:,} MB, "
                    f"and {most // _MEGABYTE:,} MB is the most",
                    hint=f"If you trust it: hf download {self.name} --local-dir FOLDER, "
                    "and name the folder.",
                )


@dataclass(frozen=True)
class FoundModel:
    """A trained model that a user named."""

    folder: Path
    """A run, an exported model folder, or the cached copy of a repository."""
    output: RunFolder
    """Where commands put what they make of it: the folder itself, or ``OWNER-NAME`` here."""


def find_model(given: str | None) -> FoundModel:
    """The run, exported model folder or repository of that name; the newest run for None.

    A name is looked up on the Hub only if no folder has it. Raises UserError where it is nothing.
    """
    repository = None if given is None else Repository.named(given)
    if given is None or repository is None or Path(given).exists():
        run = find_run(given)
        return FoundModel(run.path, run)
    return FoundModel(repository.fetch(), RunFolder(Path(plain_name(given))))


def hub() -> HfApi:
    """The Hub's interface; its token is whatever huggingface_hub finds."""
    from huggingface_hub import HfApi

    return HfApi(library_name="ganzoo", library_version=__version__)


def files_of(api: HfApi, repository: Repository) -> Mapping[str, int]:
    """Sizes in bytes of a repository's files, by their names. Raises what huggingface_hub does."""
    info = api.model_info(
        repository.name, revision=repository.revision, files_metadata=True, timeout=PATIENCE
    )
    return {file.rfilename: file.size or 0 for file in info.siblings or ()}


def refusal(error: Exception, repository: Repository) -> UserError:
    """What an error of huggingface_hub means for the user who named ``repository``."""
    from huggingface_hub import errors

    told: dict[type[Exception], tuple[str, str]] = {  # the narrower kinds of error first
        errors.GatedRepoError: (
            f"{repository} is open only to those whom its owners let in",
            f"Ask them on its page on the Hub. {_LOG_IN}",
        ),
        errors.RepositoryNotFoundError: (
            f"{repository} is neither a folder here nor a model on the Hub that you may read",
            f"{SEE_RUNS}. For a private model: {_LOG_IN}",
        ),
        errors.RevisionNotFoundError: (
            f"{repository.name} has no branch, tag or commit {repository.revision!r}",
            "See them on its page on the Hub.",
        ),
        errors.LocalEntryNotFoundError: (
            f"{repository} is no folder here, the Hub is not reached, and the cache has no copy",
            "Check the name, the network, and HF_HUB_OFFLINE.",
        ),
    }
    for kind, (what, hint) in told.items():
        if isinstance(error, kind):
            return UserError(what, hint=hint)
    if isinstance(error, errors.HfHubHTTPError):
        return _answered(error.response.status_code, error.server_message or "", repository)
    if isinstance(error, OSError) and error.strerror:
        return UserError(f"cannot read or write {error.filename}: {error.strerror}")
    return UserError(
        f"the Hub is not reached for {repository} ({type(error).__name__})",
        hint="Check the network, and HF_HUB_OFFLINE; then try again.",
    )


def _answered(status: int, message: str, repository: Repository) -> UserError:
    said = f": {in_one_line(message, _LONGEST_REASON)}" if message else ""
    if status == 401:
        return UserError("the Hub does not take your token", hint=f"Get a new one. {_LOG_IN}")
    if status == 403:
        return UserError(
            f"your token does not allow that with {repository}{said}",
            hint=f"Use a token that may, or a name of your own. {_LOG_IN}",
        )
    return UserError(f"the Hub answers {status} for {repository}{said}", hint="Try again later.")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep huggingface_hub from writing to stderr, but for its progress bars on a terminal."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    level, silent = logging.get_verbosity(), are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            logging.set_verbosity(CRITICAL)
            if not sys.stderr.isatty():
                disable_progress_bars()
            yield
        finally:
            logging.set_verbosity(level)
            if not silent:
                enable_progress_bars()
