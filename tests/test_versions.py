"""The versions that pyproject.toml promises fit each other."""

from __future__ import annotations

import re
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lower_bounds() -> dict[str, tuple[int, ...]]:
    """Those that `.ci/versions oldest` installs."""
    loader = SourceFileLoader("versions", str(ROOT / ".ci/versions"))
    spec = spec_from_loader("versions", loader)
    assert spec is not None
    versions = module_from_spec(spec)
    loader.exec_module(versions)
    pairs = (each.split("==") for each in versions.lower_bounds())
    return {name: tuple(map(int, version.split("."))) for name, version in pairs}


def test_every_dependency_has_a_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    assert lower_bounds().keys() == {re.match(r"[\w.-]+", each)[0] for each in wanted}


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
