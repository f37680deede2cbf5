"""The newest whole checkpoint is found, damaged ones are named, and the newest are kept."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from builders import run_turns
from checkpoint_files import flip, rewrite, turn_into_a_link
from fitted_line import trainer_of

from ganzoo.checkpoint import DamagedCheckpointError, check, newest, restore, save

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    trainer = trainer_of()
    for _ in range(4):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "flip": (lambda it: flip(it / "state.pt"), "state.pt is not what was written"),
    "flip of a rank": (lambda it: flip(it / "rank-000.pt"), "rank-000.pt is not what was written"),
    "truncate": (
        lambda it: (it / "state.pt").write_bytes((it / "state.pt").read_bytes()[:100]),
        "state.pt is not what was written",
    ),
    "delete": (lambda it: (it / "rank-000.pt").unlink(), "rank-000.pt is missing"),
    "manifest": (lambda it: (it / "manifest.json").write_text("{"), "its manifest cannot be read"),
    "list": (lambda it: (it / "manifest.json").write_text("[]"), "its manifest cannot be read"),
    "deep": (
        lambda it: (it / "manifest.json").write_text("[" * 100_000),
        "its manifest cannot be read",
    ),
    "no manifest": (lambda it: (it / "manifest.json").unlink(), "its manifest cannot be read"),
    "no files listed": (
        lambda it: rewrite(it / "manifest.json", sha256={}),
        "its manifest lists other files",
    ),
    "other step": (lambda it: rewrite(it / "manifest.json", step=7), "its manifest is of step 7"),
    "linked file": (lambda it: turn_into_a_link(it / "state.pt"), "state.pt is a link"),
    "linked folder": (turn_into_a_link, "it is a link"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_an_older_whole_one_taken(
    tmp_path: Path, damage: str
) -> None:
    trainer = trainer_of()
    for _ in range(2):
        run_turns(trainer, 1)
        save(trainer, tmp_path / "checkpoints", keep=5)
    do, said = DAMAGES[damage]
    do(tmp_path / "checkpoints/step-000002")
    found, [line] = newest(tmp_path / "checkpoints")
    assert found is not None
    assert found.step == 1
    assert line.startswith(f"step-000002: {said}")


def test_a_manifest_cannot_point_out_of_its_folder(tmp_path: Path) -> None:
    trainer = trainer_of()
    path = save(trainer, tmp_path / "checkpoints", keep=1)
    manifest = json.loads((path / "manifest.json").read_text())
    secret = tmp_path / "secret"
    secret.write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    rewrite(path / "manifest.json", sha256=manifest["sha256"] | {"../../secret": digest})
    with pytest.raises(DamagedCheckpointError, match="lists other files than a checkpoint has"):
        check(path)


def test_an_unfinished_checkpoint_is_never_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / ".step-000007.partial").mkdir()
    assert newest(tmp_path) == (None, [])


def test_what_only_looks_like_a_checkpoint_is_neither_read_nor_removed(tmp_path: Path) -> None:
    trainer = trainer_of()
    for name in ("step-abc", "step-12", "step-000009.old", "best"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-notes.txt").write_text("dear")
    for _ in range(2):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=1)
    found, damaged = newest(tmp_path)
    assert found is not None
    assert (found.step, damaged) == (2, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best",
        "step-000002",
        "step-000009.old",
        "step-12",
        "step-abc",
        "step-notes.txt",
    ]


def test_turns_are_ordered_as_numbers(tmp_path: Path) -> None:
    trainer = trainer_of()
    for step in (999_999, 1_000_000):
        trainer.step = step
        save(trainer, tmp_path, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-1000000"]
    trainer.step = 999_998
    save(trainer, tmp_path, keep=1)
    found, _ = newest(tmp_path)
    assert found is not None
    assert found.step == 1_000_000


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "manifest", "no manifest"])
def test_a_damaged_checkpoint_does_not_count_as_kept(tmp_path: Path, damage: str) -> None:
    trainer = trainer_of()
    for _ in range(3):
        if trainer.step == 2:
            DAMAGES[damage][0](tmp_path / "step-000002")
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000003"]


def test_a_run_that_passed_over_newer_damaged_ones_keeps_what_it_saves(tmp_path: Path) -> None:
    trainer = trainer_of()
    for _ in range(4):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=9)
    for step in (2, 3, 4):
        flip(tmp_path / f"step-00000{step}/state.pt")
    resumed = trainer_of()
    found, _ = newest(tmp_path)
    assert found is not None
    restore(resumed, found)
    run_turns(resumed, 1)
    save(resumed, tmp_path, keep=2)
    assert check(tmp_path / "step-000002").step == 2
    assert check(tmp_path / "step-000001").step == 1
    run_turns(resumed, 2)
    save(resumed, tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000004"]
    assert newest(tmp_path)[1] == []
