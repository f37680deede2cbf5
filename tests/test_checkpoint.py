"""Checkpoints are whole or not there, and the newest whole one is found."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import json
import os
import pickle
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
import torch
from builders import loss_part, make_trainer, part, run_turns, same, settings_of, weights_of
from click.testing import CliRunner
from torch import Tensor, nn

from ganzoo import Draw, Loss, Model, Networks, Pass, Phase, checkpoint
from ganzoo.checkpoint import DamagedCheckpointError, check, newest, restore, save, settle
from ganzoo.cli import cli
from ganzoo.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ganzoo.training import Trainer


class Line(Model):
    """Fits one number to the mean of the images."""

    averaged = ()

    @dataclass(frozen=True, kw_only=True)
    class Config:
        width: int = 1

    def networks(self) -> dict[str, nn.Module]:
        return {"line": nn.Linear(1, self.config.width)}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("line",), self.look)]

    def look(self, nets: Networks, batch: Mapping[str, Tensor], draw: Draw, shared: Any) -> Pass:
        said = nets["line"](draw.uniform(len(batch["image"]), 1))
        return Pass(nets, draw, batch, extra={"error": said.mean() - batch["image"].mean()})


class Buffered(Line):
    """With a running statistic."""

    def networks(self) -> dict[str, nn.Module]:
        return {"line": nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))}


class Other(Line):
    def networks(self) -> dict[str, nn.Module]:
        return {"curve": nn.Linear(1, 1)}

    def phases(self) -> list[Phase]:
        return [Phase("fit", ("curve",), lambda nets, batch, draw, shared: Pass(nets, draw, batch))]


class Counting(Loss):
    """A loss with memory: how often it was asked."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.asked = 0

    def terms(self) -> Mapping[str, Any]:
        return {"fit": self.square}

    def square(self, pass_: Pass) -> Tensor:
        self.asked += 1
        return pass_.extra["error"].square() / self.asked

    def state_dict(self) -> dict[str, Any]:
        return {"asked": self.asked}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.asked = state["asked"]


def trainer_of(model: type[Model] = Line, **config: Any) -> Trainer:
    settings = settings_of(part(model, **config), {"square": loss_part(Counting)}, batch_size=4)
    return make_trainer(settings, torch.arange(36, dtype=torch.uint8).view(9, 1, 2, 2))


def test_a_restored_trainer_goes_on_to_the_bit_and_a_loss_keeps_its_memory(tmp_path: Path) -> None:
    straight = trainer_of()
    run_turns(straight, 5)
    first = trainer_of()
    run_turns(first, 3)
    save(first, tmp_path, keep=2)
    found, damaged = newest(tmp_path)
    assert found is not None
    assert (found.step, found.world_size, damaged) == (3, 1, [])
    second = trainer_of()
    restore(second, found)
    run_turns(second, 2)
    assert second.assembly.losses["square"].asked == 5
    assert same(weights_of(straight), weights_of(second))


def test_a_rehearsed_turn_is_taken_back_and_has_everything_due() -> None:
    """What three processes or more do first; see test_torture."""
    settings = settings_of(
        part(Line), {"square": loss_part(Counting, every=3, ramp=[0, 4])}, batch_size=4
    )
    images = torch.arange(36, dtype=torch.uint8).view(9, 1, 2, 2)
    straight, rehearsed = make_trainer(settings, images), make_trainer(settings, images)
    asked: list[int] = []
    square = rehearsed.assembly.losses["square"]
    load = square.load_state_dict
    square.load_state_dict = lambda state: (asked.append(square.asked), load(state))
    rehearsed._rehearse()
    assert asked == [1]
    assert rehearsed.step == square.asked == 0
    run_turns(straight, 7)
    run_turns(rehearsed, 7)
    assert same(weights_of(straight), weights_of(rehearsed))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    trainer = trainer_of()
    for _ in range(4):
        run_turns(trainer, 1)
        save(trainer, tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000003", "step-000004"]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def turn_into_a_link(path: Path) -> None:
    """The same content, but elsewhere."""
    elsewhere = path.parents[1] / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def rewrite(manifest: Path, **changes: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


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
    tiny = ["model.generator_dense=[16]", "model.discriminator_dense=[16]", "data.limit=200"]
    tiny += ["model.generator_channels=[8, 4]", "model.discriminator_channels=[4, 8]"]
    tiny += ["train.batch_size=16", "train.precision=fp32", "train.checkpoint_every=5"]
    settings = [word for setting in tiny for word in ("--set", setting)]

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["run", *arguments])

    full = run("dcgan", "--steps", "40", "--out", "disk/run", *settings)
    assert full.exit_code == 2
    assert "No space left on device" in full.stderr
    assert newest(small_disk / "run/checkpoints")[1] == []
    assert not list(small_disk.rglob("*.partial"))
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    resumed = run("--resume", "disk/run", "--steps", "40")
    assert resumed.exit_code == 0, resumed.output
    straight = run("dcgan", "--steps", "40", "--out", "straight", *settings)
    assert straight.exit_code == 0, straight.output
    one, other = (Path(name, "model/model.safetensors") for name in ("disk/run", "straight"))
    assert one.read_bytes() == other.read_bytes()


def test_an_unfinished_checkpoint_is_never_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / ".step-000007.partial").mkdir()
    assert newest(tmp_path) == (None, [])


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    with pytest.raises(
        UserError, match="checkpoint of another model: it has networks line, this one has curve"
    ):
        restore(trainer_of(Other), check(path))
    with pytest.raises(UserError, match="does not fit this model"):
        restore(trainer_of(width=3), check(path))


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


def forge(path: Path, name: str, content: bytes) -> None:
    """Put another file into a checkpoint, and make the manifest fit it."""
    (path / name).write_bytes(content)
    digests = json.loads((path / "manifest.json").read_text())["sha256"]
    digests[name] = hashlib.sha256(content).hexdigest()
    rewrite(path / "manifest.json", sha256=digests)


def saved(state: object) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


class Bomb:
    """Unpickled, it would make a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("name", ["state.pt", "rank-000.pt"])
@pytest.mark.parametrize("kind", ["zip", "bare pickle", "a list", "no archive"])
def test_a_hostile_state_is_refused_and_not_executed(tmp_path: Path, name: str, kind: str) -> None:
    trainer = trainer_of()
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    bomb = Bomb(tmp_path / "exploded")
    contents = {
        "zip": lambda: saved({"networks": bomb}),
        "bare pickle": lambda: pickle.dumps(bomb, protocol=2),
        "a list": lambda: saved([1, 2]),
        "no archive": lambda: b"nothing",
    }
    forge(path, name, contents[kind]())
    with pytest.raises(UserError, match=f"{name} is refused: it holds something else") as raised:
        restore(trainer_of(), check(path))
    assert len(raised.value.what.splitlines()) == 1
    assert not (tmp_path / "exploded").exists()


def set_moment(state: dict[str, Any]) -> None:
    state["optimisers"][0]["state"][0]["exp_avg"] = torch.zeros(3)


def set_weight(state: dict[str, Any]) -> None:
    state["networks"]["line"]["weight"] = torch.zeros(7, 7)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("state.pt", set_moment, r"exp_avg of parameter 0 has shape \(3,\), not \(1, 1\)"),
        ("state.pt", set_weight, "size mismatch for weight"),
        ("state.pt", lambda state: state.pop("optimisers"), "optimisers"),
        ("state.pt", lambda state: state.update(networks=3), "not iterable"),
        ("state.pt", lambda state: state.update(step=9), "its state is of step 9"),
        ("rank-000.pt", lambda state: state.pop("sums"), "sums"),
        (
            "rank-000.pt",
            lambda state: state["sums"].update(x=torch.zeros(2)),
            r"the sum of x has shape \(2,\)",
        ),
    ],
)
def test_a_state_of_another_form_is_refused_in_a_line(
    tmp_path: Path, name: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    trainer = trainer_of(Line)
    run_turns(trainer, 1)
    path = save(trainer, tmp_path, keep=1)
    state = torch.load(path / name, weights_only=True)
    change(state)
    forge(path, name, saved(state))
    with pytest.raises(UserError, match=said) as raised:
        restore(trainer_of(Line), check(path))
    assert raised.value.what.startswith(f"{path} does not fit this model: ")
    assert len(raised.value.what.splitlines()) == 1


def test_a_running_statistic_of_another_shape_is_refused(tmp_path: Path) -> None:
    trainer = trainer_of(Buffered)
    path = save(trainer, tmp_path, keep=1)
    state = torch.load(path / "rank-000.pt", weights_only=True)
    state["buffers"]["line"]["1.running_mean"] = torch.zeros(1, 1)
    forge(path, "rank-000.pt", saved(state))
    with pytest.raises(UserError, match=r"line.1.running_mean has shape \(1, 1\), not \(1,\)"):
        restore(trainer_of(Buffered), check(path))


def test_what_a_loss_keeps_on_one_rank_goes_back_to_that_rank() -> None:
    trainer = trainer_of()
    run_turns(trainer, 2)
    state, rank_state = trainer.state_dict(), trainer.rank_state_dict()
    rank_state["parts"]["loss.square"]["asked"] = 5
    alone, among_others = trainer_of(), trainer_of()
    alone.load_state_dict(state, None)
    among_others.load_state_dict(state, rank_state)
    assert alone.assembly.losses["square"].asked == 2
    assert among_others.assembly.losses["square"].asked == 5
