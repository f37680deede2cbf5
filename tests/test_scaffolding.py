"""`ganzoo new-plugin` writes a package that installs, keeps the contract and trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_runs import SMALL, given

from ganzoo.cli import cli
from ganzoo.version import __version__

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_every_name_in_the_package_is_the_ideas() -> None:
    result = CliRunner().invoke(cli, ["new-plugin", "smooth-images"])
    assert result.exit_code == 0, result.output
    files = [path for path in Path("ganzoo-smooth-images").rglob("*") if path.is_file()]
    names = {str(path.relative_to("ganzoo-smooth-images")) for path in files}
    assert {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "ganzoo_smooth_images/plugin.py",
        "ganzoo_smooth_images/presets/mnist.toml",
        "tests/test_contract.py",
        "tests/test_smooth_images.py",
    } <= names
    text = "\n".join(path.read_text() for path in files)
    assert "seedling" not in text.lower()
    assert "class SmoothImages(Loss)" in text
    assert 'smooth-images = "ganzoo_smooth_images.plugin"' in text


@pytest.mark.parametrize("name", ["Smooth", "1st", "a b", "x-", "../x", "ä"])
def test_a_name_that_no_package_can_have_is_refused(name: str) -> None:
    result = CliRunner().invoke(cli, ["new-plugin", name])
    assert result.exit_code == 2
    assert "cannot be the name of a plugin" in result.output
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("infogan", f"torch-ganzoo {__version__} has a model of that name"),
        ("ganzoo-adversarial", "has a loss of that name"),
        ("workbench", "there is a module 'ganzoo_workbench'"),
        ("loss", "its classes would be called 'Loss'"),
        ("none", "its classes would be called 'None'"),
        ("contract", "the template of packages needs that word for itself"),
        ("two-seedlings", "the template of packages needs that word for itself"),
        ("tensor", "its classes would be called 'Tensor'"),
    ],
)
def test_a_name_that_something_has_already_is_refused(name: str, said: str) -> None:
    result = CliRunner().invoke(cli, ["new-plugin", name])
    assert result.exit_code == 2
    assert f"{name!r} cannot be the name of a plugin: " in result.output
    assert said in result.output
    assert not list(Path().iterdir())


def test_nothing_is_overwritten() -> None:
    Path("ganzoo-mine").mkdir()
    result = CliRunner().invoke(cli, ["new-plugin", "ganzoo-mine"])
    assert result.exit_code == 2
    assert "ganzoo-mine is there already" in result.output
    assert not list(Path("ganzoo-mine").iterdir())


@pytest.mark.slow
def test_the_package_installs_passes_its_tests_and_trains(tmp_path: Path, cache: Path) -> None:
    assert CliRunner().invoke(cli, ["new-plugin", "two-words"]).exit_code == 0
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(target), "./ganzoo-two-words"], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "GANZOO_CACHE": str(cache)}
    small = ["--steps", "3", "--set", "data.limit=100", "--set", "train.batch_size=16"]
    commands = [
        ["pytest", "-q", "ganzoo-two-words/tests"],
        ["ganzoo", "check", "two-words"],
        ["ganzoo", "run", "two-words", *small, "--out", "run"],
        [
            *("ganzoo", "run", "infogan", "--out", "other", "--steps", "3"),
            *given([*SMALL, "loss.two-words.weight=0.1"]),
        ],
    ]
    for command in commands:
        finished = subprocess.run(
            [sys.executable, "-m", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"
    assert (tmp_path / "run" / "scores.json").exists()
