"""What a disk, or a stranger, does to the files of a checkpoint."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def flipped(content: bytes) -> bytes:
    """The bytes with a flipped bit in their middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def flip(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    path.write_bytes(flipped(path.read_bytes()))


def turn_into_a_link(path: Path) -> None:
    """The same content, but elsewhere."""
    elsewhere = path.parents[1] / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def rewrite(manifest: Path, **changes: Any) -> None:
    """Give fields of a manifest other values."""
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def saved(state: object) -> bytes:
    """The file that torch makes of a state."""
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def forge(checkpoint: Path, name: str, content: bytes) -> None:
    """Put another file into a checkpoint, and make the manifest fit it."""
    (checkpoint / name).write_bytes(content)
    digests = json.loads((checkpoint / "manifest.json").read_text())["sha256"]
    digests[name] = hashlib.sha256(content).hexdigest()
    rewrite(checkpoint / "manifest.json", sha256=digests)


def change_state(checkpoint: Path, name: str, change: Callable[[Any], object]) -> None:
    """Change what a file holds and make the manifest fit it, as if the training had come to it."""
    state = torch.load(checkpoint / name, weights_only=True)
    change(state)
    forge(checkpoint, name, saved(state))
