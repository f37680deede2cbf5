"""Every example plugin installs, passes its own tests and trains, as it would for a stranger."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, given

EXAMPLES = Path(__file__).parent.parent / "examples" / "plugins"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which every example was installed by one command."""
    # Copied first, since a build leaves its own folders behind in the source.
    sources = tmp_path_factory.mktemp("sources")
    copies = [str(shutil.copytree(folder, sources / folder.name)) for folder in FOLDERS]
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), *copies], check=True)
    return target


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    """The source of one example."""
    found: Path = request.param
    return found


def python(target: Path, cwd: Path, *arguments: str) -> str:
    """What ``python -m`` prints where the examples are installed; fails with all that it said."""
    finished = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def project(folder: Path) -> dict[str, Any]:
    """The ``[project]`` table of an example."""
    table: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return table


def test_there_are_examples() -> None:
    assert FOLDERS


def test_its_plugins_are_loaded_without_torch(folder: Path, target: Path, tmp_path: Path) -> None:
    about = project(folder)
    listed = json.loads(python(target, tmp_path, "ganzoo", "plugins", "--json"))
    mine = {item["name"]: item for item in listed if item["distribution"] == about["name"]}
    assert set(mine) == set(about["entry-points"]["ganzoo.plugins"])
    for plugin in mine.values():
        assert (plugin["state"], plugin["imports_torch"], plugin["complaints"]) == (
            "loaded",
            False,
            [],
        )


def test_its_own_tests_pass(folder: Path, target: Path, tmp_path: Path) -> None:
    # Without the package beside them, so that what was installed is what is tested.
    shutil.copytree(folder / "tests", tmp_path / "tests")
    shutil.copy(folder / "pyproject.toml", tmp_path)
    python(target, tmp_path, "pytest", "-q", "-p", "no:cacheprovider")


def test_each_of_its_models_trains(folder: Path, target: Path, tmp_path: Path) -> None:
    models = json.loads(python(target, tmp_path, "ganzoo", "models", "--json"))
    names = [model["name"] for model in models if model["package"] == project(folder)["name"]]
    for name in names:
        shown = json.loads(python(target, tmp_path, "ganzoo", "show", name, "--json"))
        known = {setting["key"] for setting in shown["settings"]}
        # Scores are of thousands of images: with networks as they come they would take a minute.
        small = given([each for each in SMALL if each.partition("=")[0] in known])
        words = ["run", name, "--steps", "3", *small, "--out", name, "--json"]
        said = python(target, tmp_path, "ganzoo", *words)
        assert json.loads(said)["failed"] == {}
        config = json.loads((tmp_path / name / "model/config.json").read_text())
        assert config["step"] == 3
        python(target, tmp_path, "ganzoo", "sample", name, "-n", "4")
        assert (tmp_path / name / "sample.png").is_file()
