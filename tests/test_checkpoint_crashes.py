"""A checkpoint is whole or not there, wherever a process is killed or a disk is full."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from builders import run_turns
from commands import ganzoo
from fitted_line import trainer_of
from small_runs import SMALL, given

from ganzoo import checkpoint
from ganzoo.checkpoint import check, newest, save, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Killed(BaseException):
    """The end of a process, as far as its files are concerned."""


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let nothing be renamed or removed from the ``number``-th renaming on."""
    rename, calls = Path.rename, itertools.count(1)

    def once_more(path: Path, target: Path) -> Path:
        if next(calls) >= number:
            raise Killed
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", once_more)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_crash_while_a_checkpoint_is_replaced_leaves_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    save(trainer, tmp_path, keep=1)
    with monkeypatch.context() as patch, suppress(Killed):
        die_at(patch, number)
        save(trainer, tmp_path, keep=1)
    settle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
    assert check(tmp_path / "step-000001").step == 1


def test_a_crash_while_an_old_one_is_removed_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    save(trainer, tmp_path, keep=1)
    run_turns(trainer, 1)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.shutil, "rmtree", killed)
        with pytest.raises(Killed):
            save(trainer, tmp_path, keep=1)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-000002"]
    run_turns(trainer, 1)
    save(trainer, tmp_path, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000003"]


class FullDisk:
    """A disk on which the ``limit``-th write, and all after it, find no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        self.left = limit
        self.was_full = False
        opened = Path.open

        def open_counting(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if "r" not in mode:
                self.take()
            file = opened(path, mode, *rest, **named)
            return file if "r" in mode else Counted(file, self)

        monkeypatch.setattr(Path, "open", open_counting)
        for place, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (Path, "mkdir")):
            monkeypatch.setattr(place, name, self.counting(getattr(place, name)))

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.was_full = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.take()
            return function(*arguments, **named)

        return counted


class Counted:
    """A file whose writes take room."""

    def __init__(self, file: Any, disk: FullDisk) -> None:
        self.file, self.disk = file, disk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, content: bytes) -> int:
        self.disk.take()
        written: int = self.file.write(content)
        return written


def test_a_disk_that_is_full_at_any_write_costs_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    save(trainer, tmp_path, keep=1)
    run_turns(trainer, 1)
    for limit in itertools.count():
        assert limit < 1000
        with monkeypatch.context() as patch:
            disk = FullDisk(patch, limit)
            try:
                save(trainer, tmp_path, keep=1)
            except OSError as error:
                assert error.errno == errno.ENOSPC, limit  # noqa: PT017
            if not disk.was_full:
                break
        found, damaged = newest(tmp_path)
        assert found is not None, limit
        assert found.step in (1, 2), limit
        assert damaged == [], limit
        settle(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} <= {"step-000001", "step-000002"}
    assert limit > 20
    assert [path.name for path in tmp_path.iterdir()] == ["step-000002"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.getuid() != 0:
        pytest.skip("only root can make a small file system")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], check=False)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_a_run_on_a_full_disk_goes_on_once_there_is_room(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_disk.parent)
    settings = given([*SMALL, "train.checkpoint_every=5"])
    full = ganzoo("run", "dcgan", "--steps", "40", "--out", "disk/run", *settings)
    assert full.exit_code == 2
    assert "No space left on device" in full.stderr
    assert newest(small_disk / "run/checkpoints")[1] == []
    assert not list(small_disk.rglob("*.partial"))
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    resumed = ganzoo("run", "--resume", "disk/run", "--steps", "40")
    assert resumed.exit_code == 0, resumed.output
    straight = ganzoo("run", "dcgan", "--steps", "40", "--out", "straight", *settings)
    assert straight.exit_code == 0, straight.output
    one, other = (Path(name, "model/model.safetensors") for name in ("disk/run", "straight"))
    assert one.read_bytes() == other.read_bytes()
