"""A damaged checkpoint is named with what is wrong with it, and not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bad_input.case import Make, change, remove
from bad_input.model_cases import json_file, put, without
from checkpoint_files import flipped

from ganzoo import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FOLDER = "checkpoints/step-000002"
_STATE, _RANK = f"{_FOLDER}/state.pt", f"{_FOLDER}/rank-000.pt"
_MANIFEST = f"{_FOLDER}/manifest.json"


def swap(here: Path) -> None:
    """Let two files of the checkpoint change places."""
    state, rank = here / "run" / _STATE, here / "run" / _RANK
    content = state.read_bytes()
    rank.replace(state)
    rank.write_bytes(content)


DAMAGES: dict[str, tuple[Make, str]] = {
    "a state that breaks off": (change(_STATE, lambda c: c[:-9]), "state.pt is not what was wri"),
    "a state of nothing": (change(_STATE, lambda _: b""), "state.pt is not what was written"),
    "a state with a flipped bit": (change(_STATE, flipped), "state.pt is not what was written"),
    "a rank with a flipped bit": (change(_RANK, flipped), "rank-000.pt is not what was written"),
    "files that changed places": (swap, "is not what was written"),
    "no state": (remove(_STATE), "state.pt is missing"),
    "no state of a rank": (remove(_RANK), "rank-000.pt is missing"),
    "no manifest": (remove(_MANIFEST), "its manifest cannot be read"),
    "a manifest of nothing": (change(_MANIFEST, lambda _: b""), "its manifest cannot be read"),
    "a manifest of bytes": (change(_MANIFEST, lambda _: b"\xff"), "its manifest cannot be read"),
    "a deep manifest": (change(_MANIFEST, lambda _: b"[" * 99_999), "its manifest cannot be read"),
    "a list for a manifest": (json_file(_MANIFEST, lambda _: [1]), "its manifest cannot be read"),
    "no step": (json_file(_MANIFEST, without("step")), "its manifest cannot be read"),
    "a word for a step": (json_file(_MANIFEST, put("step", to="2")), "manifest"),
    "another step": (json_file(_MANIFEST, put("step", to=9)), "its manifest is of step 9"),
    "a word for ranks": (json_file(_MANIFEST, put("world_size", to="x")), "manifest"),
    "ranks that are not there": (json_file(_MANIFEST, put("world_size", to=2)), "manifest"),
    "no digests": (json_file(_MANIFEST, put("sha256", to={})), "manifest"),
    "a number for digests": (json_file(_MANIFEST, put("sha256", to=1)), "manifest"),
    "a number for a digest": (json_file(_MANIFEST, put("sha256", "state.pt", to=1)), "state.pt"),
    "a file of elsewhere": (json_file(_MANIFEST, put("sha256", "../x.pt", to="")), "manifest"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_not_taken(
    damage: str, here: Path, place_run: Callable[[], Path]
) -> None:
    folder = place_run() / "checkpoints"
    assert checkpoint.newest(folder)[0] is not None
    make, says = DAMAGES[damage]
    make(here)
    found, lines = checkpoint.newest(folder)
    assert found is None
    assert len(lines) == 1
    assert lines[0].startswith("step-000002: ")
    assert says in lines[0]
