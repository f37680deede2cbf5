"""What a run checks before its first turn, what it saves of it, and when it judges itself."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from commands import ganzoo
from small_runs import SMALL, given

REPORTED = given([*SMALL, "train.report_every=2"])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_CACHE", str(cache))


def test_a_warm_start_is_not_judged() -> None:
    frozen = ["optim.critic.lr=1e-12", "optim.generator.lr=1e-12", "train.stuck_after=2"]
    late = given(["loss.adversarial.ramp=[5, 6]", *frozen])
    result = ganzoo("run", "infogan", "--steps", "20", "--out", "w", *REPORTED, *late)
    assert "in 2 reports in a row up to turn 10" in result.output
    told = Path("w/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in told] == [2, 4, 6, 8, 10]


def test_one_image_a_process_is_refused_where_a_network_normalises_over_it() -> None:
    lone = given(["train.batch_size=1"])
    result = ganzoo("run", "infogan", "--steps", "1", "--out", "one", *REPORTED, *lone)
    assert result.exit_code == 2
    assert "BatchNorm in the network generator cannot normalise" in result.output
    assert "Take 2 or more." in result.output
    assert not Path("one").exists()


def test_the_rates_of_every_phase_are_saved() -> None:
    joint = [*REPORTED, *given(["model.routing=joint"])]
    assert ganzoo("run", "infogan", "--steps", "1", "--out", "joint", *joint).exit_code == 0
    saved = tomllib.loads(Path("joint/settings.toml").read_text())["optim"]
    assert saved["information"]["lr"] == saved["generator"]["lr"] == 1e-3
    assert ganzoo("run", "infogan", "--steps", "2", "--out", "joint", *joint).exit_code == 0


def test_images_that_are_made_on_demand_have_to_fit_the_preset() -> None:
    dry = ("--dry-run", *given(["train.precision=fp32"]))
    result = ganzoo("run", "infogan", "--preset", "faces", "--data", "chairs3d", *dry)
    assert result.exit_code == 2
    assert "makes images of 64x64 pixels and 1 channel" in result.output
    assert "Presets for such images: " in result.output
    assert "chairs, chairs-width" in result.output
    free = ganzoo("run", "infogan", "--data", "heads3d", *dry)
    assert free.exit_code == 0
    assert "taking preset images" in free.output
    assert "would convert" not in free.output
