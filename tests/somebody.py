"""Somebody with a name, a machine and a token, and the search for them in files."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from safetensors import safe_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pytest

TOKEN = "hf_canaryCanaryCanary"
PERSON = "ada-lovelace"
HOST = "difference-engine"
_ROOT = Path(__file__).parents[1]


def become_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process be theirs, as far as a program can ask."""
    variables = {"USER": PERSON, "LOGNAME": PERSON, "HOSTNAME": HOST, "HF_TOKEN": TOKEN}
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.setattr("platform.node", lambda: HOST)


def secrets_in(files: Iterable[Path], place: Path) -> list[tuple[Path, str]]:
    """Which file, in its name or content, tells who they are, an environment variable, or where
    ``place`` or the code is."""
    secrets = {str(place), str(_ROOT), PERSON, TOKEN, HOST}
    secrets |= {text for text in os.environ.values() if len(text) >= 10}
    return [
        (path, secret)
        for path in files
        for text in (str(path).encode(), *_texts(path))
        for secret in secrets
        if secret.encode() in text
    ]


def _texts(path: Path) -> Iterator[bytes]:
    """The content of a file, and what is told in it in some other way."""
    yield path.read_bytes()
    if path.suffix in {".png", ".gif"}:
        with Image.open(path) as picture:
            told = {key: value for key, value in picture.info.items() if isinstance(value, str)}
            yield repr(told).encode()
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            yield repr(file.metadata()).encode()
