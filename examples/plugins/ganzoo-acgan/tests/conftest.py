"""Small images, and the command line as a user runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from ganzoo.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

torch.set_num_threads(1)

SMALL = {
    "model.generator_dense": "[16]",
    "model.generator_channels": "[8, 4]",
    "model.discriminator_channels": "[4, 8]",
    "model.discriminator_dense": "[16]",
    "data.size": "16",
    "prior.codes.label": "categorical(4)",
    "train.batch_size": "16",
    "train.precision": "fp32",
    "train.report_every": "5",
}


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 400 grey images (16x16): a bright bar in one of four places, with noise."""
    folder = tmp_path_factory.mktemp("bars")
    rng = np.random.default_rng(0)
    for number in range(400):
        pixels = rng.integers(0, 60, (16, 16), dtype=np.uint8)
        row = 4 * (number % 4)
        pixels[row : row + 4] += 180
        place = folder / f"bar{number % 4}"
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


@pytest.fixture
def ganzoo(
    bars: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any
) -> Callable[..., str]:
    """``ganzoo("run", "acgan", **{"train.seed": 1})``: small, on the bars; its output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("GANZOO_DISABLE_PLUGINS", "evaluation")

    def invoke(*words: str, **settings: object) -> str:
        new_run = words[0] == "run" and "--resume" not in words
        if new_run:
            settings = {**SMALL, **settings}
            words = (*words, "--data", str(bars))
        given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        result = CliRunner().invoke(cli, [*words, *given])
        assert result.exit_code == 0, result.output
        return str(result.output)

    return invoke


@pytest.fixture
def figures(tmp_path: Path) -> Callable[[str], dict[str, float]]:
    """The figures of a run's last report."""

    def read(run: str) -> dict[str, float]:
        last = (tmp_path / run / "metrics.jsonl").read_text().splitlines()[-1]
        found: dict[str, float] = json.loads(last)
        return found

    return read


@pytest.fixture
def weights(tmp_path: Path) -> Callable[[str], dict[str, torch.Tensor]]:
    """All weights that a run has exported."""
    return lambda run: load_file(tmp_path / run / "model" / "model.safetensors")
