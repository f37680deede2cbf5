"""The versions that pyproject.toml promises fit each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lower_bounds() -> dict[str, tuple[int, ...]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [re.fullmatch(r"([\w.-]+)>=([\d.]+)", each) for each in project["dependencies"]]
    assert all(found), "every dependency has a lower bound, which `.ci/versions oldest` installs"
    return {match[1]: tuple(map(int, match[2].split("."))) for match in found if match}


def test_torch_and_torchvision_have_the_lower_bounds_of_a_pair() -> None:
    """Each torchvision is built for one torch: 0.21 for 2.6, and so on, one minor a minor."""
    bounds = lower_bounds()
    assert bounds["torch"][0] == 2
    assert bounds["torchvision"] == (0, bounds["torch"][1] + 15)


def test_the_classifiers_name_the_pythons_from_the_lower_bound_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=")
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert pythons[0] == oldest
