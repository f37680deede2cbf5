"""Sends a trained model with its card to a repository of the Hugging Face Hub, in one commit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

import torch

from ganzoo.card import Publication, model_card
from ganzoo.discovery import invocation
from ganzoo.errors import UserError, in_one_line
from ganzoo.export import CARD, CONFIG, PICTURES, WEIGHTS
from ganzoo.files import told_unwritable, whole_file
from ganzoo.loaded import load, model_folder
from ganzoo.repository import FILES, PATIENCE, Repository, files_of, hub, quiet, refusal
from ganzoo.resume import continuing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from huggingface_hub import HfApi

    from ganzoo.folder import RunFolder
    from ganzoo.registry import Registry

_GIVEN_BY_HUB = {".gitattributes"}
"""What a repository has from the start."""
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Parcel:
    """What is to be published: the files of a model by their names, and a line about it."""

    files: Mapping[str, Path | bytes]
    title: str

    def sizes(self) -> dict[str, int]:
        """The size of each file in bytes."""
        return {
            name: len(content) if isinstance(content, bytes) else content.stat().st_size
            for name, content in self.files.items()
        }

    def write(self, folder: Path) -> None:
        """Write the files into a folder that is new or empty. Raises UserError."""
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UserError(f"{folder} is there already", hint="Name a new or an empty folder.")
        with told_unwritable(folder):
            for name, content in self.files.items():
                with whole_file(folder / name) as file:
                    file.write(content if isinstance(content, bytes) else content.read_bytes())


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a parcel is published."""

    message: str
    """The first line of the commit."""
    private: bool
    """Whether nobody else may see it."""
    update: bool
    """Whether it may take the place of what is there."""


def pack(run: RunFolder, registry: Registry, publication: Publication) -> Parcel:
    """The model of a run, or in an exported folder, with its card and the pictures beside it.

    Raises UserError where there is no model that can be loaded, a run is unfinished, or a file is
    a link, which might lead to anything.
    """
    loaded = load(run.path, registry, torch.device("cpu"))
    steps = loaded.settings.train.steps
    if run.is_run() and loaded.step < steps:
        raise UserError(
            f"{run.path} is unfinished: {loaded.step:,} of {steps:,} turns",
            hint=f"Finish it with: {continuing(run, registry.plugins)}\n"
            "Or push the model as it is: "
            f"{invocation(registry.plugins)} push {quote(str(run.model))} {publication.repository}",
        )
    model = model_folder(run.path)
    pictures = {name: run.path / name for name in PICTURES if (run.path / name).is_file()}
    files = {CONFIG: model / CONFIG, WEIGHTS: model / WEIGHTS, **pictures}
    for path in (model, *files.values()):
        if path.is_symlink():
            raise UserError(
                f"{path} is a link, and what it leads to may not be meant for others",
                hint="Put the file itself in its place.",
            )
    card = model_card(run, loaded, {name: name for name in pictures}, publication)
    title = f"{loaded.settings.model.name} ({loaded.settings.preset}), {loaded.step:,} turns"
    return Parcel({CARD: card.encode(), **files}, in_one_line(title, _LONGEST_REASON))


def send(parcel: Parcel, repository: Repository, terms: Terms) -> str:
    """Publish a parcel in one commit, and give the address of its page.

    The repository is made if there is none, and so is the branch that ``repository.revision``
    names. Whatever goes wrong before the commit leaves the files that are there as they are.
    Raises UserError.
    """
    with quiet():
        try:
            return _send(parcel, repository, terms)
        except UserError:
            raise
        except Exception as error:
            raise refusal(error, repository) from error


def _send(parcel: Parcel, repository: Repository, terms: Terms) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, get_token

    if get_token() is None:
        raise UserError("there is no token for the Hub", hint="Log in with: hf auth login")
    api = hub()
    present = _present(api, repository, terms)
    _validate(api, parcel)
    api.create_repo(repository.name, private=terms.private or None, exist_ok=True)
    if repository.revision is not None:
        api.create_branch(repository.name, branch=repository.revision, exist_ok=True)
    stale = [name for name in FILES if name in present and name not in parcel.files]
    api.create_commit(
        repository.name,
        [
            *(CommitOperationAdd(name, content) for name, content in parcel.files.items()),
            *(CommitOperationDelete(name) for name in stale),
        ],
        commit_message=terms.message,
        revision=repository.revision,
    )
    page = f"{api.endpoint}/{repository.name}"
    return page if repository.revision is None else f"{page}/tree/{repository.revision}"


def _present(api: HfApi, repository: Repository, terms: Terms) -> Collection[str]:
    """The files that are there already, if any; UserError if they are in the way."""
    from huggingface_hub import errors

    try:
        main = api.model_info(repository.name, timeout=PATIENCE)
    except errors.GatedRepoError:
        raise
    except errors.RepositoryNotFoundError:
        return ()
    if terms.private and not main.private:
        raise UserError(
            f"{repository.name} is there already, and public",
            hint="Make it private in its settings on the Hub, or take another name.",
        )
    try:
        files = set(files_of(api, repository)) - _GIVEN_BY_HUB
    except errors.RevisionNotFoundError:  # a new branch begins with what the main one has
        return {file.rfilename for file in main.siblings or ()}
    if files and not terms.update:
        raise UserError(
            f"{repository} is there already, with {len(files)} files",
            hint="Take another name or --branch; or add --update, for a commit upon what is there.",
        )
    return files


def _validate(api: HfApi, parcel: Parcel) -> None:
    """Let the Hub look at the card's metadata before anything is made."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        get_session,
        hf_raise_for_status,
    )

    card = parcel.files[CARD]
    assert isinstance(card, bytes)
    answer = get_session().post(
        f"{api.endpoint}/api/validate-yaml",
        json={"content": card.decode(), "repoType": "model"},
        timeout=PATIENCE,
    )
    if answer.status_code == 400:
        raise UserError(f"the Hub refuses the card: {_reasons(answer.text)}")
    hf_raise_for_status(answer)


def _reasons(answer: str) -> str:
    try:
        found = [str(each["message"]) for each in json.loads(answer)["errors"]]
    except (ValueError, LookupError, TypeError):
        found = [answer]
    return in_one_line("; ".join(found), _LONGEST_REASON)
