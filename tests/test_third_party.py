"""A stranger's distribution, installed by pip, works beside the built-in plugins and alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import SMALL, given

SOURCE = Path(__file__).parent / "third_party"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the distribution was installed."""
    folder = tmp_path_factory.mktemp("installed")
    copy = tmp_path_factory.mktemp("source") / "stripes"
    shutil.copytree(SOURCE, copy)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*command, "--target", str(folder), str(copy)], check=True)
    return folder


def ganzoo(
    installed: Path, cwd: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ganzoo", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_is_listed_with_its_package_and_version(installed: Path, tmp_path: Path) -> None:
    listed = json.loads(ganzoo(installed, tmp_path, "losses", "--json").stdout)
    (loss,) = [item for item in listed if item["name"] == "total_variation"]
    assert (loss["package"], loss["version"]) == ("ganzoo-stripes", "0.3")


def test_its_loss_and_data_serve_a_model_of_another_package(
    installed: Path, tmp_path: Path
) -> None:
    settings = [*SMALL, "loss.total_variation.weight=0.1"]
    finished = ganzoo(
        installed,
        tmp_path,
        "run",
        "infogan",
        "--data",
        "stripes",
        "--steps",
        "3",
        "--out",
        "x",
        *given(settings),
    )
    assert finished.returncode == 0, finished.stderr
    last = json.loads((tmp_path / "x/metrics.jsonl").read_text().splitlines()[-1])
    assert last["loss/generator/total_variation"] > 0
    assert (
        "ganzoo-stripes" in json.loads((tmp_path / "x/model/config.json").read_text())["packages"]
    )


def test_it_works_with_the_built_in_plugins_left_out(installed: Path, tmp_path: Path) -> None:
    alone = ganzoo(installed, tmp_path, "plugins", "--json", GANZOO_PLUGINS="stripes")
    states = {item["name"]: item["state"] for item in json.loads(alone.stdout)}
    assert states == {
        "bundled": "disabled",
        "dcgan": "disabled",
        "evaluation": "disabled",
        "infogan": "disabled",
        "stripes": "loaded",
        "workbench": "disabled",
    }
