"""Trainings on a stream, in one process and in two."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from builders import lines_of
from commands import ganzoo
from PIL import Image
from small_images import encoded, picture, tabular, write
from small_runs import SMALL, given
from two_processes import launched

from ganzoo import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("caches")]

STREAMED = [*SMALL, "data.limit=none", "data.stream=true", "data.workers=1"]


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three files of 100 images of 28 x 28, named from the working folder."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    folder = tmp_path / "digits"
    folder.mkdir()
    for number in range(3):
        noise = generator.integers(0, 255, (100, 28, 28), np.uint8)
        rows = [{"bytes": encoded(Image.fromarray(each)), "path": None} for each in noise]
        tabular(folder, {"image": rows}, {"image": datasets.Image()}, f"train-{number}.parquet")
    return "./digits"


def test_a_streamed_run_says_so_goes_on_where_it_was_and_is_verified_with_a_doubt(
    digits: str,
) -> None:
    settings = given([*STREAMED, "train.checkpoint_every=10", "data.shuffle_buffer=64"])
    whole = ganzoo("run", "dcgan", "--data", digits, "--steps", "30", "--out", "whole", *settings)
    assert whole.exit_code == 0, whole.output
    assert "streamed grey images, 28x28" in whole.stdout
    assert "a stream cannot promise to go on bit for bit" in whole.stdout
    half = ganzoo("run", "dcgan", "--data", digits, "--steps", "15", "--out", "half", *settings)
    assert half.exit_code == 0, half.output
    rest = ganzoo("run", "--resume", "half", "--steps", "30")
    assert rest.exit_code == 0, rest.output
    one, other = (
        checkpoint.read_shared(checkpoint.newest(Path(name, "checkpoints"))[0])  # type: ignore[arg-type]
        for name in ("whole", "half")
    )
    for name, network in one["networks"].items():
        for key, value in network.items():
            assert torch.equal(value, other["networks"][name][key]), f"{name}.{key}"
    verified = ganzoo("verify", "whole")
    assert verified.exit_code == 0, verified.output
    assert "the images were streamed" in verified.stdout
    scored = ganzoo("eval", "whole")
    assert scored.exit_code == 0, scored.output


def test_two_processes_stream_disjoint_files(digits: str, tmp_path: Path) -> None:
    words = ["run", "dcgan", "--data", digits, "--steps", "6", "--out", "x", *given(STREAMED)]
    done = launched(tmp_path, "-m", "ganzoo", *words)
    assert done.returncode == 0, done.stderr
    assert "and as many processes train" in done.stdout


def test_a_broken_image_that_one_process_meets_is_told_by_the_first(tmp_path: Path) -> None:
    """Both have to come to the same reports, whichever of them found something."""
    photos = tmp_path / "photos"
    for number in range(40):
        write(photos / f"{number:02}.png", picture((28, 28), 6 * number))
    (photos / "40.png").write_bytes(b"no image")
    words = ["run", "dcgan", "--preset", "mnist", "--data", str(photos), "--steps", "6"]
    settings = [*STREAMED, "train.report_every=1", "data.size=28", "data.broken_share=0.2"]
    words += ["--out", "x", *given(settings)]
    done = launched(tmp_path, "-m", "ganzoo", *words, GANZOO_PROCESS_TIMEOUT="60")
    assert done.returncode == 0, done.stderr
    events = lines_of(tmp_path / "x/events.jsonl")
    warned = [each["message"] for each in events if each["event"] == "warning"]
    assert any("40.png" in message for message in warned), events
