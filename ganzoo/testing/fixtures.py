"""Fixtures for the tests of a plugin: ``pytest_plugins = ["ganzoo.testing.fixtures"]``.

They are not loaded by themselves, since that would happen in every test session of every
environment that has ganzoo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
import torch
from click.testing import CliRunner, Result

from ganzoo.cli import cli
from ganzoo.draw import generator_for

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

SIDE = 28
PER_CLASS = 8


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known that large presets carry."""
    config.addinivalue_line("markers", "slow: trains more than five million parameters")


@dataclass(frozen=True)
class TinyData:
    """Images of three classes: a bright square on the left, in the middle or on the right."""

    folder: Path
    """``train/left/00.png`` and so on, with a ``test`` of the same size: for ``--data``."""
    images: Tensor
    """The training images, uint8 (24, 1, 28, 28), in the order of the files."""
    labels: Tensor
    """Their classes, int64 (24,)."""
    classes: tuple[str, ...] = ("left", "middle", "right")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """A folder of 24 grey training images and as many test images, and the former as tensors."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("tiny-data")
    labels = torch.arange(3).repeat_interleave(PER_CLASS)
    splits = {split: _squares(labels, split) for split in ("train", "test")}
    data = TinyData(folder, splits["train"], labels)
    for split, images in splits.items():
        for place, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            path = folder / split / data.classes[label] / f"{place:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[0].numpy()).save(path)
    return data


def _squares(labels: Tensor, split: str) -> Tensor:
    images = torch.randint(
        64, (len(labels), 1, SIDE, SIDE), generator=generator_for(torch.device("cpu"), split)
    )
    for image, label in zip(images, labels.tolist(), strict=True):
        left = 2 + 9 * label
        image[:, 10:18, left : left + 8] += 190
    return images.to(torch.uint8)


class RunGanzoo(Protocol):
    """A command line of ganzoo, in this process."""

    def __call__(self, *arguments: object, code: int = 0) -> Result:
        """Run ``ganzoo ARGUMENTS``, and fail unless it ends with the exit code ``code``.

        ``stdout`` and ``stderr`` of the result are what it printed.
        """
        ...


@pytest.fixture
def run_ganzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunGanzoo:
    """Run commands in a temporary folder, with a cache of their own.

    ::

        def test_my_model_trains(run_ganzoo, tiny_data):
            run_ganzoo("run", "my-model", "--data", tiny_data.folder, "--steps", 2, "--out", "run")

    All commands of one test session share what accelerate was first started with.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        trouble = result.exception if code != result.exit_code else None
        if trouble is not None and not isinstance(trouble, SystemExit):
            raise trouble
        assert result.exit_code == code, result.output
        return result

    return run
