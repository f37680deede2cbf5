"""Paths of data as a run keeps them: without what tells who had it where. Torch-free."""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganzoo.registry import Registry
    from ganzoo.resolved import Settings

USER = "${USER}"
"""Stands for the name of the user at work; no other variable is meant by such a word."""


def shareable(settings: Settings, registry: Registry) -> Settings:
    """The same settings with the names of the data as :func:`portable` gives them.

    What a plugin offers keeps its name, also where there is a folder of that name.
    """

    def kept(name: str) -> str:
        return name if registry.matching("dataset", name) else portable(name)

    further = {
        name: replace(source, name=kept(source.name)) for name, source in settings.further.items()
    }
    data = replace(settings.data, name=kept(settings.data.name))
    return replace(settings, data=data, further=further)


def portable(name: str) -> str:
    """The name of a data set; a path is told from the working folder or ``~``, never from the root.

    Runs get shared, and their settings are saved. The user's own name in a path is left open, as in
    ``../../scratch/${USER}/photos``; :func:`local` fills it in again.
    """
    name = name.rstrip("/") or name
    path, here, home = Path(name), Path.cwd(), _home()
    if path.is_dir():
        name = str(path)  # one folder has one name, with a slash behind it or not
    if not path.is_absolute():
        if name.startswith((".", "~")):
            return _anonymous(name)
        is_path = path.exists() or name.count("/") > 1
        return _anonymous(f"./{name}") if is_path else name  # a Hub id stays what it is
    if path.is_relative_to(here):
        return _anonymous(f"./{path.relative_to(here)}")
    if home is not None and path.is_relative_to(home):
        return _anonymous(f"~/{path.relative_to(home)}")
    return _anonymous(os.path.relpath(path, here))


def local(name: str) -> Path:
    """The absolute path that a name means here, if it means a path."""
    return Path(name.replace(USER, _user())).expanduser().absolute()


def _anonymous(path: str) -> str:
    user = _user()
    return re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", lambda _: USER, path) if user else path


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, a number may be all that a user has
        return ""
